"""The outputs of `models/outputs` in plain NumPy: drawing values, and what true values are worth in nats."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Self

import numpy as np

from preprocess.example_forms import NO_TOKEN

Array = np.ndarray

LEAST_PROBABILITY = 0.1
"""The least probability that `Groove.impose` divides by."""


class Output(ABC):
    """What a decoder draws at a step.

    Attributes:
        depth: width of a value as the decoder's input.
    """

    depth: int

    @classmethod
    def from_weights(cls, depths: tuple[int, ...], weights: Mapping[str, Array], scope: str) -> Self:
        """The output of a decoder in a checkpoint; by default one without weights, of the sum of the depths.

        Args:
            depths: widths of the parts of a value.
            weights: those of the checkpoint by name.
            scope: what the names of the decoder's weights begin with.
        """
        del weights, scope
        return cls(sum(depths))  # type: ignore[call-arg]

    @abstractmethod
    def nothing(self, batch: int) -> Array:
        """The value before the first step."""

    @abstractmethod
    def product(self, values: Array, kernel: Array) -> Array:
        """Values of a step times the first `depth` rows of the kernel: `[batch, width]`."""

    @abstractmethod
    def draw(self, parameters: Array, uniforms: Array | None, temperature: np.float32) -> Array:
        """Values of a step from parameters `[batch, ...]`; the likeliest without uniforms `[batch, n]`."""

    def impose(self, values: Array, known: Array, parameters: Array) -> Array:
        """Values of a step with those that are known, which are not NO_TOKEN, put in their place."""
        del parameters
        return np.where(known == NO_TOKEN, values, known).astype(values.dtype)

    @abstractmethod
    def log_probability(self, parameters: Array, values: Array) -> Array:
        """Nats `[batch]` of a step's true values: minus the `loss` of the same class in `models/outputs`."""


class Categorical(Output):
    """One token a step: int32 `[batch]`."""

    def __init__(self, depth: int):
        self.depth = depth

    def nothing(self, batch: int) -> Array:
        return np.full(batch, NO_TOKEN, np.int32)

    def product(self, values: Array, kernel: Array) -> Array:
        """The kernel's rows of tokens `[batch]`, zeros for NO_TOKEN."""
        return kernel[np.maximum(values, 0)] * (values >= 0)[:, None]

    def draw(self, parameters: Array, uniforms: Array | None, temperature: np.float32) -> Array:
        """A token for each of the logits `[batch, depth]`, by the inverse of the cumulative distribution."""
        if uniforms is None:
            return np.argmax(parameters, axis=-1).astype(np.int32)
        logits = parameters / temperature
        cumulative = np.cumsum(np.exp(logits - logits.max(axis=-1, keepdims=True)), axis=-1)
        threshold = uniforms[:, :1].astype(np.float32) * cumulative[:, -1:]
        token = np.sum(cumulative <= threshold, axis=-1, dtype=np.int32)
        return np.minimum(token, np.int32(logits.shape[1] - 1))

    def log_probability(self, parameters: Array, values: Array) -> Array:
        """The log-softmax of the logits at the tokens; what stands for NO_TOKEN is for the caller to leave out."""
        highest = parameters.max(axis=-1, keepdims=True)
        log_total = highest[:, 0] + np.log(np.exp(parameters - highest).sum(axis=-1))
        return np.take_along_axis(parameters, np.maximum(values, 0)[:, None], axis=-1)[:, 0] - log_total


class MultiCategorical(Output):
    """A token a part: int32 `[batch, parts]`."""

    def __init__(self, depths: tuple[int, ...]):
        self.depth = sum(depths)
        self.parts = [Categorical(depth) for depth in depths]
        self.starts = np.cumsum([0, *depths])

    @classmethod
    def from_weights(cls, depths: tuple[int, ...], weights: Mapping[str, Array], scope: str) -> Self:
        return cls(depths)

    def nothing(self, batch: int) -> Array:
        return np.full((batch, len(self.parts)), NO_TOKEN, np.int32)

    def product(self, values: Array, kernel: Array) -> Array:
        """The sum of the kernel's rows of all parts."""
        products = [
            part.product(values[:, i], kernel[self.starts[i] : self.starts[i + 1]])
            for i, part in enumerate(self.parts)
        ]
        return np.sum(products, axis=0)

    def draw(self, parameters: Array, uniforms: Array | None, temperature: np.float32) -> Array:
        """A token of each part."""
        drawn = [
            part.draw(
                parameters[:, self.starts[i] : self.starts[i + 1]],
                None if uniforms is None else uniforms[:, i : i + 1],
                temperature,
            )
            for i, part in enumerate(self.parts)
        ]
        return np.stack(drawn, axis=-1)

    def log_probability(self, parameters: Array, values: Array) -> Array:
        """The sum over the parts, which are independent given the parameters."""
        each = [
            part.log_probability(parameters[:, self.starts[i] : self.starts[i + 1]], values[:, i])
            for i, part in enumerate(self.parts)
        ]
        return np.sum(each, axis=0)


class Boolean(Output):
    """Yes or no a value: float32 `[batch, depth]`."""

    def __init__(self, depth: int):
        self.depth = depth

    def nothing(self, batch: int) -> Array:
        return np.zeros((batch, self.depth), np.float32)

    def product(self, values: Array, kernel: Array) -> Array:
        """Values times the kernel's first rows."""
        return values @ kernel[: self.depth]

    def draw(self, parameters: Array, uniforms: Array | None, temperature: np.float32) -> Array:
        """0 or 1 for each of the logits."""
        return draw_bits(parameters, uniforms, temperature)

    def log_probability(self, parameters: Array, values: Array) -> Array:
        """`log sigmoid(x)` for 1 and `log sigmoid(-x)` for 0, summed."""
        return (parameters * values - np.logaddexp(np.float32(0), parameters)).sum(axis=-1)


class Nade(Boolean):
    """Bits that depend on one another; see `models.outputs.nade.Nade`.

    Args:
        encoder, decoder: `[depth, hidden]` each.
    """

    def __init__(self, encoder: Array, decoder: Array):
        super().__init__(len(encoder))
        self.encoder, self.decoder = encoder, decoder

    @classmethod
    def from_weights(cls, depths: tuple[int, ...], weights: Mapping[str, Array], scope: str) -> Self:
        return cls(weights[f"{scope}/nade/w_enc"][:, 0], weights[f"{scope}/nade/w_dec_t"][..., 0])

    def draw(self, parameters: Array, uniforms: Array | None, temperature: np.float32) -> Array:
        """Bit after bit, each given those before."""
        size = self.encoder.shape[1]
        hidden, bias = parameters[:, :size], parameters[:, size:]
        bits = np.zeros((len(parameters), self.depth), np.float32)
        for i in range(self.depth):
            logit = bias[:, i : i + 1] + sigmoid(hidden) @ self.decoder[i][:, None]
            draws = None if uniforms is None else uniforms[:, i : i + 1]
            bits[:, i : i + 1] = draw_bits(logit, draws, temperature)
            hidden = hidden + bits[:, i : i + 1] * self.encoder[i]
        return bits

    def log_probability(self, parameters: Array, values: Array) -> Array:
        """Bit after bit given the true ones before, with Magenta's bound inside of the logarithms."""
        size = self.encoder.shape[1]
        contributions = values[:, :, None] * self.encoder
        seen = np.cumsum(contributions, axis=1) - contributions
        hidden = sigmoid(parameters[:, None, :size] + seen)
        p = sigmoid(parameters[:, size:] + (hidden * self.decoder).sum(axis=-1))
        return (values * np.log(1e-6 + p) + (1 - values) * np.log(1e-6 + 1 - p)).sum(axis=-1)


class Groove(Boolean):
    """Hits, velocities and offsets: float32 `[batch, 3 * drums]`."""

    def draw(self, parameters: Array, uniforms: Array | None, temperature: np.float32) -> Array:
        """Random hits; velocities and offsets are what the network says."""
        hits, velocities, offsets = np.split(parameters, 3, axis=-1)
        drawn = draw_bits(hits, uniforms, temperature)
        return np.concatenate([drawn, sigmoid(velocities), np.tanh(offsets)], axis=-1)

    def impose(self, values: Array, known: Array, parameters: Array) -> Array:
        """Known hits `[batch, drums]` with the velocities and offsets that go with them; 0 where nothing is hit.

        The network learns velocities and offsets by their squared error over all steps, silent ones included,
        where both are 0: it says what to expect on the whole, which is less than what to expect of a hit by
        the probability of a hit.
        """
        hits, _, _ = np.split(parameters, 3, axis=-1)
        _, velocities, offsets = np.split(values, 3, axis=-1)
        probability = np.maximum(sigmoid(hits), LEAST_PROBABILITY)
        played = np.clip(velocities / probability, 0, 1), np.clip(offsets / probability, -1, 1)
        return np.concatenate([known, *(part * known for part in played)], axis=-1).astype(np.float32)

    def log_probability(self, parameters: Array, values: Array) -> Array:
        """The hits' log probability less the squared errors of velocities and offsets, as Magenta trains them."""
        hit_logits, velocity_logits, offset_logits = np.split(parameters, 3, axis=-1)
        hits, velocities, offsets = np.split(values, 3, axis=-1)
        p = sigmoid(hit_logits)
        of_hits = hits * np.log(p + 1e-7) + (1 - hits) * np.log(1 - p + 1e-7)
        errors = (sigmoid(velocity_logits) - velocities) ** 2 + (np.tanh(offset_logits) - offsets) ** 2
        return (of_hits - errors).sum(axis=-1)


def sigmoid(x: Array) -> Array:
    """`1 / (1 + exp(-x))` without overflow."""
    return (np.tanh(x * np.float32(0.5)) + 1) * np.float32(0.5)


def draw_bits(logits: Array, uniforms: Array | None, temperature: np.float32) -> Array:
    """0 or 1 with probability `sigmoid(logit / temperature)`; the likelier without uniforms."""
    if uniforms is None:
        return (logits >= 0).astype(np.float32)
    return (uniforms < sigmoid(logits / temperature)).astype(np.float32)
