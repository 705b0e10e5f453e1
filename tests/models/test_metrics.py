"""Measures of beats and of the model: against hand-made values, brute force and exact probabilities."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import beat_statistics, metrics


def beat(text: str) -> np.ndarray:
    """One drum's clip `[1, steps, 1]` from text such as `x...x...`."""
    return np.array([c == "x" for c in text.replace(" ", "")])[None, :, None]


def test_hits_are_the_bits_of_a_token():
    hits = metrics.hits_of(np.array([[0, 1, 0b101, 0b100000000]]), 9)
    assert hits.shape == (1, 4, 9)
    assert np.argwhere(hits[0]).tolist() == [[1, 0], [2, 0], [2, 2], [3, 8]]


def test_reconstruction_by_hand():
    truth = np.array([[0b01, 0b11, 0b00, 0b01], [0b10, 0b00, 0b11, 0b11]])
    played = np.array([[0b01, 0b01, 0b10, 0b00], [0b10, 0b00, 0b00, 0b00]])
    found = metrics.reconstruction(truth, played, np.array([4, 2]), 2)
    # Of the six real steps 1 + 2 are right. Drum 0: 2 hits right of 3 wanted, 2 struck. Drum 1: 1 of 2 and 2.
    assert found.token_accuracy == pytest.approx(3 / 6)
    assert found.f1_per_drum == pytest.approx((2 * 2 / 5, 2 * 1 / 4))
    assert found.f1 == pytest.approx(2 * 3 / 9)


def test_a_drum_that_nobody_strikes_has_no_f1():
    tokens = np.array([[1, 0]])
    found = metrics.reconstruction(tokens, tokens, np.array([2]), 2)
    assert found.f1_per_drum[0] == 1.0 and math.isnan(found.f1_per_drum[1]) and found.f1 == 1.0


def test_kl_is_the_mean_log_ratio_under_the_posterior():
    rng = np.random.default_rng(0)
    mu, sigma = rng.normal(size=(1, 3)), rng.uniform(0.2, 2.0, (1, 3))
    noise = rng.standard_normal((400_000, 3))
    ratio = metrics.log_prior_over_posterior(noise, mu, sigma)
    error = ratio.std() / math.sqrt(len(ratio))
    assert metrics.kl_to_standard_normal(mu, sigma)[0] == pytest.approx(-ratio.mean(), abs=5 * error)
    assert metrics.kl_to_standard_normal(np.zeros((2, 4)), np.ones((2, 4))) == pytest.approx([0, 0])


def test_sigma_that_rounded_to_zero_gives_numbers():
    zero = np.zeros((1, 2), np.float32)
    assert np.isfinite(metrics.kl_to_standard_normal(zero, zero)).all()
    assert np.isfinite(metrics.log_prior_over_posterior(zero, zero, zero)).all()


def linear_gaussian(draws: int, clips: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Log weights `[clips, draws]` and exact log p(x) of x ~ N(2 z, 0.5^2), z ~ N(0, 1), under a poor q(z | x)."""
    rng = np.random.default_rng(1)
    slope, width = 2.0, 0.5
    x = slope * rng.standard_normal(clips) + width * rng.standard_normal(clips)
    # The exact posterior has mean slope x / (slope^2 + width^2); this one is shifted and too wide.
    mu = slope * x / (slope**2 + width**2) + 0.2
    sigma = np.full(clips, 2 * width / math.hypot(slope, width))
    noise = rng.standard_normal((clips, draws, 1))
    z = mu[:, None] + sigma[:, None] * noise[..., 0]
    likelihood = -0.5 * ((x[:, None] - slope * z) / width) ** 2 - math.log(width * math.sqrt(2 * math.pi))
    ratio = metrics.log_prior_over_posterior(noise, mu[:, None, None], sigma[:, None, None])
    variance = slope**2 + width**2
    exact = -0.5 * x**2 / variance - 0.5 * math.log(2 * math.pi * variance)
    return likelihood + ratio, exact


def test_importance_weighted_bound_reaches_the_exact_marginal():
    log_weights, exact = linear_gaussian(50_000)
    assert metrics.importance_weighted_bound(log_weights) == pytest.approx(exact, abs=0.03)
    elbo = log_weights.mean(axis=1)
    assert (exact - elbo > 0.3).all(), "the posterior of this test is poor, so the plain bound must show it"


def test_importance_weighted_bound_tightens_with_draws():
    log_weights, exact = linear_gaussian(4096, clips=200)

    def bound(k: int) -> float:
        return metrics.importance_weighted_bound(log_weights.reshape(-1, k)).mean()

    bounds = [bound(k) for k in (1, 4, 16, 64)]
    assert bounds == sorted(bounds) and bounds[0] < bounds[-1] < exact.mean() + 0.01
    assert bounds[0] == pytest.approx(log_weights.mean())


@given(st.lists(st.lists(st.floats(-5000, 5000), min_size=5, max_size=5), min_size=1, max_size=4))
def test_importance_weighted_bound_lies_between_mean_and_maximum(rows: list[list[float]]):
    weights = np.array(rows)
    bound = metrics.importance_weighted_bound(weights)
    assert (bound >= weights.mean(axis=1) - 1e-6).all() and (bound <= weights.max(axis=1) + 1e-6).all()
    assert metrics.importance_weighted_bound(weights + 123.0) == pytest.approx(bound + 123.0)


def test_active_units_counts_varying_means():
    mu = np.zeros((100, 3))
    mu[:, 1] = np.linspace(-1, 1, 100)
    mu[:, 2] = np.linspace(-0.1, 0.1, 100)  # variance 0.0034
    assert metrics.active_units(mu) == 1
    assert metrics.active_units(mu, threshold=0.001) == 2


def test_hits_per_bar_and_density_by_hand():
    hits = np.zeros((2, 32, 2), bool)
    hits[0, :16:4, 0] = True
    hits[0, 20, :] = True
    hits[1, 31, 1] = True
    assert metrics.hits_per_bar(hits).tolist() == [4, 2, 0, 1]
    assert metrics.density(hits).tolist() == [[5 / 32, 1 / 32], [0, 1 / 32]]


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
    assert metrics.syncopation(beat(rhythm), (0,)) == pytest.approx([score])


def test_syncopation_is_a_bar_and_of_the_union_of_the_drums():
    one = beat("..x.............")
    assert metrics.syncopation(np.tile(one, (1, 2, 1)), (0,)) == pytest.approx([3])
    kick_and_hat = np.concatenate([one, beat("xxxxxxxxxxxxxxxx")], axis=2)
    assert metrics.syncopation(kick_and_hat, (0,)) == pytest.approx([3])
    assert metrics.syncopation(kick_and_hat, (0, 1)) == pytest.approx([0])
    with pytest.raises(ValueError, match="whole bars"):
        metrics.syncopation(one[:, :10], (0,))


def test_distinct_share():
    patterns = np.array([[1, 0], [1, 0], [0, 1], [0, 0]], bool)[:, :, None]
    assert metrics.distinct_share(patterns) == 3 / 4
    assert metrics.distinct_share(np.zeros((5, 16, 9), bool)) == 1 / 5


@given(
    st.lists(st.integers(-9, 9), min_size=4, max_size=4),
    st.lists(st.integers(-9, 9), min_size=4, max_size=4),
)
def test_wasserstein_is_the_cheapest_matching(a: list[int], b: list[int]):
    cheapest = (
        min(sum(abs(x - y) for x, y in zip(a, order, strict=True)) for order in itertools.permutations(b)) / 4
    )
    assert metrics.wasserstein(np.array(a), np.array(b)) == pytest.approx(cheapest)


def test_wasserstein_of_sets_of_different_size():
    assert metrics.wasserstein(np.array([0, 0, 1, 1]), np.array([0, 1])) == pytest.approx(0)
    assert metrics.wasserstein(np.array([0, 3]), np.array([0, 0, 0, 3])) == pytest.approx(3 / 4)
    assert metrics.wasserstein(np.array([5.0]), np.array([2.0])) == pytest.approx(3)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 7), st.integers(1, 9), st.integers(1, 4))
def test_nearest_distance_is_that_of_brute_force(seed: int, queries: int, pool: int, block: int):
    rng = np.random.default_rng(seed)
    a, b = rng.random((queries, 16, 9)) < 0.3, rng.random((pool, 16, 9)) < 0.3
    a[0] = b[-1]
    found = metrics.nearest_distance(a, b, block)
    assert found.tolist() == [min(int((q != p).sum()) for p in b) for q in a]
    assert found[0] == 0


def test_distances_of_a_set_to_itself_and_to_a_busier_one():
    rng = np.random.default_rng(0)
    quiet, busy = rng.random((30, 64, 9)) < 0.1, rng.random((30, 64, 9)) < 0.3
    a, b = (beat_statistics.statistics(hits, (0, 1)) for hits in (quiet, busy))
    assert all(v == 0 for v in beat_statistics.distances(a, a).values())
    apart = beat_statistics.distances(a, b)
    assert apart["hits_per_bar"] == pytest.approx(busy.sum() / 120 - quiet.sum() / 120)
    assert apart["density"] == pytest.approx(busy.mean() - quiet.mean())


def test_copies_show():
    found = beat_statistics.nearest_summary(np.array([0, 0, 4, 8]))
    assert found["copies"] == 0.5 and found["median"] == 2 and found["mean"] == 3


def test_unigram_and_markov_are_the_formulas() -> None:
    train = np.array([[0, 1, 0, 1], [0, 1, 2, -1]])
    clips = np.array([[0, 1, 0, -1]])
    # Counts plus one: 0: 4, 1: 4, 2: 2 of 10.
    p = np.array([0.4, 0.4, 0.2])
    assert metrics.unigram_nats(train, clips, 3) == pytest.approx(-2 * np.log(0.4) - np.log(0.4))
    # From 0 comes 1 three times; from 1 comes 0 once and 2 once.
    to_1, to_0 = (3 + p[1]) / (3 + 1), (1 + p[0]) / (2 + 1)
    expected = -np.log(p[0]) - np.log(to_1) - np.log(to_0)
    assert metrics.markov_nats(train, clips, 3) == pytest.approx(expected)
