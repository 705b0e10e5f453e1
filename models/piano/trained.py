"""A trained piano model: it begins pieces, continues given ones, and says what it reads of their past.

What is drawn depends on (seed, number of the piece) alone, not on how many are drawn together.
"""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from catalog.config import Config
from common.errors import CheckpointError
from models.formats import ours as checkpoints
from models.formats import weight_check
from models.layers import startup
from preprocess.converters.base import Converter

if TYPE_CHECKING:
    from models.piano.model import FrameModel

Array = np.ndarray
Tensor = Any

FRAMES_A_CALL = 256
"""Frames that a compiled call plays; the state is passed from call to call."""


class Played(NamedTuple):
    """Frames that a model has drawn.

    Attributes:
        keys: bool `[pieces, frames, keys]`, or int32 tokens `[pieces, frames]`.
        velocities: float32 `[pieces, frames, keys]`, from 0 to 1; None for models without.
    """

    keys: Array
    velocities: Array | None


class TrainedFrameModel:
    """Weights, config and converter of a piano model, which plays frame after frame.

    `models.families.open_model` makes one of a checkpoint.

    Args:
        config: of the piano family, whose `model` is "frame_model".
        weights: arrays by the names of `FrameModel.named_weights`.
        source: where they come from, for messages.
        backend: what Keras runs on: "numpy", "tensorflow" or "jax"; None leaves it as it is set up.

    Raises:
        CheckpointError: where the config is of another family, or the weights are not those of this config.
        InputError: where the backend can't be had (`startup.use_backend`).
    """

    def __init__(
        self, config: Config, weights: dict[str, Array], source: str = "weights", backend: str | None = None
    ):
        if config.family != "frame_model":
            raise CheckpointError(f"{source}: {config.name} is a MusicVAE, not a piano model.")
        weight_check.check(config, weights, source)
        self.config, self.source = config, source
        self.converter: Converter = config.build_converter()
        if backend is not None:
            startup.use_backend(backend)
        self._weights = weights
        self._players: dict[int, Callable] = {}

    @cached_property
    def keras_model(self) -> "FrameModel":
        """The Keras model with its weights, built when it is first needed: importing Keras takes seconds.

        Raises:
            CheckpointError: where the weights do not fit the config, or nothing can be built of it.
        """
        startup.import_keras()
        from models.piano.build import frame_model

        try:
            model = frame_model(self.config)
        except ValueError as error:
            raise CheckpointError(
                f"{self.source}: its config, {self.config.name}, is not valid: {error}"
            ) from error
        checkpoints.assign(model, self._weights, self.source)
        return model

    @property
    def form(self) -> str:
        """What a frame is: "keys", "classes" or "tokens"."""
        return self.config.decoder.get("form", "keys")

    def play(
        self,
        count: int,
        frames: int,
        primer: Array | None = None,
        primer_velocities: Array | None = None,
        temperature: float | None = 1.0,
        seed: int = 0,
        first: int = 0,
        on_frames: Callable[[int], None] = lambda frames: None,
    ) -> Played:
        """Draw frames that continue a primer, or begin a piece.

        Args:
            count: how many pieces.
            frames: of each.
            primer: bool `[frames, keys]`, or tokens `[frames]`, the same for all pieces; it is not returned.
            primer_velocities: float `[frames, keys]` from 0 to 1, for models with velocities; 0.6 where it is missing.
            temperature: above 0; None takes the likeliest outcome of every draw.
            seed: of the draws.
            first: number of the first piece, where these are one batch of many.
            on_frames: called after each compiled call with the number of frames that it drew.

        Raises:
            CheckpointError: where the model has no decoder from pitch classes to keys.
        """
        model = self.keras_model
        if model.form == "classes" and model.key_decoder is None:
            raise CheckpointError(
                f"{self.source}: plays pitch classes but no keys; give its decoder, too: generator.pt,decoder.pt."
            )
        before, state, position = self._primed(count, primer, primer_velocities)
        sizes = model.uniforms
        rngs = [np.random.default_rng([seed, 3, first + i]) for i in range(count)]
        parts, velocities = [], []
        done = 0
        while done < frames:
            steps = min(FRAMES_A_CALL, frames)
            uniforms = None
            if temperature is not None:
                shape = (steps, sizes.values + sizes.keys)
                uniforms = np.stack([rng.random(shape, dtype=np.float32) for rng in rngs])
            keys, loud, before, state = self._player(steps)(
                before, position, state, uniforms, np.float32(temperature or 1.0)
            )
            parts.append(np.asarray(keys))
            if loud is not None:
                velocities.append(np.asarray(loud))
            position, done = position + steps, done + steps
            on_frames(min(steps, frames - done + steps))
        played = np.concatenate(parts, axis=1)[:, :frames]
        keys = played.astype(np.int32) if self.form == "tokens" else played > 0.5
        return Played(keys, np.concatenate(velocities, axis=1)[:, :frames] if velocities else None)

    def attention(self, keys: Array) -> tuple[Array, tuple[int, ...]] | None:
        """The attention weights of a history reader: how much of each lag it reads at each frame of a piece.

        Args:
            keys: bool `[frames, keys]`.

        Returns:
            Weights, float32 `[frames, lags]`, where the row of a frame is what was read to predict it, and the lags in
            frames before it; None for a model that does not weigh its past.
        """
        batch = self._batch(keys[None])
        weights = self.keras_model.read(batch).weights
        if weights is None:
            return None
        return _array(weights)[0], tuple(lag + 1 for lag in self.keras_model.reader.lags)

    def _primed(
        self, count: int, primer: Array | None, velocities: Array | None
    ) -> tuple[Tensor, Any, Array]:
        """The frame before the first one to draw, the state after it, and the first one's position."""
        from models.piano import playing as frame_playing

        model = self.keras_model
        before, position = frame_playing.first_frame(model, count), np.zeros(count, np.int32)
        if primer is None or not len(primer):
            return before, model.zero_state(count), position
        keys = np.repeat(np.asarray(primer)[None], count, axis=0)
        batch = self._batch(keys, velocities)
        return (*frame_playing.prime(model, batch), position + len(primer))

    def _batch(self, keys: Array, velocities: Array | None = None) -> dict[str, Array]:
        """Whole pieces from their first frame on, as a batch."""
        count, frames = keys.shape[:2]
        batch: dict[str, Array] = {
            "lengths": np.full(count, frames, np.int32),
            "position": np.zeros(count, np.int32),
        }
        if self.form == "tokens":
            return batch | {"tokens": keys.astype(np.int32), "before": np.full(count, -1, np.int32)}
        batch |= {"keys": keys.astype(np.float32), "before": np.zeros_like(keys[:, 0], np.float32)}
        if self.keras_model.velocity_decoder is not None:
            loud = np.float32(0.6) if velocities is None else np.asarray(velocities, np.float32)
            batch["velocities"] = keys * loud
            batch["velocity_before"] = np.zeros_like(batch["before"])
        return batch

    def _player(self, steps: int) -> Callable:
        """`frame_playing.play` for a number of frames, compiled where the backend compiles."""
        if steps not in self._players:
            from models.layers.backend import compiled
            from models.piano import playing as frame_playing

            model = self.keras_model
            self._players[steps] = compiled(
                lambda before, position, state, uniforms, temperature: frame_playing.play(
                    model, before, position, state, steps, uniforms, temperature
                )
            )
        return self._players[steps]


def _array(x: Tensor) -> Array:
    from keras import ops

    return ops.convert_to_numpy(x)
