"""What is read from a score, whatever its format."""

import bisect
import itertools
from dataclasses import dataclass, field

from preprocess.midi.changes import distinct_changes
from preprocess.midi.file import MidiWarning
from preprocess.note_sequence import NoteSequence

READING_QPM = 120.0
"""The tempo at which scores are read first; note-seq's own default."""


@dataclass
class Score:
    """What a score holds.

    Attributes:
        sequences: its NoteSequences; an ABC tune book gives several.
        dropped: tunes of a book that can't be read: which one, a reason code and a sentence.
        warnings: what was read in another way than it is written.
    """

    sequences: list[NoteSequence] = field(default_factory=list)
    dropped: list[tuple[str, str, str]] = field(default_factory=list)
    warnings: list[MidiWarning] = field(default_factory=list)


def move_to_tempos(sequence: NoteSequence, tempos: list[tuple[float, float]]) -> None:
    """Move a NoteSequence that was read at 120 quarter notes a minute to its own tempos.

    Args:
        sequence: is changed.
        tempos: where each begins, in quarter notes, and quarter notes a minute; in order.
    """
    changes = distinct_changes(tempos, READING_QPM)
    starts = [0.0]
    for (quarter, qpm), (following, _) in itertools.pairwise(changes):
        starts.append(starts[-1] + (following - quarter) * 60.0 / qpm)
    quarters = [quarter for quarter, _ in changes]

    def seconds(time: float) -> float:
        quarter = time * READING_QPM / 60.0
        i = max(0, bisect.bisect_right(quarters, quarter + 1e-9) - 1)
        return starts[i] + (quarter - quarters[i]) * 60.0 / changes[i][1]

    del sequence.tempos[:]
    for start, (_, qpm) in zip(starts, changes, strict=True):
        sequence.tempos.add(time=start, qpm=qpm)
    if changes == [(0.0, READING_QPM)]:
        return
    for note in sequence.notes:
        note.start_time, note.end_time = seconds(note.start_time), seconds(note.end_time)
    for events in (sequence.time_signatures, sequence.key_signatures, sequence.text_annotations):
        for event in events:
            event.time = seconds(event.time)
    sequence.total_time = seconds(sequence.total_time)
