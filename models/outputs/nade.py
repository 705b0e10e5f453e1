"""Bits that depend on one another: a NADE whose biases are the parameters."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import keras
from keras import ops

from models.outputs.base import Output, draw_bits

if TYPE_CHECKING:
    from catalog.config import HParams

Tensor = Any


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

    @classmethod
    def from_config(
        cls, depths: tuple[int, ...], options: Mapping[str, Any], hparams: "HParams", seed: int
    ) -> Self:
        if "hidden" not in options:
            options = {"hidden": hparams.nade_num_hidden, **options}
        return super().from_config(depths, options, hparams, seed)

    def build(self) -> None:
        near_zero = keras.initializers.TruncatedNormal(stddev=1.0 / math.sqrt(self.depth))
        self.encoder = self.add_weight((self.depth, 1, self.hidden), initializer=near_zero, name="w_enc")
        self.decoder = self.add_weight((self.depth, self.hidden, 1), initializer=near_zero, name="w_dec_t")
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        return {"nade/w_enc": self.encoder, "nade/w_dec_t": self.decoder}

    def conditionals(self, parameters: Tensor, values: Tensor) -> Tensor:
        """Probability that each bit is 1 given the true bits before it, `[batch, time, depth]`."""
        bias_in, bias_out = parameters[..., : self.hidden], parameters[..., self.hidden :]
        if self.most:
            return ops.sigmoid(bias_out + self._shared_logits(bias_in, values))
        contributions = values[..., None] * self.encoder[:, 0]
        # The hidden state of bit i has seen the bits before it only.
        seen = ops.cumsum(contributions, axis=-2) - contributions
        hidden = ops.sigmoid(bias_in[..., None, :] + seen)
        return ops.sigmoid(bias_out + ops.sum(hidden * self.decoder[..., 0], axis=-1))

    def _shared_logits(self, bias_in: Tensor, values: Tensor) -> Tensor:
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

    def loss(self, parameters: Tensor, values: Tensor) -> Tensor:
        p = self.conditionals(parameters, values)
        # Magenta bounds its logarithms in this way.
        terms = values * ops.log(1e-6 + p) + (1 - values) * ops.log(1e-6 + 1 - p)
        return -ops.sum(terms, axis=-1)

    def correct(self, parameters: Tensor, values: Tensor) -> Tensor:
        hits = (self.conditionals(parameters, values) >= 0.5) == (values > 0.5)
        return ops.cast(ops.all(hits, axis=-1), "float32")

    def draw(self, parameters: Tensor, uniforms: Tensor | None, temperature: Tensor | float) -> Tensor:
        hidden, bias_out = parameters[..., : self.hidden], parameters[..., self.hidden :]
        bits = []
        for i in range(self.depth):
            logit = bias_out[:, i : i + 1] + ops.matmul(ops.sigmoid(hidden), self.decoder[i])
            bit = draw_bits(logit, None if uniforms is None else uniforms[:, i : i + 1], temperature)
            hidden = hidden + bit * self.encoder[i]
            bits.append(bit)
        return ops.concatenate(bits, axis=-1)
