"""Rolls: the way to a NoteSequence or a MIDI file and back gives the same roll."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from preprocess.keyboard import LOWEST_PITCH
from preprocess.midi.reader import read_midi
from preprocess.note_sequence import NoteSequence
from preprocess.piano_rolls import VELOCITY_SCALE, Roll, clock, piano_roll, to_note_sequence
from render.midi import Style, midi_bytes

CELLS = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40))
QPMS = st.sampled_from([60.0, 97.0, 120.0, 133.3, 240.0])


@st.composite
def rolls(draw: st.DrawFn) -> Roll:
    """Whole rolls of up to 40 frames and keys: what is struck sounds, with velocities from 1 to 127."""
    sounding = draw(CELLS)
    onsets = draw(hnp.arrays(bool, sounding.shape)) | Roll.of_sounding(sounding).onsets
    velocities = draw(hnp.arrays(np.int64, sounding.shape, elements=st.integers(1, 127)))
    onsets &= sounding
    return Roll(onsets, sounding, (velocities * onsets / VELOCITY_SCALE).astype(np.float32))


def piece(*notes: tuple[int, int, int], qpm: float = 120.0, meter: tuple[int, int] = (4, 4)) -> Any:
    """A NoteSequence of `(first sixteenth, pitch, sixteenths)`."""
    sequence = NoteSequence(ticks_per_quarter=220)
    sequence.tempos.add(qpm=qpm)
    sequence.time_signatures.add(numerator=meter[0], denominator=meter[1])
    seconds = 15.0 / qpm
    for step, pitch, length in notes:
        sequence.notes.add(
            start_time=step * seconds, end_time=(step + length) * seconds, pitch=pitch, velocity=64
        )
    sequence.total_time = max((n.end_time for n in sequence.notes), default=0.0)
    return sequence


def assert_same(ours: Roll, theirs: Roll) -> None:
    np.testing.assert_array_equal(ours.onsets, theirs.onsets)
    np.testing.assert_array_equal(ours.sounding, theirs.sounding)
    if theirs.velocities is not None:
        np.testing.assert_array_equal(ours.velocities, theirs.velocities)


@given(rolls(), QPMS)
def test_a_roll_comes_back_from_a_note_sequence(roll: Roll, qpm: float) -> None:
    frames, keys = roll.onsets.shape
    sequence = to_note_sequence(roll, qpm=qpm)
    assert_same(piano_roll(sequence, highest_pitch=LOWEST_PITCH + keys - 1, frames=frames), roll)


@settings(max_examples=40)
@given(rolls(), QPMS)
def test_a_roll_comes_back_from_a_midi_file(roll: Roll, qpm: float) -> None:
    frames, keys = roll.onsets.shape
    data = midi_bytes(to_note_sequence(roll), Style(qpm=qpm))
    assert_same(piano_roll(read_midi(data), highest_pitch=LOWEST_PITCH + keys - 1, frames=frames), roll)


def test_a_held_key_is_one_note_until_it_is_struck_again() -> None:
    sounding, onsets = np.zeros((2, 8, 2), bool)
    sounding[1:7, 0] = onsets[[1, 4], 0] = True
    notes = to_note_sequence(Roll(onsets, sounding)).notes
    assert [(n.pitch, n.start_time, n.end_time, n.velocity) for n in notes] == [
        (21, 0.125, 0.5, 80),
        (21, 0.5, 0.875, 80),
    ]


def test_struck_keys_ring_until_the_next_or_for_a_bar() -> None:
    struck = np.zeros((40, 3), bool)
    struck[0, 0] = struck[6, [1, 2]] = True
    lengths = [
        (n.pitch, (n.end_time - n.start_time) * 8) for n in to_note_sequence(Roll.of_struck(struck)).notes
    ]
    assert lengths == [(21, 6), (22, 16), (23, 16)]


def test_velocities_of_struck_keys_are_kept_and_the_louder_counts() -> None:
    sequence = piece((0, 60, 2), (0, 60, 4))
    sequence.notes[1].velocity = 100
    roll = piano_roll(sequence)
    assert roll.velocities is not None
    assert roll.velocities[0, 39] == np.float32(100 / 128) and roll.velocities.sum() == roll.velocities[0, 39]
    assert roll.sounding.sum() == 4 and roll.onsets.sum() == 1
    struck = Roll.of_struck(roll.velocities)
    assert to_note_sequence(struck).notes[0].velocity == 100


def test_held_keys_are_as_loud_as_they_were_struck() -> None:
    sequence = to_note_sequence(Roll.of_struck(np.eye(4, 88, dtype=bool)[[0, 3, 3, 1]], 2))
    for note, velocity in zip(sequence.notes, (32, 64, 96, 127), strict=True):
        note.velocity = velocity
    roll = piano_roll(sequence)
    on, loud = roll.cells("sounding")
    np.testing.assert_array_equal(on, roll.sounding)
    np.testing.assert_array_equal(loud > 0, on)
    np.testing.assert_array_equal(loud[roll.onsets], np.array([32, 64, 96, 127]) / 128)
    # Back from what sounds: a key that goes on is not struck again, and keeps its first velocity.
    again = piano_roll(to_note_sequence(Roll.of_sounding(loud)))
    assert again.velocities is not None and again.velocities.max() == np.float32(127 / 128)
    np.testing.assert_array_equal(again.sounding, on)
    assert not Roll(roll.onsets, roll.sounding).cells("struck")[1].any()


def test_clock_counts_with_the_highest_bit_first() -> None:
    counter = clock(70)
    assert counter.shape == (70, 6) and counter.dtype == bool
    assert counter[1].tolist() == [0, 0, 0, 0, 0, 1] and counter[32].tolist() == [1, 0, 0, 0, 0, 0]
    assert (counter @ (1 << np.arange(6)[::-1])).tolist() == [t % 64 for t in range(70)]
    np.testing.assert_array_equal(clock(6, start=64), counter[:6])
    # MusicGeneration's first notebooks counted down from 63, the lowest bit first.
    down = [[(63 - t) >> bit & 1 for bit in range(6)] for t in range(64)]
    assert (~clock(64)[:, ::-1]).astype(int).tolist() == down
