"""What is read from a score, whatever its format."""

from dataclasses import dataclass, field
from typing import Any

from preprocess.midi_file import MidiWarning


@dataclass
class Score:
    """What a score holds.

    Attributes:
        sequences: its NoteSequences; an ABC tune book gives several.
        dropped: tunes of a book that can't be read: which one, a reason code and a sentence.
        warnings: what was read otherwise than it stands.
    """

    sequences: list[Any] = field(default_factory=list)
    dropped: list[tuple[str, str, str]] = field(default_factory=list)
    warnings: list[MidiWarning] = field(default_factory=list)
