"""Measures of drum hits against hand-made values and brute force."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics import drum_hits
from preprocess.drums.rhythm import hits_of, syncopation


def beat(text: str) -> np.ndarray:
    """One drum's clip `[1, steps, 1]` from text such as `x...x...`."""
    return np.array([c == "x" for c in text.replace(" ", "")])[None, :, None]


def test_hits_are_the_bits_of_a_token():
    hits = hits_of(np.array([[0, 1, 0b101, 0b100000000]]), 9)
    assert hits.shape == (1, 4, 9)
    assert np.argwhere(hits[0]).tolist() == [[1, 0], [2, 0], [2, 2], [3, 8]]


def test_reconstruction_by_hand():
    truth = np.array([[0b01, 0b11, 0b00, 0b01], [0b10, 0b00, 0b11, 0b11]])
    played = np.array([[0b01, 0b01, 0b10, 0b00], [0b10, 0b00, 0b00, 0b00]])
    found = drum_hits.reconstruction(truth, played, np.array([4, 2]), 2)
    # Of the six real steps 1 + 2 are right. Drum 0: 2 hits right of 3 wanted, 2 struck. Drum 1: 1 of 2 and 2.
    assert found.token_accuracy == pytest.approx(3 / 6)
    assert found.f1_per_drum == pytest.approx((2 * 2 / 5, 2 * 1 / 4))
    assert found.f1 == pytest.approx(2 * 3 / 9)


def test_a_drum_that_nobody_strikes_has_no_f1():
    tokens = np.array([[1, 0]])
    found = drum_hits.reconstruction(tokens, tokens, np.array([2]), 2)
    assert found.f1_per_drum[0] == 1.0 and math.isnan(found.f1_per_drum[1]) and found.f1 == 1.0


def test_hits_per_bar_and_density_by_hand():
    hits = np.zeros((2, 32, 2), bool)
    hits[0, :16:4, 0] = True
    hits[0, 20, :] = True
    hits[1, 31, 1] = True
    assert drum_hits.hits_per_bar(hits).tolist() == [4, 2, 0, 1]
    assert drum_hits.density(hits).tolist() == [[5 / 32, 1 / 32], [0, 1 / 32]]


@pytest.mark.parametrize(
    "rhythm, score",
    [
        ("x...x...x...x...", 0),  # on the quarters: the bar is never overtaken
        ("................", 0),
        ("x...............", 0),
        ("..x.............", 3),  # an eighth (-3) held over the bar line (0)
        ("x.....x.........", 2),  # step 6 (-3) is held over the half bar (-1); the bar line has a note
        ("x..x..x...x.....", 2 + 2 + 1),  # 3 (-4) held over 4 (-2), 6 (-3) over 8 (-1), 10 (-3) over 12 (-2)
    ],
)
def test_syncopation_by_hand(rhythm: str, score: float):
    assert syncopation(beat(rhythm), (0,)) == pytest.approx([score])


def test_syncopation_is_a_bar_and_of_the_union_of_the_drums():
    one = beat("..x.............")
    assert syncopation(np.tile(one, (1, 2, 1)), (0,)) == pytest.approx([3])
    kick_and_hat = np.concatenate([one, beat("xxxxxxxxxxxxxxxx")], axis=2)
    assert syncopation(kick_and_hat, (0,)) == pytest.approx([3])
    assert syncopation(kick_and_hat, (0, 1)) == pytest.approx([0])
    with pytest.raises(ValueError, match="whole bars"):
        syncopation(one[:, :10], (0,))


def test_distinct_share():
    patterns = np.array([[1, 0], [1, 0], [0, 1], [0, 0]], bool)[:, :, None]
    assert drum_hits.distinct_share(patterns) == 3 / 4
    assert drum_hits.distinct_share(np.zeros((5, 16, 9), bool)) == 1 / 5


@given(
    st.lists(st.integers(-9, 9), min_size=4, max_size=4),
    st.lists(st.integers(-9, 9), min_size=4, max_size=4),
)
def test_wasserstein_is_the_cheapest_matching(a: list[int], b: list[int]):
    cheapest = (
        min(sum(abs(x - y) for x, y in zip(a, order, strict=True)) for order in itertools.permutations(b)) / 4
    )
    assert drum_hits.wasserstein(np.array(a), np.array(b)) == pytest.approx(cheapest)


def test_wasserstein_of_sets_of_different_size():
    assert drum_hits.wasserstein(np.array([0, 0, 1, 1]), np.array([0, 1])) == pytest.approx(0)
    assert drum_hits.wasserstein(np.array([0, 3]), np.array([0, 0, 0, 3])) == pytest.approx(3 / 4)
    assert drum_hits.wasserstein(np.array([5.0]), np.array([2.0])) == pytest.approx(3)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 7), st.integers(1, 9), st.integers(1, 4))
def test_nearest_distance_is_that_of_brute_force(seed: int, queries: int, pool: int, block: int):
    rng = np.random.default_rng(seed)
    a, b = rng.random((queries, 16, 9)) < 0.3, rng.random((pool, 16, 9)) < 0.3
    a[0] = b[-1]
    found = drum_hits.nearest_distance(a, b, block)
    assert found.tolist() == [min(int((q != p).sum()) for p in b) for q in a]
    assert found[0] == 0
