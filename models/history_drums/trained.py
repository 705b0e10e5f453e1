"""Trained drum models that hear themselves, at work: sampling, going on, filling in, editing. NumPy throughout.

Beside what every `TrainedModel` does, a clip can be asked to agree with known hits, to follow what came before, and to
be like something (`preprocess/drums/conditions.py`).
"""

from typing import Any

import numpy as np

from common.errors import CheckpointError
from models.layers import startup
from models.music_vae.trained import TrainedModel
from models.numpy_engine import bars as numpy_bars
from models.numpy_engine.history_drums import HistoryPlayer
from models.numpy_engine.representations import input_depths, to_dense
from preprocess.drums.history_controls import ControlLayout
from preprocess.example_forms import NO_TOKEN

Array = np.ndarray


class HistoryModel(TrainedModel):
    """A `TrainedModel` whose decoder reads its own past; arguments as there."""

    def __init__(self, config: Any, weights: dict[str, Array], source: str = "weights"):
        super().__init__(config, weights, source)
        self._player: HistoryPlayer | None = None

    def _build(self) -> Any:
        startup.import_keras()
        from models.history_drums.build import history_vae

        return history_vae(self.config)

    @property
    def layout(self) -> ControlLayout:
        """Where each part stands in a row of controls."""
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
        """Controls of `n` clips for `decode_values`; see `ControlLayout.pack`."""
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
            known: tokens `[n, steps]` that are not to be drawn, NO_TOKEN where they are; in place of those in
                `controls`.
            guidance: strength of the conditions, 1 as they were trained.
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
        return self.player.decode(np.asarray(z, np.float32), controls, uniforms, temperature or 1.0, guidance)

    def log_probability(self, z: Array, values: Array, controls: Array | None = None) -> Array:
        """`log p(token of a step | those before, z, controls)` in nats, `[n, steps]`."""
        if controls is None:
            controls = self.layout.pack(*values.shape)
        return self.player.log_probability(np.asarray(z, np.float32), controls, values)

    def posterior(self, batch: dict[str, Array]) -> tuple[Array, Array]:
        """Means and standard deviations, float32 `[n, z_size]`, as `TrainedModel.posterior`."""
        form, depths = self.converter.input_form, input_depths(self.converter)
        sequence = to_dense(np.asarray(batch["inputs"]), form, depths, is_input=True)
        return numpy_bars.encode(self.weights, self.config.encoder["bars"], sequence, batch["lengths"])
