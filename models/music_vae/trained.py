"""A trained MusicVAE with the methods of Magenta's `TrainedModel`, on NoteSequences."""

from collections.abc import Sequence

import numpy as np

from models.music_vae import infilling
from models.music_vae.codec import Codec
from models.music_vae.infilling import Infill
from models.music_vae.interpolation import slerp
from models.numpy_engine.representations import input_depths, to_compact, to_dense
from preprocess.converters.base import Example
from preprocess.drop_reasons import explain
from preprocess.note_sequence import NoteSequence

Array = np.ndarray


class NoExtractedExamplesError(ValueError):
    """A NoteSequence from which the converter makes no example."""


class MultipleExtractedExamplesError(ValueError):
    """A NoteSequence from which the converter makes several examples, where one was asked for."""


class TrainedModel(Codec):
    """A trained model that samples, encodes, decodes, interpolates and fills in; arguments as for `Codec`.

    `models.families.open_music_vae` makes one of a checkpoint.
    """

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
    ) -> list[NoteSequence]:
        """NoteSequences for latent vectors; arguments as for `decode_to_tensors`."""
        return self.to_note_sequences(self.decode_values(z, temperature, seed, 0, length, c_input), c_input)

    def to_note_sequences(self, values: Array, c_input: Array | None = None) -> list[NoteSequence]:
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
    ) -> list[NoteSequence]:
        """NoteSequences for draws from the prior, at 120 quarters a minute.

        Args:
            n: how many.
            length, temperature, c_input, seed: as for `decode_to_tensors`.
            same_z: whether all are decoded from the same latent vector.

        Example:
            >>> from models.families import open_music_vae
            >>> model = open_music_vae("cat-mel_2bar_tiny")
            >>> first, second = model.sample(2, temperature=0.5, seed=3)
            >>> [note.pitch for note in first.notes] == [note.pitch for note in second.notes]
            False
            >>> again, _ = model.sample(2, temperature=0.5, seed=3)
            >>> again == first
            True
        """
        return self.decode(self.prior_sample(n, seed, same_z), length, temperature, c_input, seed)

    def _draw(self, mu: Array, sigma: Array, seed: int) -> tuple[Array, Array, Array]:
        noise = np.random.default_rng(seed).standard_normal(mu.shape, np.float32)
        return mu + sigma * noise, mu, sigma

    def encode_tensors(
        self,
        input_tensors: Sequence[Array],
        lengths: Sequence[int] | Sequence[Array],
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

    def examples_of(self, note_sequence: NoteSequence, name: str = "") -> list[Example]:
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
        self, note_sequences: Sequence[NoteSequence], assert_same_length: bool = False, seed: int = 0
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
        start_sequence: NoteSequence,
        end_sequence: NoteSequence,
        num_steps: int,
        length: int | None = None,
        temperature: float | None = 1.0,
        assert_same_length: bool = True,
        c_input: Array | None = None,
        seed: int = 0,
    ) -> list[NoteSequence]:
        """NoteSequences on the way from one to another, decoded along the sphere between their posteriors' means.

        Args:
            start_sequence, end_sequence: the ends, which are reconstructed, too; they are not changed.
            num_steps: how many, both ends included.
            length, temperature, c_input, seed: as for `decode_to_tensors`.
            assert_same_length: refuse ends of different lengths.

        Raises:
            NoExtractedExamplesError, MultipleExtractedExamplesError, AssertionError: as `encode`.

        Example:
            >>> from models.families import open_music_vae
            >>> model = open_music_vae("cat-mel_2bar_tiny")
            >>> start, end = model.sample(2, temperature=0.5, seed=3)
            >>> len(model.interpolate(start, end, num_steps=5, temperature=0.5))
            5
        """
        _, mu, _ = self.encode([start_sequence, end_sequence], assert_same_length, seed)
        return self.decode(slerp(mu[0], mu[1], num_steps), length, temperature, c_input, seed)

    # Filling in.

    def check_infill(self) -> None:
        """Refuse models that can't fill in: those whose steps can't be told apart by time, or that need Keras.

        Raises:
            ValueError: saying why.
        """
        infilling.check_steps(self)
        if not self.decodes_in_numpy:
            raise ValueError(f"{self.config.name}: filling in is for models that decode in NumPy.")

    def infill(
        self,
        example: Example,
        hole: Array,
        n: int = 32,
        temperature: float | None = 1.0,
        seed: int = 0,
    ) -> Infill:
        """Draw some steps of a clip again, so that they fit the others, which stay (`models.music_vae.infilling`).

        Args:
            example: a converter's example of the clip.
            hole: bool `[max_length]`, true at the steps to draw again; what lies behind the clip's end is ignored.
            n: candidates.
            temperature: of the draws in the hole; None takes the likeliest.
            seed: of all draws.

        Raises:
            ValueError: as `check_infill`, and where no step of the clip is to be drawn again or to stay.
        """
        self.check_infill()
        return infilling.infill(self, infilling.task(self, example, hole), n, temperature, seed)


def _padded(tensors: list[Array], steps: int) -> Array:
    """Arrays of different lengths as one, each cut or padded with zeros to a number of steps."""
    return np.stack(
        [np.pad(x[:steps], [(0, max(0, steps - len(x)))] + [(0, 0)] * (x.ndim - 1)) for x in tensors]
    )
