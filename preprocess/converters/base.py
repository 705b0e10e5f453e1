"""What every converter between NoteSequences and training examples offers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


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


NO_TOKEN = -1
"""Stands for "nothing" among tokens: a row of zeros where others are one-hot."""

FORMS = ("one_hot", "roll", "multi_one_hot", "dense", "dense_roll")
"""How compact arrays become Magenta's tensors.

`one_hot`: a token a step. `roll`: bit i of a token says that drum i is struck; as an input with one more value,
1 where nothing is. `multi_one_hot`: several tokens a step, each one-hot, side by side. `dense`: as it is.
`dense_roll`: a 0 or 1 a drum; as an input with one more value, 1 where nothing is struck.
"""


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


class Converter(Protocol):
    """Turns NoteSequences into examples and samples back into NoteSequences.

    Attributes:
        input_form, output_form: one of `FORMS`.
        input_depth, output_depth, control_depth: width of Magenta's tensors.
        output_depths: widths of the parts of a `multi_one_hot` output; `(output_depth,)` otherwise.
        end_token: the token after which a sample ends, or None.
        segments: number of segments that an example is padded by; 0 where it is padded at its end only.
        is_random: whether `convert` draws from its `rng`.
        max_tensors_per_notesequence: so many examples of a NoteSequence are used an epoch; None for all.
    """

    input_form: str
    output_form: str
    input_depth: int
    output_depth: int
    control_depth: int
    output_depths: tuple[int, ...]
    end_token: int | None
    segments: int
    is_random: bool
    max_tensors_per_notesequence: int | None

    def convert(
        self, note_sequence: Any, rng: np.random.Generator | None = None, inference: bool = False
    ) -> tuple[list[Example], Counter[str]]:
        """All examples in a fixed order, and how often what was dropped for which reason.

        Args:
            note_sequence: is not changed.
            rng: what the converter draws from where it has a random part (note dropout), which is left out
                without one.
            inference: the music is what a trained model is asked about; a converter may then go by other
                pitches than those of its training data.
        """
        ...

    def to_tensors(self, note_sequence: Any) -> list[Example]:
        """All examples in a fixed order."""
        ...

    def to_dense(self, example: Example) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Magenta's input, output and control tensors of an example, `[steps, depth]` each."""
        ...

    def from_tensors(
        self, samples: Sequence[np.ndarray], controls: Sequence[np.ndarray] | None = None
    ) -> list[Any]:
        """A NoteSequence for each sample, compact or dense; `controls` are `[steps, control_depth]` each."""
        ...
