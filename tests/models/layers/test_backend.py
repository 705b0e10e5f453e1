"""Random numbers are those that Keras draws from the same seed, with and without XLA."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from models.layers import backend

SHAPE = (5, 7)
DRAWS: dict[str, tuple[Callable, Callable]] = {
    "uniform": (
        lambda _, seed: backend.uniform(SHAPE, seed),
        lambda _, seed: keras.random.uniform(SHAPE, seed=seed),
    ),
    "normal": (
        lambda _, seed: backend.normal(SHAPE, seed),
        lambda _, seed: keras.random.normal(SHAPE, seed=seed),
    ),
    "dropout": (
        lambda x, seed: backend.dropout(x, 0.3, seed),
        lambda x, seed: keras.random.dropout(x, 0.3, seed=seed),
    ),
}


class Twice(keras.layers.Layer):
    """Draws twice, so that the second is not the first."""

    def __init__(self, draw: Callable, dtype: str):
        super().__init__(dtype=dtype)
        self.draw, self.seed = draw, keras.random.SeedGenerator(3)

    def call(self, x: Any) -> Any:
        return ops.stack([self.draw(x, self.seed), self.draw(x, self.seed)])


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("name", DRAWS)
def test_draws_are_those_of_keras(name: str, dtype: str, compiled: bool) -> None:
    x = np.random.default_rng(0).normal(size=SHAPE).astype(dtype)
    found = []
    for draw in DRAWS[name]:
        model = keras.Sequential([keras.layers.Input(batch_shape=SHAPE, dtype=dtype), Twice(draw, dtype)])
        model.compile(jit_compile=compiled, run_eagerly=not compiled)
        found.append(model.predict_on_batch(x))
    ours, keras_own = found
    assert ours.dtype == keras_own.dtype
    np.testing.assert_array_equal(ours, keras_own)
    assert not np.array_equal(ours[0], ours[1])
