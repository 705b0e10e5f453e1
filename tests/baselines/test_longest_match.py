"""The longest match against brute force, and what it costs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.longest_match import LongestMatch, longest_matches


def test_matches_by_hand():
    lengths, followed = longest_matches(np.array([[1, 2, 3, 1, 2, 3, 9]]))
    assert lengths[0].tolist() == [0, 0, 0, 0, 1, 2, 3]
    assert followed[0, 4:].tolist() == [2, 3, 1]
    assert followed[0, :4].tolist() == [0, 1, 2, 3], "without a match: the token before"


@settings(max_examples=50)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=14))
def test_matches_are_those_of_brute_force(clip: list[int]):
    lengths, followed = longest_matches(np.array([clip]))
    for step in range(len(clip)):
        found = [(common_ending(clip[:s], clip[:step]), s) for s in range(1, step)]
        best = max(found, default=(0, 0))
        assert lengths[0, step] == best[0]
        if best[0]:
            assert followed[0, step] == clip[best[1]]


def common_ending(a: list[int], b: list[int]) -> int:
    length = 0
    while length < min(len(a), len(b)) and a[-1 - length] == b[-1 - length]:
        length += 1
    return length


def test_probabilities_sum_to_one():
    rng = np.random.default_rng(0)
    model = LongestMatch(np.tile(rng.integers(0, 5, (20, 16)), (1, 4)), classes=8)
    clips = np.repeat(np.tile(rng.integers(0, 5, (1, 16)), (1, 4)), 8, axis=0)
    for step in (0, 1, 20, 63):
        tried = clips.copy()
        tried[:, step] = np.arange(8)
        assert np.exp(-model.nats(tried)[:, step]).sum() == pytest.approx(1)


def test_repetition_is_cheap_and_believed():
    rng = np.random.default_rng(1)
    model = LongestMatch(np.tile(rng.integers(0, 500, (50, 16)), (1, 4)))
    fresh = np.tile(rng.integers(0, 500, (20, 16)), (1, 4))
    by_bar = model.nats(fresh).reshape(20, 4, 16).sum(axis=2).mean(axis=0)
    assert by_bar[2] < 1 < 50 < by_bar[0]
    assert (model.belief[-2:] > 0.9).all()
