"""Tokens: one a step, or several that are independent given the parameters."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from keras import ops

from models.layers.distributions import categorical_log_probability
from models.outputs.base import Output, draw_token
from preprocess.example_forms import NO_TOKEN

if TYPE_CHECKING:
    from catalog.config import HParams

Tensor = Any


class Categorical(Output):
    """One token a step: Magenta's `CategoricalLstmDecoder`. Values are integers `[batch, time]`.

    Args:
        depth: number of tokens.
    """

    def __init__(self, depth: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.depth = self.parameter_depth = depth
        self.uniforms = 1

    def nothing(self, batch: Any) -> Tensor:
        return ops.full((batch,), NO_TOKEN, dtype="int32")

    def target(self, values: Tensor) -> Tensor:
        return ops.cast(values, "int32")

    def select(self, use_first: Tensor, first: Tensor, second: Tensor) -> Tensor:
        return ops.where(use_first, first, second)

    def product(self, values: Tensor, rows: Tensor) -> Tensor:
        # A token selects a row of the kernel; no product is made.
        selected = ops.take(rows, ops.maximum(values, 0), axis=0)
        return selected * ops.cast(values >= 0, rows.dtype)[..., None]

    def dense(self, values: Tensor, dtype: str) -> Tensor:
        return ops.one_hot(values, self.depth, dtype=dtype)

    def loss(self, parameters: Tensor, values: Tensor) -> Tensor:
        # Padding may be NO_TOKEN, which is no class; the caller masks what it costs.
        return -categorical_log_probability(parameters, ops.maximum(values, 0))

    def correct(self, parameters: Tensor, values: Tensor) -> Tensor:
        return ops.cast(ops.cast(ops.argmax(parameters, axis=-1), "int32") == values, "float32")

    def draw(self, parameters: Tensor, uniforms: Tensor | None, temperature: Tensor | float) -> Tensor:
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

    @classmethod
    def from_config(
        cls, depths: tuple[int, ...], options: Mapping[str, Any], hparams: "HParams", seed: int
    ) -> Self:
        return cls(depths, **options)

    def _split(self, x: Tensor, axis: int = -1) -> list[Tensor]:
        """`x` cut along an axis into the parts' widths."""
        ends = [sum(p.depth for p in self.parts[: i + 1]) for i in range(len(self.parts) - 1)]
        return ops.split(x, ends, axis=axis)

    def _each(self, values: Tensor) -> list[Tensor]:
        return [values[..., i] for i in range(len(self.parts))]

    def nothing(self, batch: Any) -> Tensor:
        return ops.full((batch, len(self.parts)), NO_TOKEN, dtype="int32")

    def target(self, values: Tensor) -> Tensor:
        return ops.cast(values, "int32")

    def product(self, values: Tensor, rows: Tensor) -> Tensor:
        triples = zip(self.parts, self._each(values), self._split(rows, axis=0), strict=True)
        return sum(part.product(value, some) for part, value, some in triples)

    def dense(self, values: Tensor, dtype: str) -> Tensor:
        pairs = zip(self.parts, self._each(values), strict=True)
        return ops.concatenate([part.dense(value, dtype) for part, value in pairs], axis=-1)

    def loss(self, parameters: Tensor, values: Tensor) -> Tensor:
        triples = zip(self.parts, self._split(parameters), self._each(values), strict=True)
        return sum(part.loss(logits, value) for part, logits, value in triples)

    def correct(self, parameters: Tensor, values: Tensor) -> Tensor:
        triples = zip(self.parts, self._split(parameters), self._each(values), strict=True)
        return sum(part.correct(logits, value) for part, logits, value in triples) / len(self.parts)

    def draw(self, parameters: Tensor, uniforms: Tensor | None, temperature: Tensor | float) -> Tensor:
        drawn = [
            part.draw(logits, None if uniforms is None else uniforms[:, i : i + 1], temperature)
            for i, (part, logits) in enumerate(zip(self.parts, self._split(parameters), strict=True))
        ]
        return ops.stack(drawn, axis=-1)
