"""The loss at values worked out by hand."""

import numpy as np
import pytest

from models.music_vae.elbo import beta_elbo_loss, kl_weight

pytestmark = pytest.mark.jax


@pytest.mark.parametrize(
    ("step", "max_beta", "beta_rate", "expected"),
    [(0, 0.2, 0.0, 0.0), (1, 0.2, 0.0, 0.2), (0, 1.0, 0.5, 0.0), (1, 1.0, 0.5, 0.5), (3, 0.2, 0.5, 0.175)],
)
def test_kl_weight(step: int, max_beta: float, beta_rate: float, expected: float) -> None:
    np.testing.assert_allclose(float(kl_weight(step, max_beta, beta_rate)), expected, rtol=1e-5)


def test_only_the_kl_beyond_the_free_bits_costs_anything() -> None:
    reconstruction, kl = np.array([10.0, 20.0], np.float32), np.array([1.0, 5.0], np.float32)
    expected = 15 + 0.5 * (0 + 5 - 2 * np.log(2)) / 2
    assert float(beta_elbo_loss(reconstruction, kl, 0.5, free_bits=2.0)) == pytest.approx(expected, rel=1e-6)
