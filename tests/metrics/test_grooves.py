"""Timing and velocity of performances, against figures computed by hand."""

import numpy as np
import pytest

from metrics.grooves import BINS, compare, histogram_kl, hit_f1, quantized

SIXTEENTH = np.array([0.125])


def clip(hits: list[float], velocities: list[float], offsets: list[float]) -> np.ndarray:
    """One drum over some steps, `[1, steps, 3]`."""
    return np.stack([hits, velocities, offsets], axis=-1)[None].astype(float)


def test_errors_count_at_the_drummers_hits_only() -> None:
    truth = clip([1, 0, 1, 0], [0.5, 0, 1.0, 0], [0.0, 0, 0.5, 0])
    played = clip([0, 1, 1, 0], [0.6, 1, 0.8, 0], [0.4, 1, -0.3, 0])
    figures = compare(truth, played, SIXTEENTH)
    # Offsets are off by 0.4 and 0.8 of half a step of 125 ms.
    assert figures.timing_mae_ms == pytest.approx((25 + 50) / 2)
    assert figures.timing_mse == pytest.approx((0.2**2 + 0.4**2) / 2)
    assert figures.velocity_mae == pytest.approx(127 * 0.15)


def test_the_divergence_is_zero_for_equal_histograms_and_known_for_two_values() -> None:
    rng = np.random.default_rng(0)
    values = rng.uniform(-1, 1, 500)
    assert histogram_kl(values, rng.permutation(values), (-1, 1)) == 0
    low, high = np.full(68, -1.0), np.full(68, 1.0)
    total = 68 + BINS
    assert histogram_kl(low, high, (-1, 1)) == pytest.approx(68 / total * np.log(69))
    assert histogram_kl(low, low * 3, (-1, 1)) == 0, "what lies outside counts in the last bin"


def test_quantized_is_on_the_beat_at_the_mean_velocity() -> None:
    truth = clip([1, 0, 1, 0], [0.4, 0, 0.8, 0], [0.3, 0, -0.5, 0])
    np.testing.assert_allclose(quantized(truth), clip([1, 0, 1, 0], [0.6, 0, 0.6, 0], [0, 0, 0, 0]))
    assert not quantized(truth * 0).any()


def test_f1_of_hits() -> None:
    truth, played = clip([1, 1, 0, 0], [0] * 4, [0] * 4), clip([1, 0, 1, 0], [0] * 4, [0] * 4)
    assert hit_f1(truth, truth) == 1 and hit_f1(truth, played) == 0.5 and hit_f1(truth * 0, truth * 0) == 0
