"""The LSTM cell, and the loop of it over a sequence with a gradient of its own.

What a step does not have to wait for is taken out of the loop: the input projection of all steps is one product
before it, and the kernel's gradient one product after it.
"""

from collections.abc import Callable
from typing import Any

from keras import ops

from models.layers.backend import scan
from models.layers.conventions import FORGET_BIAS

Tensor = Any
State = tuple[Tensor, Tensor]


def lstm_cell(preactivation: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One LSTM update: `c' = f c + i g`, `h' = o tanh(c')`.

    Args:
        preactivation: `[batch, 4 * units]`, the sum of input projection, recurrent projection and bias.
        cell: the cell state `[batch, units]`.

    Returns:
        New cell state, new hidden state, and the activated gates `[batch, 4 * units]` for the gradient.
    """
    i, g, f, o = ops.split(preactivation, 4, axis=-1)
    i, g, f, o = ops.sigmoid(i), ops.tanh(g), ops.sigmoid(f + FORGET_BIAS), ops.sigmoid(o)
    cell = f * cell + i * g
    return cell, o * ops.tanh(cell), ops.concatenate([i, g, f, o], axis=-1)


def lstm_sequence(
    projected: Tensor,
    recurrent_kernel: Tensor,
    cell: Tensor,
    hidden: Tensor,
    mask: Tensor,
    reverse: bool = False,
    kept: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Run an LSTM over a sequence whose input projections are known.

    Args:
        projected: `[time, batch, 4 * units]`, inputs times kernel plus bias.
        recurrent_kernel: `[units, 4 * units]`.
        cell, hidden: the state before the first step, `[batch, units]` each.
        mask: `[time, batch or 1, 1]`, 1 at real steps and 0 at padding, where the state becomes zero.
        reverse: run from the last step to the first.
        kept: `[batch, units]`, what the hidden state is multiplied by before it meets the kernel, the same at every
            step: a dropout mask (Gal and Ghahramani, "A Theoretically Grounded Application of Dropout in Recurrent
            Neural Networks", 2016). No gradient flows into it. None for ones.

    Returns:
        Hidden states `[time, batch, units]` in the order of the input, last cell state, last hidden state.
    """
    if kept is None:
        kept = ops.ones((1, 1), dtype=projected.dtype)

    @ops.custom_gradient
    def run(
        projected: Tensor, recurrent_kernel: Tensor, cell: Tensor, hidden: Tensor, mask: Tensor, kept: Tensor
    ) -> tuple[tuple[Tensor, Tensor, Tensor], Callable]:
        def step(carry: State, inputs: tuple) -> tuple[State, tuple]:
            cell, hidden = carry
            x, real = inputs
            cell, hidden, gates = lstm_cell(x + ops.matmul(hidden * kept, recurrent_kernel), cell)
            cell, hidden = cell * real, hidden * real
            return (cell, hidden), (hidden, cell, gates)

        last, (hiddens, cells, all_gates) = scan(step, (cell, hidden), (projected, mask), reverse)

        def gradient(*upstream_arguments: Tensor, upstream: Any = None) -> tuple[Tensor, ...]:
            d_hiddens, d_cell, d_hidden = gradients_of_outputs(upstream_arguments, upstream)
            (d_cell, d_hidden), d_projected = scan(
                _backward_step(ops.transpose(recurrent_kernel), kept),
                (d_cell, d_hidden),
                (d_hiddens, all_gates, cells, _shifted(cells, cell, reverse), mask),
                not reverse,
            )
            d_kernel = kernel_gradient(_shifted(hiddens, hidden, reverse) * kept, d_projected)
            return d_projected, d_kernel, d_cell, d_hidden, ops.zeros_like(mask), ops.zeros_like(kept)

        return (hiddens, *last), gradient

    return run(projected, recurrent_kernel, cell, hidden, mask, kept)


def swap(x: Tensor) -> Tensor:
    """Exchange the first two axes: `[batch, time, ...]` and `[time, batch, ...]`."""
    return ops.transpose(x, (1, 0, *range(2, len(x.shape))))


def kernel_gradient(hiddens_before: Tensor, d_projected: Tensor) -> Tensor:
    """The recurrent kernel's gradient, one product for all steps: `[units, 4 * units]`.

    Args:
        hiddens_before: what the kernel was multiplied with, `[..., units]`.
        d_projected: the gradient of the preactivations, `[..., 4 * units]`.
    """
    before, after = (ops.reshape(x, (-1, x.shape[-1])) for x in (hiddens_before, d_projected))
    return ops.matmul(ops.transpose(before), after)


def cell_gradient(
    d_cell: Tensor, d_hidden: Tensor, gates: Tensor, cell: Tensor, cell_before: Tensor
) -> State:
    """The gradient of one `lstm_cell`.

    Args:
        d_cell, d_hidden: the gradients of its new states, `[batch, units]` each; that of the cell without what comes
            to it from the hidden state.
        gates, cell: what it gave.
        cell_before: what it was given.

    Returns:
        The gradients of the cell before it, `[batch, units]`, and of the preactivation, `[batch, 4 * units]`.
    """
    i, g, f, o = ops.split(gates, 4, axis=-1)
    squashed = ops.tanh(cell)
    d_cell = d_cell + d_hidden * o * (1 - squashed * squashed)
    d_preactivation = ops.concatenate(
        [
            d_cell * g * i * (1 - i),
            d_cell * i * (1 - g * g),
            d_cell * cell_before * f * (1 - f),
            d_hidden * squashed * o * (1 - o),
        ],
        axis=-1,
    )
    return d_cell * f, d_preactivation


def gradients_of_outputs(arguments: tuple, upstream: Any) -> Any:
    """What the gradient of an `ops.custom_gradient` is given: an array, or a tuple where there are several outputs.

    TensorFlow passes several one by one, JAX as one tuple.
    """
    if upstream is not None:
        return upstream
    return arguments[0] if len(arguments) == 1 else arguments


def _shifted(states: Tensor, first: Tensor, reverse: bool) -> Tensor:
    """The state before each step, given the states after the steps and the one before the first."""
    if reverse:
        return ops.concatenate([states[1:], first[None]], axis=0)
    return ops.concatenate([first[None], states[:-1]], axis=0)


def _backward_step(transposed_kernel: Tensor, kept: Tensor) -> Callable:
    def backward_step(carry: State, inputs: tuple) -> tuple[State, Tensor]:
        d_cell, d_hidden = carry
        d_output, gates, cell, cell_before, real = inputs
        d_hidden = (d_hidden + d_output) * real
        d_cell_before, d_preactivation = cell_gradient(d_cell * real, d_hidden, gates, cell, cell_before)
        return (d_cell_before, ops.matmul(d_preactivation, transposed_kernel) * kept), d_preactivation

    return backward_step
