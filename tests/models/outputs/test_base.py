"""What every output of the registry keeps of the contract, in Keras and, where it has a class there, in NumPy."""

from typing import Any

import numpy as np
import pytest
from keras import ops

from catalog import registry
from catalog.config import HParams
from models.outputs.base import Output
from tests.helpers.small_models import random_weights

DEPTHS, BATCH, TIME = (2, 3, 4), 5, 3
OPTIONS: dict[str, dict[str, Any]] = {
    "polyphonic_sampler": {"features": 7, "units": 6, "voices": 3},
    "rbm": {"hidden": 4, "chain": 2},
    "independent_voices": {"voices": 3},
}
"""Sizes of outputs whose defaults take long to try."""

pytestmark = pytest.mark.jax


def built(name: str) -> Output:
    output = registry.found(registry.OUTPUTS[name].path).from_config(
        DEPTHS, OPTIONS.get(name, {}), HParams(nade_num_hidden=6), 0
    )
    output.build()
    random_weights(output, 0.7)
    return output


def some_parameters(output: Output, seed: int = 0) -> np.ndarray:
    shape = (BATCH, TIME, output.parameter_depth)
    return np.random.default_rng(seed).normal(0, 1.5, shape).astype(np.float32)


def some_uniforms(output: Output, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random((BATCH, TIME, output.uniforms), np.float32)


def array(x: Any) -> np.ndarray:
    return ops.convert_to_numpy(x)


@pytest.mark.parametrize("name", registry.OUTPUTS)
def test_draws_losses_and_scores_have_the_shapes_of_the_contract(name: str) -> None:
    output = built(name)
    parameters, uniforms = some_parameters(output), some_uniforms(output)
    values = output.draw_sequence(parameters, uniforms)
    assert tuple(values.shape[:2]) == (BATCH, TIME)
    assert array(output.nothing(BATCH)).shape == array(values[:, 0]).shape
    state = output.zero_state(BATCH)
    stepped, after = output.step(parameters[:, 0], state, uniforms[:, 0], 1.0)
    np.testing.assert_allclose(array(stepped), array(values[:, 0]), atol=1e-5)
    target = output.target(values)
    likelihood, after = output.score(parameters, target, uniforms, state)
    for per_step in (output.loss(parameters, target), output.correct(parameters, target), likelihood):
        assert array(per_step).shape == (BATCH, TIME) and np.isfinite(array(per_step)).all()
    assert (array(output.correct(parameters, target)) >= 0).all()
    assert len(after) == len(state) == len(output.state_after(parameters, target, state))
    assert output.measure in ("exact", "bound", "estimate")
    rows = np.random.default_rng(2).standard_normal((output.depth, 4)).astype(np.float32)
    dense = array(output.dense(target, "float32"))
    assert dense.shape == (BATCH, TIME, output.depth)
    np.testing.assert_allclose(array(output.product(target, rows)), dense @ rows, atol=1e-5)


@pytest.mark.parametrize("name", [name for name, row in registry.OUTPUTS.items() if row.shapes])
def test_shapes_are_those_of_the_built_weights(name: str) -> None:
    output = built(name)
    shapes = registry.found(registry.OUTPUTS[name].shapes)(
        DEPTHS, OPTIONS.get(name, {}), HParams(nade_num_hidden=6)
    )
    assert shapes.weights == {n: tuple(v.shape) for n, v in output.named_weights().items()}
    assert (shapes.parameter_depth, shapes.takes_features) == (output.parameter_depth, output.takes_features)


@pytest.mark.parametrize("name", [name for name, row in registry.OUTPUTS.items() if row.numpy])
def test_numpy_draws_and_scores_as_keras_does(name: str) -> None:
    output = built(name)
    weights = {f"decoder/{n}": array(v) for n, v in output.named_weights().items()}
    ours = registry.found(registry.OUTPUTS[name].numpy).from_weights(DEPTHS, weights, "decoder")
    parameters, uniforms = some_parameters(output), some_uniforms(output)
    rows = np.random.default_rng(2).standard_normal((output.depth + 2, 4)).astype(np.float32)
    np.testing.assert_array_equal(ours.nothing(BATCH), array(output.nothing(BATCH)))
    assert ours.depth == output.depth
    for step in range(TIME):
        here, draws = parameters[:, step], uniforms[:, step]
        drawn = ours.draw(here, draws, np.float32(0.8))
        np.testing.assert_allclose(drawn, array(output.draw(here, draws, 0.8)), atol=1e-5)
        likeliest = ours.draw(here, None, np.float32(1))
        np.testing.assert_allclose(likeliest, array(output.draw(here, None, 1.0)), atol=1e-5)
        loss = array(output.loss(here[:, None], output.target(drawn)[:, None]))[:, 0]
        np.testing.assert_allclose(ours.log_probability(here, drawn), -loss, atol=1e-4)
        product = array(output.product(output.target(drawn), rows[: output.depth]))
        np.testing.assert_allclose(ours.product(drawn, rows), product, atol=1e-5)
