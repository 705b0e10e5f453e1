"""The encoder and the decoder of a trained MusicVAE, on clips as arrays, in NumPy or in Keras."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from catalog.config import Config
from common.errors import CheckpointError, InputError
from models.formats import ours as checkpoints
from models.formats import weight_check
from models.layers import startup
from models.numpy_engine import decoding as numpy_model
from models.numpy_engine import encoding as numpy_encoding
from models.numpy_engine import grooves as numpy_groove
from models.numpy_engine.representations import input_depths, to_dense
from preprocess.converters.base import Converter

if TYPE_CHECKING:
    from models.music_vae.model import MusicVAE

Array = np.ndarray

CLIPS_AT_ONCE = 256
"""Clips that `Codec.posterior` encodes together in NumPy; bounds the memory."""


class Codec:
    """Weights, config and converter of a trained MusicVAE, on clips in compact form.

    Encoding and decoding run in NumPy where the model allows it (`models/numpy_engine/decoding.py`), so that neither
    TensorFlow nor JAX is needed, unless a backend of Keras is asked for; other models are built in Keras the first
    time that they are needed. What is drawn depends on (seed, number of the sample) alone, not on how many are drawn
    together.

    Args:
        config: of the model.
        weights: float32 arrays by Magenta's names.
        source: where they come from, for messages.
        backend: what encodes and decodes: "numpy", or "tensorflow" or "jax" for the Keras model on that backend (on a
            GPU, where there is one). None takes NumPy where it can run the model, and else Keras as it is set up.

    Raises:
        CheckpointError: where the weights are not those of this config (`models.formats.weight_check`).
        InputError: where NumPy can't decode with the model, or the backend can't be had (`startup.use_backend`).
    """

    def __init__(
        self, config: Config, weights: dict[str, Array], source: str = "weights", backend: str | None = None
    ):
        weight_check.check(config, weights, source)
        self.config = config
        self.weights = weights
        self.source = source
        self.converter: Converter = config.build_converter()
        self.backend = backend
        self._model: MusicVAE | None = None
        self._compiled: dict[int, Callable] = {}
        if backend is not None and backend != "numpy":
            startup.use_backend(backend)
        elif backend and not self._numpy_decodes:
            raise InputError(
                f"{config.name}: NumPy can't run its decoder; use TensorFlow or JAX, or leave the backend out.",
                "bad_flag",
            )

    @property
    def _numpy_decodes(self) -> bool:
        """Whether `models.numpy_engine` can run the decoder."""
        return numpy_groove.supports(self.config) or numpy_model.supports_decoder(self.config)

    @property
    def decodes_in_numpy(self) -> bool:
        """Whether `decode_values` runs in NumPy rather than in Keras."""
        return self.backend in (None, "numpy") and self._numpy_decodes

    @property
    def encodes_in_numpy(self) -> bool:
        """Whether `posterior` runs in NumPy rather than in Keras.

        Raises:
            InputError: where NumPy was asked for and can't run the encoder.
        """
        can = numpy_encoding.supports_encoder(self.config)
        if self.backend == "numpy" and not can:
            raise InputError(
                f"{self.config.name}: NumPy can't run its encoder; use TensorFlow or JAX, or leave the backend out.",
                "bad_flag",
            )
        return self.backend in (None, "numpy") and can

    @property
    def z_size(self) -> int:
        """Size of the latent vector; 0 where the model has none."""
        return self.config.hparams.z_size

    @property
    def max_length(self) -> int:
        """Steps of a clip."""
        return self.config.hparams.max_seq_len

    @property
    def heeds_conditions(self) -> bool:
        """Whether it was trained under conditions (`preprocess/drums/conditions.py`), as some history drum models are."""
        return False

    @property
    def fills_in(self) -> bool:
        """Whether it was trained to play around known hits, as some history drum models are; these play songs, too."""
        return False

    @property
    def has_fixed_length(self) -> bool:
        """Whether it plays clips of `max_length` steps only."""
        return self.config.decoder["name"] == "hierarchical_lstm" or self.converter.segments > 0

    @property
    def keras_model(self) -> "MusicVAE":
        """The Keras model with these weights, built when it is first needed: importing Keras takes seconds.

        Raises:
            CheckpointError: where nothing can be built of the config.
        """
        if self._model is None:
            try:
                model = self._build()
            except ValueError as error:
                reason = str(error).rstrip(".")
                raise CheckpointError(
                    f"{self.source}: its config, {self.config.name}, is not valid: {reason}."
                ) from error
            checkpoints.assign(model, self.weights, self.source)
            self._model = model
        return self._model

    def _build(self) -> "MusicVAE":
        """The Keras model with fresh weights."""
        startup.import_keras()
        from models.music_vae.build import music_vae

        return music_vae(self.config)

    def prior_sample(self, n: int, seed: int = 0, same_z: bool = False) -> Array:
        """Latent vectors from N(0, I), float32 `[n, z_size]`; `same_z` repeats the first."""
        z = [np.random.default_rng([seed, 0, i]).standard_normal(self.z_size, np.float32) for i in range(n)]
        return np.stack([z[0]] * n if same_z else z)

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
    ) -> Array:
        """Values for latent vectors, in the compact form that the converter takes back.

        Args:
            z: float `[n, z_size]`.
            temperature: above 0; None takes the likeliest value at every step.
            seed: of the draws.
            first: number of the first sample, where `z` is one batch of many.
            length: steps; the config's `max_seq_len` by default.
            controls: `[length, control_depth]` for all, or `[n, length, control_depth]`.
            known: values to keep instead of drawing them, as for `numpy_engine.decoding.decode`.
            alike: draw all with the random numbers of the first, so that they differ only by z.

        Returns:
            `[n, length, ...]`: int32 tokens, or float32 values.

        Raises:
            ValueError: where controls are missing or of another size.
        """
        steps = length or self.max_length
        controls = self._controls(controls, len(z), steps)
        uniforms = None if temperature is None else self.uniforms(len(z), steps, seed, first, alike)
        temperature = temperature or 1.0
        if not self.decodes_in_numpy:
            if known is not None:
                raise ValueError(f"{self.config.name}: known values are for models that decode in NumPy.")
            return self._keras_decode(z, uniforms, temperature, controls, steps)
        if numpy_groove.supports(self.config):
            assert controls is not None, "such a model has them"
            return numpy_groove.decode(self.weights, self.config, controls, uniforms, temperature, known)
        depths = tuple(self.converter.output_depths)
        return numpy_model.decode(
            self.weights, self.config.decoder, depths, z, steps, uniforms, temperature, controls, known
        )

    def _keras_decode(
        self, z: Array, uniforms: Array | None, temperature: float, controls: Array | None, steps: int
    ) -> Array:
        """`MusicVAE.decode`, compiled where a backend was asked for: compiling takes longer than a few clips do."""
        model = self.keras_model
        if self.backend is None:
            return np.asarray(model.decode(z, uniforms, temperature, controls, steps))
        if steps not in self._compiled:
            from models.layers.backend import compiled

            self._compiled[steps] = compiled(
                lambda z, uniforms, temperature, controls: model.decode(
                    z, uniforms, temperature, controls, steps
                )
            )
        return np.asarray(self._compiled[steps](z, uniforms, np.float32(temperature), controls))

    def log_probability(self, z: Array, values: Array, controls: Array | None = None) -> Array:
        """`log p(value of a step | those before, z)` in nats, `[n, steps]`, always in NumPy.

        Arguments and errors are those of `numpy_engine.decoding.log_probability`.
        """
        if controls is not None:
            controls = np.broadcast_to(controls, (len(z), *controls.shape[-2:]))
        depths = tuple(self.converter.output_depths)
        return numpy_model.log_probability(self.weights, self.config.decoder, depths, z, values, controls)

    def uniforms(self, n: int, steps: int, seed: int, first: int = 0, alike: bool = False) -> Array:
        """The uniform random numbers that decide the draws of `n` clips: float32 `[n, steps, draws a step]` in [0, 1).

        Args:
            n: clips.
            steps: of each.
            seed: of the draws.
            first: number of the first clip.
            alike: give all those of the first.
        """
        rngs = (np.random.default_rng([seed, 1, first + i * (not alike)]) for i in range(n))
        return np.stack([rng.random((steps, self._draws), dtype=np.float32) for rng in rngs])

    @property
    def _draws(self) -> int:
        """Random numbers that a step takes."""
        forms = {"one_hot": 1, "multi_one_hot": len(self.converter.output_depths)}
        name = self.config.decoder.get("core", self.config.decoder["name"])
        depth = self.converter.output_depth
        if numpy_groove.supports(self.config):
            return numpy_groove.layout_of(self.config).uniforms
        return forms.get(self.converter.output_form, depth // 3 if name == "groove_lstm" else depth)

    def _controls(self, controls: Array | None, n: int, steps: int) -> Array | None:
        depth = self.converter.control_depth
        if not depth:
            return None
        if controls is None:
            raise ValueError(
                f"{self.config.name} is conditioned on controls: give c_input, [{steps}, {depth}]."
            )
        controls = np.asarray(controls, np.float32)
        if controls.shape[-2:] != (steps, depth):
            raise ValueError(
                f"c_input is {list(controls.shape)}; {self.config.name} takes [{steps}, {depth}]."
            )
        return np.broadcast_to(controls, (n, steps, depth))

    def posterior(self, batch: dict[str, Array]) -> tuple[Array, Array]:
        """Means and standard deviations, float32 `[n, z_size]`, of compact examples.

        Args:
            batch: `inputs`, `lengths` and `controls` where the model has any (`ExampleSet.batch`).

        Raises:
            RuntimeError: where the model has no latent vector.
            CheckpointError: where the checkpoint holds a decoder only.
        """
        if not self.z_size:
            raise RuntimeError(f"{self.config.name} has no latent vector, so nothing can be encoded.")
        lengths, controls = np.asarray(batch["lengths"]), batch.get("controls")
        if not self.encodes_in_numpy:
            encoded = self.keras_model.encode(batch["inputs"], lengths, controls)
            mu, sigma = (np.asarray(x) for x in encoded)
            return mu, sigma
        parts = []
        for start in range(0, len(lengths), CLIPS_AT_ONCE):
            rows = slice(start, start + CLIPS_AT_ONCE)
            inputs = batch["inputs"][rows]
            sequence = to_dense(
                inputs, self.converter.input_form, input_depths(self.converter), is_input=True
            )
            if controls is not None:
                sequence = np.concatenate([sequence, controls[rows]], axis=-1, dtype=np.float32)
            parts.append(numpy_encoding.encode(self.weights, self.config.encoder, sequence, lengths[rows]))
        mus, sigmas = zip(*parts, strict=True)
        return np.concatenate(mus), np.concatenate(sigmas)
