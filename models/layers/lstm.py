"""LSTM layers that run a whole sequence as few large matrix products.

The cell is TensorFlow 1's `LSTMCell`, which Magenta's checkpoints hold: one kernel for `[input; hidden]`,
gates in the order input, candidate, forget, output, and a forget bias of 1 added while computing.
`models/layers/lstm_sequence.py` has the cell and the loop over time.
"""

from typing import Any

import keras
from keras import ops

from models.layers import backend
from models.layers.lstm_sequence import State, lstm_cell, lstm_sequence

Tensor = Any


class LSTM(keras.layers.Layer):
    """One LSTM layer, usable step by step and by whole sequences.

    The weights are `kernel` `[input_depth + units, 4 * units]`, the input's rows first, and `bias`
    `[4 * units]`, as in a TensorFlow 1 checkpoint.

    Args:
        units: size of the cell and hidden state.
        residual: the output is the hidden state plus the input (TensorFlow 1's ResidualWrapper).
        input_projection: a dense layer first brings the input to `units` values (its InputProjectionWrapper),
            which a residual layer needs where its input has another size.
    """

    def __init__(self, units: int, residual: bool = False, input_projection: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.units = units
        self.residual = residual
        self.input_projection = keras.layers.Dense(units) if input_projection else None

    def build(self, input_depth: int) -> None:
        """Create the weights for inputs `[..., input_depth]`."""
        if self.input_projection is not None:
            self.input_projection.build((None, input_depth))
            input_depth = self.units
        self.input_depth = input_depth
        self.kernel = self.add_weight(
            shape=(input_depth + self.units, 4 * self.units), initializer="glorot_uniform", name="kernel"
        )
        self.bias = self.add_weight(shape=(4 * self.units,), initializer="zeros", name="bias")
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by their names inside a TensorFlow 1 checkpoint's cell."""
        names = {"lstm_cell/kernel": self.kernel, "lstm_cell/bias": self.bias}
        if self.input_projection is None:
            return names
        dense = self.input_projection
        names |= {"kernel": dense.kernel, "bias": dense.bias}
        return {f"input_projection_wrapper/{name}": weight for name, weight in names.items()}

    def input_rows(self, start: int, stop: int) -> Tensor:
        """The weights that multiply the inputs `start` to `stop`, as `project` does: `[stop - start, width]`."""
        first = self.kernel if self.input_projection is None else self.input_projection.kernel
        return first[start:stop]

    @property
    def input_bias(self) -> Tensor:
        """What `project` adds, `[width]`."""
        return self.bias if self.input_projection is None else self.input_projection.bias

    @property
    def recurrent_kernel(self) -> Tensor:
        """The rows of the kernel that multiply the hidden state, `[units, 4 * units]`."""
        return self.kernel[self.input_depth :]

    def project(self, inputs: Tensor) -> Tensor:
        """The product of inputs `[..., input_depth]` that no step has to wait for: `[..., width]`.

        The width is 4 * units, or units with an input projection.
        """
        if self.input_projection is not None:
            return self.input_projection(inputs)
        return ops.matmul(inputs, self.kernel[: self.input_depth]) + self.bias

    def _gates(self, projected: Tensor) -> Tensor:
        """The inputs' share in the preactivation, `[..., 4 * units]`."""
        if self.input_projection is None:
            return projected
        return ops.matmul(projected, self.kernel[: self.input_depth]) + self.bias

    def _output(self, hidden: Tensor, projected: Tensor, inputs: Tensor | None) -> Tensor:
        if not self.residual:
            return hidden
        return hidden + (projected if self.input_projection is not None else inputs)

    def step(self, projected: Tensor, state: State, inputs: Tensor | None = None) -> tuple[Tensor, State]:
        """The output `[batch, units]` and the state `(cell, hidden)` after one step.

        Args:
            projected: `project` of the inputs.
            state: the state before.
            inputs: the inputs themselves, needed where a residual layer has no input projection.
        """
        cell, hidden = state
        preactivation = self._gates(projected) + ops.matmul(hidden, self.recurrent_kernel)
        cell, hidden, _ = lstm_cell(preactivation, cell)
        return self._output(hidden, projected, inputs), (cell, hidden)

    def sequence(
        self,
        projected: Tensor,
        state: State,
        mask: Tensor | None = None,
        reverse: bool = False,
        inputs: Tensor | None = None,
        kept: Tensor | None = None,
    ) -> tuple[Tensor, State, Tensor]:
        """All steps at once.

        Args:
            projected: `project` of the inputs, `[time, batch, width]`.
            state: the state before the first step.
            mask: `[time, batch or 1, 1]`, 0 at padding, where state and output are zero; None for no padding.
            reverse: run from the last step to the first.
            inputs: as for `step`.
            kept: as for `lstm_sequence`.

        Returns:
            Outputs `[time, batch, units]`, the last state, and the hidden states `[time, batch, units]`.
        """
        if mask is None:
            mask = ops.ones((projected.shape[0], 1, 1), dtype=projected.dtype)
        gates = self._gates(projected)
        hiddens, cell, hidden = lstm_sequence(gates, self.recurrent_kernel, *state, mask, reverse, kept)
        outputs = self._output(hiddens, projected, inputs)
        return (outputs * mask if self.residual else outputs), (cell, hidden), hiddens

    def zero_state(self, batch: Any, dtype: Any) -> State:
        """The state `(cell, hidden)` of zeros, `[batch, units]` each."""
        zeros = ops.zeros((batch, self.units), dtype=dtype)
        return zeros, zeros


class LSTMStack(keras.layers.Layer):
    """LSTM layers on top of one another, with dropout on the input of each (TensorFlow 1's DropoutWrapper).

    Args:
        layer_sizes: units of each layer, lowest first.
        dropout: probability that an input value is dropped while training, with a new mask at every step.
        seed: seed of the dropout masks.
        residual: each layer adds its input to its output; an input of another size is projected first.
        recurrent_dropout: probability that a hidden value is dropped on its way to the next step while training,
            one mask for a whole sequence.

    Raises:
        ValueError: without a layer.
    """

    def __init__(
        self,
        layer_sizes: tuple[int, ...],
        dropout: float = 0.0,
        seed: int = 0,
        residual: bool = False,
        recurrent_dropout: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.layer_sizes = tuple(layer_sizes)
        if not self.layer_sizes:
            raise ValueError("A stack of LSTMs has at least one layer.")
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        below = (None, *self.layer_sizes[:-1])
        self.layers = [
            LSTM(units, residual, residual and units != size)
            for units, size in zip(self.layer_sizes, below, strict=True)
        ]
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_depth: int) -> None:
        """Create the weights for inputs `[..., input_depth]` of the lowest layer."""
        for layer in self.layers:
            layer.build(input_depth)
            input_depth = layer.units
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        """`cell_{layer}/lstm_cell/...`, as in a TensorFlow 1 checkpoint."""
        return {
            f"cell_{i}/{name}": weight
            for i, layer in enumerate(self.layers)
            for name, weight in layer.named_weights().items()
        }

    def drop(self, inputs: Tensor, training: bool) -> Tensor:
        """Inputs with a share of `dropout` set to zero and the rest scaled up, while training."""
        if not training or not self.dropout:
            return inputs
        return backend.dropout(inputs, self.dropout, self.seed_generator)

    def zero_states(self, batch: Any, dtype: Any) -> list[State]:
        """The zero state of each layer."""
        return [layer.zero_state(batch, dtype) for layer in self.layers]

    def step(
        self, projected: Tensor, states: list[State], training: bool = False
    ) -> tuple[Tensor, list[State]]:
        """One step of all layers.

        Args:
            projected: the lowest layer's projected inputs `[batch, width]`.
            states: `(cell, hidden)` of each layer.
            training: whether to drop inputs of the upper layers.

        Returns:
            The top layer's output `[batch, units]`, and the new states.
        """
        new_states: list[State] = []
        output = None
        for layer, state in zip(self.layers, states, strict=True):
            if output is not None:
                output = self.drop(output, training)
                projected = layer.project(output)
            output, state = layer.step(projected, state, output)
            new_states.append(state)
        return output, new_states

    def sequence(
        self, projected: Tensor, states: list[State], training: bool = False, mask: Tensor | None = None
    ) -> tuple[Tensor, list[State]]:
        """All steps of all layers, layer by layer.

        Args:
            projected: the lowest layer's projected inputs `[time, batch, width]`.
            states: `(cell, hidden)` of each layer before the first step.
            training: whether to drop inputs of the upper layers.
            mask: as for `LSTM.sequence`.

        Returns:
            The top layer's outputs `[time, batch, units]`, and the states after the last step.
        """
        last_states = []
        outputs = None
        for layer, state in zip(self.layers, states, strict=True):
            if outputs is not None:
                outputs = self.drop(outputs, training)
                projected = layer.project(outputs)
            kept = None
            if training and self.recurrent_dropout:
                kept = backend.dropout(ops.ones_like(state[1]), self.recurrent_dropout, self.seed_generator)
            outputs, last, _ = layer.sequence(projected, state, mask, inputs=outputs, kept=kept)
            last_states.append(last)
        return outputs, last_states


class InitialState(keras.layers.Layer):
    """The states that a stack starts from: one dense layer with tanh on an embedding, split as c0, h0, c1, h1...

    Args:
        layer_sizes: units of each LSTM layer.
    """

    def __init__(self, layer_sizes: tuple[int, ...], **kwargs: Any):
        super().__init__(**kwargs)
        self.layer_sizes = tuple(layer_sizes)
        self.dense = keras.layers.Dense(
            2 * sum(self.layer_sizes),
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.001),
        )

    def build(self, embedding_size: int) -> None:
        """Create the weights for embeddings `[batch, embedding_size]`."""
        self.dense.build((None, embedding_size))
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        """`kernel` and `bias` of the dense layer."""
        return {"kernel": self.dense.kernel, "bias": self.dense.bias}

    def call(self, embedding: Tensor) -> list[State]:
        """The `(cell, hidden)` of each layer for embeddings `[batch, embedding_size]`."""
        flat = ops.tanh(backend.product(embedding, self.dense.kernel) + self.dense.bias)
        return unflatten_states(flat, self.layer_sizes)


def flatten_states(states: list[State]) -> Tensor:
    """All cells and hidden states of a stack side by side: `[batch, 2 * sum(layer_sizes)]`, c0, h0, c1, h1..."""
    return ops.concatenate([part for state in states for part in state], axis=-1)


def unflatten_states(flat: Tensor, layer_sizes: tuple[int, ...]) -> list[State]:
    """The inverse of `flatten_states`."""
    states, start = [], 0
    for units in layer_sizes:
        states.append((flat[:, start : start + units], flat[:, start + units : start + 2 * units]))
        start += 2 * units
    return states
