"""What a decoder says at each step: the distribution of a step's value, given the LSTM's output.

An output knows the compact form of its values (a token, a token a part, or numbers), how the value before enters
the LSTM, what a true value costs in nats, and how a value is drawn. Magenta's decoder classes differ in this
alone.
"""

import math
from abc import ABC, abstractmethod
from typing import Any

import keras
from keras import ops

from models.layers.distributions import categorical_log_probability

Array = Any

NO_TOKEN = -1
"""Stands for "nothing yet" among tokens: an input of zeros."""


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


class Categorical(Output):
    """One token a step: Magenta's `CategoricalLstmDecoder`. Values are integers `[batch, time]`.

    Args:
        depth: number of tokens.
    """

    def __init__(self, depth: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.depth = self.parameter_depth = depth
        self.uniforms = 1

    def nothing(self, batch: Any) -> Array:
        return ops.full((batch,), NO_TOKEN, dtype="int32")

    def target(self, values: Array) -> Array:
        return ops.cast(values, "int32")

    def select(self, use_first: Array, first: Array, second: Array) -> Array:
        return ops.where(use_first, first, second)

    def product(self, values: Array, rows: Array) -> Array:
        # A token selects a row of the kernel; no product is made.
        selected = ops.take(rows, ops.maximum(values, 0), axis=0)
        return selected * ops.cast(values >= 0, rows.dtype)[..., None]

    def dense(self, values: Array, dtype: str) -> Array:
        return ops.one_hot(values, self.depth, dtype=dtype)

    def loss(self, parameters: Array, values: Array) -> Array:
        # Padding may be NO_TOKEN, which is no class; the caller masks what it costs.
        return -categorical_log_probability(parameters, ops.maximum(values, 0))

    def correct(self, parameters: Array, values: Array) -> Array:
        return ops.cast(ops.cast(ops.argmax(parameters, axis=-1), "int32") == values, "float32")

    def draw(self, parameters: Array, uniforms: Array | None, temperature: Array | float) -> Array:
        return draw_token(parameters, None if uniforms is None else uniforms[:, 0], temperature)


class MultiCategorical(Output):
    """Several tokens a step, independent given the LSTM's output: Magenta's `MultiOutCategoricalLstmDecoder`.

    Values are integers `[batch, time, parts]`.

    Args:
        depths: number of tokens of each part.
    """

    def __init__(self, depths: tuple[int, ...], **kwargs: Any):
        super().__init__(**kwargs)
        self.parts = [Categorical(depth) for depth in depths]
        self.depth = self.parameter_depth = sum(depths)
        self.uniforms = len(self.parts)

    def _split(self, x: Array, axis: int = -1) -> list[Array]:
        """`x` cut along an axis into the parts' widths."""
        ends = [sum(p.depth for p in self.parts[: i + 1]) for i in range(len(self.parts) - 1)]
        return ops.split(x, ends, axis=axis)

    def _each(self, values: Array) -> list[Array]:
        return [values[..., i] for i in range(len(self.parts))]

    def nothing(self, batch: Any) -> Array:
        return ops.full((batch, len(self.parts)), NO_TOKEN, dtype="int32")

    def target(self, values: Array) -> Array:
        return ops.cast(values, "int32")

    def product(self, values: Array, rows: Array) -> Array:
        triples = zip(self.parts, self._each(values), self._split(rows, axis=0), strict=True)
        return sum(part.product(value, some) for part, value, some in triples)

    def dense(self, values: Array, dtype: str) -> Array:
        pairs = zip(self.parts, self._each(values), strict=True)
        return ops.concatenate([part.dense(value, dtype) for part, value in pairs], axis=-1)

    def loss(self, parameters: Array, values: Array) -> Array:
        triples = zip(self.parts, self._split(parameters), self._each(values), strict=True)
        return sum(part.loss(logits, value) for part, logits, value in triples)

    def correct(self, parameters: Array, values: Array) -> Array:
        triples = zip(self.parts, self._split(parameters), self._each(values), strict=True)
        return sum(part.correct(logits, value) for part, logits, value in triples) / len(self.parts)

    def draw(self, parameters: Array, uniforms: Array | None, temperature: Array | float) -> Array:
        drawn = [
            part.draw(logits, None if uniforms is None else uniforms[:, i : i + 1], temperature)
            for i, (part, logits) in enumerate(zip(self.parts, self._split(parameters), strict=True))
        ]
        return ops.stack(drawn, axis=-1)


class Boolean(Output):
    """Independent yes or no a value: Magenta's `BooleanLstmDecoder`. Values are 0 or 1, `[batch, time, depth]`.

    Args:
        depth: number of values a step.
    """

    def __init__(self, depth: int = 1, **kwargs: Any):
        super().__init__(**kwargs)
        self.depth = self.parameter_depth = self.uniforms = depth

    def loss(self, parameters: Array, values: Array) -> Array:
        # -log sigmoid(x) for 1 and -log sigmoid(-x) for 0, without overflow.
        return ops.sum(ops.softplus(parameters) - parameters * values, axis=-1)

    def correct(self, parameters: Array, values: Array) -> Array:
        return ops.mean(ops.cast((parameters >= 0) == (values > 0.5), "float32"), axis=-1)

    def draw(self, parameters: Array, uniforms: Array | None, temperature: Array | float) -> Array:
        return draw_bits(parameters, uniforms, temperature)


class Nade(Output):
    """Bits that depend on one another: Magenta's `MultiLabelRnnNadeDecoder`.

    A NADE (Uria et al., "Neural Autoregressive Distribution Estimation", 2016) whose biases come from the LSTM:
    `p(x_i | x_<i) = sigmoid(c_i + v_i sigmoid(b + sum_{j<i} x_j w_j))`. Values are 0 or 1, `[batch, time, depth]`.

    Args:
        depth: number of bits.
        hidden: hidden units.
        most: no more bits are 1 in any value; 0 where that is not known. The hidden state changes at bits that
            are 1 alone, so there are `most + 1` of them to compute instead of `depth`.
    """

    draws_in_training = False

    def __init__(self, depth: int, hidden: int, most: int = 0, **kwargs: Any):
        super().__init__(**kwargs)
        self.depth = self.uniforms = depth
        self.hidden, self.most = hidden, most
        self.parameter_depth = hidden + depth

    def build(self) -> None:
        near_zero = keras.initializers.TruncatedNormal(stddev=1.0 / math.sqrt(self.depth))
        self.encoder = self.add_weight((self.depth, 1, self.hidden), initializer=near_zero, name="w_enc")
        self.decoder = self.add_weight((self.depth, self.hidden, 1), initializer=near_zero, name="w_dec_t")
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        return {"nade/w_enc": self.encoder, "nade/w_dec_t": self.decoder}

    def conditionals(self, parameters: Array, values: Array) -> Array:
        """Probability that each bit is 1 given the true bits before it, `[batch, time, depth]`."""
        bias_in, bias_out = parameters[..., : self.hidden], parameters[..., self.hidden :]
        if self.most:
            return ops.sigmoid(bias_out + self._shared_logits(bias_in, values))
        contributions = values[..., None] * self.encoder[:, 0]
        # The hidden state of bit i has seen the bits before it only.
        seen = ops.cumsum(contributions, axis=-2) - contributions
        hidden = ops.sigmoid(bias_in[..., None, :] + seen)
        return ops.sigmoid(bias_out + ops.sum(hidden * self.decoder[..., 0], axis=-1))

    def _shared_logits(self, bias_in: Array, values: Array) -> Array:
        """What the hidden states add to the logits, `[..., depth]`, each state computed once."""
        before = ops.cumsum(values, axis=-1) - values
        numbers = ops.arange(self.most + 1, dtype="float32")[:, None]
        in_state = ops.cast(ops.abs(before[..., None, :] - numbers) < 0.5, "float32")
        # The state after the i-th bit that is 1 has that bit's row added.
        rows = ops.matmul((in_state * values[..., None, :])[..., :-1, :], self.encoder[:, 0])
        seen = ops.pad(ops.cumsum(rows, axis=-2), [[0, 0]] * (len(rows.shape) - 2) + [[1, 0], [0, 0]])
        hidden = ops.sigmoid(bias_in[..., None, :] + seen)
        logits = ops.matmul(hidden, ops.transpose(self.decoder[..., 0]))
        return ops.sum(logits * in_state, axis=-2)

    def loss(self, parameters: Array, values: Array) -> Array:
        p = self.conditionals(parameters, values)
        # Magenta bounds its logarithms in this way.
        terms = values * ops.log(1e-6 + p) + (1 - values) * ops.log(1e-6 + 1 - p)
        return -ops.sum(terms, axis=-1)

    def correct(self, parameters: Array, values: Array) -> Array:
        hits = (self.conditionals(parameters, values) >= 0.5) == (values > 0.5)
        return ops.cast(ops.all(hits, axis=-1), "float32")

    def draw(self, parameters: Array, uniforms: Array | None, temperature: Array | float) -> Array:
        hidden, bias_out = parameters[..., : self.hidden], parameters[..., self.hidden :]
        bits = []
        for i in range(self.depth):
            logit = bias_out[:, i : i + 1] + ops.matmul(ops.sigmoid(hidden), self.decoder[i])
            bit = draw_bits(logit, None if uniforms is None else uniforms[:, i : i + 1], temperature)
            hidden = hidden + bit * self.encoder[i]
            bits.append(bit)
        return ops.concatenate(bits, axis=-1)


class Groove(Output):
    """Hits, velocities and offsets of drums side by side: Magenta's `GrooveLstmDecoder` (GrooVAE).

    Values are numbers `[batch, time, 3 * drums]`: hits 0 or 1, velocities from 0 to 1, offsets from -1 to 1 (half
    a step each way; positive is early). Hits cost their log loss, the others their squared error. A draw is
    random in the hits alone.

    Args:
        depth: three times the number of drums.
    """

    EPSILON = 1e-7
    """What Magenta's log loss adds inside of its logarithms."""

    def __init__(self, depth: int, **kwargs: Any):
        super().__init__(**kwargs)
        if depth % 3:
            raise ValueError(f"Hits, velocities and offsets make a multiple of 3 values a step, not {depth}.")
        self.depth = self.parameter_depth = depth
        self.uniforms = depth // 3

    def loss(self, parameters: Array, values: Array) -> Array:
        hit_logits, velocity_logits, offset_logits = ops.split(parameters, 3, axis=-1)
        hits, velocities, offsets = ops.split(values, 3, axis=-1)
        p = ops.sigmoid(hit_logits)
        hit_loss = -hits * ops.log(p + self.EPSILON) - (1 - hits) * ops.log(1 - p + self.EPSILON)
        velocity_loss = ops.square(ops.sigmoid(velocity_logits) - velocities)
        offset_loss = ops.square(ops.tanh(offset_logits) - offsets)
        return ops.sum(hit_loss + velocity_loss + offset_loss, axis=-1)

    def correct(self, parameters: Array, values: Array) -> Array:
        drums = self.depth // 3
        return ops.mean(
            ops.cast((parameters[..., :drums] > 0) == (values[..., :drums] > 0.5), "float32"), axis=-1
        )

    def draw(self, parameters: Array, uniforms: Array | None, temperature: Array | float) -> Array:
        hits, velocities, offsets = ops.split(parameters, 3, axis=-1)
        drawn = draw_bits(hits, uniforms, temperature)
        return ops.concatenate([drawn, ops.sigmoid(velocities), ops.tanh(offsets)], axis=-1)


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
