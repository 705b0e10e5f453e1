"""Tempo maps: seconds and quarter notes, and music at one tempo."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocess.converters.drums import DrumsConverter
from preprocess.midi.reader import read_midi
from preprocess.midi.tempo_map import TempoMap, at_one_tempo
from preprocess.note_sequence import NoteSequence
from tests.helpers.midi_bytes import END, delta, midi

TICKS = 480
BAR = 4 * TICKS


def beats(tempos: list[tuple[int, int]], meters: list[tuple[int, int]] = (), bars: int = 8) -> bytes:
    """A file with tempos `(tick, quarters a minute)`, meters `(tick, quarters a bar)` and a beat that differs in each
    bar, thirty-seconds in it."""
    events = [(tick, b"\xff\x51\x03" + round(6e7 / qpm).to_bytes(3, "big")) for tick, qpm in tempos]
    events += [(tick, bytes([0xFF, 0x58, 4, quarters, 2, 24, 8])) for tick, quarters in meters]
    for bar in range(bars):
        for i in range(bar % 4 + 4):
            start = bar * BAR + i * TICKS // 2 + (60 if i == 3 else 0)
            events += [
                (start, bytes([0x99, 36 + 2 * (i % 2), 90])),
                (start + 60, bytes([0x89, 36 + 2 * (i % 2), 0])),
            ]
    track, now = b"", 0
    for tick, data in sorted(events, key=lambda event: event[0]):
        track += delta(tick - now) + data
        now = tick
    return midi(track + END)


def clips(data: bytes) -> list[bytes]:
    examples = DrumsConverter(slice_bars=4).to_tensors(at_one_tempo(read_midi(data)))
    return [example.inputs.tobytes() for example in examples]


@pytest.mark.parametrize(
    "tempos",
    [
        [(bar * BAR, 100 + bar) for bar in range(8)],
        [(0, 100), (2 * BAR + BAR // 2, 133)],
        [(0, 100), (BAR + 17, 61), (BAR + 391, 250), (5 * BAR, 90)],
        [(0, 100)] + [(tick, 100 + tick % 13) for tick in range(0, 8 * BAR, 120)],
    ],
    ids=["a tempo a bar", "one in mid-bar", "several in a bar", "a ritardando of every sixteenth"],
)
def test_tempo_changes_give_the_clips_of_one_tempo(tempos: list[tuple[int, int]]) -> None:
    assert clips(beats(tempos)) == clips(beats([(0, 100)])) != []


def test_bars_are_counted_from_the_meter_wherever_the_tempo_changes() -> None:
    meters = [(0, 4), (2 * BAR, 2), (2 * BAR + 2 * TICKS, 4)]
    changing = beats([(0, 100), (BAR, 140), (4 * BAR, 90)], meters)
    assert clips(changing) == clips(beats([(0, 100)], meters)) != []


def test_the_same_notes_as_written_at_one_tempo() -> None:
    written = read_midi(beats([(0, 100)]))
    moved = at_one_tempo(read_midi(beats([(0, 100), (BAR, 140), (BAR + 7, 77)])))
    assert [n.start_time for n in moved.notes] == [n.start_time for n in written.notes]
    assert [n.end_time for n in moved.notes] == [n.end_time for n in written.notes]
    assert moved.total_time == written.total_time
    assert [t.qpm for t in moved.tempos] == [t.qpm for t in written.tempos]


def test_one_tempo_is_left_as_it_is() -> None:
    sequence = read_midi(beats([(0, 91)]))
    assert at_one_tempo(sequence) is sequence


def test_the_tempo_is_that_of_the_first_note_or_as_asked() -> None:
    sequence = NoteSequence()
    sequence.tempos.add(time=0, qpm=60)
    sequence.tempos.add(time=4, qpm=120)
    sequence.notes.add(pitch=38, velocity=80, start_time=4.5, end_time=5, is_drum=True)
    sequence.total_time = 5
    assert at_one_tempo(sequence).tempos[0].qpm == 120
    assert at_one_tempo(sequence).notes[0].start_time == pytest.approx(2.5)
    assert at_one_tempo(sequence, 60).notes[0].start_time == pytest.approx(5)
    assert sequence.notes[0].start_time == 4.5


@pytest.mark.parametrize("tempo", [(0.0, 0.0), (0.0, float("nan")), (1.0, -5.0), (float("nan"), 90.0)])
def test_tempos_that_are_none_are_left_to_the_converters(tempo: tuple[float, float]) -> None:
    sequence = NoteSequence()
    sequence.tempos.add(time=tempo[0], qpm=tempo[1])
    sequence.tempos.add(time=2, qpm=90)
    assert at_one_tempo(sequence) is sequence


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(10, 400)), max_size=6),
    st.lists(st.floats(0, 200), min_size=1, max_size=8),
)
def test_there_and_back(tempos: list[tuple[float, float]], times: list[float]) -> None:
    tempo_map = TempoMap(tempos)
    quarters = tempo_map.to_quarters(times)
    assert np.allclose(tempo_map.to_seconds(quarters), times, atol=1e-6)
    assert (np.diff(tempo_map.to_quarters(sorted(times))) >= 0).all()
