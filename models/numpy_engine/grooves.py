"""`models/outputs/groove_mixture.py` in plain NumPy: how hits are played, from the weights of a checkpoint.

Humanizing a song is a few small products a window; no framework needs to be loaded for it. It is also the path to read
first, and the second opinion that the tests compare the Keras layers with.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from common.errors import CheckpointError
from models.numpy_engine.lstm import run_stack
from models.numpy_engine.outputs import draw_bits, sigmoid
from models.outputs.groove_layout import (
    BEAT_STEPS,
    BISECTIONS,
    FIRST_LOG_SCALE,
    LOCATION_UNIT,
    LOG_SCALES,
    OFFSET_GRID,
    TEMPO_POWER,
    VELOCITY_CENTRE,
    VELOCITY_GRID,
    GrooveLayout,
)

Array = np.ndarray
Weights = Mapping[str, Array]
Grid = tuple[float, float, float]

NAME = "groove_mixture_lstm"
CELLS = "decoder/multi_rnn_cell/cell_"


def supports(config: Any) -> bool:
    """Whether a config's decoder is one of those that play here."""
    return config.decoder["name"] == NAME


def layout_of(config: Any) -> GrooveLayout:
    """Where the parameters of a config's mixtures stand."""
    converter = config.build_converter()
    return GrooveLayout(converter.output_depth // 3, config.decoder["components"], converter.taps_as_controls)


def decode(
    weights: Weights,
    config: Any,
    controls: Array,
    uniforms: Array | None = None,
    temperature: float = 1.0,
    known: Array | None = None,
) -> Array:
    """Performances of given hits, or of taps.

    Args:
        weights: float arrays by their names in a checkpoint.
        config: a `catalog.config.Config` that `supports` takes.
        controls: `[batch, steps, control_depth]`.
        uniforms: `[batch, steps, 3 * drums + 1]` in [0, 1), what is drawn; None for the typical performance: each value
            the median of what drummers do there, spread as theirs are.
        temperature: of draws, above 0: divides the logits, and multiplies the spread of the logistics.
        known: hits `[batch, steps, drums]` to be played to taps, instead of those that the model would.

    Returns:
        Hits, velocities and offsets, float32 `[batch, steps, 3 * drums]`.

    Raises:
        CheckpointError: where a weight is missing.
    """
    run = _Run(weights, layout_of(config), config.decoder["window"], controls)
    if uniforms is None:
        parameters = run.parameters(np.zeros((*controls.shape[:2], 3 * run.layout.drums), np.float32))
        flat = parameters.reshape(-1, parameters.shape[-1])
        hits = None if known is None else known.reshape(len(flat), -1)
        return run.typical(flat, hits).reshape(*controls.shape[:2], -1)
    return run.draw(uniforms, np.float32(temperature), known)


def log_probability(weights: Weights, config: Any, controls: Array, values: Array) -> Array:
    """`log p(values of a step | all before, score)` in nats, `[batch, steps]`.

    Args:
        weights, config, controls: as for `decode`.
        values: `[batch, steps, 3 * drums]`.

    Raises:
        CheckpointError: where a weight is missing.
    """
    run = _Run(weights, layout_of(config), config.decoder["window"], controls)
    before = np.concatenate([np.zeros_like(values[:, :1]), values[:, :-1]], axis=1)
    return run.log_probability(run.parameters(before), values)


def mixtures(
    weights: Weights, config: Any, controls: Array
) -> tuple[Array, list[tuple[Array, Array]], Array]:
    """What is said of every hit without history.

    Args:
        weights, config, controls: as for `decode`.

    Returns:
        Log weights `[batch, steps, components]`; locations and log scales `[batch, steps, drums, components]` of
        velocities and, where they are not the tap's, offsets; for taps the probabilities of the hits
        `[batch, steps, drums]` given that there is one, otherwise of no width.

    Raises:
        CheckpointError: where a weight is missing.
    """
    run = _Run(weights, layout_of(config), config.decoder["window"], controls)
    nothing = np.zeros((*controls.shape[:2], 3 * run.layout.drums), np.float32)
    given, _, logits, log_weights, parts = run.split(run.parameters(nothing))
    return log_weights, parts, _given_one(logits) * given[..., :1] if run.layout.taps else logits


def medians(log_weights: Array, location: Array, log_scale: Array, part: int) -> Array:
    """The medians `[..., drums]` of mixtures as `mixtures` gives them; part 0 are velocities, 1 offsets."""
    low, high, width = (VELOCITY_GRID, OFFSET_GRID)[part]
    shares = np.exp(log_weights)[..., None, :]
    below = np.full(location.shape[:-1], low - width / 2, np.float32)
    above = np.full(location.shape[:-1], high + width / 2, np.float32)
    inverse = np.exp(-log_scale)
    for _ in range(BISECTIONS):
        middle = (below + above) / 2
        less = (shares * sigmoid((middle[..., None] - location) * inverse)).sum(axis=-1) < 0.5
        below, above = np.where(less, middle, below), np.where(less, above, middle)
    return np.clip((below + above) / 2, low, high)


def offset_scores(medians: Array, centre: Array, octaves: Array) -> Array:
    """What orders offsets `[..., drums]`: the distance from the drum's centre `[drums]`, by the tempo `[..., 1]`."""
    return (medians - centre) * np.exp2(TEMPO_POWER * octaves)


def mapped(knots: Array, values: Array) -> Array:
    """Values `[..., drums]` sent through the piecewise linear maps `[drums, 2, knots]` of each drum.

    Values of single hits are `[hits]`, with the maps of their drums `[hits, 2, knots]`.
    """
    x, y = knots[:, 0], knots[:, 1]
    way = (values[..., None] - x[:, :-1]) / np.maximum(x[:, 1:] - x[:, :-1], np.float32(1e-6))
    return y[:, 0] + (np.clip(way, 0, 1) * (y[:, 1:] - y[:, :-1])).sum(axis=-1)


class _Run:
    """One pass over a batch of controls: what the reader makes of them, and the weights."""

    def __init__(self, weights: Weights, layout: GrooveLayout, window: int, controls: Array):
        self.weights, self.layout = weights, layout
        controls = np.asarray(controls, np.float32)
        try:
            self.features, self.fixed = self._read(controls, window)
            self.kernel = weights[f"{CELLS}0/lstm_cell/kernel"]
            self.bias = weights[f"{CELLS}0/lstm_cell/bias"]
            self.projection = weights["decoder/output_projection/kernel"]
            self.projection_bias = weights["decoder/output_projection/bias"]
            names = ("velocity", "offset")[: layout.parts]
            self.maps = [weights[f"decoder/maps/{name}"] for name in names]
            self.centre = np.zeros(1) if layout.taps else weights["decoder/maps/offset_centre"]
            self.threshold = weights["decoder/hit_threshold"] if layout.taps else np.zeros(1)
        except KeyError as error:
            reason = f"The checkpoint has no weight {error}; it belongs to another config."
            raise CheckpointError(reason) from error

    def _read(self, controls: Array, window: int) -> tuple[Array, Array]:
        """What the reader makes of each step; and what is given beside the tempo and the linear predictions."""
        weights, steps = self.weights, controls.shape[1]
        given, others = controls[..., : self.layout.given], controls[..., self.layout.given :]
        around = np.pad(given, ((0, 0), (window, window), (0, 0)))
        parts = [around[:, i : i + steps] for i in range(2 * window + 1)]
        beat = np.eye(BEAT_STEPS, dtype=np.float32)[np.arange(steps) % BEAT_STEPS]
        beat = np.broadcast_to(beat, (len(controls), steps, BEAT_STEPS))
        score = np.concatenate([*parts, others, beat], axis=-1)
        features, layer = score, 0
        while f"decoder/reader_{layer}/kernel" in weights:
            name = f"decoder/reader_{layer}"
            features = np.maximum(features @ weights[f"{name}/kernel"] + weights[f"{name}/bias"], 0)
            layer += 1
        linear = score @ weights["decoder/linear/kernel"] + weights["decoder/linear/bias"]
        return features, np.concatenate([given, others[..., :1], linear], axis=-1)

    def _states(self) -> list[tuple[Array, Array]]:
        """Zero states of all layers."""
        states: list[tuple[Array, Array]] = []
        while f"{CELLS}{len(states)}/lstm_cell/bias" in self.weights:
            units = len(self.weights[f"{CELLS}{len(states)}/lstm_cell/bias"]) // 4
            zeros = np.zeros((len(self.features), units), np.float32)
            states.append((zeros, zeros))
        return states

    def _step(self, step: int, previous: Array, states: list[Any]) -> tuple[Array, list[Any]]:
        """The row of parameters of a step, and the states after it."""
        heard = np.concatenate([previous, self.features[:, step]], axis=-1)
        projected = heard @ self.kernel[: heard.shape[1]] + self.bias
        hidden, states = run_stack(self.weights, CELLS, projected, states)
        both = np.concatenate([hidden, self.features[:, step]], axis=-1)
        network = both @ self.projection + self.projection_bias
        return np.concatenate([self.fixed[:, step], network], axis=-1), states

    def parameters(self, previous: Array) -> Array:
        """Rows of all steps for known values before each, `[batch, steps, width]`."""
        states, rows = self._states(), []
        for step in range(previous.shape[1]):
            row, states = self._step(step, previous[:, step], states)
            rows.append(row)
        return np.stack(rows, axis=1)

    def split(self, parameters: Array) -> tuple[Array, Array, Array, Array, list[tuple[Array, Array]]]:
        """As `GrooveMixture.split`."""
        layout = self.layout
        cuts = np.cumsum([layout.given, 1, layout.linear, layout.hit_logits, layout.components])
        given, octaves, linear, hits, weights, rest = np.split(parameters, cuts, axis=-1)
        each = np.split(rest, 2 * layout.parts, axis=-1)
        shape = (*rest.shape[:-1], layout.drums, layout.components)
        parts = []
        for i, centre in enumerate((VELOCITY_CENTRE, 0.0)[: layout.parts]):
            predicted = linear[..., i * layout.drums : (i + 1) * layout.drums, None] + np.float32(centre)
            location = predicted + np.float32(LOCATION_UNIT) * each[2 * i].reshape(shape)
            scale = np.clip(np.float32(FIRST_LOG_SCALE) + each[2 * i + 1].reshape(shape), *LOG_SCALES)
            parts.append((location, scale))
        return given, octaves, hits, weights - _log_sum(weights)[..., None], parts

    def typical(self, parameters: Array, known: Array | None = None) -> Array:
        """`GrooveMixture.draw` without uniforms: the typical performance."""
        given, octaves, logits, log_weights, parts = self.split(parameters)
        if known is not None:
            hits = np.asarray(known, np.float32)
        elif self.layout.taps:
            likeliest = logits >= logits.max(axis=-1, keepdims=True)
            hits = ((_given_one(logits) > self.threshold) | likeliest) * given[:, :1]
        else:
            hits = given
        # Most cells of a score are empty, and what is played there is not heard.
        rows, drums = np.nonzero(hits)
        values = []
        for i, (location, scale) in enumerate(parts):
            here = location[rows, drums][:, None], scale[rows, drums][:, None]
            score = medians(log_weights[rows], *here, i)[:, 0]
            if i == 1:
                score = offset_scores(score, self.centre[drums], octaves[rows, 0])
            value = np.zeros(hits.shape, np.float32)
            value[rows, drums] = mapped(self.maps[i][drums], score)
            values.append(value)
        return self._played(hits, values, given)

    def draw(self, uniforms: Array, temperature: np.float32, known: Array | None) -> Array:
        """Step by step, each given those before: `[batch, steps, 3 * drums]`."""
        drums, states = self.layout.drums, self._states()
        value = np.zeros((len(self.features), 3 * drums), np.float32)
        values = []
        for step in range(self.features.shape[1]):
            row, states = self._step(step, value, states)
            given, _, logits, log_weights, parts = self.split(row)
            u = uniforms[:, step]
            if known is not None:
                hits = np.asarray(known[:, step], np.float32)
            elif self.layout.taps:
                hits = _draw_some(logits / temperature, u[:, :drums]) * given[:, :1]
            else:
                hits = given
            chosen = _one_of(log_weights / temperature, u[:, drums])
            played = []
            for i, (location, scale) in enumerate(parts):
                own = np.clip(u[:, drums + 1 + i * drums : drums + 1 + (i + 1) * drums], 1e-6, 1 - 1e-6)
                at = np.take_along_axis(location, chosen[:, None, None], axis=-1)[..., 0]
                spread = np.exp(np.take_along_axis(scale, chosen[:, None, None], axis=-1)[..., 0])
                played.append(at + spread * temperature * (np.log(own) - np.log1p(-own)))
            value = self._played(hits, played, given)
            values.append(value)
        return np.stack(values, axis=1)

    def _played(self, hits: Array, values: list[Array], given: Array) -> Array:
        if self.layout.taps:
            values = [*values, np.broadcast_to(given[:, 1:2], values[0].shape)]
        velocity = np.clip(values[0], VELOCITY_GRID[2], 1)
        offset = np.clip(values[1], -1, 1)
        return np.concatenate([hits, velocity * hits, offset * hits], axis=-1).astype(np.float32)

    def log_probability(self, parameters: Array, values: Array) -> Array:
        """Minus `GrooveMixture.loss`."""
        given, _, logits, log_weights, parts = self.split(parameters)
        hits, *played = np.split(values, 3, axis=-1)
        joint = log_weights
        for part, grid, value in zip(parts, (VELOCITY_GRID, OFFSET_GRID), played, strict=False):
            joint = joint + (log_mass(value[..., None], *part, grid) * hits[..., None]).sum(axis=-2)
        nats = _log_sum(joint)
        if self.layout.taps:
            softplus = np.logaddexp(np.float32(0), logits)
            some = np.log(-np.expm1(-softplus.sum(axis=-1)) + 1e-7)
            each = (logits * hits - softplus).sum(axis=-1)
            nats = nats + np.where(given[..., 0] > 0.5, each - some, 0)
        return nats


def log_mass(value: Array, location: Array, log_scale: Array, grid: Grid) -> Array:
    """Log probability of values on a grid by a logistic distribution, whose tails count for the ends."""
    low, high, width = grid
    inverse = np.exp(-log_scale)
    away, half = (value - location) * inverse, inverse * np.float32(width / 2)
    zero = np.float32(0)
    from_below, from_above = -np.logaddexp(zero, -away - half), -np.logaddexp(zero, away - half)
    inner = from_below + from_above + np.log(-np.expm1(-2 * half))
    inner = np.where(value > high - width / 2, from_above, inner)
    return np.where(value < low + width / 2, from_below, inner)


def _log_sum(x: Array) -> Array:
    highest = x.max(axis=-1, keepdims=True)
    return highest[..., 0] + np.log(np.exp(x - highest).sum(axis=-1))


def _given_one(logits: Array) -> Array:
    """Probabilities of independent bits given that one of them at least is 1."""
    some = -np.expm1(-np.logaddexp(np.float32(0), logits).sum(axis=-1, keepdims=True))
    return np.minimum(sigmoid(logits) / np.maximum(some, np.float32(1e-7)), 1)


def _draw_some(logits: Array, uniforms: Array) -> Array:
    """Independent bits `[batch, n]` of which at least one is 1."""
    bits = draw_bits(logits, uniforms, np.float32(1))
    tail = np.cumsum(np.logaddexp(np.float32(0), logits)[:, ::-1], axis=1)[:, ::-1]
    must = uniforms < sigmoid(logits) / -np.expm1(-tail)
    must[:, -1] = True
    none = np.ones(len(logits), bool)
    for i in range(logits.shape[1]):
        bits[:, i] = np.where(none, must[:, i], bits[:, i])
        none &= bits[:, i] < 0.5
    return bits


def _one_of(logits: Array, uniforms: Array) -> Array:
    """Indices `[batch]` drawn from `softmax(logits)` by one uniform number each."""
    cumulative = np.cumsum(np.exp(logits - logits.max(axis=-1, keepdims=True)), axis=-1)
    chosen = (cumulative <= uniforms[:, None] * cumulative[:, -1:]).sum(axis=-1)
    return np.minimum(chosen, logits.shape[-1] - 1)
