"""Grooves that are mixtures (`models/numpy_engine/grooves.py`) as ONNX graphs: reader, step, and typical performance."""

from typing import TYPE_CHECKING

import numpy as np

from models.formats.onnx_decoders import Decoder
from models.formats.onnx_graph import (
    Graph,
    Weights,
    carried_states,
    declare_drawing,
    declare_states,
    give_states,
    units_of,
)
from models.numpy_engine.grooves import CELLS, layout_of
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

if TYPE_CHECKING:
    from catalog.config import Config

Part = tuple[str, str]
"""Locations and log scales of a mixture."""
EDGE = 1e-6
"""Uniforms are kept this far from 0 and 1."""


def decoder(config: "Config", weights: Weights) -> Decoder:
    """The graphs with which a groove is drawn, step by step, each given those before."""
    layout, steps = layout_of(config), config.hparams.max_seq_len
    depth, window = config.build_converter().control_depth, config.decoder["window"]
    units = units_of(weights, CELLS)
    start = Graph("decoder_start")
    features, fixed = _read(start, weights, layout, window, _controls(start, steps, depth), steps, depth)
    reader, given = _widths(weights, layout)
    start.output("features", features, "float32", ["n", steps, reader], "what the reader makes of each step")
    start.output("fixed", fixed, "float32", ["n", steps, given], "what is known of each step")
    return Decoder(
        start,
        _step(layout, weights, steps, units),
        [{"input": "previous", "output": "value", "first": 0}, *carried_states(units)],
    )


def typical(config: "Config", weights: Weights) -> Graph:
    """The graph of the typical performance: medians, spread as drummers' are; nothing is drawn."""
    layout, steps = layout_of(config), config.hparams.max_seq_len
    converter, units = config.build_converter(), units_of(weights, CELLS)
    depth = converter.control_depth
    graph = Graph("typical")
    controls = _controls(graph, steps, depth)
    features, fixed = _read(graph, weights, layout, config.decoder["window"], controls, steps, depth)
    drums = layout.drums
    # Each step reads that nothing was played before, as in models/numpy_engine/grooves.py.
    zero = graph.multiply(graph.columns(graph.reshape(features, 0, -1), 0, 1), np.float32(0))
    states = [(graph.add(zero, np.zeros(u, np.float32)),) * 2 for u in units]
    kernel, bias = (weights[f"{CELLS}0/lstm_cell/{part}"] for part in ("kernel", "bias"))
    hiddens = []
    for step in range(steps):
        feature = graph.row(features, graph.constant(np.array([step], np.int64)))
        projected = graph.add(graph.op("MatMul", feature, kernel[3 * drums : -units[0]]), bias)
        states = graph.lstm_stack(weights, CELLS, projected, states)
        hiddens.append(graph.expanded(states[-1][1], 1))
    both = graph.join(graph.join(*hiddens, axis=1), features)
    network = graph.dense(both, weights, "decoder/output_projection")
    given, octaves, logits, log_weights, parts = _split(graph, layout, fixed, network, (0, steps))
    hits = _typical_hits(graph, weights, layout, given, logits) if layout.taps else given
    values = []
    for i, part in enumerate(parts):
        score = _medians(graph, log_weights, part, (VELOCITY_GRID, OFFSET_GRID)[i])
        if i == 1:
            power = graph.op("Pow", np.float32(2), graph.multiply(octaves, np.float32(TEMPO_POWER)))
            centre = weights["decoder/maps/offset_centre"]
            score = graph.multiply(graph.op("Sub", score, centre), power)
        values.append(_mapped(graph, weights[f"decoder/maps/{('velocity', 'offset')[i]}"], score))
    value = _played(graph, layout, hits, values, given)
    graph.output("values", value, "float32", ["n", steps, 3 * drums], "hits, velocities and offsets")
    return graph


def _controls(graph: Graph, steps: int, depth: int) -> str:
    return graph.input("controls", "float32", ["n", steps, depth], "see controls in the manifest")


def _widths(weights: Weights, layout: GrooveLayout) -> tuple[int, int]:
    """Widths of `features` and `fixed`."""
    layer = 0
    while f"decoder/reader_{layer}/bias" in weights:
        layer += 1
    return len(weights[f"decoder/reader_{layer - 1}/bias"]), layout.given + 1 + layout.linear


def _read(
    graph: Graph, weights: Weights, layout: GrooveLayout, window: int, controls: str, steps: int, depth: int
) -> tuple[str, str]:
    """`_Run._read` of the NumPy engine."""
    given, others = graph.split(controls, [layout.given, depth - layout.given])
    padded = graph.op("Pad", given, np.array([0, window, 0, 0, window, 0], np.int64), np.float32(0))
    around = np.arange(steps)[:, None] + np.arange(2 * window + 1)
    read = graph.reshape(
        graph.op("Gather", padded, around, axis=1), 0, steps, (2 * window + 1) * layout.given
    )
    beat = np.eye(BEAT_STEPS, dtype=np.float32)[np.arange(steps) % BEAT_STEPS]
    octaves = graph.columns(others, 0, 1)
    score = graph.join(read, others, graph.add(graph.multiply(octaves, np.float32(0)), beat))
    features = graph.dense_stack(score, weights, "decoder/reader")
    linear = graph.dense(score, weights, "decoder/linear")
    return features, graph.join(given, octaves, linear)


def _split(
    graph: Graph, layout: GrooveLayout, fixed: str, network: str, shape: tuple[int, ...]
) -> tuple[str, str, str, str, list[Part]]:
    """`_Run.split` of the NumPy engine; `shape` is that of everything before the last axis."""
    given, octaves, linear = graph.split(fixed, [layout.given, 1, layout.linear])
    size = layout.drums * layout.components
    widths = [layout.hit_logits, layout.components, *[size] * (2 * layout.parts)]
    hits, component_logits, *each = graph.split(network, widths)
    parts = []
    for i, centre in enumerate((VELOCITY_CENTRE, 0.0)[: layout.parts]):
        predicted = graph.columns(linear, i * layout.drums, (i + 1) * layout.drums)
        predicted = graph.reshape(predicted, *shape, layout.drums, 1)
        raw = (graph.reshape(x, *shape, layout.drums, layout.components) for x in each[2 * i : 2 * i + 2])
        location, scale = raw
        location = graph.multiply(location, np.float32(LOCATION_UNIT))
        location = graph.add(graph.add(predicted, np.float32(centre)), location)
        scale = graph.add(scale, np.float32(FIRST_LOG_SCALE))
        parts.append((location, graph.op("Clip", scale, *map(np.float32, LOG_SCALES))))
    return given, octaves, hits, graph.op("LogSoftmax", component_logits, axis=-1), parts


def _step(layout: GrooveLayout, weights: Weights, steps: int, units: list[int]) -> Graph:
    graph, drums = Graph("decoder_step"), layout.drums
    reader, width = _widths(weights, layout)
    features = graph.input("features", "float32", ["n", steps, reader], "from decoder_start")
    fixed = graph.input("fixed", "float32", ["n", steps, width], "from decoder_start")
    at = graph.input("step", "int64", [1], "0 at the first step of a clip, then 1, 2, ...")
    previous = graph.input("previous", "float32", ["n", 3 * drums], "the values of the step before")
    states = declare_states(graph, units)
    uniforms, temperature = declare_drawing(graph, layout.uniforms)
    feature = graph.row(features, at)
    kernel, bias = (weights[f"{CELLS}0/lstm_cell/{part}"] for part in ("kernel", "bias"))
    read = graph.op("MatMul", graph.join(previous, feature), kernel[: -units[0]])
    states = graph.lstm_stack(weights, CELLS, graph.add(read, bias), states)
    network = graph.dense(graph.join(states[-1][1], feature), weights, "decoder/output_projection")
    given, _, logits, log_weights, parts = _split(graph, layout, graph.row(fixed, at), network, (0,))
    for_hits, for_component, *for_parts = graph.split(uniforms, [drums, 1, drums, drums])
    hits = given
    if layout.taps:
        some = _some_bits(graph, graph.op("Div", logits, temperature), for_hits, drums)
        hits = graph.multiply(some, graph.columns(given, 0, 1))
    tempered = graph.op("Div", log_weights, temperature)
    chosen = graph.drawn_token(tempered, for_component, np.ones(1, np.float32), layout.components)
    index = graph.op("Equal", graph.expanded(chosen, 1), np.arange(layout.components, dtype=np.int64))
    index = graph.expanded(graph.cast(index, "float32"), 1)
    values = []
    for i, part in enumerate(parts):
        location, scale = (
            graph.op("ReduceSum", graph.multiply(x, index), np.array([-1], np.int64), keepdims=0)
            for x in part
        )
        own = graph.op("Clip", for_parts[i], np.float32(EDGE), np.float32(1 - EDGE))
        logistic = graph.op("Sub", graph.op("Log", own), graph.op("Log", graph.op("Sub", np.float32(1), own)))
        spread = graph.multiply(graph.op("Exp", scale), temperature)
        values.append(graph.add(location, graph.multiply(spread, logistic)))
    value = _played(graph, layout, hits, values, given)
    graph.output("value", value, "float32", ["n", 3 * drums], "hits, velocities and offsets drawn")
    give_states(graph, states, units)
    return graph


def _played(graph: Graph, layout: GrooveLayout, hits: str, values: list[str], given: str) -> str:
    """`_Run._played` of the NumPy engine."""
    velocity = graph.op("Clip", values[0], np.float32(VELOCITY_GRID[2]), np.float32(1))
    offset = graph.columns(given, 1, 2) if layout.taps else values[1]
    offset = graph.op("Clip", offset, np.float32(-1), np.float32(1))
    return graph.join(hits, graph.multiply(velocity, hits), graph.multiply(offset, hits))


def _share(graph: Graph, nats: str) -> str:
    """`1 - exp(-x)` without the loss of digits near 0, which ONNX has no operator for: `2 tanh(x/2) / (1 + tanh(x/2))`."""
    half = graph.op("Tanh", graph.multiply(nats, np.float32(0.5)))
    return graph.op("Div", graph.multiply(half, np.float32(2)), graph.add(half, np.float32(1)))


def _some_bits(graph: Graph, logits: str, uniforms: str, drums: int) -> str:
    """Independent bits of which at least one is 1: `_draw_some` of the NumPy engine."""
    probabilities = graph.op("Sigmoid", logits)
    tail = graph.op("CumSum", graph.op("Softplus", logits), np.int64(1), reverse=1)
    must = graph.op("Div", probabilities, _share(graph, tail))
    must = graph.cast(graph.op("Less", uniforms, must), "float32")
    free = graph.cast(graph.op("Less", uniforms, probabilities), "float32")
    none, bits = "", []
    for i in range(drums):
        forced, drawn = graph.columns(must, i, i + 1), graph.columns(free, i, i + 1)
        if i == drums - 1:
            forced = graph.op("Max", forced, np.ones(1, np.float32))
        bit = (
            forced
            if not none
            else graph.op("Where", graph.op("Greater", none, np.float32(0.5)), forced, drawn)
        )
        left = graph.op("Sub", np.float32(1), bit)
        none = left if not none else graph.multiply(none, left)
        bits.append(bit)
    return graph.join(*bits)


def _typical_hits(graph: Graph, weights: Weights, layout: GrooveLayout, given: str, logits: str) -> str:
    """Drums above the threshold, and the likeliest, where there is a tap."""
    nats = graph.op("ReduceSum", graph.op("Softplus", logits), np.array([-1], np.int64), keepdims=1)
    some = graph.op("Max", _share(graph, nats), np.float32(1e-7))
    probability = graph.op("Min", graph.op("Div", graph.op("Sigmoid", logits), some), np.float32(1))
    highest = graph.op("ReduceMax", logits, axes=[-1], keepdims=1)
    struck = graph.op(
        "Or",
        graph.op("Greater", probability, weights["decoder/hit_threshold"]),
        graph.op("GreaterOrEqual", logits, highest),
    )
    return graph.multiply(graph.cast(struck, "float32"), graph.columns(given, 0, 1))


def _medians(graph: Graph, log_weights: str, part: Part, grid: tuple[float, float, float]) -> str:
    """`medians` of the NumPy engine, by bisection."""
    (low, high, width), (location, scale) = grid, part
    shares = graph.expanded(graph.op("Exp", log_weights), 2)
    inverse = graph.op("Exp", graph.op("Neg", scale))
    zero = graph.multiply(
        graph.op("ReduceSum", location, np.array([-1], np.int64), keepdims=1), np.float32(0)
    )
    below, above = graph.add(zero, np.float32(low - width / 2)), graph.add(zero, np.float32(high + width / 2))
    for _ in range(BISECTIONS):
        middle = graph.multiply(graph.add(below, above), np.float32(0.5))
        share = graph.op("Sigmoid", graph.multiply(graph.op("Sub", middle, location), inverse))
        total = graph.op("ReduceSum", graph.multiply(shares, share), np.array([-1], np.int64), keepdims=1)
        less = graph.op("Less", total, np.float32(0.5))
        below, above = graph.op("Where", less, middle, below), graph.op("Where", less, above, middle)
    middle = graph.op(
        "Squeeze", graph.multiply(graph.add(below, above), np.float32(0.5)), np.array([-1], np.int64)
    )
    return graph.op("Clip", middle, np.float32(low), np.float32(high))


def _mapped(graph: Graph, knots: np.ndarray, values: str) -> str:
    """`mapped` of the NumPy engine."""
    x, y = knots[:, 0], knots[:, 1]
    widths = np.maximum(x[:, 1:] - x[:, :-1], np.float32(1e-6))
    way = graph.op("Div", graph.op("Sub", graph.expanded(values, 3), x[:, :-1]), widths)
    way = graph.op("Clip", way, np.float32(0), np.float32(1))
    risen = graph.multiply(way, y[:, 1:] - y[:, :-1])
    return graph.add(graph.op("ReduceSum", risen, np.array([-1], np.int64), keepdims=0), y[:, 0])
