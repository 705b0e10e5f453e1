"""The probability distributions of the models: TensorFlow Probability's, from the substrate of Keras's backend."""

from typing import Any

import keras

Tensor = Any


def _tfd() -> Any:
    # TensorFlow Probability costs seconds to import, and sampling beats needs none of it.
    if keras.backend.backend() == "jax":
        from tensorflow_probability.substrates import jax as tfp
    else:
        import tensorflow_probability as tfp
    return tfp.distributions


def load() -> None:
    """Import TensorFlow Probability now rather than at the first use."""
    _tfd()


def kl_to_standard_normal(mu: Tensor, sigma: Tensor) -> Tensor:
    """KL(N(mu, diag sigma^2) || N(0, I)) in nats: `[batch]` for `mu` and `sigma` `[batch, z_size]`."""
    tfd = _tfd()
    posterior = tfd.MultivariateNormalDiag(mu, sigma)
    prior = tfd.MultivariateNormalDiag(mu * 0, sigma * 0 + 1)
    return tfd.kl_divergence(posterior, prior)


def categorical_log_probability(logits: Tensor, tokens: Tensor) -> Tensor:
    """Log probability in nats of integer `tokens` `[...]` under `logits` `[..., classes]`."""
    return _tfd().Categorical(logits=logits).log_prob(tokens)
