"""Which pieces are refused, and for which reason."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from preprocess.midi.reader import read_midi
from preprocess.note_sequence import NoteSequence
from preprocess.pieces.checks import Checks


def melody(steps: int = 64, every: float = 2.0, pitch: int = 60, qpm: float = 120.0) -> Any:
    """Repeated notes, one every `every` sixteenths."""
    sequence = NoteSequence(ticks_per_quarter=220)
    sequence.tempos.add(qpm=qpm)
    sequence.time_signatures.add(numerator=4, denominator=4)
    for i in range(int(steps / every)):
        start, end = (round(t * every * 15 / qpm, 9) for t in (i, i + 1))
        sequence.notes.add(start_time=start, end_time=end, pitch=pitch, velocity=80)
    sequence.total_time = max((n.end_time for n in sequence.notes), default=0.0)
    return sequence


def with_changes(count: int) -> Any:
    sequence = melody()
    for i in range(count):
        sequence.tempos.add(time=8.0 + i, qpm=121.0 + i)
    return sequence


def with_meter(numerator: int, denominator: int) -> Any:
    sequence = melody()
    sequence.time_signatures.add(time=4.0, numerator=numerator, denominator=denominator)
    return sequence


def test_checks() -> None:
    reason = Checks().reason_to_refuse
    assert reason(melody()) == reason(melody(qpm=97.0)) == reason(with_changes(4)) == ""
    assert reason(with_meter(2, 2)) == reason(with_meter(2, 4)) == ""
    assert reason(NoteSequence()) == "no_notes"
    assert reason(melody(pitch=20)) == reason(melody(pitch=109)) == "pitch_range"
    assert reason(with_meter(3, 4)) == reason(with_meter(6, 8)) == reason(with_meter(0, 4)) == "other_meter"
    assert Checks(any_meter=True).reason_to_refuse(with_meter(3, 4)) == ""
    assert reason(with_changes(5)) == "tempo_changes"
    assert Checks(max_tempo_changes=None).reason_to_refuse(with_changes(5)) == ""
    assert reason(melody(every=4 / 3)) == "off_grid"
    assert reason(melody(steps=63, every=1)) == "too_short"
    assert reason(melody(steps=2**19, every=2**14)) == "too_long"
    early = melody()
    early.notes[0].start_time = -1.0
    assert reason(early) == "negative_time"
    drums = melody()
    for note in drums.notes:
        note.is_drum = True
    assert reason(drums) == "no_notes"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("joplin_rags", {"": 15}),
        ("chorales", {"": 400}),
        ("mutopia_piano", {"other_meter": 113, "": 112, "off_grid": 31, "tempo_changes": 6}),
    ],
)
def test_checks_of_real_pieces(data_dir: Callable[[str], Path], name: str, expected: dict[str, int]) -> None:
    files = sorted(data_dir(name).rglob("*.mid"))
    assert Counter(Checks().reason_to_refuse(read_midi(f)) for f in files) == expected
