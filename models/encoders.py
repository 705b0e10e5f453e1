"""Encoders: a sequence `[batch, time, depth]` and its lengths become one embedding `[batch, output_depth]`."""

from typing import Any

import keras
from keras import ops

from models.lstm import LSTM

Array = Any


class BidirectionalLSTMEncoder(keras.layers.Layer):
    """Stacked bidirectional LSTM; the embedding is the last forward beside the last backward hidden state.

    Each layer reads both directions of the layer below. States start at zero and stop at each sequence's
    length. Magenta's `BidirectionalLstmEncoder`.

    Args:
        layer_sizes: units a direction of each layer, lowest first.
        dropout: probability that an input value of a layer is dropped while training.
        seed: seed of the dropout masks.
    """

    def __init__(self, layer_sizes: tuple[int, ...], dropout: float = 0.0, seed: int = 0, **kwargs: Any):
        super().__init__(**kwargs)
        self.layer_sizes = tuple(layer_sizes)
        self.dropout = dropout
        self.forward = [LSTM(units) for units in self.layer_sizes]
        self.backward = [LSTM(units) for units in self.layer_sizes]
        self.seed_generator = keras.random.SeedGenerator(seed)

    @property
    def output_depth(self) -> int:
        """Size of the embedding."""
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

    def call(self, sequence: Array, lengths: Array, training: bool = False) -> Array:
        """Embed `sequence` `[batch, time, input_depth]` with `lengths` `[batch]`: `[batch, output_depth]`."""
        hiddens = ops.transpose(sequence, (1, 0, 2))
        time, batch = hiddens.shape[0], ops.shape(hiddens)[1]
        real = ops.arange(time, dtype="int32")[:, None] < ops.cast(lengths, "int32")[None, :]
        mask = ops.cast(real, hiddens.dtype)[:, :, None]
        for forward, backward in zip(self.forward, self.backward, strict=True):
            both = []
            for layer, reverse in ((forward, False), (backward, True)):
                inputs = hiddens
                if training and self.dropout:
                    inputs = keras.random.dropout(hiddens, self.dropout, seed=self.seed_generator)
                state = layer.zero_state(batch, hiddens.dtype)
                both.append(layer.sequence(layer.project(inputs), state, mask, reverse)[0])
            hiddens = ops.concatenate(both, axis=-1)
        # The mask clears the forward state behind the end, so its last value is read where it stands.
        is_last = ops.arange(time, dtype="int32")[:, None] == ops.cast(lengths, "int32")[None, :] - 1
        last_forward = ops.sum(both[0] * ops.cast(is_last, hiddens.dtype)[:, :, None], axis=0)
        return ops.concatenate([last_forward, both[1][0]], axis=-1)
