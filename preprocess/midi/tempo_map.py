"""The tempo map of a NoteSequence: seconds and quarter notes, and the same music at one tempo.

Magenta's converters begin a new stretch of music, and with it a new bar, wherever the tempo changes (note_seq's
`split_note_sequence_on_time_changes`): a song with a tempo a bar holds no clip of four bars for them, and after a
change in mid-bar all bar lines are half a bar off. Music is written in quarter notes, so here a clip is found in
bars: commands and training give converters what `at_one_tempo` makes. The converters by themselves split as the
original does.
"""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from preprocess.midi.changes import distinct_changes
from preprocess.note_sequence import NoteSequence

DEFAULT_QPM = 120.0
"""Quarter notes a minute where a NoteSequence names no tempo, as in a MIDI file."""

DEFAULT_TICKS_PER_QUARTER = 220
ON_A_TICK = 1e-4
"""What lies so near to a tick, in ticks, lies on it: times in seconds are rounded, ticks are not."""

TIMED_FIELDS = {
    "notes": ("start_time", "end_time"),
    "time_signatures": ("time",),
    "key_signatures": ("time",),
    "pitch_bends": ("time",),
    "control_changes": ("time",),
    "text_annotations": ("time",),
    "section_annotations": ("time",),
}
"""The events of a NoteSequence that have times, without its tempos."""


class TempoMap:
    """Where each tempo begins, and seconds and quarter notes by them.

    >>> tempos = TempoMap([(0, 120), (2, 60)])  # half as fast from second 2 on
    >>> tempos.to_quarters([1, 2, 4]).tolist(), tempos.to_seconds(5).item()
    ([2.0, 4.0, 6.0], 3.0)

    Args:
        tempos: seconds, and quarter notes a minute from there on, in any order; 120 before the first of them.

    Attributes:
        seconds, quarters: where each tempo begins, float64 `[tempos]`, from 0 on.
        qpms: quarter notes a minute, float64 `[tempos]`; neighbours differ.
        is_valid: whether all tempos are positive numbers, and their times numbers.
    """

    def __init__(self, tempos: Iterable[tuple[float, float]] = ()):
        given = list(tempos)
        self.is_valid = all(math.isfinite(seconds) and 0 < qpm < math.inf for seconds, qpm in given)
        changes = distinct_changes(given, DEFAULT_QPM)
        self.seconds, self.qpms = (np.array(column, np.float64) for column in zip(*changes, strict=True))
        lengths = np.diff(self.seconds) * self.qpms[:-1] / 60.0
        self.quarters = np.concatenate([[0.0], np.cumsum(lengths)])

    @classmethod
    def of(cls, note_sequence: NoteSequence) -> "TempoMap":
        """The tempo map of a NoteSequence."""
        return cls((tempo.time, tempo.qpm) for tempo in note_sequence.tempos)

    @property
    def changes(self) -> bool:
        """Whether there is more than one tempo."""
        return len(self.qpms) > 1

    def to_quarters(self, seconds: ArrayLike) -> np.ndarray:
        """Quarter notes from the beginning, float64, for times in seconds of any shape.

        Rounded to a billionth, so that what lies half-way between two steps goes to the same one at every tempo.
        """
        seconds = np.asarray(seconds, np.float64)
        place = np.maximum(np.searchsorted(self.seconds, seconds, side="right") - 1, 0)
        return np.round(self.quarters[place] + (seconds - self.seconds[place]) * self.qpms[place] / 60.0, 9)

    def to_seconds(self, quarters: ArrayLike) -> np.ndarray:
        """Seconds from the beginning, float64, for quarter notes of any shape."""
        quarters = np.asarray(quarters, np.float64)
        place = np.maximum(np.searchsorted(self.quarters, quarters, side="right") - 1, 0)
        return self.seconds[place] + (quarters - self.quarters[place]) * 60.0 / self.qpms[place]

    def qpm_at(self, quarter: float) -> float:
        """Quarter notes a minute at a quarter note from the beginning."""
        # What is read from seconds may lie a rounding error before the change that it stands at.
        place = np.searchsorted(self.quarters, quarter + 1e-6, side="right") - 1
        return float(self.qpms[max(0, int(place))])


def at_one_tempo(note_sequence: NoteSequence, qpm: float | None = None) -> NoteSequence:
    """The same music in quarter notes, all of it at one tempo: what converters find clips and examples in, by bars.

    Every time is moved, those of time signatures among them. What lies on a tick of the NoteSequence lies on it
    exactly, so that music comes out as if it had been written at one tempo.

    Args:
        note_sequence: is not changed.
        qpm: quarter notes a minute; by default the tempo at which the first note begins.

    Returns:
        The NoteSequence itself where its only tempo is the wanted one, or where a tempo is not a positive number (which
        converters refuse); else a copy.
    """
    tempo_map = TempoMap.of(note_sequence)
    if not tempo_map.is_valid:
        return note_sequence
    if qpm is None:
        first = min((note.start_time for note in note_sequence.notes), default=0.0)
        qpm = tempo_map.qpm_at(float(tempo_map.to_quarters(first)))
    if not tempo_map.changes and tempo_map.qpms[0] == qpm:
        return note_sequence
    moved = type(note_sequence)()
    moved.CopyFrom(note_sequence)
    del moved.tempos[:]
    moved.tempos.add(qpm=qpm)
    ticks_per_quarter = note_sequence.ticks_per_quarter or DEFAULT_TICKS_PER_QUARTER

    def at_this_tempo(seconds: np.ndarray) -> list[float]:
        ticks = tempo_map.to_quarters(seconds) * ticks_per_quarter
        nearest = np.rint(ticks)
        ticks = np.where(np.abs(ticks - nearest) < ON_A_TICK, nearest, ticks)
        # The product that a MIDI reader computes, so that the last bit is the same.
        return (ticks * (60.0 / (qpm * ticks_per_quarter))).tolist()

    for field, names in TIMED_FIELDS.items():
        events = getattr(moved, field)
        for name in names:
            times = np.fromiter((getattr(event, name) for event in events), np.float64, len(events))
            for event, time in zip(events, at_this_tempo(times), strict=True):
                setattr(event, name, time)
    moved.total_time = at_this_tempo(np.array([note_sequence.total_time]))[0]
    return moved
