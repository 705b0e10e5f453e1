"""The LSTM over whole sequences: against its formulas in NumPy, and its gradient against the step loop's."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from keras import ops

from models.layers.lstm import LSTM, LSTMStack, flatten_states, unflatten_states
from models.layers.lstm_sequence import lstm_cell, lstm_sequence
from tests.helpers.gradients import gradients

pytestmark = pytest.mark.jax

Array = np.ndarray
TIME, BATCH, UNITS = 6, 3, 5


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def numpy_lstm(
    projected: Array, kernel: Array, cell: Array, hidden: Array, mask: Array, reverse: bool
) -> tuple:
    """The formulas of TensorFlow 1's LSTMCell, step by step, state zero where the mask is."""
    hiddens = np.zeros((*projected.shape[:2], cell.shape[1]))
    steps = range(len(projected))
    for t in reversed(steps) if reverse else steps:
        i, g, f, o = np.split(projected[t] + hidden @ kernel, 4, axis=-1)
        cell = (sigmoid(f + 1) * cell + sigmoid(i) * np.tanh(g)) * mask[t]
        hidden = sigmoid(o) * np.tanh(cell) * mask[t]
        hiddens[t] = hidden
    return hiddens, cell, hidden


def step_loop(projected: Any, kernel: Any, cell: Any, hidden: Any, mask: Any, reverse: bool) -> tuple:
    """The same by `lstm_cell` alone, for the backend's own differentiation."""
    hiddens: list[Any] = [None] * TIME
    for t in reversed(range(TIME)) if reverse else range(TIME):
        cell, hidden, _ = lstm_cell(projected[t] + ops.matmul(hidden, kernel), cell)
        cell, hidden = cell * mask[t], hidden * mask[t]
        hiddens[t] = hidden
    return ops.stack(hiddens), cell, hidden


@pytest.fixture(params=["whole", "padded"])
def arrays(request: pytest.FixtureRequest) -> tuple[list[Array], Array]:
    """Projections, recurrent kernel, cell and hidden state; and a mask."""
    rng = np.random.default_rng(0)
    shapes = ((TIME, BATCH, 4 * UNITS), (UNITS, 4 * UNITS), (BATCH, UNITS), (BATCH, UNITS))
    mask = np.ones((TIME, 1, 1), np.float32)
    if request.param == "padded":
        lengths = np.array([TIME, 2, 0])
        mask = (np.arange(TIME)[:, None] < lengths)[:, :, None].astype(np.float32)
    return [rng.standard_normal(shape).astype(np.float32) for shape in shapes], mask


@pytest.mark.parametrize("reverse", [False, True])
def test_forward_is_the_formulas(arrays: tuple, reverse: bool) -> None:
    values, mask = arrays
    ours = lstm_sequence(*map(ops.convert_to_tensor, values), ops.convert_to_tensor(mask), reverse)
    expected = numpy_lstm(*[v.astype(np.float64) for v in values], mask, reverse)
    for a, b in zip(ours, expected, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(a), b, atol=1e-5)


@pytest.mark.parametrize("reverse", [False, True])
def test_gradient_is_that_of_the_step_loop(arrays: tuple, reverse: bool) -> None:
    values, mask = arrays
    rng = np.random.default_rng(1)
    weights = [
        rng.standard_normal(s).astype(np.float32) for s in ((TIME, BATCH, UNITS), *[(BATCH, UNITS)] * 2)
    ]

    def loss(run: Callable) -> Callable:
        def function(*arguments: Any) -> Any:
            outputs = run(*arguments, ops.convert_to_tensor(mask), reverse)
            return sum(ops.sum(w * ops.square(x)) for w, x in zip(weights, outputs, strict=True))

        return function

    ours, expected = gradients(loss(lstm_sequence), values), gradients(loss(step_loop), values)
    for a, b in zip(ours, expected, strict=True):
        assert np.abs(b).max() > 0.01
        np.testing.assert_allclose(a, b, atol=2e-5, rtol=1e-4)


def test_gradient_agrees_with_finite_differences(arrays: tuple) -> None:
    values, mask = arrays

    def by_numpy(kernel: Array) -> float:
        parts = numpy_lstm(values[0], kernel, *values[2:], mask, False)
        return float(sum((x**2).sum() for x in parts))

    def by_ours(kernel: Any) -> Any:
        rest = [ops.convert_to_tensor(v) for v in (*values[2:], mask)]
        outputs = lstm_sequence(ops.convert_to_tensor(values[0]), kernel, *rest)
        return sum(ops.sum(ops.square(x)) for x in outputs)

    kernel = values[1].astype(np.float64)
    (ours,) = gradients(by_ours, [values[1]])
    for i, j in ((0, 0), (1, 7), (2, 12), (4, 19)):
        step = np.zeros_like(kernel)
        step[i, j] = 1e-5
        slope = (by_numpy(kernel + step) - by_numpy(kernel - step)) / 2e-5
        np.testing.assert_allclose(ours[i, j], slope, atol=2e-3, rtol=2e-3)


def test_a_recurrent_mask_is_one_of_the_kernels_rows() -> None:
    """Dropping hidden values before they meet the kernel is dropping the kernel's rows, clip by clip."""
    rng = np.random.default_rng(2)
    shapes = ((TIME, BATCH, 4 * UNITS), (UNITS, 4 * UNITS), (BATCH, UNITS), (BATCH, UNITS))
    values = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    kept = (rng.random((BATCH, UNITS)) < 0.5).astype(np.float32) * 2
    mask = np.ones((TIME, 1, 1), np.float32)

    def masked(*arguments: Any) -> Any:
        return lstm_sequence(*arguments, ops.convert_to_tensor(mask), kept=ops.convert_to_tensor(kept))

    def one_by_one(projected: Any, kernel: Any, cell: Any, hidden: Any) -> Any:
        clips = [
            lstm_sequence(
                projected[:, i : i + 1],
                kernel * kept[i][:, None],
                cell[i : i + 1],
                hidden[i : i + 1],
                ops.convert_to_tensor(mask),
            )
            for i in range(BATCH)
        ]
        hiddens, cells, lasts = zip(*clips, strict=True)
        return (
            ops.concatenate(hiddens, axis=1),
            ops.concatenate(cells, axis=0),
            ops.concatenate(lasts, axis=0),
        )

    def loss(run: Callable) -> Callable:
        return lambda *arguments: sum(ops.sum(ops.square(x)) for x in run(*arguments))

    for ours, expected in zip(masked(*values), one_by_one(*values), strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(ours), ops.convert_to_numpy(expected), atol=1e-5)
    pairs = zip(gradients(loss(masked), values), gradients(loss(one_by_one), values), strict=True)
    for ours, expected in pairs:
        np.testing.assert_allclose(ours, expected, atol=1e-4, rtol=1e-4)


def test_recurrent_dropout_only_while_training() -> None:
    stack = LSTMStack((5,), recurrent_dropout=0.5)
    stack.build(3)
    inputs = ops.convert_to_tensor(np.random.default_rng(0).standard_normal((6, 2, 3)).astype(np.float32))
    projected = stack.layers[0].project(inputs)
    still, trained = (
        ops.convert_to_numpy(stack.sequence(projected, stack.zero_states(2, "float32"), training)[0])
        for training in (False, True)
    )
    # The first step has no hidden state to drop.
    np.testing.assert_allclose(still[0], trained[0], atol=1e-6)
    assert np.abs(still[1:] - trained[1:]).max() > 1e-3


def test_whole_sequences_are_the_steps_of_a_stack() -> None:
    stack = LSTMStack((5, 4))
    stack.build(7)
    rng = np.random.default_rng(2)
    for layer in stack.layers:
        layer.bias.assign(rng.standard_normal(layer.bias.shape))
    inputs = ops.convert_to_tensor(rng.standard_normal((TIME, BATCH, 7)).astype(np.float32))
    states = [layer.zero_state(BATCH, "float32") for layer in stack.layers]
    projected = stack.layers[0].project(inputs)
    hiddens, last = stack.sequence(projected, states)
    for t in range(TIME):
        output, states = stack.step(projected[t], states)
        np.testing.assert_allclose(ops.convert_to_numpy(hiddens[t]), ops.convert_to_numpy(output), atol=1e-5)
    flat = flatten_states(last)
    np.testing.assert_allclose(
        ops.convert_to_numpy(flat), ops.convert_to_numpy(flatten_states(states)), atol=1e-5
    )
    again = flatten_states(unflatten_states(flat, (5, 4)))
    np.testing.assert_array_equal(ops.convert_to_numpy(flat), ops.convert_to_numpy(again))


def test_dropout_only_while_training() -> None:
    stack = LSTMStack((5,), dropout=0.5, seed=3)
    ones = ops.ones((50, 40))
    np.testing.assert_array_equal(ops.convert_to_numpy(stack.drop(ones, training=False)), 1.0)
    dropped = ops.convert_to_numpy(stack.drop(ones, training=True))
    assert set(np.unique(dropped)) == {0.0, 2.0}
    assert abs(dropped.mean() - 1.0) < 0.1


def test_weights_have_the_shapes_of_tensorflow_1() -> None:
    layer = LSTM(5)
    layer.build(7)
    shapes = {name: tuple(weight.shape) for name, weight in layer.named_weights().items()}
    assert shapes == {"lstm_cell/kernel": (12, 20), "lstm_cell/bias": (20,)}
