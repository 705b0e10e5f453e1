"""Encoders as ONNX graphs: MusicVAE's bidirectional LSTM, and the encoder of bars of the history drum models."""

from typing import TYPE_CHECKING

import numpy as np

from models.formats.onnx_graph import Graph, Weights
from models.layers.conventions import FORGET_BIAS
from preprocess.converters.base import Converter

if TYPE_CHECKING:
    from catalog.config import Config

Array = np.ndarray


def encoder(config: "Config", weights: Weights) -> Graph:
    """The graph from a clip to the mean and the standard deviation of its posterior.

    Args:
        config: with an encoder `bidirectional_lstm` or `bars`, and without controls.
        weights: float32 arrays by their names in a checkpoint.
    """
    graph, converter = Graph("encoder"), config.build_converter()
    steps, z_size = config.hparams.max_seq_len, config.hparams.z_size
    sequence = _input(graph, converter, steps)
    lengths = graph.input("lengths", "int32", ["n"], "steps of each clip; what lies behind them is not read")
    if config.encoder["name"] == "bars":
        bars = config.encoder["bars"]
        embedding = _bars(graph, weights, sequence, lengths, bars, steps, converter.input_depth)
    else:
        embedding = _bidirectional(graph, weights, sequence, lengths)
    mu, sigma = (
        graph.reshape(graph.dense(embedding, weights, f"encoder/{name}"), 0, z_size)
        for name in ("mu", "sigma")
    )
    graph.output("mu", mu, "float32", ["n", z_size], "means of the latent vector")
    graph.output("sigma", graph.op("Softplus", sigma), "float32", ["n", z_size], "standard deviations of it")
    return graph


def _input(graph: Graph, converter: Converter, steps: int) -> str:
    """The input of a clip in the form in which the decoder gives it, and its expansion `[n, steps, depth]`."""
    form, depth = converter.input_form, converter.input_depth
    if form in ("dense", "dense_roll"):
        width = converter.output_depth
        values = graph.input("values", "float32", ["n", steps, width], "a clip, as the decoder's values")
        if form == "dense":
            return values
        loudest = graph.op("ReduceMax", values, axes=[-1], keepdims=1)
        return graph.join(values, graph.op("Sub", np.float32(1), loudest))
    tokens = graph.input("tokens", "int64", ["n", steps], "a clip, a token a step, as the decoder's values")
    each = graph.expanded(tokens, 2)
    if form == "one_hot":
        return graph.cast(graph.op("Equal", each, np.arange(depth, dtype=np.int64)), "float32")
    powers = np.int64(1) << np.arange(depth - 1, dtype=np.int64)
    bits = graph.op("Mod", graph.op("Div", graph.op("Max", each, np.int64(0)), powers), np.int64(2))
    roll = graph.cast(bits, "float32")
    return graph.join(
        roll, graph.op("Sub", np.float32(1), graph.op("ReduceMax", roll, axes=[-1], keepdims=1))
    )


def _bidirectional(graph: Graph, weights: Weights, sequence: str, lengths: str) -> str:
    """`models.numpy_engine.encoding.bidirectional`, `[n, 2 * units]`."""
    value, last, layer = graph.op("Transpose", sequence, perm=[1, 0, 2]), "", 0
    while f"encoder/cell_{layer}/bidirectional_rnn/fw/multi_rnn_cell/cell_0/lstm_cell/kernel" in weights:
        cells = [
            f"encoder/cell_{layer}/bidirectional_rnn/{way}/multi_rnn_cell/cell_0/lstm_cell"
            for way in ("fw", "bw")
        ]
        parts = [_for_onnx(weights[f"{cell}/kernel"], weights[f"{cell}/bias"]) for cell in cells]
        w, r, b = (np.stack(part) for part in zip(*parts, strict=True))
        hiddens, last = graph.ops(
            "LSTM", 2, value, w, r, b, lengths, hidden_size=r.shape[2], direction="bidirectional"
        )
        value = graph.reshape(graph.op("Transpose", hiddens, perm=[0, 2, 1, 3]), 0, 0, -1)
        layer += 1
    return graph.reshape(graph.op("Transpose", last, perm=[1, 0, 2]), 0, -1)


def _for_onnx(kernel: Array, bias: Array) -> tuple[Array, Array, Array]:
    """Weights as ONNX's LSTM takes them: gates in the order i, o, f, g; the kernel in two parts; two biases."""
    units = len(bias) // 4
    i, g, f, o = np.split(bias, 4)
    bias = np.concatenate([i, o, f + np.float32(FORGET_BIAS), g, np.zeros(4 * units, np.float32)])
    i, g, f, o = np.split(kernel, 4, axis=1)
    kernel = np.concatenate([i, o, f, g], axis=1).T
    return kernel[:, :-units], kernel[:, -units:], bias.astype(np.float32)


def _bars(
    graph: Graph, weights: Weights, sequence: str, lengths: str, bars: int, steps: int, depth: int
) -> str:
    """`models.numpy_engine.bars.encode` before its last layers."""
    at = np.arange(steps, dtype=np.int32)
    real = graph.cast(graph.op("Less", at, graph.expanded(lengths, 1)), "float32")
    read = graph.multiply(sequence, graph.expanded(real, 2))
    read = graph.reshape(read, 0, bars, steps // bars * depth)
    read = graph.dense_stack(read, weights, "encoder/bar")
    if "encoder/joint_0/kernel" in weights:
        read = graph.dense_stack(graph.reshape(read, 0, 1, -1), weights, "encoder/joint")
    return read
