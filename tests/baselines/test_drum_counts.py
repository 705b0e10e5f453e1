"""The mixture of counts: exact small cases, and that probabilities are probabilities."""

import numpy as np
import pytest

from baselines import drum_counts
from baselines.drum_counts import BEFORE, CLASSES, ESCAPE, POSITION, CountMixture, Table


def beats(clips: int, seed: int) -> np.ndarray:
    """Clips of four bars over a few tokens, each of them a bar that returns with some changes."""
    rng = np.random.default_rng(seed)
    tokens = np.tile(rng.choice([0, 1, 3, 4, 256, 511], (clips, 16)), (1, 4))
    changed = rng.random(tokens.shape) < 0.1
    return np.where(changed, rng.integers(0, CLASSES, tokens.shape), tokens)


@pytest.fixture(scope="module")
def mixture() -> CountMixture:
    return CountMixture(beats(60, 0), np.repeat(np.arange(12), 5))


def test_a_table_is_the_formula():
    table = Table(np.array([[5, 7, 5, 7, 5, 6]]), (1,))
    contexts, tokens, below = np.array([5, 5, 7, 9]), np.array([7, 8, 5, 3]), np.array([0.1, 0.2, 0.3, 0.4])
    # After 5 came 7 twice and 6 once; after 7 came 5 twice; 9 was never met.
    expected = [
        (2 + 2 * ESCAPE * 0.1) / (3 + 2 * ESCAPE),
        2 * ESCAPE * 0.2 / (3 + 2 * ESCAPE),
        (2 + ESCAPE * 0.3) / (2 + ESCAPE),
        0.4,
    ]
    assert table.probability(contexts, tokens, below) == pytest.approx(expected)
    dense = table.distribution(contexts, np.full((4, CLASSES), 1 / CLASSES))
    assert dense.sum(axis=1) == pytest.approx(np.ones(4))
    again = table.probability(contexts, tokens, np.full(4, 1 / CLASSES))
    assert dense[np.arange(4), tokens] == pytest.approx(again)


def test_contexts():
    tokens = np.arange(20)[None] % 7
    assert drum_counts.shifted(tokens, 2)[0, :5].tolist() == [BEFORE, BEFORE, 0, 1, 2]
    assert (drum_counts.shifted(tokens, 48) == BEFORE).all()
    position_and_last = drum_counts.contexts_of(tokens, (POSITION, 1))[0]
    assert position_and_last[17] == 1 * (CLASSES + 1) + 16 % 7
    longest = max((context for chain in drum_counts.CHAINS for context in chain), key=len)
    highest = np.full((1, 64), CLASSES - 1)
    keys = drum_counts.contexts_of(highest, longest) * CLASSES
    assert (keys >= 0).all() and len(np.unique(keys)) > 1, "numbers of contexts fit 64 bits"


def test_agreement_counts_the_steps_before():
    tokens = np.array([[1, 2, 3, 4, 1, 2, 9, 4, 1]])
    assert drum_counts.agreement(tokens, 4)[0].tolist() == [0, 0, 0, 0, 0, 1, 2, 0, 1]


def test_probabilities_of_all_tokens_sum_to_one_and_are_those_that_cost(mixture: CountMixture):
    clips = beats(6, 1)
    clips[3] = 77  # a token that the training never has
    nats = mixture.nats(clips)
    for step in range(64):
        p = mixture.distribution(clips, step)
        assert p.sum(axis=1) == pytest.approx(np.ones(6), abs=1e-12)
        assert (p > 0).all()
        assert -np.log(p[np.arange(6), clips[:, step]]) == pytest.approx(nats[:, step], rel=1e-9)


def test_every_token_costs_what_the_enumeration_says(mixture: CountMixture):
    clips = np.repeat(beats(1, 2), CLASSES, axis=0)
    clips[:, 37] = np.arange(CLASSES)
    assert np.exp(-mixture.nats(clips)[:, 37]).sum() == pytest.approx(1, abs=1e-12)


def test_the_future_is_not_looked_at(mixture: CountMixture):
    clips = beats(3, 3)
    changed = clips.copy()
    changed[:, 40:] = 0
    assert mixture.nats(clips)[:, :40] == pytest.approx(mixture.nats(changed)[:, :40])
    assert mixture.distribution(clips, 40) == pytest.approx(mixture.distribution(changed, 40))


def test_it_hears_that_bars_return(mixture: CountMixture):
    by_bar = mixture.nats(beats(50, 4)).reshape(50, 4, 16).sum(axis=2).mean(axis=0)
    assert by_bar[1] < 0.7 * by_bar[0] and by_bar[3] < 0.7 * by_bar[0]
    assert mixture.weights.sum(axis=1) == pytest.approx(np.ones(drum_counts.GROUPS))


def test_samples_are_the_seeds_and_cost_what_samples_should(mixture: CountMixture):
    samples = mixture.sample(40, seed=3)
    assert (mixture.sample(7, seed=3) == samples[:7]).all(), "a clip depends on the seed and its number alone"
    nats = mixture.nats(samples).sum(axis=1)
    expected = entropy_of_steps(mixture, samples)
    # The surprise of ancestral samples is their entropy on average: the difference is a martingale.
    assert (nats - expected).mean() == pytest.approx(
        0, abs=4 * (nats - expected).std() / np.sqrt(len(samples))
    )
    cool = mixture.sample(40, temperature=0.5, seed=3)
    assert mixture.nats(cool).sum(axis=1).mean() < nats.mean()


def entropy_of_steps(mixture: CountMixture, tokens: np.ndarray) -> np.ndarray:
    """The sum over the steps of the entropy of what could come next, `[clips]`."""
    total = np.zeros(len(tokens))
    for step in range(tokens.shape[1]):
        p = mixture.distribution(tokens, step)
        total -= (p * np.log(p)).sum(axis=1)
    return total


def test_weights_find_the_component_that_is_right():
    shares = np.full((1, 1000, 2), 0.1)
    shares[0, :, 1] = 0.9
    weights = drum_counts.fit_weights(shares, np.zeros((1, 1000), int))
    assert weights[0, 1] > 0.999
    assert weights[5] == pytest.approx(weights[0], abs=1e-6), "groups that are not met follow the others"


def test_a_single_file_is_enough():
    clips = beats(8, 5)
    assert np.isfinite(CountMixture(clips, np.zeros(8, int)).nats(clips)).all()
