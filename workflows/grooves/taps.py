"""A tapped rhythm: a MIDI file's notes on the grid of groove models, and drums placed in the bars of the file."""

import math
from pathlib import Path

import numpy as np

from preprocess.midi.hits import read_hits
from preprocess.midi.step_grid import StepGrid
from preprocess.midi.writer import conducted, meter_event, tempo_event
from preprocess.note_sequence import NoteSequence
from render.midi import TICKS_PER_QUARTER, Style, midi_bytes

TAP_PITCH = 46
"""Pictures show taps as the model reads them, on the open hi-hat."""
STEPS_PER_SECOND = 8
"""Steps a second of the sequences that models play, which are at 120 quarter notes a minute."""


class Taps:
    """The notes of a MIDI file as taps on the grid that the models read.

    Args:
        path: of the file.
        qpm: the tempo at which it was tapped; None for the file's own.

    Attributes:
        positions: in steps, float `[taps]`.
        velocities: int `[taps]`.
        qpms: the tempo at each, float `[taps]`.
        tempos: (quarter note, quarter notes a minute from there on); the first at 0.
        meter: the meter of most taps.
        warnings: what was corrected while reading.

    Raises:
        InputError: naming the file and why its notes can't be taken as taps.
    """

    def __init__(self, path: Path, qpm: float | None):
        file = read_hits(path, None)
        self.velocities = np.array([hit.velocity for hit in file.hits])
        self.meter = file.meter
        self.warnings = file.warnings
        if qpm is None:
            self._grid, self.positions, self.qpms = file.grids[0], file.positions, file.qpms
            self._ticks_per_quarter = file.ticks_per_quarter
            self._conductor = file.conductor(TICKS_PER_QUARTER)
            self.tempos = file.tempos()
        else:
            quarters = file.seconds(file.quarters()) * qpm / 60
            ticks = np.rint(quarters * TICKS_PER_QUARTER)
            self._grid = StepGrid(TICKS_PER_QUARTER, [(0, *self.meter)], int(ticks.max()))
            self.positions, self.qpms = quarters * 4, np.full(len(ticks), qpm)
            self._ticks_per_quarter = TICKS_PER_QUARTER
            self.tempos = [(0.0, qpm)]
            numerator, denominator = self.meter
            self._conductor = [
                (0, meter_event(numerator, denominator)),
                (0, tempo_event(qpm)),
            ]
        last = self._grid.bar_line_after(int(self._grid.ticks(self.positions).max()))
        self._end = round(last * TICKS_PER_QUARTER / self._ticks_per_quarter)

    def bars(self, quarters_per_bar: float) -> int:
        """The number of bars, of `quarters_per_bar` quarter notes each, that hold the taps."""
        return max(1, math.ceil(self._end / (quarters_per_bar * TICKS_PER_QUARTER)))

    def quarters(self, positions: np.ndarray) -> np.ndarray:
        """Positions in steps, converted to quarter notes from the beginning of the file; float, of the same shape."""
        return self._grid.ticks(positions) / self._ticks_per_quarter

    def as_played(self, sequence: NoteSequence) -> NoteSequence:
        """Drums on the grid's steps moved to the file's quarter notes, both at 120 quarter notes a minute."""
        placed = type(sequence)()
        placed.CopyFrom(sequence)
        starts = np.array([note.start_time for note in sequence.notes]) * STEPS_PER_SECOND
        missing = self._grid.lies_between_stretches(starts)
        del placed.notes[:]
        for note, quarter, lacks in zip(sequence.notes, self.quarters(starts), missing, strict=True):
            if not lacks:
                length = note.end_time - note.start_time
                added = placed.notes.add()
                added.CopyFrom(note)
                added.start_time = max(0.0, float(quarter)) / 2
                added.end_time = added.start_time + length
        return placed

    def midi(self, sequence: NoteSequence, style: Style) -> bytes:
        """A performance as the bytes of a MIDI file, with the tempos and meters of the taps."""
        data = midi_bytes(sequence, style, self.bars(style.quarters_per_bar))
        return conducted(data, self._conductor, self._end)


def shown(taps: Taps) -> NoteSequence:
    """The taps as a NoteSequence at 120 quarter notes a minute, for pictures."""
    sequence = NoteSequence()
    sequence.tempos.add(qpm=120.0)
    for quarter, velocity in zip(taps.quarters(taps.positions), taps.velocities, strict=True):
        sequence.notes.add(
            start_time=max(0.0, float(quarter)) / 2, end_time=max(0.0, float(quarter)) / 2 + 0.1, pitch=TAP_PITCH,
            velocity=int(velocity), instrument=9, is_drum=True,
        )  # fmt: skip
    return sequence
