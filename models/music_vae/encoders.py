"""Encoders: a sequence `[batch, time, depth]` and its lengths become one embedding `[batch, output_depth]`."""

import math
from typing import Any

import keras
from keras import ops

from models.layers import backend
from models.layers.lstm import LSTM, LSTMStack
from models.layers.lstm_sequence import swap

Tensor = Any


class BidirectionalLSTM(keras.layers.Layer):
    """Stacked bidirectional LSTM layers; each reads both directions of the layer below.

    States start at zero and stop at each sequence's length.

    Args:
        layer_sizes: units per direction of each layer, lowest first.
        dropout: probability that an input value of a layer is dropped while training.
        seed: seed of the dropout masks.
        residual: each layer adds its projected input to its output.
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
        self.forward = [LSTM(units, residual, residual) for units in self.layer_sizes]
        self.backward = [LSTM(units, residual, residual) for units in self.layer_sizes]
        self.seed_generator = keras.random.SeedGenerator(seed)

    @property
    def output_depth(self) -> int:
        """Depth of the outputs, and of the embedding."""
        return 2 * self.layer_sizes[-1]

    def build(self, input_depth: int) -> None:
        """Create the weights for sequences `[batch, time, input_depth]`."""
        for forward, backward in zip(self.forward, self.backward, strict=True):
            forward.build(input_depth)
            backward.build(input_depth)
            input_depth = 2 * forward.units
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by Magenta's variable names."""
        return {
            f"cell_{i}/bidirectional_rnn/{direction}/multi_rnn_cell/cell_0/{name}": weight
            for direction, layers in (("fw", self.forward), ("bw", self.backward))
            for i, layer in enumerate(layers)
            for name, weight in layer.named_weights().items()
        }

    def call(self, sequence: Tensor, lengths: Tensor, training: bool = False) -> tuple[Tensor, Tensor]:
        """Read `sequence` `[batch, time, input_depth]` with `lengths` `[batch]`.

        Returns:
            Outputs `[batch, time, output_depth]`, zero at padding, and the embedding `[batch, output_depth]`:
            the last forward beside the last backward hidden state.
        """
        outputs = swap(sequence)
        time, batch = outputs.shape[0], ops.shape(outputs)[1]
        lengths = ops.cast(lengths, "int32")
        real = ops.arange(time, dtype="int32")[:, None] < lengths[None, :]
        mask = ops.cast(real, outputs.dtype)[:, :, None]
        for forward, backward in zip(self.forward, self.backward, strict=True):
            both = []
            for layer, reverse in ((forward, False), (backward, True)):
                inputs = outputs
                if training and self.dropout:
                    inputs = backend.dropout(outputs, self.dropout, self.seed_generator)
                state = layer.zero_state(batch, outputs.dtype)
                both.append(layer.sequence(layer.project(inputs), state, mask, reverse))
            outputs = ops.concatenate([both[0][0], both[1][0]], axis=-1)
        embedding = ops.concatenate([last_real(both[0][2], lengths), both[1][2][0]], axis=-1)
        return swap(outputs), embedding


def last_real(sequence: Tensor, lengths: Tensor) -> Tensor:
    """The last real step `[batch, depth]` of a sequence `[time, batch, depth]`; zeros where the length is 0."""
    is_last = ops.arange(sequence.shape[0], dtype="int32")[:, None] == lengths[None, :] - 1
    return ops.sum(sequence * ops.cast(is_last, sequence.dtype)[:, :, None], axis=0)


class BidirectionalLSTMEncoder(BidirectionalLSTM):
    """A `BidirectionalLSTM` that returns its embedding only: Magenta's `BidirectionalLstmEncoder`."""

    def call(self, sequence: Tensor, lengths: Tensor, training: bool = False) -> Tensor:
        """Embed `sequence` `[batch, time, input_depth]` with `lengths` `[batch]` or `[batch, segments]`."""
        return super().call(sequence, total_lengths(lengths), training)[1]


class LSTMEncoder(keras.layers.Layer):
    """Stacked LSTM that reads forward; the embedding is the top layer's output at the last real step.

    Magenta's `LstmEncoder` takes the output at the padded end instead, which is zero for shorter sequences; on
    sequences of full length both give the same.

    Args:
        layer_sizes: units of each layer, lowest first.
        dropout: probability that an input value of a layer is dropped while training.
        seed: seed of the dropout masks.
        residual: each layer adds its input to its output.
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
        self.stack = LSTMStack(layer_sizes, dropout, seed, residual)

    @property
    def output_depth(self) -> int:
        """Size of the embedding."""
        return self.stack.layer_sizes[-1]

    def build(self, input_depth: int) -> None:
        """Create the weights for sequences `[batch, time, input_depth]`."""
        self.stack.build(input_depth)
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by Magenta's variable names."""
        return {f"multi_rnn_cell/{name}": weight for name, weight in self.stack.named_weights().items()}

    def call(self, sequence: Tensor, lengths: Tensor, training: bool = False) -> Tensor:
        """Embed `sequence` `[batch, time, input_depth]` with `lengths` `[batch]` or `[batch, segments]`."""
        inputs = self.stack.drop(swap(sequence), training)
        states = self.stack.zero_states(ops.shape(inputs)[1], inputs.dtype)
        outputs, _ = self.stack.sequence(self.stack.layers[0].project(inputs), states, training)
        return last_real(outputs, ops.cast(total_lengths(lengths), "int32"))


class HierarchicalLSTMEncoder(keras.layers.Layer):
    """A hierarchy of encoders: segments become embeddings, and groups of embeddings one embedding.

    All segments of a level are encoded side by side as one large batch. Magenta's `HierarchicalLstmEncoder` over
    `BidirectionalLstmEncoder`.

    Args:
        level_lengths: steps of a segment, then embeddings of a group at each level above; the product is the
            length of a sequence.
        layer_sizes, dropout, seed, residual: of the encoder of each level.
    """

    def __init__(
        self,
        level_lengths: tuple[int, ...],
        layer_sizes: tuple[int, ...],
        dropout: float = 0.0,
        seed: int = 0,
        residual: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.level_lengths = tuple(level_lengths)
        self.levels = [
            BidirectionalLSTMEncoder(layer_sizes, dropout, seed + i, residual)
            for i in range(len(self.level_lengths))
        ]

    @property
    def output_depth(self) -> int:
        """Size of the embedding."""
        return self.levels[-1].output_depth

    @property
    def total_length(self) -> int:
        """Steps of a whole sequence."""
        return math.prod(self.level_lengths)

    def build(self, input_depth: int) -> None:
        """Create the weights for sequences `[batch, time, input_depth]`."""
        for level in self.levels:
            level.build(input_depth)
            input_depth = level.output_depth
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by Magenta's variable names."""
        return {
            f"hierarchical_level_{i}/{name}": weight
            for i, level in enumerate(self.levels)
            for name, weight in level.named_weights().items()
        }

    def call(self, sequence: Tensor, lengths: Tensor, training: bool = False) -> Tensor:
        """Embed `sequence` `[batch, total_length, input_depth]`.

        Args:
            sequence: padded at the end, or segment by segment.
            lengths: `[batch]`, or `[batch, segments]` where each segment is padded at its own end.
            training: whether dropout is on.

        Raises:
            ValueError: for sequences of another length.
        """
        if sequence.shape[1] != self.total_length:
            raise ValueError(f"The hierarchy encodes {self.total_length} steps, not {sequence.shape[1]}.")
        count = self.total_length // self.level_lengths[0]
        lengths = ops.reshape(segment_lengths(lengths, count, self.level_lengths[0]), (-1,))
        for i, level in enumerate(self.levels):
            steps = self.level_lengths[i]
            if i:
                lengths = ops.full((ops.shape(sequence)[0] * sequence.shape[1] // steps,), steps)
            segments = ops.reshape(sequence, (-1, steps, sequence.shape[2]))
            count = sequence.shape[1] // steps
            sequence = ops.reshape(
                level(segments, lengths, training=training), (-1, count, level.output_depth)
            )
        return sequence[:, 0]


def segment_lengths(lengths: Tensor, segments: int, steps: int) -> Tensor:
    """Lengths of each segment, int32 `[batch, segments]`.

    Args:
        lengths: `[batch]` of sequences that are padded at their end, or `[batch, segments]` already.
        segments: number of segments.
        steps: of a segment.

    Example:
        >>> import numpy as np
        >>> ops.convert_to_numpy(segment_lengths(np.array([10, 32]), segments=4, steps=8)).tolist()
        [[8, 2, 0, 0], [8, 8, 8, 8]]
    """
    lengths = ops.cast(lengths, "int32")
    if len(lengths.shape) == 2:
        return lengths
    starts = ops.arange(segments, dtype="int32")[None, :] * steps
    return ops.clip(lengths[:, None] - starts, 0, steps)


def total_lengths(lengths: Tensor) -> Tensor:
    """Lengths of whole sequences, `[batch]`, from lengths `[batch]` or `[batch, segments]`."""
    return lengths if len(lengths.shape) == 1 else ops.sum(lengths, axis=1)
