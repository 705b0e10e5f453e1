"""A trained MusicVAE with the methods of Magenta's `TrainedModel`, on NoteSequences.

Decoding runs in NumPy where the decoder allows it (`models/numpy_decoder.py`), so that sampling needs neither
TensorFlow nor JAX; encoding builds the Keras model the first time it is asked for. What is drawn depends on
(seed, number of the sample) alone, not on how many are drawn together.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from models import checkpoint as checkpoints
from models import numpy_decoder
from models.errors import CheckpointError

Array = np.ndarray


class NoExtractedExamplesError(ValueError):
    """A NoteSequence from which the converter makes no example."""


class MultipleExtractedExamplesError(ValueError):
    """A NoteSequence from which the converter makes several examples, where one was asked for."""


class TrainedModel:
    """Weights, config and converter of a trained model.

    Args:
        config: a `configs.Config`.
        weights: arrays by Magenta's names.
        source: where they come from, for messages.

    Raises:
        CheckpointError: where the weights can't be decoded with this config.
    """

    def __init__(self, config: Any, weights: dict[str, Array], source: str = "weights"):
        self.config = config
        self.weights = weights
        self.source = source
        self.converter = config.build_converter()
        self._model: Any = None

    @property
    def z_size(self) -> int:
        """Size of the latent vector."""
        return self.config.hparams.z_size

    @property
    def keras_model(self) -> Any:
        """The Keras model with these weights, built when first asked for."""
        if self._model is None:
            model = self.config.build_model()
            checkpoints.assign(model, self.weights, self.source)
            self._model = model
        return self._model

    def prior_sample(self, n: int, seed: int = 0, same_z: bool = False) -> Array:
        """Latent vectors from N(0, I), float32 `[n, z_size]`; `same_z` repeats the first."""
        z = [np.random.default_rng([seed, 0, i]).standard_normal(self.z_size, np.float32) for i in range(n)]
        return np.stack([z[0]] * n if same_z else z)

    def decode_to_tensors(
        self, z: Array, temperature: float | None = 1.0, seed: int = 0, first: int = 0
    ) -> Array:
        """Tokens for latent vectors.

        Args:
            z: float `[n, z_size]`.
            temperature: above 0; None takes the likeliest token at every step.
            seed: of the draws.
            first: number of the first sample, where `z` is one batch of many.

        Returns:
            int32 `[n, max_seq_len]`.
        """
        steps = self.config.hparams.max_seq_len
        uniforms = None
        if temperature is not None:
            rngs = (np.random.default_rng([seed, 1, first + i]) for i in range(len(z)))
            uniforms = np.stack([rng.random(steps, dtype=np.float32) for rng in rngs])
        if numpy_decoder.supports(self.config.decoder):
            return numpy_decoder.decode(
                self.weights, self.config.decoder, z, steps, uniforms, temperature or 1.0
            )
        return np.asarray(self.keras_model.decode(z, uniforms, temperature or 1.0))

    def decode(self, z: Array, temperature: float | None = 1.0, seed: int = 0) -> list[Any]:
        """NoteSequences for latent vectors; arguments as for `decode_to_tensors`."""
        return self.converter.from_tensors(list(self.decode_to_tensors(z, temperature, seed)))

    def sample(
        self, n: int = 1, temperature: float | None = 1.0, same_z: bool = False, seed: int = 0
    ) -> list[Any]:
        """`n` NoteSequences from the prior."""
        return self.decode(self.prior_sample(n, seed, same_z), temperature, seed)

    def encode_tensors(self, tokens: Array, lengths: Array, seed: int = 0) -> tuple[Array, Array, Array]:
        """Latent draws, means and standard deviations, `[n, z_size]` each, of tokens `[n, max_seq_len]`."""
        model = self.keras_model
        mu, sigma = (np.asarray(x) for x in model.encode(tokens, lengths))
        noise = np.random.default_rng(seed).standard_normal(mu.shape, np.float32)
        return mu + sigma * noise, mu, sigma

    def encode(self, note_sequences: Sequence[Any], seed: int = 0) -> tuple[Array, Array, Array]:
        """Latent draws, means and standard deviations of NoteSequences that give one example each.

        Raises:
            NoExtractedExamplesError, MultipleExtractedExamplesError: naming the sequence and why.
        """
        steps = self.config.hparams.max_seq_len
        tokens = np.zeros((len(note_sequences), steps), np.int32)
        lengths = np.zeros(len(note_sequences), np.int32)
        for i, sequence in enumerate(note_sequences):
            examples, reasons = self.converter.convert(sequence)
            name = sequence.filename or sequence.id or f"sequence {i}"
            if not examples:
                raise NoExtractedExamplesError(f"{name}: no example can be made of it ({_explain(reasons)}).")
            if len(examples) > 1:
                raise MultipleExtractedExamplesError(
                    f"{name}: {len(examples)} examples can be made of it, not one."
                )
            example = examples[0].inputs[:steps]
            tokens[i, : len(example)], lengths[i] = example, len(example)
        return self.encode_tensors(tokens, lengths, seed)

    def interpolate(
        self, start: Any, end: Any, num_steps: int, temperature: float | None = 1.0, seed: int = 0
    ) -> list[Any]:
        """NoteSequences from one to the other, both ends reconstructed, along the sphere between their means."""
        _, mu, _ = self.encode([start, end], seed)
        return self.decode(slerp(mu[0], mu[1], num_steps), temperature, seed)


def _explain(reasons: Any) -> str:
    return ", ".join(WHY_DROPPED.get(reason, reason) for reason in reasons) or "it is empty"


WHY_DROPPED = {
    "empty": "it has no notes",
    "other_meter": "its meter is not 4/4",
    "bad_time_signature": "its time signature is not valid",
    "time_changes": "its tempo or meter changes",
    "negative_time": "a note lies before the start",
    "no_drums": "it has no drums; a drum track is on MIDI channel 10",
    "too_short": "it is shorter than the model's clip",
}


def slerp(start: Array, end: Array, num_steps: int) -> Array:
    """Spherical interpolation, both ends included: float32 `[num_steps, z_size]`.

    Shoemake's formula `(sin((1 - t) w) a + sin(t w) b) / sin w`, w the angle between the ends; where they point
    the same way (equal ends included) or opposite ways the formula is 0 / 0, and the way is the straight line.
    """
    t = np.linspace(0.0, 1.0, num_steps)[:, None]
    norms = np.linalg.norm(start) * np.linalg.norm(end)
    cosine = float(np.clip(np.dot(start, end) / norms, -1.0, 1.0)) if norms > 0 else 1.0
    angle = np.arccos(cosine)
    if np.sin(angle) < 1e-6:
        return ((1 - t) * start + t * end).astype(np.float32)
    way = np.sin((1 - t) * angle) * start + np.sin(t * angle) * end
    return (way / np.sin(angle)).astype(np.float32)


def load(name: str, config: Any = None) -> TrainedModel:
    """The trained model of a checkpoint file, a run_dir, a shipped name or a Magenta checkpoint.

    Args:
        name: which.
        config: a `configs.Config`, needed for Magenta's checkpoints, which do not carry theirs.

    Raises:
        CheckpointError: where there is none, or a Magenta checkpoint comes without a config.
    """
    from configs import Config
    from models import magenta_checkpoint

    if magenta_checkpoint.is_magenta_checkpoint(name):
        if config is None:
            raise CheckpointError(
                f"{name}: is a Magenta checkpoint, which does not say its config; give --config."
            )
        from pathlib import Path

        return TrainedModel(config, magenta_checkpoint.read(Path(name).expanduser()).weights, name)
    path = checkpoints.resolve(name)
    found = checkpoints.load(path)
    return TrainedModel(config or Config.from_json(found.config), found.weights, str(path))
