"""Measures of a variational autoencoder, in NumPy: KL divergence, importance-weighted bound, active units.

Source: the importance-weighted bound and active units are those of Burda, Grosse and Salakhutdinov, "Importance Weighted
Autoencoders" (2016).
"""

import numpy as np

Array = np.ndarray

ACTIVE_VARIANCE = 0.01
"""Variance of its posterior mean above which a latent unit counts as active."""


def kl_to_standard_normal(mu: Array, sigma: Array) -> Array:
    """KL(N(mu, diag sigma^2) || N(0, I)) in nats: `[n]` for `[n, z_size]`.

    >>> kl_to_standard_normal(np.array([[0.0, 0.0], [1.0, 2.0]]), np.ones((2, 2)))
    array([0. , 2.5])
    """
    mu, sigma = np.asarray(mu, np.float64), _positive(sigma)
    return 0.5 * (mu**2 + sigma**2 - 1 - 2 * np.log(sigma)).sum(axis=-1)


def log_prior_over_posterior(noise: Array, mu: Array, sigma: Array) -> Array:
    """`log N(z; 0, I) - log N(z; mu, diag sigma^2)` in nats at `z = mu + sigma * noise`: `[...]` for `[..., z_size]`."""
    noise, sigma = np.asarray(noise, np.float64), _positive(sigma)
    z = np.asarray(mu, np.float64) + sigma * noise
    return (0.5 * noise**2 - 0.5 * z**2 + np.log(sigma)).sum(axis=-1)


def _positive(sigma: Array) -> Array:
    """`sigma` in double precision; a softplus that has rounded to 0 becomes the least float32."""
    return np.maximum(np.asarray(sigma, np.float64), np.finfo(np.float32).tiny)


def importance_weighted_bound(log_weights: Array) -> Array:
    """Lower bound on log p(x) in nats from K draws of z for each clip: the log of the mean weight, `[n]`.

    >>> importance_weighted_bound(np.log([[0.25, 0.75]])).round(4)  # log 0.5
    array([-0.6931])

    With K = 1 it is an estimate of the evidence lower bound; it grows with K towards log p(x) (Burda et al.).

    Args:
        log_weights: `log p(x, z) - log q(z | x)`, `[n, K]`.
    """
    log_weights = np.asarray(log_weights, np.float64)
    highest = log_weights.max(axis=1, keepdims=True)
    # Weights of one clip differ by hundreds of nats: only relative to the highest do they fit a float.
    return highest[:, 0] + np.log(np.exp(log_weights - highest).mean(axis=1))


def active_units(mu: Array, threshold: float = ACTIVE_VARIANCE) -> int:
    """Latent units whose posterior mean `[n, z_size]` varies over the clips by more than the threshold."""
    return int((np.asarray(mu, np.float64).var(axis=0) > threshold).sum())
