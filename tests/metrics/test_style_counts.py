"""The listener for style: it names what it can tell apart, and guesses what it can't."""

import numpy as np
import pytest

from metrics.style_counts import StyleCounts


def beats(rng: np.random.Generator, probabilities: np.ndarray, n: int) -> np.ndarray:
    """Clips of four bars whose cells are struck with these probabilities `[16, drums]`."""
    drums = probabilities.shape[1]
    hits = rng.random((n, 4, 16, drums)) < probabilities
    return (hits @ (1 << np.arange(drums))).reshape(n, 64)


def test_it_agrees_with_the_log_odds_of_independent_cells() -> None:
    rng = np.random.default_rng(0)
    chances = rng.uniform(0.05, 0.95, (3, 16, 2))
    train = np.concatenate([beats(rng, p, 400) for p in chances])
    labels = np.repeat([2, 5, 7], 400)
    listener = StyleCounts(train, labels, 2)
    assert listener.styles.tolist() == [2, 5, 7]
    test = np.concatenate([beats(rng, p, 50) for p in chances])
    bars = ((test.reshape(150, 4, 16, 1) >> np.arange(2)) & 1).astype(bool)
    odds = [np.log(np.where(bars, p, 1 - p)).sum(axis=(1, 2, 3)) for p in chances]
    exact = np.array([2, 5, 7])[np.argmax(odds, axis=0)]
    assert (listener.named(test) == exact).mean() > 0.98
    assert listener.recall(test, np.repeat([2, 5, 7], 50)) > 0.95


def test_styles_that_are_alike_are_named_by_chance_and_rare_ones_count_as_much() -> None:
    rng = np.random.default_rng(1)
    same = np.full((16, 3), 0.3)
    listener = StyleCounts(beats(rng, same, 2000), np.arange(2000) % 4, 3)
    assert listener.recall(beats(rng, same, 2000), np.arange(2000) % 4) == pytest.approx(0.25, abs=0.04)
    one = StyleCounts(np.array([[1] * 64, [0] * 64]), np.array([0, 1]), 1)
    labels = np.array([0] * 9 + [1])
    assert one.recall(np.ones((10, 64), int), labels) == 0.5


def test_without_clips_there_is_nothing_to_learn() -> None:
    with pytest.raises(ValueError, match="no clip"):
        StyleCounts(np.zeros((0, 64), int), np.zeros(0, int), 9)
