"""Maps that spread medians as drummers do, and the threshold for hits."""

import numpy as np

from models.numpy_engine import grooves as numpy_groove
from workflows.grooves import quantile_maps


def played(medians: np.ndarray, truth: np.ndarray, share: float) -> np.ndarray:
    knots = quantile_maps.mixture_map(medians, truth, medians, share)
    return numpy_groove.mapped(knots[None], medians[:, None].astype(np.float32))[:, 0]


def test_shares_of_none_and_all() -> None:
    rng = np.random.default_rng(0)
    medians, truth = rng.normal(0.5, 0.05, 20000), rng.normal(0.4, 0.2, 30000)
    np.testing.assert_allclose(
        played(medians, truth, 0.0), medians.clip(*np.quantile(medians, [0.01, 0.99])), atol=0.02
    )
    whole = played(medians, truth, 1.0)
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    np.testing.assert_allclose(np.quantile(whole, levels), np.quantile(truth, levels), atol=0.01)
    half = np.quantile(played(medians, truth, 0.5), levels)
    mixture = np.quantile(np.concatenate([np.repeat(medians, 3), np.repeat(truth, 2)]), levels)
    np.testing.assert_allclose(half, mixture, atol=0.01)
    # Order is kept.
    order = np.argsort(medians)
    assert (np.diff(whole[order]) >= -1e-6).all()


def test_a_map_is_piecewise_linear() -> None:
    rng = np.random.default_rng(1)
    knots = np.sort(rng.random((3, 2, 9)), axis=-1).astype(np.float32)
    values = rng.uniform(-0.5, 1.5, (40, 3)).astype(np.float32)
    expected = np.stack([np.interp(values[:, d], *knots[d]) for d in range(3)], axis=-1)
    np.testing.assert_allclose(numpy_groove.mapped(knots, values), expected, atol=1e-5)


def test_the_threshold_has_the_best_f1() -> None:
    probabilities = np.array([0.9, 0.6, 0.45, 0.41, 0.3, 0.25])
    struck = np.array([True, False, True, True, False, False])
    assert 0.3 <= quantile_maps.best_threshold(probabilities, struck) < 0.41


def test_only_drummer_and_style_are_forgotten() -> None:
    controls = np.arange(2 * 38, dtype=float).reshape(1, 2, 38) + 1
    found = quantile_maps.without_conditions(controls, 9)
    np.testing.assert_array_equal(found[..., :10], controls[..., :10])
    assert not found[..., 10:].any() and controls.all()
