"""The measures of how close rolls are to songs, checked by hand and by brute force."""

import numpy as np
import pytest

from experiments.likeness import differences, likeness, mean_difference

SONGS = np.zeros((3, 4, 13), np.uint8)
SONGS[1, 0, 0] = SONGS[1, 1, 1] = SONGS[2, 0, 0] = 1


def test_differences_count_cells():
    rng = np.random.default_rng(0)
    rolls = (rng.random((5, 6, 13)) < 0.3).astype(np.uint8)
    others = (rng.random((4, 6, 13)) < 0.3).astype(np.uint8)
    expected = [[(roll != other).sum() for other in others] for roll in rolls]
    np.testing.assert_array_equal(differences(rolls, others), expected)


def test_mean_difference_is_over_pairs_of_different_rolls():
    assert mean_difference(SONGS) == pytest.approx((2 + 1 + 1) / 3)
    assert mean_difference(np.repeat(SONGS[:1], 5, axis=0)) == 0


def test_likeness():
    roll = np.zeros((1, 4, 13), np.uint8)
    roll[0, 0, :3] = roll[0, 2, 5] = 1  # a chord of three and a single note; the third song is nearest
    found = likeness(roll, SONGS)
    assert (found.notes, found.chord, found.distance) == (1.0, 2.0, 3.0)


def test_songs_are_not_compared_with_themselves():
    assert likeness(SONGS, SONGS).distance == 0
    assert likeness(SONGS, SONGS, itself=True).distance == 1.0
