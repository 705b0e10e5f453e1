"""What a decoder says at each step: the distribution of a step's value, given the LSTM's output.

An output knows the compact form of its values (a token, a token a part, or numbers), how the value before enters
the LSTM, what a true value costs in nats, and how a value is drawn. Magenta's decoder classes differ in this
alone.
"""

from abc import ABC, abstractmethod
from typing import Any

import keras
from keras import ops

Array = Any


class Output(keras.layers.Layer, ABC):
    """Base of the distributions; by default a vector of numbers a step.

    Attributes:
        depth: width of a value as an input of the decoder.
        parameter_depth: width of the parameters, the LSTM's projected output.
        uniforms: random numbers that a draw takes.
        draws_in_training: whether scheduled sampling draws values, or takes the likeliest.
    """

    depth: int
    parameter_depth: int
    uniforms: int
    draws_in_training = True

    def build(self) -> None:
        """Create the weights, where there are any."""
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by Magenta's variable names within a decoder."""
        return {}

    def nothing(self, batch: Any) -> Array:
        """The value before the first step."""
        return ops.zeros((batch, self.depth), dtype="float32")

    def target(self, values: Array) -> Array:
        """Values as a batch holds them in the type that the rest takes."""
        return ops.cast(values, "float32")

    def before(self, values: Array) -> Array:
        """The value before each step, for values `[batch, time, ...]`."""
        first = self.nothing(ops.shape(values)[0])[:, None]
        return ops.concatenate([first, values[:, :-1]], axis=1)

    def select(self, use_first: Array, first: Array, second: Array) -> Array:
        """Values of `first` where the boolean `[batch]` is true, and of `second` elsewhere."""
        return ops.where(use_first[:, None], first, second)

    def product(self, values: Array, rows: Array) -> Array:
        """Values times the kernel's rows `[depth, width]`: `[..., width]`."""
        return ops.matmul(ops.cast(values, rows.dtype), rows)

    def dense(self, values: Array, dtype: str) -> Array:
        """Magenta's tensor of values, `[..., depth]`."""
        return ops.cast(values, dtype)

    @abstractmethod
    def loss(self, parameters: Array, values: Array) -> Array:
        """What true values cost, in nats: `[batch, time]` for parameters `[batch, time, parameter_depth]`."""

    @abstractmethod
    def correct(self, parameters: Array, values: Array) -> Array:
        """Share of a step's values that the likeliest ones hit, float32 `[batch, time]`."""

    @abstractmethod
    def draw(self, parameters: Array, uniforms: Array | None, temperature: Array | float) -> Array:
        """One step's values.

        Args:
            parameters: `[batch, parameter_depth]`.
            uniforms: `[batch, uniforms]` in [0, 1), or None for the likeliest values.
            temperature: divides the logits, above 0.
        """


def draw_bits(logits: Array, uniforms: Array | None, temperature: Array | float) -> Array:
    """0 or 1 for each of the logits, float32; 1 with probability `sigmoid(logit / temperature)`.

    Without uniforms the likelier one, 1 where both are equal.
    """
    logits = ops.cast(logits, "float32")
    if uniforms is None:
        return ops.cast(logits >= 0, "float32")
    return ops.cast(uniforms < ops.sigmoid(logits / temperature), "float32")


def draw_token(logits: Array, uniforms: Array | None, temperature: Array | float) -> Array:
    """Draw a token by the inverse of the cumulative distribution of `softmax(logits / temperature)`.

    One uniform number a token, rather than one for each class, so that a draw costs little and its outcome
    depends on (seed, sample, step) alone. The cumulative sum runs over blocks as two small products.

    Args:
        logits: `[batch, classes]`.
        uniforms: `[batch]` in [0, 1), or None for the likeliest class.
        temperature: above 0.

    Returns:
        int32 `[batch]`.
    """
    if uniforms is None:
        return ops.cast(ops.argmax(logits, axis=-1), "int32")
    probabilities = ops.softmax(ops.cast(logits, "float32") / temperature, axis=-1)
    classes = probabilities.shape[-1]
    block = 16
    padded = ops.pad(probabilities, ((0, 0), (0, -classes % block)))
    blocks = ops.reshape(padded, (-1, padded.shape[-1] // block, block))
    within = ops.matmul(blocks, ops.triu(ops.ones((block, block))))
    totals = within[:, :, -1]
    count = totals.shape[-1]
    before = ops.matmul(totals, ops.triu(ops.ones((count, count)), k=1))
    cumulative = ops.reshape(within + before[:, :, None], (-1, count * block))
    threshold = uniforms[:, None] * cumulative[:, -1:]
    token = ops.sum(ops.cast(cumulative <= threshold, "int32"), axis=-1)
    return ops.minimum(token, classes - 1)
