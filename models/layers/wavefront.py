"""An LSTM that several voices share, over a whole sequence in which each voice waits for the one before it.

A voice needs two things before it can go on: what the voice before it decided in the same frame, and its own state
after the frame before. So at step s of the loop voice v is at frame s - v, and all voices go on at once:

    frame      0  1  2  3  ...
    voice 0    0  1  2  3
    voice 1    1  2  3  4        the steps s, called diagonals
    voice 2    2  3  4  5

That makes `frames + voices - 1` products of `voices * batch` rows, where one voice after the other would take
`frames * voices` products of `batch` rows. The gradient goes back along the same diagonals.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from keras import ops

from models.layers.backend import scan
from models.layers.lstm_sequence import State, cell_gradient, gradients_of_outputs, kernel_gradient, lstm_cell

Tensor = Any


class Run(NamedTuple):
    """What the voices did, as the gradient needs it; values without gradient.

    Attributes:
        seen: what was decided before each voice, then its hidden state before, `[diagonals, voices, batch,
            decisions + units]`.
        cells_before: its cell state before, `[diagonals, voices, batch, units]`.
        gates: the activated gates, `[diagonals, voices, batch, 4 * units]`.
        hiddens: its hidden state after, `[diagonals, voices, batch, units]`.
        real: whether a voice is at a frame of the sequence, boolean `[diagonals, voices, 1, 1]`.
    """

    seen: Tensor
    cells_before: Tensor
    gates: Tensor
    hiddens: Tensor
    real: Tensor


def skewed(parts: Sequence[Tensor]) -> Tensor:
    """The voices' `[frames, batch, depth]` as `[diagonals, voices, batch, depth]`, zeros where there is no frame."""
    last = len(parts) - 1
    around = [((voice, last - voice), (0, 0), (0, 0)) for voice in range(len(parts))]
    return ops.stack([ops.pad(part, pad) for part, pad in zip(parts, around, strict=True)], axis=1)


def unskewed(x: Tensor) -> Tensor:
    """The frames of `[diagonals, voices, ...]`: `[frames, voices, ...]`."""
    voices = x.shape[1]
    frames = x.shape[0] - voices + 1
    return ops.stack([x[voice : voice + frames, voice] for voice in range(voices)], axis=1)


def run(
    projected: Tensor,
    kernel: Tensor,
    states: Sequence[State],
    decisions: int,
    decide: Callable[[Tensor, Tensor, Any], tuple[Tensor, Any]],
    inputs: Any,
) -> tuple[Run, list[State], Any]:
    """Let the voices go over the sequence, without a gradient.

    Args:
        projected: what the LSTM's preactivations have of the frames, `[frames, batch, 4 * units]`.
        kernel: for what was decided and the hidden state, `[decisions + units, 4 * units]`.
        states: each voice's `(cell, hidden)` before the first frame, `[batch, units]` each.
        decisions: width of what the voices decide in a frame; before the first voice it is zeros.
        decide: from the hidden states `[voices, batch, units]`, what was decided before `[voices, batch, decisions]`
            and the diagonal's `inputs` to what is decided after, and what to hand out.
        inputs: nested tuple of arrays `[diagonals, ...]`.

    Returns:
        The run, the states after the last frame, and what `decide` handed out, stacked by diagonal.
    """
    voices, frames = len(states), projected.shape[0]
    batch, width = ops.shape(projected)[1:]
    around = ops.pad(projected, ((voices - 1, voices - 1), (0, 0), (0, 0)))
    cell, hidden = (ops.stack(parts) for parts in zip(*states, strict=True))

    def step(carry: tuple, inputs: tuple) -> tuple[tuple, tuple]:
        cell_before, hidden_before, decided = carry
        diagonal, real, own = inputs
        # The latest frame comes last and belongs to the first voice.
        frames = ops.flip(ops.slice(around, (diagonal, 0, 0), (voices, batch, width)), axis=0)
        seen = ops.concatenate([decided, hidden_before], axis=-1)
        cell, hidden, gates = lstm_cell(frames + _product(seen, kernel), cell_before)
        after, outputs = decide(hidden, decided, own)
        cell, kept = ops.where(real, cell, cell_before), ops.where(real, hidden, hidden_before)
        passed_on = ops.concatenate([ops.zeros_like(after[:1]), after[:-1]], axis=0)
        return (cell, kept, passed_on), (seen, cell_before, gates, hidden, outputs)

    diagonals = ops.arange(frames + voices - 1, dtype="int32")
    frame = diagonals[:, None] - ops.arange(voices, dtype="int32")
    real = ops.logical_and(frame >= 0, frame < frames)[..., None, None]
    decided = ops.zeros((voices, batch, decisions), dtype=projected.dtype)
    (cell, hidden, _), stacked = scan(step, (cell, hidden, decided), (diagonals, real, inputs))
    seen, cells_before, gates, hiddens, outputs = stacked
    after = [(cell[voice], hidden[voice]) for voice in range(voices)]
    return Run(seen, cells_before, gates, hiddens, real), after, outputs


def hidden_states(projected: Tensor, kernel: Tensor, states: Sequence[State], kept: Run) -> Tensor:
    """The hidden states of a run that was made of these arguments, with the gradient for them.

    Args:
        projected, kernel, states: as for `run`.
        kept: of `run`.

    Returns:
        `[frames, voices, batch, units]`.
    """

    @ops.custom_gradient
    def results(
        projected: Tensor, kernel: Tensor, cell: Tensor, hidden: Tensor, *kept: Tensor
    ) -> tuple[Tensor, Callable]:
        seen, cells_before, gates, hiddens, real = kept

        def gradient(*arguments: Tensor, upstream: Any = None) -> tuple[Tensor, ...]:
            d_hiddens = gradients_of_outputs(arguments, upstream)
            d_hiddens = skewed([d_hiddens[:, voice] for voice in range(len(states))])
            pending = ops.zeros_like(gates[0])
            carry = (ops.zeros_like(cell), ops.zeros_like(hidden), ops.zeros_like(kernel), pending)
            inputs = (d_hiddens, seen, cells_before, gates, real)
            (d_cell, d_hidden, d_kernel, _), d_frames = scan(_back(kernel), carry, inputs, reverse=True)
            constants = map(ops.zeros_like, (seen, cells_before, gates, hiddens, real))
            return d_frames[: projected.shape[0]], d_kernel, d_cell, d_hidden, *constants

        return unskewed(hiddens), gradient

    cell, hidden = (ops.stack(parts) for parts in zip(*states, strict=True))
    # The gradient for what was kept is zero. Were it asked for, TensorFlow would run the whole loop of `run` backwards
    # to add nothing, and XLA can't compile that where the size of the batch is unknown.
    constants = kept._replace(real=ops.cast(kept.real, projected.dtype))
    return results(projected, kernel, cell, hidden, *map(ops.stop_gradient, constants))


def _product(x: Tensor, kernel: Tensor) -> Tensor:
    """`x @ kernel` as one product of all rows."""
    return ops.reshape(
        ops.matmul(ops.reshape(x, (-1, x.shape[-1])), kernel), (*ops.shape(x)[:-1], kernel.shape[-1])
    )


def _back(kernel: Tensor) -> Callable:
    """A diagonal's step of the gradient; it hands out what the frame of the first voice gets from all voices."""

    def step(carry: tuple, inputs: tuple) -> tuple[tuple, Tensor]:
        d_cell, d_hidden, d_kernel, pending = carry
        d_output, seen, cell_before, gates, real = inputs
        units = cell_before.shape[-1]
        recurrent = ops.transpose(kernel[-units:])
        d_hidden = d_hidden + d_output
        i, g, f, _ = ops.split(gates, 4, axis=-1)
        cell = f * cell_before + i * g
        d_cell_before, d_preactivation = cell_gradient(d_cell, d_hidden, gates, cell, cell_before)
        d_preactivation = d_preactivation * real
        d_kernel = d_kernel + kernel_gradient(seen, d_preactivation)
        d_cell = d_cell_before * real + d_cell * (1 - real)
        d_hidden = _product(d_preactivation, recurrent) + d_hidden * (1 - real)
        # A frame's voices come by from the last to the first.
        pending = ops.concatenate([pending[1:], ops.zeros_like(pending[:1])], axis=0) + d_preactivation
        return (d_cell, d_hidden, d_kernel, pending), pending[0]

    return step
