"""What reads the past of a frame model: a layer that turns the frames so far into features of the next one.

The piano models (of piano rolls, pitch classes or tokens) differ in this part and in what draws a frame of
its features; `models/piano/model.py` puts both together. All readers run a whole sequence at once in training
and step by step in generation, with the same results.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import keras
from keras import ops

from models.layers import backend
from models.layers.lstm import LSTMStack
from models.layers.lstm_sequence import State, swap
from models.outputs.base import Output

if TYPE_CHECKING:
    from catalog.config import HParams

Tensor = Any


class Reading(NamedTuple):
    """What a reader makes of its inputs; without the axis of time after a single step.

    Attributes:
        outputs: `[batch, time, output_depth]`.
        weights: share of each lag in what was read, `[batch, time, lags]`, summing to 1; None where a reader
            does not weigh its past.
        state: the state after the last step.
        own: of a reader whose parts each predict by themselves, what each says, `[batch, time, output_depth]`.
    """

    outputs: Tensor
    weights: Tensor | None
    state: Any
    own: tuple[Tensor, ...] = ()


class FrameReader(keras.layers.Layer, ABC):
    """Base of the readers.

    Attributes:
        output_depth: width of the outputs.
        history_length: frames of the past that a state keeps; 0 for none.
        predicts: whether the outputs are the parameters of the next frame already (their width is then given to
            the constructor), so that no dense layer comes between.
        predicts_apart: whether its parts each predict by themselves too (`Reading.own`), and train on that.
    """

    output_depth: int
    history_length = 0
    predicts = False
    predicts_apart = False

    @classmethod
    def from_config(cls, options: Mapping[str, Any], hparams: "HParams", output: Output, seed: int) -> Self:
        """The reader of a config's options; the default passes the options, the dropout and the seed on.

        Args:
            options: arguments of the class, as the config names them.
            hparams: say the dropout, and what the options leave open.
            output: what draws the next frame.
            seed: of the dropout masks.
        """
        del output
        return cls(**{"dropout": 1.0 - hparams.dropout_keep_prob, "seed": seed, **options})

    @abstractmethod
    def build(self, input_depth: int, frame_depth: int) -> None:
        """Create the weights.

        Args:
            input_depth: width of the inputs: a frame, and perhaps a clock beside it.
            frame_depth: width of a frame alone, which can be read again later.
        """

    @abstractmethod
    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by names that stay the same."""

    @abstractmethod
    def zero_state(self, batch: Any, dtype: Any = "float32") -> Any:
        """The state before a piece: a nested tuple or list of arrays whose first axis is the batch."""

    def with_past(self, state: Any, past: Tensor) -> Any:
        """A state that has the last frames `[batch, history_length, frame_depth]` as its past, oldest first."""
        del past
        return state

    def with_position(self, state: Any, position: Tensor) -> Any:
        """A state before a fragment whose first frame to predict has a number in its piece, int32 `[batch]`."""
        del position
        return state

    @abstractmethod
    def call(self, inputs: Tensor, frames: Tensor, state: Any = None, training: bool = False) -> Reading:
        """All steps at once.

        Args:
            inputs: `[batch, time, input_depth]`.
            frames: `[batch, time, frame_depth]`.
            state: before the first step; `zero_state` by default.
            training: whether dropout is on.
        """

    @abstractmethod
    def step(self, inputs: Tensor, state: Any, frame: Tensor) -> Reading:
        """One step, with the results of `call`.

        Args:
            inputs: `[batch, input_depth]`.
            state: before the step.
            frame: `[batch, frame_depth]`.
        """


class LSTMReader(FrameReader):
    """Layers of LSTM: the reader of the Basic RNN (Conchylicultor/MusicGenerator) and of the relative-token model.

    Args:
        layer_sizes: units of each layer, lowest first.
        dropout: probability that an input value of a layer is dropped while training.
        output_dropout: the same for the outputs.
        seed: of the dropout masks.
    """

    def __init__(
        self,
        layer_sizes: tuple[int, ...] = (256, 256),
        dropout: float = 0.0,
        output_dropout: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.stack = LSTMStack(layer_sizes, dropout, seed)
        self.output_depth = layer_sizes[-1]
        self.output_dropout = output_dropout
        self.masks = keras.random.SeedGenerator(seed + 1)

    @classmethod
    def from_config(cls, options: Mapping[str, Any], hparams: "HParams", output: Output, seed: int) -> Self:
        if "layer_sizes" not in options:
            options = {"layer_sizes": hparams.enc_rnn_size, **options}
        return super().from_config(options, hparams, output, seed)

    def build(self, input_depth: int, frame_depth: int) -> None:
        self.stack.build(input_depth)
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        return self.stack.named_weights()

    def zero_state(self, batch: Any, dtype: Any = "float32") -> list[State]:
        return self.stack.zero_states(batch, dtype)

    def call(self, inputs: Tensor, frames: Tensor, state: Any = None, training: bool = False) -> Reading:
        state = self.zero_state(ops.shape(inputs)[0], inputs.dtype) if state is None else state
        outputs, state = run_stack(self.stack, swap(inputs), state, training)
        if training and self.output_dropout:
            outputs = backend.dropout(outputs, self.output_dropout, self.masks)
        return Reading(swap(outputs), None, state)

    def step(self, inputs: Tensor, state: Any, frame: Tensor) -> Reading:
        outputs, state = step_stack(self.stack, inputs, state)
        return Reading(outputs, None, state)


def run_stack(
    stack: LSTMStack | None, inputs: Tensor, states: Sequence[State], training: bool
) -> tuple[Tensor, list[State]]:
    """A stack over inputs `[time, batch, depth]`; none passes them on."""
    if stack is None:
        return inputs, list(states)
    return stack.sequence(stack.layers[0].project(stack.drop(inputs, training)), list(states), training)


def step_stack(
    stack: LSTMStack | None, inputs: Tensor, states: Sequence[State]
) -> tuple[Tensor, list[State]]:
    """A stack on one step's inputs `[batch, depth]`; none passes them on."""
    if stack is None:
        return inputs, list(states)
    return stack.step(stack.layers[0].project(inputs), list(states))
