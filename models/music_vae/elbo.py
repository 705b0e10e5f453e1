"""The loss of MusicVAE: reconstruction, plus beta times the KL divergence beyond the free bits.

Roberts et al., "A Hierarchical Latent Vector Model for Learning Long-Term Structure in Music" (2018), equation 4. Beta
is annealed as in Magenta's `MusicVAE.train`; with beta 1 and no free bits the loss is the negative ELBO.
"""

import math
from typing import Any

from keras import ops

Tensor = Any

LN2 = math.log(2.0)
"""Nats in a bit."""


def kl_weight(step: Tensor, max_beta: float, beta_rate: float) -> Tensor:
    """Beta, the weight of the KL divergence: `(1 - beta_rate ** step) * max_beta`.

    Example:
        >>> [round(float(kl_weight(step, max_beta=0.2, beta_rate=0.5)), 3) for step in (0, 1, 2, 100)]
        [0.0, 0.1, 0.15, 0.2]
    """
    return (1.0 - ops.power(beta_rate, ops.cast(step, "float32"))) * max_beta


def kl_beyond_free_bits(kl: Tensor, free_bits: float) -> Tensor:
    """What a KL divergence in nats exceeds the free bits by, at least 0; the shape of `kl`.

    A posterior may hold that many bits about its sequence without any cost, so that the model uses its latent vector
    (Kingma et al., "Improving Variational Inference with Inverse Autoregressive Flow", 2016).

    Example:
        >>> [round(float(kl_beyond_free_bits(bits * LN2, free_bits=48)), 2) for bits in (40, 48, 50)]
        [0.0, 0.0, 1.39]
    """
    return ops.maximum(kl - free_bits * LN2, 0.0)


def beta_elbo_loss(reconstruction: Tensor, kl: Tensor, beta: Tensor, free_bits: float) -> Tensor:
    """`mean(reconstruction) + beta * mean(max(kl - free_bits ln 2, 0))`, a scalar in nats.

    Args:
        reconstruction: `-log p(x | z)` of each sequence in nats, `[batch]`.
        kl: `KL(q(z | x) || p(z))` of each sequence in nats, `[batch]`.
        beta: weight of the KL divergence, see `kl_weight`.
        free_bits: bits of KL divergence that cost nothing.
    """
    return ops.mean(reconstruction) + beta * ops.mean(kl_beyond_free_bits(kl, free_bits))
