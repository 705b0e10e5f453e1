"""Grooves by likelihood: velocity and offset of each hit as mixtures of discretised logistics, given the score.

A GrooVAE (Gillick et al., "Learning to Groove with Inverse Sequence Transformations", 2019) learns velocities and
offsets by squared error: it says one value for each, which lies too near the mean, and its latent vector knows no more
than the hits that it is told. Here the decoder reads the whole score of the window, both ways, and says a
distribution for every hit; a linear predictor of the score gives the locations, the network what is to be added. What was
played before is read by an LSTM, and left out of half of the sequences in training, so that one model knows both
what a drummer does at a hit on the whole (without history, for the one best performance) and what follows from the
performance so far (with it, for draws).

`models/numpy_engine/grooves.py` is the same in NumPy.
"""

from typing import Any

import keras
from keras import ops

from models.outputs.base import Output, draw_bits
from models.outputs.groove_layout import (
    BISECTIONS,
    FIRST_LOG_SCALE,
    LOCATION_UNIT,
    LOG_SCALES,
    MAP_KNOTS,
    OFFSET_GRID,
    TEMPO_POWER,
    VELOCITY_CENTRE,
    VELOCITY_GRID,
    GrooveLayout,
)

Tensor = Any


class GrooveMixture(Output):
    """Hits, velocities and offsets of drums, as `models.outputs.groove.Groove` holds them, by their likelihood.

    Values are `[batch, time, 3 * drums]`: hits 0 or 1, velocities from 0 to 1, offsets from -1 to 1 (half a
    step each way; positive is early). Where the hits are given they cost nothing. Where taps are given, every tapped
    step has at least one hit and no other step has any; the drums of a step are played with the tap's own timing,
    which costs nothing either.

    Args:
        drums: number of drums.
        components: of the mixtures.
        taps: whether taps are given instead of hits.
    """

    draws_in_training = False

    def __init__(self, drums: int, components: int, taps: bool, **kwargs: Any):
        super().__init__(**kwargs)
        self.layout = GrooveLayout(drums, components, taps)
        self.depth = 3 * drums
        self.parameter_depth = self.layout.width
        self.uniforms = self.layout.uniforms

    def build(self) -> None:
        names = ("velocity", "offset")[: self.layout.parts]
        shape = (self.layout.drums, 2, MAP_KNOTS)
        self.maps = {
            name: self.add_weight(shape, initializer=_identity(grid), trainable=False, name=f"{name}_map")
            for name, grid in zip(names, (VELOCITY_GRID, OFFSET_GRID), strict=False)
        }
        if not self.layout.taps:
            drums = (self.layout.drums,)
            self.centre = self.add_weight(drums, initializer="zeros", trainable=False, name="offset_centre")
        if self.layout.taps:
            half = keras.initializers.Constant(0.5)
            self.threshold = self.add_weight((1,), initializer=half, trainable=False, name="hit_threshold")
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        names = {f"maps/{name}": variable for name, variable in self.maps.items()}
        if self.layout.taps:
            return names | {"hit_threshold": self.threshold}
        return names | {"maps/offset_centre": self.centre}

    def split(self, parameters: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, list[tuple[Tensor, Tensor]]]:
        """The parts of rows: what is given, tempo, hit logits, log weights, and (location, log scale) of each part.

        Locations and log scales are `[..., drums, components]`.
        """
        layout = self.layout
        starts = [layout.given, 1, layout.linear, layout.hit_logits, layout.components]
        cuts = [sum(starts[: i + 1]) for i in range(len(starts))]
        given, octaves, linear, hits, weights, rest = ops.split(parameters, cuts, axis=-1)
        each = ops.split(rest, 2 * layout.parts, axis=-1)
        shape = (*ops.shape(rest)[:-1], layout.drums, layout.components)
        linear = ops.split(linear, layout.parts, axis=-1)
        mixtures = []
        for i in range(layout.parts):
            centre = 0.0 if i else VELOCITY_CENTRE
            location = linear[i][..., None] + centre + LOCATION_UNIT * ops.reshape(each[2 * i], shape)
            scale = ops.clip(FIRST_LOG_SCALE + ops.reshape(each[2 * i + 1], shape), *LOG_SCALES)
            mixtures.append((location, scale))
        return given, octaves, hits, ops.log_softmax(weights, axis=-1), mixtures

    def loss(self, parameters: Tensor, values: Tensor) -> Tensor:
        given, _, hit_logits, log_weights, mixtures = self.split(parameters)
        hits, *played = ops.split(values, 3, axis=-1)
        joint = log_weights
        for mixture, grid, value in zip(mixtures, (VELOCITY_GRID, OFFSET_GRID), played, strict=False):
            each = log_mass(value[..., None], *mixture, grid)
            joint = joint + ops.sum(each * hits[..., None], axis=-2)
        nats = -ops.logsumexp(joint, axis=-1)
        if self.layout.taps:
            # At least one drum answers a tap: what the independent hits give to none at all is shared out.
            some = ops.log(-ops.expm1(-ops.sum(ops.softplus(hit_logits), axis=-1)) + 1e-7)
            each = ops.sum(ops.softplus(hit_logits) - hit_logits * hits, axis=-1)
            nats = nats + ops.where(given[..., 0] > 0.5, each + some, 0.0)
        return nats

    def correct(self, parameters: Tensor, values: Tensor) -> Tensor:
        given, _, hit_logits, _, _ = self.split(parameters)
        drums = self.layout.drums
        if not self.layout.taps:
            return ops.ones_like(given[..., 0])
        struck = (hit_logits > 0) & (given[..., :1] > 0.5)
        return ops.mean(ops.cast(struck == (values[..., :drums] > 0.5), "float32"), axis=-1)

    def draw(self, parameters: Tensor, uniforms: Tensor | None, temperature: Tensor | float) -> Tensor:
        given, octaves, hit_logits, log_weights, mixtures = self.split(ops.cast(parameters, "float32"))
        drums = self.layout.drums
        if uniforms is None:
            hits = self._likeliest_hits(given, hit_logits) if self.layout.taps else given
            values = [self._typical(log_weights, *m, i, octaves) for i, m in enumerate(mixtures)]
        else:
            hits = given
            if self.layout.taps:
                hits = draw_some(hit_logits / temperature, uniforms[:, :drums]) * given[:, :1]
            component = _one_of(log_weights / temperature, uniforms[:, drums])
            values = []
            for i, (location, scale) in enumerate(mixtures):
                u = uniforms[:, drums + 1 + i * drums : drums + 1 + (i + 1) * drums]
                u = ops.clip(u, 1e-6, 1 - 1e-6)
                spread = ops.exp(ops.sum(scale * component, axis=-1)) * temperature
                values.append(ops.sum(location * component, axis=-1) + spread * (ops.log(u) - ops.log1p(-u)))
        if self.layout.taps:
            values.append(ops.broadcast_to(given[..., 1:2], ops.shape(values[0])))
        velocity = ops.clip(values[0], VELOCITY_GRID[2], 1.0)
        offset = ops.clip(values[1], -1.0, 1.0)
        return ops.concatenate([hits, velocity * hits, offset * hits], axis=-1)

    def _likeliest_hits(self, given: Tensor, logits: Tensor) -> Tensor:
        """Drums whose probability given the tap is above the threshold, and the likeliest in any case."""
        some = -ops.expm1(-ops.sum(ops.softplus(logits), axis=-1, keepdims=True))
        above = ops.sigmoid(logits) > self.threshold * some
        likeliest = logits >= ops.max(logits, axis=-1, keepdims=True)
        return ops.cast(above | likeliest, "float32") * given[..., :1]

    def _typical(
        self, log_weights: Tensor, location: Tensor, scale: Tensor, part: int, octaves: Tensor
    ) -> Tensor:
        """The mixtures' medians, sent through the maps that give them the spread of drummers."""
        low, high, width = (VELOCITY_GRID, OFFSET_GRID)[part]
        weights = ops.exp(log_weights)[..., None, :]
        below = ops.full(ops.shape(location)[:-1], low - width / 2, dtype="float32")
        above = ops.full(ops.shape(location)[:-1], high + width / 2, dtype="float32")
        for _ in range(BISECTIONS):
            middle = (below + above) / 2
            share = ops.sum(weights * ops.sigmoid((middle[..., None] - location) * ops.exp(-scale)), axis=-1)
            below, above = ops.where(share < 0.5, middle, below), ops.where(share < 0.5, above, middle)
        score = ops.clip((below + above) / 2, low, high)
        if part:
            score = (score - self.centre) * ops.exp2(TEMPO_POWER * octaves)
        knots = self.maps[("velocity", "offset")[part]]
        x, y = knots[:, 0], knots[:, 1]
        way = (score[..., None] - x[:, :-1]) / ops.maximum(x[:, 1:] - x[:, :-1], 1e-6)
        return y[:, 0] + ops.sum(ops.clip(way, 0.0, 1.0) * (y[:, 1:] - y[:, :-1]), axis=-1)


def log_mass(value: Tensor, location: Tensor, log_scale: Tensor, grid: tuple[float, float, float]) -> Tensor:
    """Log probability of values on a grid by a logistic distribution, whose tails count for the ends."""
    low, high, width = grid
    inverse = ops.exp(-log_scale)
    away, half = (value - location) * inverse, inverse * (width / 2)
    from_below, from_above = ops.log_sigmoid(away + half), ops.log_sigmoid(half - away)
    # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), without cancellation.
    inner = from_below + from_above + ops.log(-ops.expm1(-2 * half))
    inner = ops.where(value > high - width / 2, from_above, inner)
    return ops.where(value < low + width / 2, from_below, inner)


def draw_some(logits: Tensor, uniforms: Tensor) -> Tensor:
    """Independent bits `[batch, n]` of which at least one is 1, float32."""
    # The probability that a bit is 1 where none before it was: p / (1 - product of (1 - p) from it on).
    bits: list[Tensor] = []
    none = ops.ones_like(logits[:, 0], dtype="bool")
    tail = ops.flip(ops.cumsum(ops.flip(ops.softplus(logits), axis=-1), axis=-1), axis=-1)
    must = ops.sigmoid(logits) / -ops.expm1(-tail)
    for i in range(logits.shape[-1]):
        needed = ops.cast(uniforms[:, i] < must[:, i], "float32")
        if i == logits.shape[-1] - 1:
            needed = ops.ones_like(needed)
        bit = ops.where(none, needed, draw_bits(logits[:, i], uniforms[:, i], 1.0))
        none = none & (bit < 0.5)
        bits.append(bit)
    return ops.stack(bits, axis=-1)


def _one_of(logits: Tensor, uniforms: Tensor) -> Tensor:
    """One-hot draws `[batch, 1, n]` from `softmax(logits)` by one uniform number each."""
    cumulative = ops.cumsum(ops.softmax(logits, axis=-1), axis=-1)
    chosen = ops.sum(ops.cast(cumulative <= uniforms[:, None] * cumulative[:, -1:], "int32"), axis=-1)
    last = logits.shape[-1] - 1
    return ops.one_hot(ops.minimum(chosen, last), last + 1, dtype="float32")[:, None]


def _identity(grid: tuple[float, float, float]) -> Any:
    def initial(shape: tuple[int, ...], dtype: Any = None) -> Tensor:
        return ops.broadcast_to(ops.linspace(grid[0], grid[1], shape[-1], dtype=dtype), shape)

    return initial
