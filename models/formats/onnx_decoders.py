"""MusicVAE's decoders as ONNX graphs: what z says about a clip, and one step.

A conductor without autoregression depends on z alone, so it is run by the first graph. Both kinds of decoder are then one
loop: where a segment begins, the states are replaced by those that the first graph prepared.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from models.formats.onnx_graph import (
    Graph,
    Weights,
    carried_states,
    declare_drawing,
    declare_states,
    give_states,
    units_of,
)

if TYPE_CHECKING:
    from catalog.config import Config


class Decoder(NamedTuple):
    """A decoder as graphs, and what the manifest has to say of it.

    Attributes:
        start: what is prepared once for a clip.
        step: what is run at each step.
        carried: rows `input`, `output`, `first`: what a step hands to the next one, and what the first one gets.
    """

    start: Graph
    step: Graph
    carried: list[dict[str, Any]]


class _Shape(NamedTuple):
    """How a decoder is laid out."""

    core: str
    scope: str
    level_lengths: tuple[int, ...]
    segments: int
    steps: int


def _shape(config: "Config") -> _Shape:
    decoder = config.decoder
    levels = tuple(decoder.get("level_lengths", ()))
    segments = int(np.prod(levels[:-1])) if levels else 1
    scope = "core_decoder/decoder" if "core" in decoder else "decoder"
    return _Shape(
        decoder.get("core", decoder["name"]), scope, levels, segments, config.hparams.max_seq_len // segments
    )


def decoder(config: "Config", weights: Weights) -> Decoder:
    """The graphs of a decoder whose output is of the kind `categorical_lstm`, `boolean_lstm` or `groove_lstm`."""
    shape, depth = _shape(config), config.build_converter().output_depth
    cells = f"{shape.scope}/multi_rnn_cell/cell_"
    units = units_of(weights, cells)
    start = _start(config, weights, shape, cells, depth, units)
    step = Graph("decoder_step")
    constant = step.input("inputs", "float32", ["n", shape.segments, 4 * units[0]], "from decoder_start")
    firsts = step.input("states", "float32", ["n", shape.segments, 2 * sum(units)], "from decoder_start")
    at = step.input("step", "int64", [1], "0 at the first step of a clip, then 1, 2, ...")
    is_token = shape.core == "categorical_lstm"
    previous = step.input(
        "previous",
        "int64" if is_token else "float32",
        ["n"] if is_token else ["n", depth],
        "the value of the step before",
    )
    states = declare_states(step, units)
    uniforms, temperature = declare_drawing(step, _draws(shape.core, depth))
    segment = step.op("Div", at, np.int64(shape.steps))
    begins = step.op("Equal", step.op("Mod", at, np.int64(shape.steps)), np.int64(0))
    parts = step.split(step.row(firsts, segment), [size for size in units for _ in range(2)])
    states = [
        (step.op("Where", begins, parts[2 * i], cell), step.op("Where", begins, parts[2 * i + 1], hidden))
        for i, (cell, hidden) in enumerate(states)
    ]
    kernel = weights[f"{cells}0/lstm_cell/kernel"]
    read = (
        step.embedded_tokens(previous, kernel[:depth])
        if is_token
        else step.op("MatMul", previous, kernel[:depth])
    )
    states = step.lstm_stack(weights, cells, step.add(step.row(constant, segment), read), states)
    logits = step.dense(states[-1][1], weights, f"{shape.scope}/output_projection")
    _give_values(step, shape.core, logits, uniforms, temperature, depth)
    give_states(step, states, units)
    return Decoder(
        start,
        step,
        [{"input": "previous", "output": "value", "first": -1 if is_token else 0}, *carried_states(units)],
    )


def _draws(core: str, depth: int) -> int:
    return {"categorical_lstm": 1, "groove_lstm": depth // 3}.get(core, depth)


def _start(
    config: "Config", weights: Weights, shape: _Shape, cells: str, depth: int, units: list[int]
) -> Graph:
    graph = Graph("decoder_start")
    z = graph.input(
        "z", "float32", ["n", config.hparams.z_size], "latent vectors, from N(0, 1) or an encoder"
    )
    embeddings = _conducted(graph, weights, shape.level_lengths, z, 0)
    embedding = graph.join(*(graph.expanded(each, 1) for each in embeddings), axis=1)
    kernel = weights[f"{cells}0/lstm_cell/kernel"]
    product = graph.op("MatMul", embedding, kernel[depth : -units[0]])
    inputs = graph.add(product, weights[f"{cells}0/lstm_cell/bias"])
    states = graph.op("Tanh", graph.dense(embedding, weights, f"{shape.scope}/z_to_initial_state"))
    of_segment = "for each segment of the clip"
    graph.output("inputs", inputs, "float32", ["n", shape.segments, 4 * units[0]], of_segment)
    graph.output("states", states, "float32", ["n", shape.segments, 2 * sum(units)], of_segment)
    return graph


def _conducted(
    graph: Graph, weights: Weights, level_lengths: tuple[int, ...], embedding: str, level: int
) -> list[str]:
    """The embeddings `[n, width]` that the core plays, a segment each: `_Decoder._conduct` of the NumPy engine."""
    if level >= len(level_lengths) - 1:
        return [embedding]
    scope = f"decoder/hierarchical_level_{level}"
    cells = f"{scope}/cell_"
    units = units_of(weights, cells)
    flat = graph.op("Tanh", graph.dense(embedding, weights, f"{scope}/initial_state"))
    parts = graph.split(flat, [size for size in units for _ in range(2)])
    states = list(zip(parts[::2], parts[1::2], strict=True))
    played: list[str] = []
    for _ in range(level_lengths[level]):
        # Its input is 0 at every step, so that the bias is all that the lowest layer reads.
        states = graph.lstm_stack(weights, cells, graph.constant(weights[f"{cells}0/lstm_cell/bias"]), states)
        played += _conducted(graph, weights, level_lengths, states[-1][1], level + 1)
    return played


def _give_values(graph: Graph, core: str, logits: str, uniforms: str, temperature: str, depth: int) -> None:
    if core == "categorical_lstm":
        value = graph.drawn_token(logits, uniforms, temperature, depth)
        graph.output("value", value, "int64", ["n"], "the token drawn")
        graph.output("logits", logits, "float32", ["n", depth], "of each token, before the temperature")
        return
    if core == "boolean_lstm":
        value, hits = graph.drawn_bits(logits, uniforms, temperature), logits
    else:
        hits, velocities, offsets = graph.split(logits, [depth // 3] * 3)
        drawn = graph.drawn_bits(hits, uniforms, temperature)
        value = graph.join(drawn, graph.op("Sigmoid", velocities), graph.op("Tanh", offsets))
    graph.output("value", value, "float32", ["n", depth], "the values drawn")
    graph.output(
        "logits", hits, "float32", ["n", _draws(core, depth)], "of each drum's hit, before the temperature"
    )
