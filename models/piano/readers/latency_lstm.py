"""Delayed recurrences: LSTMs whose state comes back after more than one frame.

The LatencyLSTM of FortsAndMills/MusicGeneration puts these in place of the local LSTM and the reader of a HistoryUser: what a unit knew
a bar ago returns at this very frame, so that a repeat is one step away instead of 16. An aggregating LSTM follows.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from models.layers.backend import scan
from models.layers.lstm import LSTM, LSTMStack
from models.layers.lstm_sequence import (
    State,
    cell_gradient,
    gradients_of_outputs,
    kernel_gradient,
    lstm_cell,
    swap,
)
from models.piano.readers.base import FrameReader, Reading, run_stack, step_stack

Tensor = Any

DELAYS = (1, 4, 8, 16, 32, 48, 64, 96, 128)
"""Delays in frames, as in all of the original code and weights; the notebook's text names a tenth, of 2 frames."""


def keeping_gates(units: int) -> np.ndarray:
    """Projected inputs, `[4 * units]`, under which an LSTM keeps its cell: it takes nothing in, forgets nothing.

    Far beyond what a recurrent projection reaches, so that the gates are 0 and 1 to float32's precision and no
    gradient passes but the cell's own. The hidden state is not kept.
    """
    never, always, either = np.full(units, -60.0), np.full(units, 60.0), np.zeros(units)
    return np.concatenate([never, either, always, either]).astype(np.float32)


def _blocks(history: Tensor, times: Sequence[Tensor]) -> Tensor:
    """Block i of the columns at `times[i]`, side by side: `[batch, units]` of `[time, batch, units]`."""
    width = history.shape[-1] // len(times)
    shape = (1, ops.shape(history)[1], width)
    parts = [ops.slice(history, (time, 0, i * width), shape)[0] for i, time in enumerate(times)]
    return ops.concatenate(parts, axis=-1)


def _blocks_of_all(history: Tensor, starts: Sequence[int], length: int) -> Tensor:
    """`_blocks` of `length` steps in a row, `[length, batch, units]`, block i from `starts[i]` on."""
    width = history.shape[-1] // len(starts)
    parts = [
        history[start : start + length, :, i * width : (i + 1) * width] for i, start in enumerate(starts)
    ]
    return ops.concatenate(parts, axis=-1)


def delayed_lstm_sequence(
    projected: Tensor, recurrent_kernel: Tensor, cells: Tensor, hiddens: Tensor, delays: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Run one LSTM each block of whose state comes from a number of frames ago.

    The units are split into as many blocks as there are delays, and

        c_t, h_t = lstm(x_t, c', h')   with block i of c' and h' that of c and h at t - delays[i]

    so the recurrence is sequential where a delay is 1. All states lie in one history `[max(delays) + time, batch,
    units]`, which a step reads at the delays and appends to. Under XLA both happen in place, and a step costs
    what it does in an ordinary LSTM (measured on CPU); ring buffers, one for each delay, are equally fast but take
    one write each and have to be put in order afterwards. The gradient is written by hand because that of the
    loop would keep the history of every step: it holds states and gates once, and runs the same way backwards.

    Args:
        projected: `[time, batch, 4 * units]`, inputs times kernel plus bias.
        recurrent_kernel: `[units, 4 * units]`.
        cells, hiddens: those before the first step, the newest last, `[max(delays), batch, units]` each.
        delays: in frames, 1 or more each; their number divides the units.

    Returns:
        Hidden states and cells of all steps, `[time, batch, units]` each.
    """
    time, oldest = projected.shape[0], max(delays)

    @ops.custom_gradient
    def run(
        projected: Tensor, recurrent_kernel: Tensor, cells: Tensor, hiddens: Tensor
    ) -> tuple[tuple[Tensor, Tensor], Callable]:
        steps = ops.arange(time, dtype="int32")
        room = ops.zeros_like(projected[..., : recurrent_kernel.shape[0]])

        def forward_step(carry: State, inputs: tuple[Tensor, Tensor]) -> tuple[State, Tensor]:
            cells, hiddens = carry
            x, t = inputs
            times = [t + (oldest - delay) for delay in delays]
            preactivation = x + ops.matmul(_blocks(hiddens, times), recurrent_kernel)
            cell, hidden, gates = lstm_cell(preactivation, _blocks(cells, times))
            here = (t + oldest, 0, 0)
            cells = ops.slice_update(cells, here, cell[None])
            return (cells, ops.slice_update(hiddens, here, hidden[None])), gates

        histories = (ops.concatenate([cells, room]), ops.concatenate([hiddens, room]))
        (all_cells, all_hiddens), gates = scan(forward_step, histories, (projected, steps))
        starts = [oldest - delay for delay in delays]

        def gradient(*upstream_arguments: Tensor, upstream: Any = None) -> tuple[Tensor, ...]:
            d_hiddens, d_cells = gradients_of_outputs(upstream_arguments, upstream)
            read_cells, read_hiddens = (_blocks_of_all(x, starts, time) for x in (all_cells, all_hiddens))
            # What a step passes to the states that it read; after the last step nothing is read.
            nothing = ops.concatenate([room, ops.zeros_like(cells)])
            backward_step = _backward_step(ops.transpose(recurrent_kernel), delays)
            (d_read_cells, d_read_hiddens), d_projected = scan(
                backward_step,
                (nothing, nothing),
                (d_hiddens, d_cells, gates, all_cells[oldest:], read_cells, steps),
                reverse=True,
            )
            d_kernel = kernel_gradient(read_hiddens, d_projected)
            d_before = (_of_first_reads(x, delays) for x in (d_read_cells, d_read_hiddens))
            return d_projected, d_kernel, *d_before

        return (all_hiddens[oldest:], all_cells[oldest:]), gradient

    return run(projected, recurrent_kernel, cells, hiddens)


def _backward_step(transposed_kernel: Tensor, delays: Sequence[int]) -> Callable:
    def backward_step(carry: State, inputs: tuple) -> tuple[State, Tensor]:
        d_read_cells, d_read_hiddens = carry
        d_hidden, d_cell, gates, cell, read_cell, t = inputs
        # A state is read again where its delays are over.
        times = [t + delay for delay in delays]
        d_hidden = d_hidden + _blocks(d_read_hiddens, times)
        d_cell = d_cell + _blocks(d_read_cells, times)
        d_read_cell, d_preactivation = cell_gradient(d_cell, d_hidden, gates, cell, read_cell)
        d_read_hidden = ops.matmul(d_preactivation, transposed_kernel)
        d_read_cells = ops.slice_update(d_read_cells, (t, 0, 0), d_read_cell[None])
        d_read_hiddens = ops.slice_update(d_read_hiddens, (t, 0, 0), d_read_hidden[None])
        return (d_read_cells, d_read_hiddens), d_preactivation

    return backward_step


def _of_first_reads(d_reads: Tensor, delays: Sequence[int]) -> Tensor:
    """The gradient of the states before the first step: block i is what the first `delays[i]` steps read."""
    width, oldest = d_reads.shape[-1] // len(delays), max(delays)
    blocks = [
        ops.pad(d_reads[:delay, :, i * width : (i + 1) * width], ((oldest - delay, 0), (0, 0), (0, 0)))
        for i, delay in enumerate(delays)
    ]
    return ops.concatenate(blocks, axis=-1)


class LatencyState(NamedTuple):
    """What a delayed reader keeps between steps.

    Attributes:
        memory: cells and hidden states of the last frames, the newest last. A LatencyLSTM has one pair of
            `[batch, max(delays), units]`, capsules have one of `[batch, delay, units_per_delay]` for each delay.
        aggregator: `(cell, hidden)` of each aggregating layer, `[batch, units]` each.
    """

    memory: Any
    aggregator: list[State]


class _DelayedReader(FrameReader):
    """What both styles share: delays, and the aggregating LSTM."""

    def __init__(
        self,
        delays: Sequence[int],
        units_per_delay: int,
        aggregator_sizes: tuple[int, ...],
        dropout: float,
        seed: int,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not delays or min(delays) < 1:
            raise ValueError(f"A state comes back after a frame or more, not after {tuple(delays)}.")
        self.delays = tuple(int(delay) for delay in delays)
        self.units_per_delay = units_per_delay
        self.units = units_per_delay * len(self.delays)
        self.aggregator = LSTMStack(aggregator_sizes, dropout, seed) if aggregator_sizes else None
        self.output_depth = aggregator_sizes[-1] if aggregator_sizes else self.units

    def _state(self, memory: Any, batch: Any, dtype: Any) -> LatencyState:
        return LatencyState(memory, self.aggregator.zero_states(batch, dtype) if self.aggregator else [])

    def _names(self, parts: dict[str, LSTMStack]) -> dict[str, Any]:
        parts = parts | ({"aggregator": self.aggregator} if self.aggregator else {})
        return {f"{part}/{k}": v for part, stack in parts.items() for k, v in stack.named_weights().items()}


class LatencyLSTM(_DelayedReader):
    """One LSTM with delayed blocks and a full recurrence, and an aggregator: the original's "one-layer style".

    See `delayed_lstm_sequence` for the formulas. The weights are those of `models.layers.lstm.LSTM`; the units of the
    first delay come first. Inputs of 18 values give the author's sizes, 864 x 18 and 864 x 216, and 520 x 216 and
    520 x 130 of the aggregator.

    Args:
        delays: frames after which each block of the state comes back, 1 or more each.
        units_per_delay: units of a block.
        aggregator_sizes: units of the aggregator's LSTM layers; none makes the delayed LSTM's the output.
        dropout: probability that an input value of an LSTM layer is dropped while training.
        seed: of the dropout masks.

    Raises:
        ValueError: no delays, or one below 1.
    """

    def __init__(
        self,
        delays: Sequence[int] = DELAYS,
        units_per_delay: int = 24,
        aggregator_sizes: tuple[int, ...] = (130,),
        dropout: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(delays, units_per_delay, aggregator_sizes, dropout, seed + 1, **kwargs)
        self.latency = LSTMStack((self.units,), dropout, seed)

    @property
    def _layer(self) -> LSTM:
        return self.latency.layers[0]

    def build(self, input_depth: int, frame_depth: int) -> None:
        self.latency.build(input_depth)
        if self.aggregator is not None:
            self.aggregator.build(self.units)
        self.built = True

    def named_weights(self) -> dict[str, Any]:
        """The weights by part: `latency/...` and `aggregator/...`."""
        return self._names({"latency": self.latency})

    def zero_state(self, batch: Any, dtype: Any = "float32") -> LatencyState:
        zeros = ops.zeros((batch, max(self.delays), self.units), dtype=dtype)
        return self._state((zeros, zeros), batch, dtype)

    def call(
        self, inputs: Tensor, frames: Tensor, state: LatencyState | None = None, training: bool = False
    ) -> Reading:
        state = self.zero_state(ops.shape(inputs)[0], inputs.dtype) if state is None else state
        projected = self._layer.project(self.latency.drop(swap(inputs), training))
        past_cells, past_hiddens = (swap(x) for x in state.memory)
        hiddens, cells = delayed_lstm_sequence(
            projected, self._layer.recurrent_kernel, past_cells, past_hiddens, self.delays
        )
        oldest = max(self.delays)
        memory = tuple(
            swap(ops.concatenate([past, new])[-oldest:])
            for past, new in ((past_cells, cells), (past_hiddens, hiddens))
        )
        outputs, aggregator = run_stack(self.aggregator, hiddens, state.aggregator, training)
        return Reading(swap(outputs), None, LatencyState(memory, aggregator))

    def step(self, inputs: Tensor, state: LatencyState, frame: Tensor) -> Reading:
        starts = [max(self.delays) - delay for delay in self.delays]
        cell, hidden = (_blocks_of_all(swap(x), starts, 1)[0] for x in state.memory)
        _, new = self._layer.step(self._layer.project(inputs), (cell, hidden))
        memory = tuple(
            ops.concatenate([past[:, 1:], x[:, None]], axis=1)
            for past, x in zip(state.memory, new, strict=True)
        )
        outputs, aggregator = step_stack(self.aggregator, new[1], state.aggregator)
        return Reading(outputs, None, LatencyState(memory, aggregator))


class LatencyCapsules(_DelayedReader):
    """An LSTM of its own for each delay, side by side, and an aggregator: the original's "capsule style".

    Capsule i is an LSTM whose whole state comes from `delays[i]` frames ago, and none sees another's state. One
    with a delay of d frames is thus an ordinary LSTM on each of d interleaved sequences, which run side by side
    as a batch d times as large and 1/d as long. All capsules are trained; the author's were not registered, so
    theirs kept their first random weights and were not saved.

    Args:
        delays, units_per_delay, aggregator_sizes, dropout, seed: as for `LatencyLSTM`.

    Raises:
        ValueError: no delays, or one below 1.
    """

    def __init__(
        self,
        delays: Sequence[int] = DELAYS,
        units_per_delay: int = 24,
        aggregator_sizes: tuple[int, ...] = (130,),
        dropout: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(delays, units_per_delay, aggregator_sizes, dropout, seed, **kwargs)
        self.capsules = [LSTMStack((units_per_delay,), dropout, seed + 1 + i) for i in range(len(delays))]

    def build(self, input_depth: int, frame_depth: int) -> None:
        for capsule in self.capsules:
            capsule.build(input_depth)
        if self.aggregator is not None:
            self.aggregator.build(self.units)
        self.built = True

    def named_weights(self) -> dict[str, Any]:
        """The weights by part: `capsule_{i}/...` and `aggregator/...`."""
        return self._names({f"capsule_{i}": capsule for i, capsule in enumerate(self.capsules)})

    def zero_state(self, batch: Any, dtype: Any = "float32") -> LatencyState:
        zeros = [ops.zeros((batch, delay, self.units_per_delay), dtype=dtype) for delay in self.delays]
        return self._state([(x, x) for x in zeros], batch, dtype)

    def call(
        self, inputs: Tensor, frames: Tensor, state: LatencyState | None = None, training: bool = False
    ) -> Reading:
        state = self.zero_state(ops.shape(inputs)[0], inputs.dtype) if state is None else state
        by_time = swap(inputs)
        outputs, memory = [], []
        for capsule, delay, before in zip(self.capsules, self.delays, state.memory, strict=True):
            hiddens, after = _interleaved(
                capsule.layers[0], capsule.drop(by_time, training), tuple(swap(x) for x in before), delay
            )
            outputs.append(hiddens)
            memory.append(tuple(swap(x) for x in after))
        features, aggregator = run_stack(
            self.aggregator, ops.concatenate(outputs, axis=-1), state.aggregator, training
        )
        return Reading(swap(features), None, LatencyState(memory, aggregator))

    def step(self, inputs: Tensor, state: LatencyState, frame: Tensor) -> Reading:
        outputs, memory = [], []
        for capsule, past in zip(self.capsules, state.memory, strict=True):
            layer = capsule.layers[0]
            output, new = layer.step(layer.project(inputs), tuple(x[:, 0] for x in past))
            outputs.append(output)
            memory.append(
                tuple(ops.concatenate([x[:, 1:], y[:, None]], axis=1) for x, y in zip(past, new, strict=True))
            )
        features, aggregator = step_stack(
            self.aggregator, ops.concatenate(outputs, axis=-1), state.aggregator
        )
        return Reading(features, None, LatencyState(memory, aggregator))


def _interleaved(layer: LSTM, inputs: Tensor, before: State, delay: int) -> tuple[Tensor, State]:
    """An LSTM whose state comes back after `delay` frames.

    Args:
        layer: its weights.
        inputs: `[time, batch, depth]`.
        before: cells and hidden states of the last `delay` frames, `[delay, batch, units]` each.
        delay: in frames.

    Returns:
        Hidden states `[time, batch, units]`, and `before` for the frames that follow.
    """
    time, units = inputs.shape[0], layer.units
    rest = -time % delay
    projected = layer.project(inputs)
    keep = ops.zeros_like(projected[:1]) + keeping_gates(units)
    projected = ops.concatenate([projected] + [keep] * rest)
    rounds = (time + rest) // delay
    # One after the other a round has the frames of each sequence, so a sequence is a row of a larger batch.
    as_batch = ops.reshape(projected, (rounds, -1, 4 * units))
    cell, hidden = (ops.reshape(x, (-1, units)) for x in before)
    hiddens, (cell, _), _ = layer.sequence(as_batch, (cell, hidden))
    hiddens = ops.reshape(hiddens, (time + rest, -1, units))[:time]
    cells = ops.reshape(cell, (delay, -1, units))
    # Where the last round is not full, the sequences that it leaves out hold the oldest cells.
    cells = ops.roll(cells, rest, axis=0)
    return hiddens, (cells, ops.concatenate([before[1], hiddens])[-delay:])
