"""A trained MusicVAE with the methods of Magenta's `TrainedModel`, on NoteSequences.

Encoding and decoding run in NumPy where the model allows it (`models/numpy_engine/decoding.py`), so that neither TensorFlow
nor JAX is needed; other models are built in Keras the first time they are asked for. What is drawn depends on
(seed, number of the sample) alone, not on how many are drawn together.

What goes beyond Magenta's class stands in `models/music_vae/latent.py`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from common.errors import CheckpointError
from models.formats import ours as checkpoints
from models.formats import weight_check
from models.layers import startup
from models.numpy_engine import decoding as numpy_model
from models.numpy_engine import grooves as numpy_groove
from models.numpy_engine.representations import input_depths, to_compact, to_dense

Array = np.ndarray


class NoExtractedExamplesError(ValueError):
    """A NoteSequence from which the converter makes no example."""


class MultipleExtractedExamplesError(ValueError):
    """A NoteSequence from which the converter makes several examples, where one was asked for."""


class TrainedModel:
    """Weights, config and converter of a trained model.

    Args:
        config: a `catalog.config.Config`.
        weights: arrays by Magenta's names.
        source: where they come from, for messages.

    Raises:
        CheckpointError: where the weights are not those of this config (`models.formats.weight_check`).
    """

    def __init__(self, config: Any, weights: dict[str, Array], source: str = "weights"):
        weight_check.check(config, weights, source)
        self.config = config
        self.weights = weights
        self.source = source
        self.converter = config.build_converter()
        self._model: Any = None

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
    def keras_model(self) -> Any:
        """The Keras model with these weights, built when first asked for.

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

    def _build(self) -> Any:
        """The Keras model with fresh weights."""
        startup.import_keras()
        from models.music_vae.build import music_vae

        return music_vae(self.config)

    def prior_sample(self, n: int, seed: int = 0, same_z: bool = False) -> Array:
        """Latent vectors from N(0, I), float32 `[n, z_size]`; `same_z` repeats the first."""
        z = [np.random.default_rng([seed, 0, i]).standard_normal(self.z_size, np.float32) for i in range(n)]
        return np.stack([z[0]] * n if same_z else z)

    # Decoding.

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
            known: what is not to be drawn, as for `numpy_model.decode`.
            alike: all are drawn with the random numbers of the first, so that only z makes them differ.

        Returns:
            `[n, length, ...]`: int32 tokens, or float32 numbers.

        Raises:
            ValueError: where controls are missing or of another size.
        """
        steps = length or self.max_length
        controls = self._controls(controls, len(z), steps)
        uniforms = None if temperature is None else self.uniforms(len(z), steps, seed, first, alike)
        temperature = temperature or 1.0
        if numpy_groove.supports(self.config):
            assert controls is not None, "such a model has them"
            return numpy_groove.decode(self.weights, self.config, controls, uniforms, temperature, known)
        if numpy_model.supports_decoder(self.config):
            depths = tuple(self.converter.output_depths)
            return numpy_model.decode(
                self.weights, self.config.decoder, depths, z, steps, uniforms, temperature, controls, known
            )
        if known is not None:
            raise ValueError(f"{self.config.name}: known values are for models that decode in NumPy.")
        return np.asarray(self.keras_model.decode(z, uniforms, temperature, controls, steps))

    def log_probability(self, z: Array, values: Array, controls: Array | None = None) -> Array:
        """`log p(value of a step | those before, z)` in nats, `[n, steps]`; see `numpy_model.log_probability`."""
        if controls is not None:
            controls = np.broadcast_to(controls, (len(z), *controls.shape[-2:]))
        depths = tuple(self.converter.output_depths)
        return numpy_model.log_probability(self.weights, self.config.decoder, depths, z, values, controls)

    def uniforms(self, n: int, steps: int, seed: int, first: int = 0, alike: bool = False) -> Array:
        """What decides the draws of `n` clips, those from number `first` on: float32 `[n, steps, draws a step]`.

        With `alike` all have the numbers of number `first`.
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

    def decode_to_tensors(
        self,
        z: Array,
        length: int | None = None,
        temperature: float | None = 1.0,
        c_input: Array | None = None,
        seed: int = 0,
    ) -> list[Array]:
        """Magenta's output tensors for latent vectors: float32 `[length, output_depth]` each.

        Args:
            z: float `[n, z_size]`.
            length: steps; the config's `max_seq_len` by default.
            temperature: above 0; None takes the likeliest value at every step.
            c_input: controls, as for `decode_values`.
            seed: of the draws.
        """
        values = self.decode_values(z, temperature, seed, 0, length, c_input)
        form, depths = self.converter.output_form, tuple(self.converter.output_depths)
        return list(to_dense(values, form, depths))

    def decode(
        self,
        z: Array,
        length: int | None = None,
        temperature: float | None = 1.0,
        c_input: Array | None = None,
        seed: int = 0,
    ) -> list[Any]:
        """NoteSequences for latent vectors; arguments as for `decode_to_tensors`."""
        return self.to_note_sequences(self.decode_values(z, temperature, seed, 0, length, c_input), c_input)

    def to_note_sequences(self, values: Array, c_input: Array | None = None) -> list[Any]:
        """NoteSequences for compact values `[n, length, ...]`, with the chords of the controls."""
        controls = self._controls(c_input, len(values), values.shape[1])
        return self.converter.from_tensors(list(values), None if controls is None else list(controls))

    def sample(
        self,
        n: int = 1,
        length: int | None = None,
        temperature: float | None = 1.0,
        same_z: bool = False,
        c_input: Array | None = None,
        seed: int = 0,
    ) -> list[Any]:
        """`n` NoteSequences from the prior; arguments as for `decode_to_tensors`."""
        return self.decode(self.prior_sample(n, seed, same_z), length, temperature, c_input, seed)

    # Encoding.

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
        if not numpy_model.supports_encoder(self.config):
            encoded = self.keras_model.encode(batch["inputs"], lengths, controls)
            mu, sigma = (np.asarray(x) for x in encoded)
            return mu, sigma
        parts = []
        for start in range(0, len(lengths), 256):
            rows = slice(start, start + 256)
            inputs = batch["inputs"][rows]
            sequence = to_dense(
                inputs, self.converter.input_form, input_depths(self.converter), is_input=True
            )
            if controls is not None:
                sequence = np.concatenate([sequence, controls[rows]], axis=-1, dtype=np.float32)
            parts.append(numpy_model.encode(self.weights, self.config.encoder, sequence, lengths[rows]))
        mus, sigmas = zip(*parts, strict=True)
        return np.concatenate(mus), np.concatenate(sigmas)

    def _draw(self, mu: Array, sigma: Array, seed: int) -> tuple[Array, Array, Array]:
        noise = np.random.default_rng(seed).standard_normal(mu.shape, np.float32)
        return mu + sigma * noise, mu, sigma

    def encode_tensors(
        self,
        input_tensors: Sequence[Array],
        lengths: Sequence[Any],
        control_tensors: Sequence[Array] | None = None,
        seed: int = 0,
    ) -> tuple[Array, Array, Array]:
        """Latent draws, means and standard deviations, `[n, z_size]` each, of Magenta's input tensors.

        Args:
            input_tensors: `[steps, input_depth]` each.
            lengths: real steps of each, or of each segment of each.
            control_tensors: `[steps, control_depth]` each, where the model has controls.
            seed: of the draws.
        """
        controls = None if control_tensors is None or not self.converter.control_depth else control_tensors
        inputs = [
            to_compact(tensor, self.converter.input_form, input_depths(self.converter), is_input=True)
            for tensor in input_tensors
        ]
        batch = {"inputs": _padded(inputs, self.max_length), "lengths": np.array(lengths, np.int32)}
        if controls is not None:
            batch["controls"] = _padded([np.asarray(c, np.float32) for c in controls], self.max_length)
        return self._draw(*self.posterior(batch), seed)

    def examples_of(self, note_sequence: Any, name: str = "") -> list[Any]:
        """The examples that the converter makes of a NoteSequence.

        Args:
            note_sequence: is not changed.
            name: of it, for the message; its own by default.

        Raises:
            NoExtractedExamplesError: where there is none, with the reason.
        """
        examples, reasons = self.converter.convert(note_sequence, inference=True)
        if not examples:
            name = name or note_sequence.filename or note_sequence.id or "the sequence"
            raise NoExtractedExamplesError(f"{name}: can't be encoded, as {explain(reasons)}.")
        return examples

    def encode(
        self, note_sequences: Sequence[Any], assert_same_length: bool = False, seed: int = 0
    ) -> tuple[Array, Array, Array]:
        """Latent draws, means and standard deviations of NoteSequences that give one example each.

        Args:
            note_sequences: are not changed.
            assert_same_length: refuse sequences of different lengths.
            seed: of the draws.

        Raises:
            NoExtractedExamplesError, MultipleExtractedExamplesError: naming the sequence and why.
            AssertionError: where lengths differ and must not.
        """
        chosen = []
        for i, sequence in enumerate(note_sequences):
            name = sequence.filename or sequence.id or f"sequence {i}"
            examples = self.examples_of(sequence, name)
            if len(examples) > 1:
                raise MultipleExtractedExamplesError(
                    f"{name}: {len(examples)} examples can be made of it, not one."
                )
            chosen += examples
            if assert_same_length and len(chosen[0].inputs) != len(examples[0].inputs):
                raise AssertionError(
                    f"Sequences 0 and {i} have different lengths: "
                    f"{len(chosen[0].inputs)} and {len(examples[0].inputs)}."
                )
        return self._draw(*self.posterior(self.config.batch_of(chosen)), seed)

    def interpolate(
        self,
        start_sequence: Any,
        end_sequence: Any,
        num_steps: int,
        length: int | None = None,
        temperature: float | None = 1.0,
        assert_same_length: bool = True,
        c_input: Array | None = None,
        seed: int = 0,
    ) -> list[Any]:
        """NoteSequences from one to the other, both ends reconstructed, along the sphere between their means."""
        _, mu, _ = self.encode([start_sequence, end_sequence], assert_same_length, seed)
        return self.decode(slerp(mu[0], mu[1], num_steps), length, temperature, c_input, seed)


def _padded(tensors: list[Array], steps: int) -> Array:
    """Arrays of different lengths behind one another, cut or padded to so many steps."""
    return np.stack(
        [np.pad(x[:steps], [(0, max(0, steps - len(x)))] + [(0, 0)] * (x.ndim - 1)) for x in tensors]
    )


def explain(reasons: Any) -> str:
    """Why no example could be made, in words."""
    return " and ".join(WHY_DROPPED.get(reason, reason) for reason in reasons) or "it is empty"


WHY_DROPPED = {
    "empty": "it has no notes",
    "no_notes": "it has no notes that the model plays",
    "other_meter": "its meter is not 4/4",
    "other_grid": "its notes lie on another grid, of triplets or of sixteenths",
    "bad_time_signature": "its time signature is not valid",
    "bad_tempo": "its tempo is not valid",
    "bad_note": "it holds a note that is not valid",
    "time_changes": "its tempo or meter changes",
    "negative_time": "a note lies before the start",
    "no_drums": "it has no drums; a drum track is on MIDI channel 10",
    "no_melody": "it has no melody",
    "other_programs": "it has instruments whose MIDI programs the model leaves out",
    "polyphonic": "it plays several notes at once",
    "no_chords": "its chords can't be told",
    "coincident_chords": "two of its chords stand at the same time",
    "bad_chord": "it has a chord symbol that can't be read",
    "bad_key": "its key is not valid",
    "no_trio": "it has no melody, bass and drums",
    "not_together": "its melody, bass and drums don't play together for long enough",
    "too_short": "it is shorter than the model's clip",
    "too_long": "it is longer than one clip",
    "too_few_instruments": "it has too few instruments",
    "too_many_instruments": "it has too many instruments",
    "too_few_events": "it has too few notes",
    "too_many_events": "one of its instruments plays too many notes",
    "pitch_range": "it has pitches that the model does not play",
    "bad_velocity": "it has a velocity that is not valid",
    "bad_program": "it has an instrument that is not valid",
    "quantized": "it is quantised already",
}


def slerp(start: Array, end: Array, num_steps: int) -> Array:
    """Spherical interpolation, both ends included: float32 `[num_steps, z_size]`.

    Shoemake's formula `(sin((1 - t) w) a + sin(t w) b) / sin w`, w the angle between the ends; where they point
    the same way (equal ends included) or opposite ways the formula is 0 / 0, and the way is the straight line.
    """
    return slerp_at(start, end, np.linspace(0.0, 1.0, num_steps))


def slerp_at(start: Array, end: Array, positions: Array) -> Array:
    """`slerp` at positions from 0 (the start) to 1 (the end): float32 `[positions, z_size]`."""
    t = np.asarray(positions, np.float64)[:, None]
    norms = np.linalg.norm(start) * np.linalg.norm(end)
    cosine = float(np.clip(np.dot(start, end) / norms, -1.0, 1.0)) if norms > 0 else 1.0
    angle = np.arccos(cosine)
    if np.sin(angle) < 1e-6:
        return ((1 - t) * start + t * end).astype(np.float32)
    way = np.sin((1 - t) * angle) * start + np.sin(t * angle) * end
    return (way / np.sin(angle)).astype(np.float32)
