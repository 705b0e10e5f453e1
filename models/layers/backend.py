"""The loop over time that every recurrent part shares, random numbers, and a product, on every backend.

`keras.ops.scan` would be the natural home, but its TensorFlow form demands outputs of the carry's structure,
so an LSTM could not hand out its gates beside its state. Besides `models/layers/distributions.py` this is the only
module that asks which backend runs.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops, tree


def product(x: Any, rows: Any) -> Any:
    """`x rows`, which is zero where `x` holds no values `[..., 0]`.

    TensorFlow 2.21 loses the bias where it fuses it with such a product, and on processors with AVX-512 gives the
    product to oneDNN, which ends the process.
    """
    if not x.shape[-1]:
        return ops.zeros((*ops.shape(x)[:-1], rows.shape[-1]), dtype=x.dtype)
    return ops.matmul(x, rows)


def scan(step: Callable, carry: Any, inputs: Any, reverse: bool = False) -> tuple[Any, Any]:
    """Run `carry, output = step(carry, input)` along the first axis of every array in `inputs`.

    Args:
        step: a function of `(carry, input)` that returns `(carry, output)` of fixed shapes.
        carry: nested tuple of arrays, the state before the first step.
        inputs: nested tuple of arrays `[time, ...]`, time known statically and at least 1.
        reverse: run from the last step to the first; outputs keep the order of the inputs.

    Returns:
        The last carry, and the outputs stacked to `[time, ...]`.
    """
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return jax.lax.scan(step, carry, inputs, reverse=reverse)
    if backend == "numpy":
        return _numpy_scan(step, carry, inputs, reverse)
    return _tensorflow_scan(step, carry, inputs, reverse)


def _numpy_scan(step: Callable, carry: Any, inputs: Any, reverse: bool) -> tuple[Any, Any]:
    time = len(tree.flatten(inputs)[0])
    outputs = []
    for t in range(time):
        at = time - 1 - t if reverse else t
        carry, output = step(carry, tree.map_structure(lambda x, at=at: x[at], inputs))
        outputs.append(output)
    if reverse:
        outputs.reverse()
    return carry, tree.map_structure(lambda *parts: np.stack(parts), *outputs)


def _tensorflow_scan(step: Callable, carry: Any, inputs: Any, reverse: bool) -> tuple[Any, Any]:
    import tensorflow as tf

    inputs = tree.map_structure(tf.convert_to_tensor, inputs)
    time = tree.flatten(inputs)[0].shape[0]
    arrays = [
        tf.TensorArray(x.dtype, size=time, element_shape=x.shape[1:], clear_after_read=False).unstack(x)
        for x in tree.flatten(inputs)
    ]

    def read(t: Any) -> Any:
        return tree.pack_sequence_as(inputs, [array.read(t) for array in arrays])

    # The first step runs outside of the loop: its outputs show the structure of what the loop must store.
    first, second = (time - 1, time - 2) if reverse else (0, 1)
    carry, outputs = step(carry, read(first))
    stores = [
        tf.TensorArray(x.dtype, size=time, element_shape=x.shape).write(first, x)
        for x in tree.flatten(outputs)
    ]

    def body(t: Any, carry: Any, stores: list) -> tuple[Any, Any, list]:
        carry, outputs = step(carry, read(t))
        stores = [store.write(t, x) for store, x in zip(stores, tree.flatten(outputs), strict=True)]
        return (t - 1 if reverse else t + 1), carry, stores

    def unfinished(t: Any, carry: Any, stores: list) -> Any:
        return t >= 0 if reverse else t < time

    _, carry, stores = tf.while_loop(
        unfinished, body, (tf.constant(second), carry, stores), maximum_iterations=time - 1
    )
    return carry, tree.pack_sequence_as(outputs, [store.stack() for store in stores])


def uniform(shape: Any, seed: keras.random.SeedGenerator) -> Any:
    """Random float32 numbers in [0, 1), as `keras.random.uniform` draws them."""
    if keras.backend.backend() == "tensorflow":
        return _tensorflow_uniform(shape, "float32", seed)
    return keras.random.uniform(shape, dtype="float32", seed=seed)


def normal(shape: Any, seed: keras.random.SeedGenerator) -> Any:
    """Random float32 numbers of mean 0 and standard deviation 1, as `keras.random.normal` draws them."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.random.stateless_normal(shape, _tensorflow_seed(seed), alg="philox")
    return keras.random.normal(shape, dtype="float32", seed=seed)


def dropout(inputs: Any, rate: float, seed: keras.random.SeedGenerator) -> Any:
    """Inputs of which each is dropped with probability `rate`, below 1, and the others scaled up."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        kept = _tensorflow_uniform(tf.shape(inputs), inputs.dtype, seed) >= rate
        return tf.where(kept, inputs * (1 / (1 - rate)), 0.0)
    return keras.random.dropout(inputs, rate, seed=seed)


def _tensorflow_uniform(shape: Any, dtype: Any, seed: keras.random.SeedGenerator) -> Any:
    import tensorflow as tf

    # The generator that TensorFlow would choose by itself. Where it does, XLA derives its key for every single value,
    # which takes fifty times as long as drawing them: more than all the rest of a training step of drums.
    return tf.random.stateless_uniform(shape, _tensorflow_seed(seed), dtype=dtype, alg="philox")


def _tensorflow_seed(seed: keras.random.SeedGenerator) -> Any:
    """The next two int32 numbers, which Keras would take."""
    import tensorflow as tf

    return tf.cast(tf.math.floormod(seed.next(), tf.int32.max - 1), "int32")


def set_seed(seed: int) -> None:
    """Seed the draws of initial weights; Keras's own function would import TensorFlow."""
    if keras.backend.backend() == "numpy":
        np.random.seed(seed)
    else:
        keras.utils.set_random_seed(seed)


def compiled(function: Callable) -> Callable:
    """A function of nested tuples of arrays, compiled by XLA at its first call; as it is with NumPy."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return jax.jit(function)
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=True, reduce_retracing=False)
    return function
