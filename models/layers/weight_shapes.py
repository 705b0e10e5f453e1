"""Names and shapes of the layers' weights, without building a layer.

What `named_weights` of the built layers would say. With it a checkpoint is compared with a config before anything is
computed or allocated, in every engine, and without Keras.
"""

from collections.abc import Iterable

Shapes = dict[str, tuple[int, ...]]
"""The shapes of weights by name."""


def dense(name: str, inputs: int, outputs: int, bias: bool = True) -> Shapes:
    """A dense layer's kernel and bias."""
    return {f"{name}/kernel": (inputs, outputs), **({f"{name}/bias": (outputs,)} if bias else {})}


def lstm(cell: str, inputs: int, units: int, projected: bool = False) -> Shapes:
    """An LSTM layer's (`models.layers.lstm.LSTM`), with the dense layer before it where it has one."""
    if projected:
        wrapper = f"{cell}/input_projection_wrapper"
        return dense(wrapper, inputs, units) | lstm(wrapper, units, units)
    return {f"{cell}/lstm_cell/kernel": (inputs + units, 4 * units), f"{cell}/lstm_cell/bias": (4 * units,)}


def stack(name: str, inputs: int, sizes: Iterable[int], residual: bool = False) -> Shapes:
    """Those of LSTM layers on top of one another (`models.layers.lstm.LSTMStack`)."""
    found: Shapes = {}
    below = None
    for i, units in enumerate(sizes):
        found |= lstm(f"{name}cell_{i}", inputs, units, residual and units != below)
        inputs = below = units
    return found


def dense_stack(name: str, inputs: int, sizes: Iterable[int]) -> tuple[Shapes, int]:
    """Those of dense layers on top of one another, and the width of the last."""
    found: Shapes = {}
    for i, units in enumerate(sizes):
        found |= dense(f"{name}_{i}", inputs, units)
        inputs = units
    return found, inputs


def bidirectional(name: str, inputs: int, sizes: Iterable[int], residual: bool) -> Shapes:
    """Those of stacked bidirectional LSTM layers, by Magenta's names."""
    found: Shapes = {}
    for i, units in enumerate(sizes):
        for direction in ("fw", "bw"):
            cell = f"{name}cell_{i}/bidirectional_rnn/{direction}/multi_rnn_cell/cell_0"
            found |= lstm(cell, inputs, units, residual)
        inputs = 2 * units
    return found
