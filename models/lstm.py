"""LSTM layers that run a whole sequence as few large matrix products.

The cell is TensorFlow 1's `LSTMCell`, which Magenta's checkpoints hold: one kernel for `[input; hidden]`,
gates in the order input, candidate, forget, output, and a forget bias of 1 added while computing. What a step
does not have to wait for is taken out of the loop: the input projection of all steps is one product before it,
and the kernel's gradient one product after it (`lstm_sequence` has a gradient of its own for that reason).
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from models.backend import scan

Array = Any
State = tuple[Array, Array]

FORGET_BIAS = 1.0


def lstm_cell(preactivation: Array, cell: Array) -> tuple[Array, Array, Array]:
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
    projected: Array, recurrent_kernel: Array, cell: Array, hidden: Array, mask: Array, reverse: bool = False
) -> tuple[Array, Array, Array]:
    """Run an LSTM over a sequence whose input projections are known.

    Args:
        projected: `[time, batch, 4 * units]`, inputs times kernel plus bias.
        recurrent_kernel: `[units, 4 * units]`.
        cell, hidden: the state before the first step, `[batch, units]` each.
        mask: `[time, batch or 1, 1]`, 1 at real steps and 0 at padding, where the state becomes zero.
        reverse: run from the last step to the first.

    Returns:
        Hidden states `[time, batch, units]` in the order of the input, last cell state, last hidden state.
    """

    @ops.custom_gradient
    def run(projected, recurrent_kernel, cell, hidden, mask):
        def forward_step(carry, inputs):
            cell, hidden = carry
            x, real = inputs
            cell, hidden, gates = lstm_cell(x + ops.matmul(hidden, recurrent_kernel), cell)
            cell, hidden = cell * real, hidden * real
            return (cell, hidden), (cell, hidden, gates)

        (last_cell, last_hidden), (cells, hiddens, gates) = scan(
            forward_step, (cell, hidden), (projected, mask), reverse
        )

        def gradient(*upstream_arguments, upstream=None):
            d_hiddens, d_cell, d_hidden = _upstream(upstream_arguments, upstream)
            cells_before = _shifted(cells, cell, reverse)
            hiddens_before = _shifted(hiddens, hidden, reverse)
            backward_step = _backward_step(ops.transpose(recurrent_kernel))
            (d_cell, d_hidden), d_projected = scan(
                backward_step,
                (d_cell, d_hidden),
                (d_hiddens, gates, cells, cells_before, mask),
                not reverse,
            )
            units = ops.shape(recurrent_kernel)[0]
            d_kernel = ops.matmul(
                ops.transpose(ops.reshape(hiddens_before, (-1, units))),
                ops.reshape(d_projected, (-1, 4 * units)),
            )
            return d_projected, d_kernel, d_cell, d_hidden, ops.zeros_like(mask)

        return (hiddens, last_cell, last_hidden), gradient

    return run(projected, recurrent_kernel, cell, hidden, mask)


def _upstream(arguments: tuple, upstream: Any) -> tuple:
    """The gradients of the three outputs: TensorFlow passes them one by one, JAX as one tuple."""
    if upstream is not None:
        return upstream
    return arguments[0] if len(arguments) == 1 else arguments


def _shifted(states: Array, first: Array, reverse: bool) -> Array:
    """The state before each step, given the states after the steps and the one before the first."""
    if reverse:
        return ops.concatenate([states[1:], first[None]], axis=0)
    return ops.concatenate([first[None], states[:-1]], axis=0)


def _backward_step(transposed_kernel: Array) -> Callable:
    def backward_step(carry, inputs):
        d_cell, d_hidden = carry
        d_output, gates, cell, cell_before, real = inputs
        i, g, f, o = ops.split(gates, 4, axis=-1)
        d_hidden = (d_hidden + d_output) * real
        squashed = ops.tanh(cell)
        d_cell = d_cell * real + d_hidden * o * (1 - squashed * squashed)
        d_preactivation = ops.concatenate(
            [
                d_cell * g * i * (1 - i),
                d_cell * i * (1 - g * g),
                d_cell * cell_before * f * (1 - f),
                d_hidden * squashed * o * (1 - o),
            ],
            axis=-1,
        )
        return (d_cell * f, ops.matmul(d_preactivation, transposed_kernel)), d_preactivation

    return backward_step


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

    def input_rows(self, start: int, stop: int) -> Array:
        """The weights that multiply the inputs `start` to `stop`, as `project` does: `[stop - start, width]`."""
        first = self.kernel if self.input_projection is None else self.input_projection.kernel
        return first[start:stop]

    @property
    def input_bias(self) -> Array:
        """What `project` adds, `[width]`."""
        return self.bias if self.input_projection is None else self.input_projection.bias

    @property
    def recurrent_kernel(self) -> Array:
        """The rows of the kernel that multiply the hidden state, `[units, 4 * units]`."""
        return self.kernel[self.input_depth :]

    def project(self, inputs: Array) -> Array:
        """The product of inputs `[..., input_depth]` that no step has to wait for: `[..., width]`.

        The width is 4 * units, or units with an input projection.
        """
        if self.input_projection is not None:
            return self.input_projection(inputs)
        return ops.matmul(inputs, self.kernel[: self.input_depth]) + self.bias

    def _gates(self, projected: Array) -> Array:
        """The inputs' share in the preactivation, `[..., 4 * units]`."""
        if self.input_projection is None:
            return projected
        return ops.matmul(projected, self.kernel[: self.input_depth]) + self.bias

    def _output(self, hidden: Array, projected: Array, inputs: Array | None) -> Array:
        if not self.residual:
            return hidden
        return hidden + (projected if self.input_projection is not None else inputs)

    def step(self, projected: Array, state: State, inputs: Array | None = None) -> tuple[Array, State]:
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
        projected: Array,
        state: State,
        mask: Array | None = None,
        reverse: bool = False,
        inputs: Array | None = None,
    ) -> tuple[Array, State, Array]:
        """All steps at once.

        Args:
            projected: `project` of the inputs, `[time, batch, width]`.
            state: the state before the first step.
            mask: `[time, batch or 1, 1]`, 0 at padding, where state and output are zero; None for no padding.
            reverse: run from the last step to the first.
            inputs: as for `step`.

        Returns:
            Outputs `[time, batch, units]`, the last state, and the hidden states `[time, batch, units]`.
        """
        if mask is None:
            mask = ops.ones((projected.shape[0], 1, 1), dtype=projected.dtype)
        gates = self._gates(projected)
        hiddens, cell, hidden = lstm_sequence(gates, self.recurrent_kernel, *state, mask, reverse)
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
        dropout: probability that an input value is dropped while training, drawn anew at every step.
        seed: seed of the dropout masks.
        residual: each layer adds its input to its output; an input of another size is projected first.
    """

    def __init__(
        self,
        layer_sizes: tuple[int, ...],
        dropout: float = 0.0,
        seed: int = 0,
        residual: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.layer_sizes = tuple(layer_sizes)
        self.dropout = dropout
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

    def drop(self, inputs: Array, training: bool) -> Array:
        """Inputs with a share of `dropout` set to zero and the rest scaled up, while training."""
        if not training or not self.dropout:
            return inputs
        return keras.random.dropout(inputs, self.dropout, seed=self.seed_generator)

    def zero_states(self, batch: Any, dtype: Any) -> list[State]:
        """The zero state of each layer."""
        return [layer.zero_state(batch, dtype) for layer in self.layers]

    def step(
        self, projected: Array, states: list[State], training: bool = False
    ) -> tuple[Array, list[State]]:
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
        self, projected: Array, states: list[State], training: bool = False, mask: Array | None = None
    ) -> tuple[Array, list[State]]:
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
            outputs, last, _ = layer.sequence(projected, state, mask, inputs=outputs)
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
            activation="tanh",
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.001),
        )

    def build(self, embedding_size: int) -> None:
        """Create the weights for embeddings `[batch, embedding_size]`."""
        self.dense.build((None, embedding_size))
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        """`kernel` and `bias` of the dense layer."""
        return {"kernel": self.dense.kernel, "bias": self.dense.bias}

    def call(self, embedding: Array) -> list[State]:
        """The `(cell, hidden)` of each layer for embeddings `[batch, embedding_size]`."""
        if not embedding.shape[-1]:
            # TensorFlow 2.21 loses the bias when it fuses it with a product over no values.
            flat = ops.tanh(
                ops.broadcast_to(self.dense.bias, (ops.shape(embedding)[0], *self.dense.bias.shape))
            )
            return unflatten_states(flat, self.layer_sizes)
        return unflatten_states(self.dense(embedding), self.layer_sizes)


def flatten_states(states: list[State]) -> Array:
    """All cells and hidden states of a stack side by side: `[batch, 2 * sum(layer_sizes)]`, c0, h0, c1, h1..."""
    return ops.concatenate([part for state in states for part in state], axis=-1)


def unflatten_states(flat: Array, layer_sizes: tuple[int, ...]) -> list[State]:
    """The inverse of `flatten_states`."""
    states, start = [], 0
    for units in layer_sizes:
        states.append((flat[:, start : start + units], flat[:, start + units : start + 2 * units]))
        start += 2 * units
    return states
