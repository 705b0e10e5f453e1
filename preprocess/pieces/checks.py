"""Which NoteSequences are piano pieces that rolls can hold."""

import itertools
from dataclasses import dataclass

import numpy as np

from preprocess.converters.segments import note_field
from preprocess.keyboard import HIGHEST_PITCH, LOWEST_PITCH
from preprocess.note_sequence import NoteSequence
from preprocess.piano_rolls import MAX_FRAMES, note_times, played_by_piano

FRAMES_A_QUARTER = 4
OFF_GRID = 0.1
"""How far from the nearest frame a note begins that is off the grid, in frames."""


@dataclass(frozen=True)
class Checks:
    """Which NoteSequences are piano pieces that rolls can hold; drums in them are not looked at.

    Attributes:
        min_pitch, max_pitch: MIDI pitches, both included.
        any_meter: take bars of every length; otherwise only those that halve again and again, such as 4/4 and 2/2.
        max_tempo_changes: the most that there may be, four as in MusicGeneration; None for any number.
        max_off_grid: largest share of the notes that begin more than `OFF_GRID` from the grid of sixteenths.
        min_frames: from the first note to the end of the last; four bars of 4/4 by default.
    """

    min_pitch: int = LOWEST_PITCH
    max_pitch: int = HIGHEST_PITCH
    any_meter: bool = False
    max_tempo_changes: int | None = 4
    max_off_grid: float = 0.05
    min_frames: int = 64

    def reason_to_refuse(self, note_sequence: NoteSequence) -> str:
        """Nothing for a usable piece.

        Otherwise `no_notes`, `pitch_range`, `other_meter`, `tempo_changes`, `negative_time`, `off_grid`,
        `too_short` or `too_long`, whichever comes first.
        """
        plays = played_by_piano(note_sequence)
        pitches = note_field(note_sequence, "pitch")[plays]
        if not pitches.size:
            return "no_notes"
        if pitches.min() < self.min_pitch or pitches.max() > self.max_pitch:
            return "pitch_range"
        meters = ((s.numerator, s.denominator) for s in note_sequence.time_signatures)
        if not self.any_meter and any(n < 1 or n & (n - 1) or d < 1 or d & (d - 1) for n, d in meters):
            return "other_meter"
        if self.max_tempo_changes is not None and tempo_changes(note_sequence) > self.max_tempo_changes:
            return "tempo_changes"
        starts, ends = (times[plays] * FRAMES_A_QUARTER for times in note_times(note_sequence))
        if starts.min() < 0:
            return "negative_time"
        if (np.abs(starts - np.round(starts)) > OFF_GRID).mean() > self.max_off_grid:
            return "off_grid"
        if round(ends.max() - starts.min()) < self.min_frames:
            return "too_short"
        return "too_long" if ends.max() > MAX_FRAMES else ""


def tempo_changes(note_sequence: NoteSequence) -> int:
    """How often the tempo becomes another, the first one not counted."""
    tempos = [t.qpm for t in sorted(note_sequence.tempos, key=lambda t: t.time)]
    return sum(a != b for a, b in itertools.pairwise(tempos))
