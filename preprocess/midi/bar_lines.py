"""Where the bars of a NoteSequence are, in quarter notes: bar lines by its time signatures."""

import math
from dataclasses import dataclass

from preprocess.midi.changes import distinct_changes
from preprocess.midi.tempo_map import TempoMap
from preprocess.note_sequence import NoteSequence

MOST_BARS = 100_000
"""Of a piece; a file of four hours has fewer, but in meters that nobody writes."""

NEAR = 1e-6
"""Quarter notes between what is the same place."""


@dataclass(frozen=True)
class Bar:
    """A bar: where it begins, in quarter notes from the beginning, and its meter.

    One that a change of meter cuts short is as long as it is, and not as its meter says.
    """

    start: float
    length: float
    time_signature: tuple[int, int]

    @property
    def is_whole(self) -> bool:
        """Whether it is as long as its meter says."""
        return abs(self.length - quarters_of(self.time_signature)) < NEAR


def quarters_of(time_signature: tuple[int, int]) -> float:
    """The quarter notes of a bar."""
    return 4 * time_signature[0] / time_signature[1]


def bars_until(note_sequence: NoteSequence, end: float, tempo_map: TempoMap | None = None) -> list[Bar]:
    """The bars of a NoteSequence up to the one in which a quarter note lies: at least one.

    A time signature begins a bar where it differs from the one before; before the first it is 4/4. Those that are
    not valid (3/5, 0/4) are ignored.

    Args:
        note_sequence: is not changed.
        end: quarter notes from the beginning; a bar that begins there is not among them.
        tempo_map: of the NoteSequence, where it is at hand.
    """
    tempo_map = tempo_map or TempoMap.of(note_sequence)
    changes = _meters(note_sequence, tempo_map)
    end = max(end, NEAR)
    bars: list[Bar] = []
    for i, (start, meter) in enumerate(changes):
        length = quarters_of(meter)
        stop = changes[i + 1][0] if i + 1 < len(changes) else math.inf
        begin, count = start, 0
        while begin < min(stop, end) - NEAR and len(bars) < MOST_BARS:
            bars.append(Bar(begin, min(length, stop - begin), meter))
            count += 1
            begin = start + count * length
    return bars or [Bar(0.0, quarters_of(changes[0][1]), changes[0][1])]


def _meters(note_sequence: NoteSequence, tempo_map: TempoMap) -> list[tuple[float, tuple[int, int]]]:
    """Quarter note and meter of each time signature that differs from the one before, the first at 0."""
    valid = [
        (float(tempo_map.to_quarters(signature.time)), (signature.numerator, signature.denominator))
        for signature in note_sequence.time_signatures
        if signature.numerator >= 1
        and signature.denominator >= 1
        and not signature.denominator & (signature.denominator - 1)
    ]
    return distinct_changes(valid, (4, 4), NEAR)
