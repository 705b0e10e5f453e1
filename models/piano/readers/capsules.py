"""Capsules: one small LSTM for each of the frames at fixed lags, instead of one that sees all of them.

Two experiments on the way to the HistoryUser (FortsAndMills/MusicGeneration, models on real data): "capsuled memory", where another LSTM
reads what the capsules make of their frames, and "stacking", where each capsule predicts by itself and another LSTM
(the author's "ruler", a gate) weighs them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import keras
from keras import ops

from models.layers.lstm import LSTMStack
from models.layers.lstm_sequence import State, swap
from models.outputs.base import Output
from models.piano.readers.base import FrameReader, Reading, run_stack, step_stack
from models.piano.readers.history_user import BASELINE_LAGS

if TYPE_CHECKING:
    from catalog.config import HParams

Tensor = Any
Run = Callable[[LSTMStack | None, Tensor, Sequence[State]], tuple[Tensor, list[State]]]
"""Runs a stack on all steps or on one: inputs and states to outputs and states."""


class CapsuleState(NamedTuple):
    """What capsules keep between steps.

    Attributes:
        past: the last frames, the newest at the end, `[batch, max(lags), frame_depth]`.
        capsules: `(cell, hidden)` of each capsule, `[batch, units]` each, that of the present frame first.
        above: the same for the layers of the LSTM above them: the aggregator, or the ruler.
    """

    past: Tensor
    capsules: list[State]
    above: list[State]


class _LaggedReader(FrameReader):
    """What both kinds share: capsules at lags, and the frames that they see.

    The inputs are a frame, and perhaps a clock beside it.
    """

    def __init__(self, lags: Sequence[int], units: int, dropout: float, seed: int, **kwargs: Any):
        super().__init__(**kwargs)
        if not lags or min(lags) < 1:
            raise ValueError(f"Capsules need lags of 1 or more beside the present frame, not {tuple(lags)}.")
        self.lags = tuple(int(lag) for lag in lags)
        self.history_length = max(self.lags)
        self.capsules = [LSTMStack((units,), dropout, seed + i) for i in range(len(self.lags) + 1)]

    def _set_depths(self, input_depth: int, frame_depth: int) -> int:
        """Keep the frames' width, and return that of the clock."""
        if input_depth < frame_depth:
            raise ValueError(f"Inputs of {input_depth} values hold no frame of {frame_depth}.")
        self.frame_depth = frame_depth
        return input_depth - frame_depth

    def with_past(self, state: CapsuleState, past: Tensor) -> CapsuleState:
        return state._replace(past=ops.cast(past, state.past.dtype))

    def _zero_state(self, above: LSTMStack | None, batch: Any, dtype: Any) -> CapsuleState:
        past = ops.zeros((batch, self.history_length, self.frame_depth), dtype=dtype)
        capsules = [capsule.zero_states(batch, dtype)[0] for capsule in self.capsules]
        return CapsuleState(past, capsules, above.zero_states(batch, dtype) if above else [])

    def _seen(self, inputs: Tensor, frames: Tensor, past: Tensor) -> tuple[list[Tensor], Tensor]:
        """The frames that the capsules see at each step, `[batch, time, frame_depth]` each, and the new past."""
        known = ops.concatenate([past, ops.cast(frames, past.dtype)], axis=1)
        time, oldest = frames.shape[1], self.history_length
        lagged = [known[:, oldest - lag : oldest - lag + time] for lag in self.lags]
        return [inputs[..., : self.frame_depth], *lagged], known[:, time:]

    def _run_capsules(
        self, run: Run, seen: list[Tensor], states: list[State]
    ) -> tuple[list[Tensor], list[State]]:
        outputs, after = [], []
        for capsule, x, state in zip(self.capsules, seen, states, strict=True):
            output, new = run(capsule, x, [state])
            outputs.append(output)
            after.append(new[0])
        return outputs, after


def _running(training: bool) -> Run:
    return lambda stack, inputs, states: run_stack(stack, inputs, states, training)


class CapsuleReader(_LaggedReader):
    """An LSTM for each of the present and the lagged frames, and an aggregator above: "capsuled memory".

    With frames `f_t` and inputs `x_t = [f_t ; clock_t]`, lag_0 = 0 and `g_k = f_{t - lag_k}`:

        y_t = aggregator([capsule_0(g_0) ; capsule_1(g_1) ; ... ; g_0 ; g_1 ; ... ; clock_t])

    As with the author, the aggregator sees all the frames themselves too, and it alone sees the clock.

    Args:
        lags: steps back from the present frame, each 1 or more.
        units: of each capsule; 24 first, 16 with the author's larger data set.
        aggregator_sizes: units of the aggregator's LSTM layers, at least one.
        dropout: probability that an input value of an LSTM layer is dropped while training.
        seed: of the dropout masks.

    Raises:
        ValueError: no lags or one below 1, or no aggregator; when built, inputs narrower than a frame.
    """

    def __init__(
        self,
        lags: Sequence[int] = BASELINE_LAGS,
        units: int = 24,
        aggregator_sizes: tuple[int, ...] = (100,),
        dropout: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(lags, units, dropout, seed + 1, **kwargs)
        if not aggregator_sizes:
            raise ValueError("A CapsuleReader needs at least one LSTM layer that aggregates.")
        self.units = units
        self.aggregator = LSTMStack(aggregator_sizes, dropout, seed)
        self.output_depth = aggregator_sizes[-1]

    def build(self, input_depth: int, frame_depth: int) -> None:
        clock_depth = self._set_depths(input_depth, frame_depth)
        for capsule in self.capsules:
            capsule.build(frame_depth)
        self.aggregator.build(len(self.capsules) * (self.units + frame_depth) + clock_depth)
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by part: `capsule_{k}/...` and `aggregator/...`."""
        parts = {f"capsule_{k}": capsule for k, capsule in enumerate(self.capsules)}
        parts["aggregator"] = self.aggregator
        return {f"{part}/{k}": v for part, stack in parts.items() for k, v in stack.named_weights().items()}

    def zero_state(self, batch: Any, dtype: Any = "float32") -> CapsuleState:
        return self._zero_state(self.aggregator, batch, dtype)

    def call(
        self, inputs: Tensor, frames: Tensor, state: CapsuleState | None = None, training: bool = False
    ) -> Reading:
        state = self.zero_state(ops.shape(inputs)[0], inputs.dtype) if state is None else state
        seen, past = self._seen(inputs, frames, state.past)
        clock = swap(inputs[..., self.frame_depth :])
        outputs, capsules, above = self._aggregated(_running(training), [swap(x) for x in seen], clock, state)
        return Reading(swap(outputs), None, CapsuleState(past, capsules, above))

    def step(self, inputs: Tensor, state: CapsuleState, frame: Tensor) -> Reading:
        seen, past = self._seen(inputs[:, None], frame[:, None], state.past)
        clock = inputs[..., self.frame_depth :]
        outputs, capsules, above = self._aggregated(step_stack, [x[:, 0] for x in seen], clock, state)
        return Reading(outputs, None, CapsuleState(past, capsules, above))

    def _aggregated(
        self, run: Run, seen: list[Tensor], clock: Tensor, state: CapsuleState
    ) -> tuple[Tensor, list[State], list[State]]:
        outputs, capsules = self._run_capsules(run, seen, state.capsules)
        features, above = run(
            self.aggregator, ops.concatenate([*outputs, *seen, clock], axis=-1), state.above
        )
        return features, capsules, above


class StackedCapsules(_LaggedReader):
    """Capsules that each predict the next frame, and a gate (the author's "ruler") that mixes what they say: "stacking".

    With frames `f_t`, inputs `x_t = [f_t ; clock_t]` and lag_0 = 0:

        p_k = dense_k(capsule_k([f_{t - lag_k} ; clock_t]))     a capsule's own parameters of the next frame
        w = softmax(dense(ruler(x_t)))                          one weight for each capsule
        y_t = sum_k w_k stop_gradient(p_k)                      the mix, parameters (logits) again

    The mix teaches the ruler alone. The capsules learn by losses of their own, which the model adds to the mix's:
    a reading's `own` are the p_k. Its weights are the ruler's, `[batch, time, lags + 1]`.

    Args:
        parameter_depth: width of the parameters of the output that draws the frames.
        lags: steps back from the present frame, each 1 or more.
        units: of each capsule.
        ruler_units: of the ruler.
        dropout: probability that an input value of an LSTM layer is dropped while training.
        seed: of the dropout masks.

    Raises:
        ValueError: no lags, or one below 1; when built, inputs narrower than a frame.
    """

    predicts = True
    predicts_apart = True

    def __init__(
        self,
        parameter_depth: int,
        lags: Sequence[int] = BASELINE_LAGS,
        units: int = 100,
        ruler_units: int = 100,
        dropout: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(lags, units, dropout, seed + 1, **kwargs)
        self.output_depth = parameter_depth
        self.units, self.ruler_units = units, ruler_units
        self.ruler = LSTMStack((ruler_units,), dropout, seed)
        self.predictions = [keras.layers.Dense(parameter_depth) for _ in self.capsules]
        self.choice = keras.layers.Dense(len(self.capsules))

    @classmethod
    def from_config(cls, options: Mapping[str, Any], hparams: "HParams", output: Output, seed: int) -> Self:
        own = {"parameter_depth": output.parameter_depth, **options}
        return super().from_config(own, hparams, output, seed)

    def build(self, input_depth: int, frame_depth: int) -> None:
        self._set_depths(input_depth, frame_depth)
        for capsule, dense in zip(self.capsules, self.predictions, strict=True):
            capsule.build(input_depth)
            dense.build((None, self.units))
        self.ruler.build(input_depth)
        self.choice.build((None, self.ruler_units))
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by part: `capsule_{k}/...`, `prediction_{k}/...`, `ruler/...` and `choice/...`."""
        stacks = {f"capsule_{k}": capsule for k, capsule in enumerate(self.capsules)} | {"ruler": self.ruler}
        dense = {f"prediction_{k}": layer for k, layer in enumerate(self.predictions)}
        dense["choice"] = self.choice
        names = {f"{part}/{k}": v for part, stack in stacks.items() for k, v in stack.named_weights().items()}
        for part, layer in dense.items():
            names |= {f"{part}/kernel": layer.kernel, f"{part}/bias": layer.bias}
        return names

    def zero_state(self, batch: Any, dtype: Any = "float32") -> CapsuleState:
        return self._zero_state(self.ruler, batch, dtype)

    def call(
        self, inputs: Tensor, frames: Tensor, state: CapsuleState | None = None, training: bool = False
    ) -> Reading:
        state = self.zero_state(ops.shape(inputs)[0], inputs.dtype) if state is None else state
        seen, past = self._seen(inputs, frames, state.past)
        seen = [swap(x) for x in self._with_clock(seen, inputs)]
        own, weights, capsules, above = self._ruled(_running(training), seen, state)
        own, weights = [swap(x) for x in own], swap(weights)
        return Reading(_mix(own, weights), weights, CapsuleState(past, capsules, above), tuple(own))

    def step(self, inputs: Tensor, state: CapsuleState, frame: Tensor) -> Reading:
        seen, past = self._seen(inputs[:, None], frame[:, None], state.past)
        seen = [x[:, 0] for x in self._with_clock(seen, inputs[:, None])]
        own, weights, capsules, above = self._ruled(step_stack, seen, state)
        return Reading(_mix(own, weights), weights, CapsuleState(past, capsules, above), tuple(own))

    def _with_clock(self, seen: list[Tensor], inputs: Tensor) -> list[Tensor]:
        clock = inputs[..., self.frame_depth :]
        return [ops.concatenate([frames, clock], axis=-1) for frames in seen]

    def _ruled(
        self, run: Run, seen: list[Tensor], state: CapsuleState
    ) -> tuple[list[Tensor], Tensor, list[State], list[State]]:
        outputs, capsules = self._run_capsules(run, seen, state.capsules)
        own = [dense(x) for dense, x in zip(self.predictions, outputs, strict=True)]
        ruled, above = run(self.ruler, seen[0], state.above)
        return own, ops.softmax(self.choice(ruled), axis=-1), capsules, above


def _mix(own: list[Tensor], weights: Tensor) -> Tensor:
    return sum(weights[..., k : k + 1] * ops.stop_gradient(x) for k, x in enumerate(own))
