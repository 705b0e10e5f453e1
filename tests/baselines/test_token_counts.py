"""The simplest baselines against their formulas."""

import numpy as np
import pytest

from baselines import token_counts


def test_unigram_and_markov_are_the_formulas() -> None:
    train = np.array([[0, 1, 0, 1], [0, 1, 2, -1]])
    clips = np.array([[0, 1, 0, -1]])
    # Counts plus one: 0: 4, 1: 4, 2: 2 of 10.
    p = np.array([0.4, 0.4, 0.2])
    assert token_counts.unigram_nats(train, clips, 3) == pytest.approx(-2 * np.log(0.4) - np.log(0.4))
    # From 0 comes 1 three times; from 1 comes 0 once and 2 once.
    to_1, to_0 = (3 + p[1]) / (3 + 1), (1 + p[0]) / (2 + 1)
    expected = -np.log(p[0]) - np.log(to_1) - np.log(to_0)
    assert token_counts.markov_nats(train, clips, 3) == pytest.approx(expected)
