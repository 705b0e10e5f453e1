"""Encoding without a framework: MusicVAE's encoders in plain NumPy."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from catalog import registry
from common.errors import CheckpointError
from models.numpy_engine.lstm import Weights, lstm

if TYPE_CHECKING:
    from catalog.config import Config

Array = np.ndarray


def supports_encoder(config: "Config") -> bool:
    """Whether a config's encoder can be run here."""
    return bool(registry.ENCODERS[config.encoder["name"]].numpy) and not config.hparams.residual_encoder


def encode(
    weights: Weights, encoder: Mapping[str, Any], sequence: Array, lengths: Array
) -> tuple[Array, Array]:
    """Mean and standard deviation of the posterior, float32 `[batch, z_size]` each.

    Args:
        weights: float32 arrays by Magenta's names.
        encoder: a config's encoder.
        sequence: Magenta's input tensor with the controls behind it, float32 `[batch, steps, depth]`.
        lengths: `[batch]`, or `[batch, segments]` where each segment is padded at its own end.

    Raises:
        CheckpointError: where a weight is missing, as it is in a checkpoint that holds a decoder only.
    """
    embed = registry.found(registry.ENCODERS[encoder["name"]].numpy)
    try:
        embedding = embed(weights, encoder, sequence, lengths)
        mu = embedding @ weights["encoder/mu/kernel"] + weights["encoder/mu/bias"]
        sigma = embedding @ weights["encoder/sigma/kernel"] + weights["encoder/sigma/bias"]
    except KeyError as error:
        reason = "it holds a decoder only" if not any(n.startswith("encoder/") for n in weights) else ""
        raise CheckpointError(
            f"The checkpoint can't encode: {reason or f'it has no weight {error}'}."
        ) from error
    return mu, np.logaddexp(np.float32(0), sigma)


def bidirectional(weights: Weights, encoder: Mapping[str, Any], sequence: Array, lengths: Array) -> Array:
    """The embedding of `models.music_vae.encoders.BidirectionalLSTMEncoder`, `[batch, 2 * units]`."""
    whole = lengths if lengths.ndim == 1 else lengths.sum(axis=1)
    return _both_ways(weights, "encoder", sequence, whole)


def hierarchical(weights: Weights, encoder: Mapping[str, Any], sequence: Array, lengths: Array) -> Array:
    """The embedding of `models.music_vae.encoders.HierarchicalLSTMEncoder`, `[batch, 2 * units]`."""
    level_lengths = encoder["level_lengths"]
    steps = level_lengths[0]
    count = sequence.shape[1] // steps
    if lengths.ndim == 1:
        lengths = np.clip(lengths[:, None] - np.arange(count)[None] * steps, 0, steps)
    flat = lengths.reshape(-1)
    for level, steps in enumerate(level_lengths):
        batch, count = len(sequence), sequence.shape[1] // steps
        if level:
            flat = np.full(batch * count, steps)
        segments = sequence.reshape(batch * count, steps, -1)
        embeddings = _both_ways(weights, f"encoder/hierarchical_level_{level}", segments, flat)
        sequence = embeddings.reshape(batch, count, -1)
    return sequence[:, 0]


def _both_ways(weights: Weights, scope: str, sequence: Array, lengths: Array) -> Array:
    """The last forward beside the last backward hidden state of stacked bidirectional layers."""
    real = (np.arange(sequence.shape[1])[None] < lengths[:, None]).astype(np.float32)
    layer = 0
    lasts: list[Array] = []
    while (
        layer == 0
        or f"{scope}/cell_{layer}/bidirectional_rnn/fw/multi_rnn_cell/cell_0/lstm_cell/kernel" in weights
    ):
        outputs, lasts = [], []
        for direction in ("fw", "bw"):
            cell = f"{scope}/cell_{layer}/bidirectional_rnn/{direction}/multi_rnn_cell/cell_0"
            hiddens, last = _read(weights, cell, sequence, real, direction == "bw")
            outputs.append(hiddens)
            lasts.append(last)
        sequence = np.concatenate(outputs, axis=-1)
        layer += 1
    return np.concatenate(lasts, axis=-1)


def _read(weights: Weights, cell: str, sequence: Array, real: Array, reverse: bool) -> tuple[Array, Array]:
    """One layer in one direction: hidden states `[batch, steps, units]`, and the last real one."""
    kernel, bias = weights[f"{cell}/lstm_cell/kernel"], weights[f"{cell}/lstm_cell/bias"]
    depth, units = sequence.shape[2], len(bias) // 4
    projected = sequence @ kernel[:depth] + bias
    state = hidden = np.zeros((len(sequence), units), np.float32)
    hiddens = np.zeros((*sequence.shape[:2], units), np.float32)
    last = hidden
    steps = range(sequence.shape[1])
    for step in reversed(steps) if reverse else steps:
        here = real[:, step, None]
        state, hidden = lstm(projected[:, step] + hidden @ kernel[depth:], state)
        state, hidden = state * here, hidden * here
        hiddens[:, step] = hidden
        last = np.where(here > 0, hidden, last)
    return hiddens, last
