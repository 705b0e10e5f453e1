"""Bits that are independent given the parameters."""

from typing import Any

from keras import ops

from models.outputs.base import Output, draw_bits

Tensor = Any


class Boolean(Output):
    """Independent yes or no a value: Magenta's `BooleanLstmDecoder`. Values are 0 or 1, `[batch, time, depth]`.

    Args:
        depth: number of values a step.
    """

    def __init__(self, depth: int = 1, **kwargs: Any):
        super().__init__(**kwargs)
        self.depth = self.parameter_depth = self.uniforms = depth

    def loss(self, parameters: Tensor, values: Tensor) -> Tensor:
        # -log sigmoid(x) for 1 and -log sigmoid(-x) for 0, without overflow.
        return ops.sum(ops.softplus(parameters) - parameters * values, axis=-1)

    def correct(self, parameters: Tensor, values: Tensor) -> Tensor:
        return ops.mean(ops.cast((parameters >= 0) == (values > 0.5), "float32"), axis=-1)

    def draw(self, parameters: Tensor, uniforms: Tensor | None, temperature: Tensor | float) -> Tensor:
        return draw_bits(parameters, uniforms, temperature)
