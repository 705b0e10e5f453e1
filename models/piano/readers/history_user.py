"""HistoryUser: an LSTM that decides, without seeing them, which of the past frames to read again.

The remedy of FortsAndMills/MusicGeneration for LSTMs that do not notice repeats ("100-100 HistoryUser" in its piano
models): layers of LSTM turn the present input into one weight for each lag, the frames of the past at these
lags are added up by the weights, and an aggregating LSTM sees the sum beside what a local LSTM made of the input.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from models.layers.backend import scan
from models.layers.lstm import LSTMStack
from models.layers.lstm_sequence import State, gradients_of_outputs, lstm_cell, swap
from models.piano.readers.base import FrameReader, Reading, run_stack, step_stack

Tensor = Any

BASELINE_LAGS = (3, 7, 15, 31, 47, 63, 95, 127)
"""The piano models' lags: 4, 8, 16, 32, 48, 64, 96 and 128 frames before the frame that a step predicts."""


def window_lags(length: int) -> tuple[int, ...]:
    """The lags of the original's experiments: all of the last `length` inputs without the present one, the oldest first."""
    return tuple(range(length, 0, -1))


class HistoryState(NamedTuple):
    """What a HistoryUser keeps between steps.

    Attributes:
        past: the last frames, the newest at the end, `[batch, max(lags), frame_depth]`.
        reader, local, aggregator: `(cell, hidden)` of each LSTM layer, `[batch, units]` each.
    """

    past: Tensor
    reader: list[State]
    local: list[State]
    aggregator: list[State]


def read_lags(frames: Tensor, weights: Tensor, lags: Sequence[int]) -> Tensor:
    """Add up frames of the past: `read[b, t] = sum_k weights[b, t, k] frames[b, max(lags) + t - lags[k]]`.

    One lag after the other is gathered, weighed and added, and the gradient gathers them again, so that memory is
    that of arguments and result (`batch * time * (lags + a few times depth)` values), never `batch * time * lags
    * depth`. The author's whole-sequence form held a tensor `batch * time * lags * time` and ran out of 16 GB.

    Args:
        frames: the `max(lags)` frames before the first step, then those of the steps,
            `[batch, max(lags) + time, depth]`.
        weights: `[batch, time, lags]`.
        lags: steps back from the present one, which is 0.

    Returns:
        `[batch, time, depth]`.
    """
    time, oldest = weights.shape[1], max(lags)
    steps = ops.arange(time, dtype="int32")
    all_lags = ops.convert_to_tensor(list(lags), dtype="int32")

    def at(padded: Tensor, start: Tensor, length: Tensor) -> Tensor:
        return ops.take(padded, start + length, axis=1)

    @ops.custom_gradient
    def run(frames: Tensor, weights: Tensor) -> tuple[Tensor, Callable]:
        by_lag = ops.transpose(weights, (2, 0, 1))

        def add(total: Tensor, inputs: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            weight, lag = inputs
            return total + weight[..., None] * at(frames, oldest - lag, steps), lag

        total, _ = scan(add, ops.zeros_like(frames[:, oldest:]), (by_lag, all_lags))

        def gradient(*arguments: Tensor, upstream: Any = None) -> tuple[Tensor, Tensor]:
            d_read = gradients_of_outputs(arguments, upstream)
            # A frame is read by the step that lies a lag after it; none lies beyond either end.
            outside = ((0, 0), (oldest, oldest))
            d_padded = ops.pad(d_read, (*outside, (0, 0)))
            positions = ops.arange(oldest + time, dtype="int32")

            def back(d_frames: Tensor, inputs: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
                weight, lag = inputs
                d_weight = ops.sum(d_read * at(frames, oldest - lag, steps), axis=-1)
                share = at(ops.pad(weight, outside), lag, positions)[..., None]
                return d_frames + share * at(d_padded, lag, positions), d_weight

            d_frames, d_weights = scan(back, ops.zeros_like(frames), (by_lag, all_lags))
            return d_frames, ops.transpose(d_weights, (1, 2, 0))

        return total, gradient

    return run(frames, weights)


def copied(tokens: Tensor, weights: Tensor, depth: int) -> Tensor:
    """The read of one-hot frames, from their tokens: how likely each token is where one of the past is copied.

    What `read_lags` gives where a frame is a one-hot token, `read[..., token] = sum_k weights[..., k] [tokens[..., k] =
    token]`, without frames of that width.

    Args:
        tokens: what stood at each lag, integers `[..., lags]`; negative ones are nothing and not read.
        weights: of the lags, `[..., lags]`.
        depth: number of tokens.

    Returns:
        `[..., depth]`.
    """
    shape = (1,) * (len(tokens.shape) - 1) + (depth,)
    classes = ops.reshape(ops.arange(depth, dtype="int32"), shape)
    read = 0.0
    for lag in range(tokens.shape[-1]):
        here = ops.cast(ops.equal(tokens[..., lag : lag + 1], classes), weights.dtype)
        read = read + weights[..., lag : lag + 1] * here
    return read


class HistoryUser(FrameReader):
    """Reads the past by learnt weights, beside a local LSTM: the "HistoryUser scheme".

    At step t, with inputs `x_t` and frames `f_t` (by default the same; the piano models' inputs are their frames
    of 12 pitch classes and a clock of 6 bits):

        w_t = softmax(linear(reader(x_t)))            one weight for each lag
        r_t = sum_k w_t[k] f_{t - lags[k]}            the read, divided by the number of lags if `mean_read`
        y_t = aggregator([local(x_t) ; r_t])

    The defaults are the piano baseline ("100-100" with an aggregator of 130). The core of its experiments is
    `HistoryUser(window_lags(80), (70, 50), (), ())`, its architecture tests have an aggregator of (90,), and its
    melody generator a local LSTM of (75,) too.

    Args:
        lags: steps back from the present one, each 0 or more; 0 is the present frame.
        reader_sizes: units of the reader's LSTM layers, at least one.
        local_sizes: units of the local LSTM's layers; none passes the inputs themselves on.
        aggregator_sizes: units of the aggregator's layers; none makes the read the output.
        mean_read: divide the read by the number of lags, as the author's TensorFlow notebooks did.
        memoryless_local: the local layers start every step from a zero state, as a misspelt name had it in the
            author's melody generators.
        attention_stddev: standard deviation of the normal initial weights and biases of the linear layer (the
            author's is 1); 0 for Glorot's weights and biases of zero.
        dropout: probability that an input value of an LSTM layer is dropped while training.
        seed: seed of the dropout masks.

    Raises:
        ValueError: no or negative lags, or no reader.

    Examples:
        >>> reader = HistoryUser(lags=(1, 3), reader_sizes=(4,), local_sizes=(4,), aggregator_sizes=(5,))
        >>> reader.build(input_depth=2)
        >>> reading = reader(ops.ones((1, 8, 2)))
        >>> tuple(reading.outputs.shape), tuple(reading.weights.shape)
        ((1, 8, 5), (1, 8, 2))
        >>> bool(ops.all(ops.abs(ops.sum(reading.weights, axis=-1) - 1) < 1e-5))
        True
    """

    def __init__(
        self,
        lags: Sequence[int] = BASELINE_LAGS,
        reader_sizes: tuple[int, ...] = (100,),
        local_sizes: tuple[int, ...] = (100,),
        aggregator_sizes: tuple[int, ...] = (130,),
        mean_read: bool = False,
        memoryless_local: bool = False,
        attention_stddev: float = 0.0,
        dropout: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not lags or min(lags) < 0:
            raise ValueError(f"A HistoryUser needs lags of 0 or more, not {tuple(lags)}.")
        if not reader_sizes:
            raise ValueError("A HistoryUser needs at least one LSTM layer that reads.")
        self.lags = tuple(int(lag) for lag in lags)
        self.history_length = max(self.lags)
        self.mean_read = mean_read
        self.memoryless_local = memoryless_local
        self.reader = LSTMStack(reader_sizes, dropout, seed)
        self.local = LSTMStack(local_sizes, dropout, seed + 1) if local_sizes else None
        self.aggregator = LSTMStack(aggregator_sizes, dropout, seed + 2) if aggregator_sizes else None
        if aggregator_sizes:
            self.output_depth = aggregator_sizes[-1]
        normal = keras.initializers.RandomNormal(stddev=attention_stddev)
        self.attention = keras.layers.Dense(
            len(self.lags),
            kernel_initializer=normal if attention_stddev else "glorot_uniform",
            bias_initializer=normal if attention_stddev else "zeros",
        )

    def build(self, input_depth: int, frame_depth: int | None = None) -> None:
        """Create the weights.

        Args:
            input_depth: width of the inputs.
            frame_depth: width of the frames that are read; by default that of the inputs.
        """
        self.frame_depth = input_depth if frame_depth is None else frame_depth
        self.output_depth = self.aggregator.layer_sizes[-1] if self.aggregator else self.frame_depth
        self.reader.build(input_depth)
        self.attention.build((None, self.reader.layer_sizes[-1]))
        around_depth = input_depth
        if self.local is not None:
            self.local.build(input_depth)
            around_depth = self.local.layer_sizes[-1]
        if self.aggregator is not None:
            self.aggregator.build(around_depth + self.frame_depth)
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by part: `reader/...`, `attention/...`, `local/...` and `aggregator/...`."""
        names = {"attention/kernel": self.attention.kernel, "attention/bias": self.attention.bias}
        for name, stack in (("reader", self.reader), ("local", self.local), ("aggregator", self.aggregator)):
            if stack is not None:
                names |= {f"{name}/{k}": v for k, v in stack.named_weights().items()}
        return names

    def zero_state(self, batch: Any, dtype: Any = "float32") -> HistoryState:
        """The state before a piece: no frames were heard, and all LSTMs start from zero."""
        past = ops.zeros((batch, self.history_length, self.frame_depth), dtype=dtype)
        stacks = (self.reader, self.local, self.aggregator)
        return HistoryState(past, *(stack.zero_states(batch, dtype) if stack else [] for stack in stacks))

    def with_past(self, state: HistoryState, past: Tensor) -> HistoryState:
        return state._replace(past=ops.cast(past, state.past.dtype))

    def call(
        self,
        inputs: Tensor,
        frames: Tensor | None = None,
        state: HistoryState | None = None,
        training: bool = False,
    ) -> Reading:
        """All steps at once, by whole-sequence LSTMs.

        Args:
            inputs: `[batch, time, input_depth]`.
            frames: what can be read later, `[batch, time, frame_depth]`; by default the inputs.
            state: the state before the first step, by default `zero_state`. Its `past` can hold the frames that
                precede a fragment of a longer piece.
            training: whether dropout is on.
        """
        frames = inputs if frames is None else frames
        state = self.zero_state(ops.shape(inputs)[0], inputs.dtype) if state is None else state
        inputs = swap(inputs)
        read_out, reader = run_stack(self.reader, inputs, state.reader, training)
        weights = ops.softmax(self.attention(swap(read_out)), axis=-1)
        known = ops.concatenate([state.past, ops.cast(frames, state.past.dtype)], axis=1)
        read = swap(self._scaled(read_lags(known, weights, self.lags)))
        if self.memoryless_local:
            around, local = self._without_memory(inputs, training), state.local
        else:
            around, local = run_stack(self.local, inputs, state.local, training)
        outputs, aggregator = read, state.aggregator
        if self.aggregator is not None:
            both = ops.concatenate([around, read], axis=-1)
            outputs, aggregator = run_stack(self.aggregator, both, state.aggregator, training)
        past = known[:, known.shape[1] - self.history_length :]
        return Reading(swap(outputs), weights, HistoryState(past, reader, local, aggregator))

    def step(self, inputs: Tensor, state: HistoryState, frame: Tensor | None = None) -> Reading:
        """One step, for generation, with the results of `call`.

        Args:
            inputs: `[batch, input_depth]`.
            state: the state before.
            frame: what can be read later, `[batch, frame_depth]`; by default the inputs.
        """
        frame = inputs if frame is None else frame
        read_out, reader = step_stack(self.reader, inputs, state.reader)
        weights = ops.softmax(self.attention(read_out), axis=-1)
        known = ops.concatenate([state.past, ops.cast(frame, state.past.dtype)[:, None]], axis=1)
        positions = [self.history_length - lag for lag in self.lags]
        read = self._scaled(ops.sum(weights[..., None] * ops.take(known, positions, axis=1), axis=1))
        if self.memoryless_local:
            around, local = self._without_memory(inputs, False), state.local
        else:
            around, local = step_stack(self.local, inputs, state.local)
        outputs, aggregator = read, state.aggregator
        if self.aggregator is not None:
            outputs, aggregator = step_stack(
                self.aggregator, ops.concatenate([around, read], axis=-1), state.aggregator
            )
        return Reading(outputs, weights, HistoryState(known[:, 1:], reader, local, aggregator))

    def _scaled(self, read: Tensor) -> Tensor:
        return read / len(self.lags) if self.mean_read else read

    def _without_memory(self, inputs: Tensor, training: bool) -> Tensor:
        """The local layers on a zero state; inputs and outputs `[..., depth]`."""
        if self.local is None:
            return inputs
        for layer in self.local.layers:
            projected = layer.project(self.local.drop(inputs, training))
            inputs = lstm_cell(projected, ops.zeros_like(projected[..., : layer.units]))[1]
        return inputs
