"""An encoder of bars: each bar by the same dense layers, then all bars of a clip together, or each by itself.

An LSTM over 64 steps has to learn what a bar is; here it is given, and every bar of the training set is an example for
the same weights. Where each bar has a slice of z of its own, recombined bars, which nobody played, are as good to learn
from as real clips, and an edit of one bar moves only its slice.
"""

from typing import Any

import keras
from keras import ops

from models.layers import backend
from models.music_vae.encoders import total_lengths

Tensor = Any


class BarEncoder(keras.layers.Layer):
    """Dense layers with ReLU over bars.

    Args:
        bars: bars of a clip.
        bar_sizes: units of the layers that read a bar, lowest first.
        joint_sizes: units of the layers that read the results for all bars side by side; with none the bars stay apart,
            and each has its slice of z.
        dropout: probability that a value of a layer is dropped while training.
        seed: seed of the dropout masks.
    """

    def __init__(
        self,
        bars: int,
        bar_sizes: tuple[int, ...],
        joint_sizes: tuple[int, ...] = (),
        dropout: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.bars = bars
        self.dropout = dropout
        self.bar_layers = [keras.layers.Dense(units, activation="relu") for units in bar_sizes]
        self.joint_layers = [keras.layers.Dense(units, activation="relu") for units in joint_sizes]
        self.seed_generator = keras.random.SeedGenerator(seed)

    @property
    def slices(self) -> int:
        """Number of parts of z that are encoded separately: 1, or one for each bar."""
        return 1 if self.joint_layers else self.bars

    @property
    def output_depth(self) -> int:
        """Size of an embedding."""
        return (self.joint_layers or self.bar_layers)[-1].units

    def build(self, input_depth: int, time: int) -> None:
        """Create the weights for sequences `[batch, time, input_depth]`.

        Raises:
            ValueError: where the time is not that of whole bars.
        """
        if time % self.bars:
            raise ValueError(f"{time} steps are not {self.bars} bars of one length.")
        width = time // self.bars * input_depth
        for layer in self.bar_layers:
            layer.build((None, width))
            width = layer.units
        width *= self.bars
        for layer in self.joint_layers:
            layer.build((None, width))
            width = layer.units
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights as `bar_{layer}/kernel` and `joint_{layer}/kernel`, and the biases."""
        parts = (("bar", self.bar_layers), ("joint", self.joint_layers))
        layers = [(f"{name}_{i}", layer) for name, part in parts for i, layer in enumerate(part)]
        return {f"{n}/{k}": w for n, d in layers for k, w in (("kernel", d.kernel), ("bias", d.bias))}

    def call(self, sequence: Tensor, lengths: Tensor, training: bool = False) -> Tensor:
        """Embed `sequence` `[batch, time, input_depth]`.

        Args:
            sequence: steps past a clip's end are not read.
            lengths: `[batch]` or `[batch, segments]`.
            training: whether dropout is on.

        Returns:
            `[batch, slices, output_depth]`.
        """
        batch = ops.shape(sequence)[0]
        time, depth = sequence.shape[1], sequence.shape[2]
        real = ops.arange(time, dtype="int32")[None] < ops.cast(total_lengths(lengths), "int32")[:, None]
        read = sequence * ops.cast(real, sequence.dtype)[..., None]
        read = ops.reshape(read, (batch, self.bars, time // self.bars * depth))
        for layer in self.bar_layers:
            read = self._dropped(layer(read), training)
        if self.joint_layers:
            read = ops.reshape(read, (batch, 1, self.bars * read.shape[-1]))
        for layer in self.joint_layers:
            read = self._dropped(layer(read), training)
        return read

    def _dropped(self, x: Tensor, training: bool) -> Tensor:
        return backend.dropout(x, self.dropout, self.seed_generator) if training and self.dropout else x
