"""What every converter between NoteSequences and training examples offers."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from preprocess.drums.drum_classes import Classes
from preprocess.note_sequence import NoteSequence


@dataclass(frozen=True)
class Example:
    """One training example in compact form.

    Attributes:
        inputs: what the encoder reads: integer tokens `[steps]` or `[steps, parts]`, or numbers
            `[steps, depth]`, as the converter's `input_form` says.
        outputs: what the decoder plays, in the form that `output_form` says; the same array where both are
            the same.
        controls: what both are conditioned on: a boolean array `[steps, control_depth]`, or None.
        length: number of real steps; for a sequence that is padded segment by segment one number a segment, int
            `[segments]`. Padded steps of tokens are NO_TOKEN, those of numbers 0.
        step_seconds: length of a step as it was played, where that matters; 0 where it is not kept.
    """

    inputs: np.ndarray
    outputs: np.ndarray
    controls: np.ndarray | None
    length: int | np.ndarray
    step_seconds: float = 0.0


def one_hot(tokens: np.ndarray, depth: int) -> np.ndarray:
    """Boolean `[steps, depth]` of tokens `[steps]`, nothing where a token is NO_TOKEN."""
    return tokens[:, None] == np.arange(depth)


def with_silence(roll: np.ndarray) -> np.ndarray:
    """A boolean roll `[steps, keys]` with one more value, true where nothing is struck."""
    return np.concatenate([roll, ~roll.any(axis=1, keepdims=True)], axis=1)


def dense_controls(example: Example) -> np.ndarray:
    """An example's controls, of no width where it has none."""
    if example.controls is None:
        return np.zeros((len(example.outputs), 0), dtype=bool)
    return example.controls


class Converter(ABC):
    """Turns NoteSequences into examples and samples back into NoteSequences.

    A subclass sets the forms and widths, `steps_per_quarter` and `steps_per_bar` in its `__init__`, and of the rest what
    differs from the defaults here; it implements the three abstract methods.
    """

    # What examples look like.
    input_form: str
    output_form: str
    """One of `preprocess.example_forms.FORMS`."""
    input_depth: int
    output_depth: int
    control_depth: int = 0
    """Width of Magenta's tensors."""
    output_depths: tuple[int, ...]
    """Widths of the parts of a `multi_one_hot` output; `(output_depth,)` otherwise."""
    end_token: int | None = None
    """The token after which a sample ends."""
    segments: int = 0
    """Segments that an example is padded by; 0 where it is padded at its end only."""
    is_random: bool = False
    """Whether `convert` draws from its `rng`."""
    max_tensors_per_notesequence: int | None = None
    """The most examples of a NoteSequence that an epoch takes; None for all."""

    # The grid.
    steps_per_quarter: int
    steps_per_bar: int
    slice_bars: int | None = None
    """Bars of an example; None where its length is that of the music."""
    time_signature: tuple[int, int] | None = None
    """The only one that is taken; None where every one is whose bar is as long."""
    shorter_bars: bool = False
    """Whether music in shorter bars is taken, too, of which several make one."""

    # Grids of chunks and instruments, whose steps are events (`performance`).
    chunk_steps: int = 0
    """Steps of time of a chunk; 0 where examples are not made of chunks."""
    max_num_chunks: int = 0
    max_num_instruments: int = 0
    max_events_per_instrument: int = 0

    # Drums.
    pitch_classes: Classes = ()
    """The MIDI pitches of each drum, the one that is played first; nothing where there are no drums."""
    inference_pitch_classes: Classes = ()
    """The same for what a trained model reads and plays, where they are others."""
    rows_a_step: int = 1
    """Rows of an example that are one step of time: the drums, where these take turns (`groove`)."""
    taps_as_controls: bool = False
    """Whether the controls are a tapped rhythm."""

    @abstractmethod
    def convert(
        self, note_sequence: NoteSequence, rng: np.random.Generator | None = None, inference: bool = False
    ) -> tuple[list[Example], Counter[str]]:
        """All examples in a fixed order, and how often music was dropped for which reason.

        Args:
            note_sequence: is not changed.
            rng: what a converter with a random part (note dropout) draws from; that part is left out without one.
            inference: the music is input of a trained model; a converter may then go by other pitches than those of its
                training data.
        """

    def to_tensors(self, note_sequence: NoteSequence, inference: bool = False) -> list[Example]:
        """All examples of a NoteSequence in a fixed order, without the random part of `convert`."""
        return self.convert(note_sequence, inference=inference)[0]

    @abstractmethod
    def to_dense(self, example: Example) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Magenta's input, output and control tensors of an example, `[steps, depth]` each."""

    @abstractmethod
    def from_tensors(
        self, samples: Sequence[np.ndarray], controls: Sequence[np.ndarray] | None = None
    ) -> list[NoteSequence]:
        """A NoteSequence at 120 quarters a minute for each sample.

        Args:
            samples: compact, or dense outputs `[steps, output_depth]`.
            controls: `[steps, control_depth]` each, for converters whose controls say what is played.
        """

    @property
    def meter(self) -> tuple[int, int]:
        """The time signature that samples are in."""
        return self.time_signature or (self.steps_per_bar // self.steps_per_quarter, 4)

    @property
    def most_steps(self) -> int:
        """Rows of the longest example; 0 where nothing but the music bounds it."""
        return (self.slice_bars or 0) * self.steps_per_bar

    def bars_of(self, rows: int) -> int:
        """The bars that hold a number of rows of an output."""
        return -(rows // -(self.rows_a_step * self.steps_per_bar))
