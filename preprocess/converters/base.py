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
        inputs: what the encoder reads, `[steps]` or `[steps, depth]`.
        outputs: what the decoder plays; the same array where both are the same.
        controls: what both are conditioned on, or None.
        length: number of real steps.
    """

    inputs: np.ndarray
    outputs: np.ndarray
    controls: np.ndarray | None
    length: int


class Converter(Protocol):
    """Turns NoteSequences into examples and samples back into NoteSequences."""

    input_depth: int
    output_depth: int
    control_depth: int
    end_token: int | None
    max_tensors_per_notesequence: int | None

    def convert(self, note_sequence: Any) -> tuple[list[Example], Counter[str]]:
        """All examples in a fixed order, and how often what was dropped for which reason."""
        ...

    def to_tensors(self, note_sequence: Any) -> list[Example]:
        """All examples in a fixed order."""
        ...

    def from_tensors(self, samples: Sequence[np.ndarray]) -> list[Any]:
        """A NoteSequence for each sample."""
        ...
