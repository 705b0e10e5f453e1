"""Rolls transposed, reduced to pitch classes and with errors."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from common.errors import InputError
from preprocess.keyboard import KEYS, LOWEST_PITCH, PITCH_CLASSES
from preprocess.midi.reader import read_midi
from preprocess.piano_rolls import piano_roll
from preprocess.pieces.transforms import (
    add_error_count,
    add_errors,
    fragment_starts,
    pitch_classes,
    transpose,
    transpositions,
)

ROLLS = hnp.arrays(bool, st.tuples(st.integers(1, 20), st.integers(1, 100)))
PIANO_ROLLS = hnp.arrays(bool, (6, KEYS))


@given(ROLLS)
def test_pitch_classes_are_any_octave(roll: np.ndarray) -> None:
    classes = pitch_classes(roll)
    for k in range(12):
        np.testing.assert_array_equal(classes[:, k], roll[:, k::12].any(axis=1))
    assert PITCH_CLASSES[(60 - LOWEST_PITCH) % 12] == "C"


@given(PIANO_ROLLS, st.integers(-100, 100))
def test_transposed_rolls_have_transposed_classes(roll: np.ndarray, semitones: int) -> None:
    used = transpositions(roll)
    assert 0 in used
    if semitones in used or not roll.any():
        moved = transpose(roll, semitones)
        assert moved.sum() == roll.sum()
        np.testing.assert_array_equal(transpose(moved, -semitones), roll)
        np.testing.assert_array_equal(pitch_classes(moved), np.roll(pitch_classes(roll), semitones, axis=-1))
        return
    with pytest.raises(InputError) as error:
        transpose(roll, semitones)
    assert error.value.reason == "pitch_range"
    # MusicGeneration drops them: notes that would wrap are cleared, then the keys are rolled.
    kept = roll.copy()
    keys = np.arange(KEYS) + semitones
    kept[:, (keys < 0) | (keys >= KEYS)] = False
    np.testing.assert_array_equal(transpose(roll, semitones, drop=True), np.roll(kept, semitones, axis=1))


def test_a_transposed_piece_has_a_transposed_roll(data_dir: Callable[[str], Path]) -> None:
    sequence = read_midi(data_dir("joplin_rags") / "maple.mid")
    roll = piano_roll(sequence)
    used = transpositions(roll.onsets)
    for note in sequence.notes:
        note.pitch += used[-1]
    higher = piano_roll(sequence)
    assert roll.velocities is not None and higher.velocities is not None
    for ours, theirs in (
        (roll.onsets, higher.onsets),
        (roll.sounding, higher.sounding),
        (roll.velocities, higher.velocities),
    ):
        np.testing.assert_array_equal(transpose(ours, used[-1]), theirs)


@given(hnp.arrays(np.uint8, (128, 13), elements=st.integers(0, 1)), st.integers(0, 64), st.integers(0, 9))
def test_errors_leave_one_key_where_they_hit(song: np.ndarray, errors: int, seed: int) -> None:
    before = song.copy()
    noisy = add_error_count(song, errors, np.random.default_rng(seed))
    np.testing.assert_array_equal(song, before)
    changed = (noisy != song).any(axis=1)
    assert changed.sum() <= errors and (noisy[changed].sum(axis=1) == 1).all()
    np.testing.assert_array_equal(noisy, add_error_count(song, errors, np.random.default_rng(seed)))


def test_errors_come_at_their_rate() -> None:
    silence = np.zeros((20_000, 13), bool)
    noisy = add_errors(silence, 0.1, np.random.default_rng(0))
    # Some of the 2000 hit the same frame: 1 - exp(-0.1) of the frames are left.
    assert noisy.any(axis=1).mean() == pytest.approx(1 - np.exp(-0.1), abs=0.01)
    assert noisy.sum(axis=0).min() > 100
    assert not add_errors(silence, 0.0, np.random.default_rng(0)).any()


def test_fragments_are_whole() -> None:
    assert list(fragment_starts(255)) == [] and list(fragment_starts(256)) == [0]
    assert list(fragment_starts(330)) == [0, 32, 64]
