"""Bounds on the likelihood against exact probabilities."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics import variational


def test_kl_is_the_mean_log_ratio_under_the_posterior():
    rng = np.random.default_rng(0)
    mu, sigma = rng.normal(size=(1, 3)), rng.uniform(0.2, 2.0, (1, 3))
    noise = rng.standard_normal((400_000, 3))
    ratio = variational.log_prior_over_posterior(noise, mu, sigma)
    error = ratio.std() / math.sqrt(len(ratio))
    assert variational.kl_to_standard_normal(mu, sigma)[0] == pytest.approx(-ratio.mean(), abs=5 * error)
    assert variational.kl_to_standard_normal(np.zeros((2, 4)), np.ones((2, 4))) == pytest.approx([0, 0])


def test_sigma_that_rounded_to_zero_gives_numbers():
    zero = np.zeros((1, 2), np.float32)
    assert np.isfinite(variational.kl_to_standard_normal(zero, zero)).all()
    assert np.isfinite(variational.log_prior_over_posterior(zero, zero, zero)).all()


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
    ratio = variational.log_prior_over_posterior(noise, mu[:, None, None], sigma[:, None, None])
    variance = slope**2 + width**2
    exact = -0.5 * x**2 / variance - 0.5 * math.log(2 * math.pi * variance)
    return likelihood + ratio, exact


def test_importance_weighted_bound_reaches_the_exact_marginal():
    log_weights, exact = linear_gaussian(50_000)
    assert variational.importance_weighted_bound(log_weights) == pytest.approx(exact, abs=0.03)
    elbo = log_weights.mean(axis=1)
    assert (exact - elbo > 0.3).all(), "the posterior of this test is poor, so the plain bound must show it"


def test_importance_weighted_bound_tightens_with_draws():
    log_weights, exact = linear_gaussian(4096, clips=200)

    def bound(k: int) -> float:
        return variational.importance_weighted_bound(log_weights.reshape(-1, k)).mean()

    bounds = [bound(k) for k in (1, 4, 16, 64)]
    assert bounds == sorted(bounds) and bounds[0] < bounds[-1] < exact.mean() + 0.01
    assert bounds[0] == pytest.approx(log_weights.mean())


@given(st.lists(st.lists(st.floats(-5000, 5000), min_size=5, max_size=5), min_size=1, max_size=4))
def test_importance_weighted_bound_lies_between_mean_and_maximum(rows: list[list[float]]):
    weights = np.array(rows)
    bound = variational.importance_weighted_bound(weights)
    assert (bound >= weights.mean(axis=1) - 1e-6).all() and (bound <= weights.max(axis=1) + 1e-6).all()
    assert variational.importance_weighted_bound(weights + 123.0) == pytest.approx(bound + 123.0)


def test_active_units_counts_varying_means():
    mu = np.zeros((100, 3))
    mu[:, 1] = np.linspace(-1, 1, 100)
    mu[:, 2] = np.linspace(-0.1, 0.1, 100)  # variance 0.0034
    assert variational.active_units(mu) == 1
    assert variational.active_units(mu, threshold=0.001) == 2
