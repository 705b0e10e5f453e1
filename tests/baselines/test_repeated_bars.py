"""Bars made of other bars, by hand."""

import numpy as np
import pytest

from baselines import repeated_bars


def test_the_first_bar_is_repeated():
    bars = np.random.default_rng(0).random((3, 4, 16, 9)) < 0.3
    repeated = repeated_bars.first_bar_repeated(bars)
    assert repeated.shape == bars.shape and (repeated == bars[:, :1]).all()


def test_majority_does_not_look_at_the_hole():
    bars = np.zeros((1, 4, 1, 3), bool)
    bars[0, :, 0, 0] = [1, 0, 1, 0]
    bars[0, :, 0, 1] = [1, 1, 0, 1]
    bars[0, :, 0, 2] = [0, 1, 1, 0]
    assert repeated_bars.majority_of_other_bars(bars, 2)[0, 0].tolist() == [False, True, False]
    assert repeated_bars.majority_of_other_bars(bars, 3)[0, 0].tolist() == [True, True, True]


def test_of_two_bars_the_other_one_is_taken():
    bars = np.random.default_rng(1).random((2, 2, 16, 9)) < 0.5
    assert (repeated_bars.majority_of_other_bars(bars, 1) == bars[:, 0]).all()
    with pytest.raises(ValueError, match="no other bar"):
        repeated_bars.majority_of_other_bars(bars[:, :1], 0)
