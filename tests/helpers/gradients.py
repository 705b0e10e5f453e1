"""Gradients by the backend that runs, for tests."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

Array = Any


def gradients(function: Callable, values: list[Array]) -> list[Array]:
    """The gradients of a scalar function of arrays, as NumPy arrays."""
    if keras.backend.backend() == "jax":
        import jax

        found = jax.grad(lambda vs: function(*vs))([jax.numpy.asarray(v) for v in values])
        return [np.asarray(g) for g in found]
    import tensorflow as tf

    tensors = [tf.constant(v) for v in values]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        result = function(*tensors)
    return [g.numpy() for g in tape.gradient(result, tensors)]
