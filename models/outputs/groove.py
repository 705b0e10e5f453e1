"""GrooVAE's output: hits, velocities and offsets of drums, the last two by their squared error."""

from typing import Any

from keras import ops

from models.outputs.base import Output, draw_bits

Tensor = Any


class Groove(Output):
    """Hits, velocities and offsets of drums side by side: Magenta's `GrooveLstmDecoder` (GrooVAE).

    Values are `[batch, time, 3 * drums]`: hits 0 or 1, velocities from 0 to 1, offsets from -1 to 1 (half
    a step each way; positive is early). Hits cost their log loss, the others their squared error. A draw is
    random in the hits alone.

    Args:
        depth: three times the number of drums.
    """

    EPSILON = 1e-7
    """What Magenta's log loss adds inside of its logarithms."""

    measure = "estimate"
    """Squared errors are no likelihood."""

    def __init__(self, depth: int, **kwargs: Any):
        super().__init__(**kwargs)
        if depth % 3:
            raise ValueError(f"Hits, velocities and offsets make a multiple of 3 values a step, not {depth}.")
        self.depth = self.parameter_depth = depth
        self.uniforms = depth // 3

    def loss(self, parameters: Tensor, values: Tensor) -> Tensor:
        hit_logits, velocity_logits, offset_logits = ops.split(parameters, 3, axis=-1)
        hits, velocities, offsets = ops.split(values, 3, axis=-1)
        p = ops.sigmoid(hit_logits)
        hit_loss = -hits * ops.log(p + self.EPSILON) - (1 - hits) * ops.log(1 - p + self.EPSILON)
        velocity_loss = ops.square(ops.sigmoid(velocity_logits) - velocities)
        offset_loss = ops.square(ops.tanh(offset_logits) - offsets)
        return ops.sum(hit_loss + velocity_loss + offset_loss, axis=-1)

    def correct(self, parameters: Tensor, values: Tensor) -> Tensor:
        drums = self.depth // 3
        return ops.mean(
            ops.cast((parameters[..., :drums] > 0) == (values[..., :drums] > 0.5), "float32"), axis=-1
        )

    def draw(self, parameters: Tensor, uniforms: Tensor | None, temperature: Tensor | float) -> Tensor:
        hits, velocities, offsets = ops.split(parameters, 3, axis=-1)
        drawn = draw_bits(hits, uniforms, temperature)
        return ops.concatenate([drawn, ops.sigmoid(velocities), ops.tanh(offsets)], axis=-1)
