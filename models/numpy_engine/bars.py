"""The encoder of bars (`models/history_drums/bar_encoder.py`) in plain NumPy."""

from collections.abc import Mapping

import numpy as np

from common.errors import CheckpointError

Array = np.ndarray


def encode(weights: Mapping[str, Array], bars: int, sequence: Array, lengths: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of the posterior, float32 `[batch, z_size]` each.

    Args:
        weights: float32 arrays by the names of `HistoryVAE.named_weights`.
        bars: bars of a clip.
        sequence: float32 `[batch, steps, depth]`.
        lengths: steps of each, `[batch]` or `[batch, segments]`.

    Raises:
        CheckpointError: where a weight is missing.
    """
    lengths = np.asarray(lengths)
    whole = lengths if lengths.ndim == 1 else lengths.sum(axis=1)
    n, steps, depth = sequence.shape
    real = np.arange(steps)[None] < whole[:, None]
    read = (sequence * real[..., None]).reshape(n, bars, steps // bars * depth)
    try:
        read = _layers(weights, "bar", read)
        if "encoder/joint_0/kernel" in weights:
            read = _layers(weights, "joint", read.reshape(n, 1, -1))
        mu, sigma = (
            (read @ weights[f"encoder/{name}/kernel"] + weights[f"encoder/{name}/bias"]).reshape(n, -1)
            for name in ("mu", "sigma")
        )
    except KeyError as error:
        raise CheckpointError(f"The checkpoint can't encode: it has no weight {error}.") from error
    return mu, np.logaddexp(np.float32(0), sigma)


def _layers(weights: Mapping[str, Array], part: str, read: Array) -> Array:
    """Dense layers with ReLU, `part`_0, `part`_1 and so on."""
    layer = 0
    while layer == 0 or f"encoder/{part}_{layer}/kernel" in weights:
        name = f"encoder/{part}_{layer}"
        read = np.maximum(read @ weights[f"{name}/kernel"] + weights[f"{name}/bias"], 0)
        layer += 1
    return read
