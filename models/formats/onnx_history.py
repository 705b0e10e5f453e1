"""The history decoder (`models/numpy_engine/history_drums.py`) as ONNX graphs: what is prepared for a clip, and one step."""

from typing import TYPE_CHECKING, Any

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
from models.numpy_engine.history_drums import CELLS, IMPOSSIBLE, HistoryPlayer

if TYPE_CHECKING:
    from catalog.config import Config

LEAST = np.float32(1e-9)


def decoder(config: "Config", weights: Weights) -> Decoder:
    """The graphs of a history decoder.

    Args:
        config: of the family "history_drums".
        weights: float32 arrays by their names in a checkpoint.
    """
    player = HistoryPlayer(weights, config.decoder)
    units, z_size = units_of(weights, CELLS), config.hparams.z_size
    start = _start(player, z_size, units)
    step = _step(player, units, z_size)
    carried: list[dict[str, Any]] = [
        {"input": "previous", "output": "value", "first": -1},
        {"input": "recent", "output": "next_recent", "first": "recent"},
        *({**row, "first": row["input"]} for row in carried_states(units)),
    ]
    return Decoder(start, step, carried)


def _z_width(player: HistoryPlayer, z_size: int) -> int:
    """Width of what a step reads of z."""
    if "decoder/unrolled/kernel" in player.weights:
        steps = player.length // player.z_slices
        return len(player.weights["decoder/unrolled/bias"]) // steps
    return z_size // player.z_slices


def _fixed_width(player: HistoryPlayer) -> int:
    """Width of what a step reads that depends neither on z nor on what is played."""
    layout, bars = player.layout, player.length // player.steps_per_bar
    return player.steps_per_bar + bars + len(player.leads) * layout.mask.stop + layout.conditions + 1


def _start(player: HistoryPlayer, z_size: int, units: list[int]) -> Graph:
    graph, layout, steps = Graph("decoder_start"), player.layout, player.length
    z = graph.input("z", "float32", ["n", z_size], "latent vectors, from N(0, 1) or an encoder")
    controls = graph.input("controls", "float32", ["n", steps, layout.depth], "see controls in the manifest")
    first = graph.reshape(graph.columns(controls, 0, 1, axis=1), 0, layout.depth)
    heard = graph.multiply(z, graph.columns(first, layout.uses_z.start, layout.uses_z.stop))
    flat = graph.op("Tanh", graph.dense(heard, player.weights, "decoder/z_to_initial_state"))
    parts = graph.split(flat, [size for size in units for _ in range(2)])
    sliced = graph.reshape(heard, 0, player.z_slices, z_size // player.z_slices)
    if "decoder/unrolled/kernel" in player.weights:
        z_steps = graph.reshape(
            graph.dense(sliced, player.weights, "decoder/unrolled"), 0, steps, _z_width(player, z_size)
        )
    else:
        z_steps = graph.op("Gather", sliced, np.arange(steps) * player.z_slices // steps, axis=1)
    graph.output(
        "z_steps", z_steps, "float32", ["n", steps, _z_width(player, z_size)], "what each step reads of z"
    )
    fixed = _fixed(graph, player, controls)
    graph.output("fixed", fixed, "float32", ["n", steps, _fixed_width(player)], "what else each step reads")
    for i, size in enumerate(units):
        graph.output(f"cell_{i}", parts[2 * i], "float32", ["n", size], "first cell of the LSTM")
        graph.output(
            f"hidden_{i}", parts[2 * i + 1], "float32", ["n", size], "first hidden state of the LSTM"
        )
    past = graph.columns(controls, layout.past.start, layout.past.stop, axis=2)
    hits, real = graph.split(graph.op("Greater", past, np.float32(0.5)), [layout.drums, 1])
    powers = np.float32(2) ** np.arange(layout.drums, dtype=np.float32)
    tokens = graph.op("MatMul", graph.cast(hits, "float32"), powers)
    tokens = graph.op("Where", graph.reshape(real, 0, steps), graph.cast(tokens, "int64"), np.int64(-1))
    before = graph.op("Sub", graph.columns(tokens, 0, 1, axis=1), graph.columns(tokens, 0, 1, axis=1))
    recent = graph.join(graph.op("Sub", before, np.int64(1)), tokens, axis=1)
    graph.output(
        "recent", recent, "int64", ["n", steps + 1], "tokens before the clip, -1 where there are none"
    )
    return graph


def _fixed(graph: Graph, player: HistoryPlayer, controls: str) -> str:
    """`_fixed_reads` of the NumPy engine."""
    layout, steps = player.layout, player.length
    at, bars = np.arange(steps), player.length // player.steps_per_bar
    positions = np.concatenate(
        [np.eye(player.steps_per_bar)[at % player.steps_per_bar], np.eye(bars)[at // player.steps_per_bar]],
        axis=1,
    ).astype(np.float32)
    nothing = graph.multiply(graph.columns(controls, 0, 1, axis=2), np.float32(0))
    known = graph.columns(controls, 0, layout.mask.stop, axis=2)
    padded = graph.op("Pad", known, np.array([0, 0, 0, 0, player.length, 0], np.int64), np.float32(0))
    ahead = [graph.columns(padded, lead, lead + steps, axis=1) for lead in player.leads]
    wanted = (
        [graph.columns(controls, layout.wanted.start, layout.wanted.stop, axis=2)]
        if layout.conditions
        else []
    )
    uses_z = graph.columns(controls, layout.uses_z.start, layout.uses_z.stop, axis=2)
    return graph.join(graph.add(nothing, positions), *ahead, *wanted, uses_z)


def _step(player: HistoryPlayer, units: list[int], z_size: int) -> Graph:
    graph, layout, weights = Graph("decoder_step"), player.layout, player.weights
    steps, width = player.length, _z_width(player, z_size)
    controls = graph.input("controls", "float32", ["n", steps, layout.depth], "as for decoder_start")
    z_steps = graph.input("z_steps", "float32", ["n", steps, width], "from decoder_start")
    fixed = graph.input("fixed", "float32", ["n", steps, _fixed_width(player)], "from decoder_start")
    at = graph.input("step", "int64", [1], "0 at the first step of a clip, then 1, 2, ...")
    previous = graph.input("previous", "int64", ["n"], "the token of the step before")
    recent = graph.input("recent", "int64", ["n", steps + 1], "the tokens before it")
    states = declare_states(graph, units)
    uniforms, temperature = declare_drawing(graph, 1)

    heard = graph.expanded(graph.op("Max", previous, np.int64(0)), 1)
    moved = graph.join(graph.columns(recent, 1, steps + 1, axis=1), heard, axis=1)
    recent = graph.op("Where", graph.op("Equal", at, np.int64(0)), recent, moved)
    tokens_before = _at(graph, recent, steps + 1, np.array([1]))
    back = _at(graph, recent, steps + 1, player.copy_lags)
    older = _at(graph, recent, steps + 1, player.copy_lags + 1)
    is_real = graph.op("GreaterOrEqual", tokens_before, np.int64(0))
    equal = graph.cast(graph.op("And", graph.op("Equal", tokens_before, older), is_real), "float32")
    # The last row of the table, which the index -1 gives, stands for no music.
    lagged = _at(graph, recent, steps + 1, player.lags)
    indices = graph.op("Where", graph.op("Less", lagged, np.int64(0)), np.int64(player.depth), lagged)
    read_bits = graph.op("Gather", player.read_bits.astype(np.float32), indices, axis=0)
    history = graph.reshape(read_bits, 0, len(player.lags) * player.read_bits.shape[1])
    z = graph.row(z_steps, at)
    read = graph.join(history, equal, graph.row(fixed, at), z)
    hidden = graph.op("Relu", graph.dense(read, weights, "decoder/hidden"))
    kernel, bias = (weights[f"{CELLS}0/lstm_cell/{part}"] for part in ("kernel", "bias"))
    projected = graph.add(graph.op("MatMul", graph.join(hidden, z), kernel[: -units[0]]), bias)
    states = graph.lstm_stack(weights, CELLS, projected, states)
    logits = _mixture(
        graph, player, states[-1][1], hidden, back, _agrees(graph, player, graph.row(controls, at))
    )
    value = graph.drawn_token(logits, uniforms, temperature, player.depth)
    graph.output("value", value, "int64", ["n"], "the token drawn")
    graph.output("logits", logits, "float32", ["n", player.depth], "of each token, before the temperature")
    graph.output("next_recent", recent, "int64", ["n", steps + 1], "goes into recent")
    give_states(graph, states, units)
    return graph


def _at(graph: Graph, recent: str, width: int, lags: np.ndarray) -> str:
    """The tokens this many steps back, int64 `[n, lags]`."""
    return graph.op("Gather", recent, (width - np.asarray(lags)).astype(np.int64), axis=1)


def _agrees(graph: Graph, player: HistoryPlayer, controls: str) -> str:
    """Boolean `[n, depth]`: which tokens agree with the hits that are known at a step."""
    layout, bits = player.layout, np.ascontiguousarray(player.token_bits.T)
    hits = graph.columns(controls, layout.hits.start, layout.hits.stop)
    absent = graph.op("Sub", graph.columns(controls, layout.mask.start, layout.mask.stop), hits)
    against = graph.add(graph.op("MatMul", hits, 1 - bits), graph.op("MatMul", absent, bits))
    return graph.op("Less", against, np.float32(0.5))


def _mixture(graph: Graph, player: HistoryPlayer, output: str, hidden: str, back: str, agrees: str) -> str:
    """Drawing and copying mixed: `_Run._mixture` of the NumPy engine."""
    weights, lags = player.weights, len(player.copy_lags)
    logits = graph.op("MatMul", graph.join(output, hidden), player.logit_kernel)
    logits = graph.add(logits, weights["decoder/output_projection/bias"])
    logits = graph.op("Where", agrees, logits, IMPOSSIBLE)
    gates = graph.dense(output, weights, "decoder/copy_weights")
    drawing, copying = graph.split(gates, [1, lags])
    tokens = graph.op("Max", back, np.int64(0))
    fits = graph.op("GatherElements", graph.cast(agrees, "int32"), tokens, axis=1)
    possible = graph.op(
        "And", graph.op("GreaterOrEqual", back, np.int64(0)), graph.op("Equal", fits, np.int32(1))
    )
    copying = graph.op("Where", possible, copying, IMPOSSIBLE)
    gates = graph.op("Softmax", graph.join(drawing, copying), axis=-1)
    drawing, copying = graph.split(gates, [1, lags])
    same = graph.op("Equal", graph.expanded(tokens, 2), np.arange(player.depth, dtype=np.int64))
    copied = graph.op("MatMul", graph.expanded(copying, 1), graph.cast(same, "float32"))
    drawn = graph.multiply(drawing, graph.op("Softmax", logits, axis=-1))
    everything = graph.add(drawn, graph.reshape(copied, 0, player.depth))
    everything = graph.op("Log", graph.op("Max", everything, LEAST))
    return graph.op("Where", agrees, everything, IMPOSSIBLE)
