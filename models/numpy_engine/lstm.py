"""LSTM layers in plain NumPy, one step at a time."""

from collections.abc import Mapping, Sequence

import numpy as np

from models.layers.conventions import FORGET_BIAS

Array = np.ndarray
State = tuple[Array, Array]
"""`(cell, hidden)` of a layer, `[batch, units]` each."""
Weights = Mapping[str, Array]
"""Float32 arrays by their names in a checkpoint."""

HALF = np.float32(0.5)


def initial_states(weights: Weights, scope: str, cells: str, embedding: Array) -> list[State]:
    """The states that a stack starts from: tanh of a dense layer, split as c0, h0, c1, h1..."""
    flat = np.tanh(embedding @ weights[f"{scope}/kernel"] + weights[f"{scope}/bias"])
    states: list[State] = []
    start = 0
    while start < flat.shape[1]:
        units = weights[f"{cells}{len(states)}/lstm_cell/bias"].shape[0] // 4
        states.append((flat[:, start : start + units], flat[:, start + units : start + 2 * units]))
        start += 2 * units
    return states


def project(weights: Weights, cell: str, inputs: Array) -> Array:
    """Inputs times a cell's kernel, plus its bias."""
    kernel = weights[f"{cell}/lstm_cell/kernel"]
    return inputs @ kernel[: inputs.shape[1]] + weights[f"{cell}/lstm_cell/bias"]


def run_stack(
    weights: Weights, cells: str, projected: Array, states: list[State]
) -> tuple[Array, list[State]]:
    """One step of the layers `cells`0, `cells`1, ...; the lowest layer's inputs are projected already."""
    new_states: list[State] = []
    for i, (cell, hidden) in enumerate(states):
        if i:
            projected = project(weights, f"{cells}{i}", new_states[-1][1])
        kernel = weights[f"{cells}{i}/lstm_cell/kernel"]
        gates = projected + hidden @ kernel[-hidden.shape[1] :]
        new_states.append(lstm(gates, cell))
    return new_states[-1][1], new_states


def lstm(gates: Array, cell: Array) -> State:
    """The state after one step: `c' = sigmoid(f + 1) c + sigmoid(i) tanh(g)`, `h' = sigmoid(o) tanh(c')`.

    Args:
        gates: the preactivations i, g, f and o side by side, `[batch, 4 * units]`; overwritten.
        cell: the cell before, `[batch, units]`.
    """
    units = cell.shape[1]
    gates[:, 2 * units : 3 * units] += FORGET_BIAS
    # sigmoid(x) = (1 + tanh(x / 2)) / 2: one pass of tanh serves all four gates.
    gates[:, :units] *= HALF
    gates[:, 2 * units :] *= HALF
    np.tanh(gates, out=gates)
    i = (gates[:, :units] + 1) * HALF
    g = gates[:, units : 2 * units]
    f = (gates[:, 2 * units : 3 * units] + 1) * HALF
    o = (gates[:, 3 * units :] + 1) * HALF
    cell = f * cell + i * g
    return cell, o * np.tanh(cell)


def side_by_side(stacks: Sequence[Sequence[State]]) -> Array:
    """All states of one or more stacks: c0 of all stacks, h0 of all, c1 of all, h1 of all..."""
    layers = zip(*stacks, strict=True)
    return np.concatenate([state[part] for layer in layers for part in (0, 1) for state in layer], axis=-1)
