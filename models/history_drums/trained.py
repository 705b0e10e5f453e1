"""A trained history drum model: sampling, continuing, filling in, editing.

Beside what every `TrainedModel` does, a clip can be asked to agree with known hits, to follow what came before, and to
match conditions such as a style or a density (`preprocess/drums/conditions.py`).
"""

from typing import TYPE_CHECKING

import numpy as np

from catalog.config import Config
from common.errors import CheckpointError, InputError
from models.layers import startup
from models.music_vae import infilling
from models.music_vae.infilling import Infill
from models.music_vae.trained import TrainedModel
from models.numpy_engine import bars as numpy_bars
from models.numpy_engine.history_drums import HistoryPlayer
from models.numpy_engine.representations import input_depths, to_dense
from preprocess.converters.base import Example
from preprocess.drums.history_controls import ControlLayout
from preprocess.example_forms import NO_TOKEN

if TYPE_CHECKING:
    from models.history_drums.vae import HistoryVAE

Array = np.ndarray


CONSENSUS_DRAWS, CONSENSUS_TEMPERATURE, CONSENSUS_SHARE = 32, 0.7, 0.45
"""What stands for "the likeliest" when filling in: the hits that enough draws have in common.

Once the likeliest tokens have gone wrong they go wrong together; the consensus is nearer to what a drummer plays there
(F1 of the hits on Groove's validation split, docs/figures.md).
"""


class HistoryModel(TrainedModel):
    """A `TrainedModel` whose decoder reads its own past; arguments as for `TrainedModel`.

    Guidance is computed in NumPy only, and so are two models that are played together
    (`models.history_drums.editing.even_steps`).
    """

    def __init__(
        self, config: Config, weights: dict[str, Array], source: str = "weights", backend: str | None = None
    ):
        super().__init__(config, weights, source, backend)
        self._player: HistoryPlayer | None = None

    def _build(self) -> "HistoryVAE":
        startup.import_keras()
        from models.history_drums.build import history_vae

        return history_vae(self.config)

    @property
    def layout(self) -> ControlLayout:
        """Which columns of the controls hold which part."""
        return ControlLayout(self.config.decoder["drums"], self.config.decoder.get("conditions", 0))

    @property
    def player(self) -> HistoryPlayer:
        """The decoder in NumPy.

        Raises:
            CheckpointError: where a weight is missing.
        """
        if self._player is None:
            try:
                self._player = HistoryPlayer(self.weights, self.config.decoder)
            except KeyError as error:
                raise CheckpointError(
                    f"The checkpoint has no weight {error}; it belongs to another config."
                ) from error
        return self._player

    @property
    def has_fixed_length(self) -> bool:
        """True: longer music is played clip after clip."""
        return True

    @property
    def heeds_conditions(self) -> bool:
        """Whether it was trained under conditions."""
        return bool(self.layout.conditions and self.config.augmenter.get("condition_rate"))

    @property
    def fills_in(self) -> bool:
        """Whether it was trained to play around hits that are known."""
        return bool(self.config.augmenter.get("known_share"))

    def given(
        self,
        n: int,
        known: Array | None = None,
        mask: Array | None = None,
        past: Array | None = None,
        conditions: Array | None = None,
        uses_z: Array | bool = True,
    ) -> Array:
        """Controls of `n` clips for `decode_values`, float32 `[n, steps, depth]`; arguments as for `ControlLayout.pack`."""
        return self.layout.pack(n, self.max_length, known, mask, past, conditions, uses_z)

    def decode_values(
        self,
        z: Array,
        temperature: float | None = 1.0,
        seed: int = 0,
        first: int = 0,
        length: int | None = None,
        controls: Array | None = None,
        known: Array | None = None,
        alike: bool = False,
        guidance: float = 1.0,
    ) -> Array:
        """Tokens for latent vectors, int32 `[n, steps]`.

        Args:
            z, temperature, seed, first, length, alike: as for `TrainedModel.decode_values`.
            controls: as `given` packs them; those of clips from z alone by default.
            known: tokens `[n, steps]` to keep, NO_TOKEN where they are to be drawn; replaces those in `controls`.
            guidance: strength of the conditions: 1 as trained, more exaggerates them, 0 ignores them.
        """
        steps = length or self.max_length
        n = len(z)
        if controls is None:
            controls = self.layout.pack(n, steps)
        if known is not None:
            controls = controls.copy()
            parts = self.layout.pack(n, steps, np.asarray(known), np.asarray(known) != NO_TOKEN)
            controls[..., : self.layout.mask.stop] = parts[..., : self.layout.mask.stop]
        uniforms = None if temperature is None else self.uniforms(n, steps, seed, first, alike)
        if not self.decodes_in_numpy:
            if guidance != 1.0:
                raise InputError(
                    f"{self.config.name}: guidance other than 1 is computed in NumPy only; leave out the backend, or "
                    "use numpy.",
                    "bad_flag",
                )
            z = np.asarray(z, np.float32)
            return self._keras_decode(z, uniforms, temperature or 1.0, controls, steps)
        return self.player.decode(np.asarray(z, np.float32), controls, uniforms, temperature or 1.0, guidance)

    def log_probability(self, z: Array, values: Array, controls: Array | None = None) -> Array:
        """`log p(token of a step | those before, z, controls)` in nats, `[n, steps]`."""
        if controls is None:
            controls = self.layout.pack(*values.shape)
        return self.player.log_probability(np.asarray(z, np.float32), controls, values)

    def posterior(self, batch: dict[str, Array]) -> tuple[Array, Array]:
        """Means and standard deviations, float32 `[n, z_size]`, as `TrainedModel.posterior`."""
        if not self.encodes_in_numpy:
            return super().posterior(batch)
        form, depths = self.converter.input_form, input_depths(self.converter)
        sequence = to_dense(np.asarray(batch["inputs"]), form, depths, is_input=True)
        return numpy_bars.encode(self.weights, self.config.encoder["bars"], sequence, batch["lengths"])

    def check_infill(self) -> None:
        """As `TrainedModel.check_infill`; of these models only those that were trained around known hits fill in."""
        infilling.check_steps(self)
        if not self.fills_in:
            raise ValueError(
                f"{self.config.name}: keeps each bar in a slice of z of its own, and so can't tell what belongs in an "
                "empty one; histdec-drum_4bar fills in."
            )

    def infill(
        self,
        example: Example,
        hole: Array,
        n: int = 32,
        temperature: float | None = 1.0,
        seed: int = 0,
    ) -> Infill:
        """As `TrainedModel.infill`, but the decoder is told which steps stay, before and after the hole.

        So its draws are all equally likely to be right, and it reads no z, which is given as 0.
        """
        self.check_infill()
        wanted = infilling.task(self, example, hole)
        draws = n if temperature is not None else CONSENSUS_DRAWS
        known = np.repeat(np.maximum(wanted.values, infilling.NOTHING_HAPPENS), draws, axis=0)
        z = np.zeros((draws, self.z_size), np.float32)
        controls = self.given(draws, known, np.broadcast_to(wanted.stays, known.shape), uses_z=False)
        values = self.decode_values(z, temperature or CONSENSUS_TEMPERATURE, seed, controls=controls)
        if temperature is None:
            common = self.layout.bits(values).mean(axis=0) > CONSENSUS_SHARE
            tokens = (common @ (1 << np.arange(self.layout.drums))).astype(np.int32)
            values, z = np.repeat(tokens[None], n, axis=0), np.repeat(z[:1], n, axis=0)
        return Infill(values[:, : wanted.length], z, np.zeros(n), float(n))
