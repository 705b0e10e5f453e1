"""Formulas of layers in NumPy, in float64, to compare the layers with."""

import numpy as np

Array = np.ndarray


def numpy_stack(inputs: Array, kernels: list[tuple[Array, Array]], remembers: bool = True) -> Array:
    """LSTM layers over `[batch, time, depth]` by the formulas of TensorFlow 1's LSTMCell, from zero states."""
    for kernel, bias in kernels:
        units = len(bias) // 4
        cell = hidden = np.zeros((len(inputs), units))
        outputs = []
        for t in range(inputs.shape[1]):
            if not remembers:
                cell = hidden = np.zeros((len(inputs), units))
            i, g, f, o = np.split(np.concatenate([inputs[:, t], hidden], axis=-1) @ kernel + bias, 4, axis=-1)
            cell = sigmoid(f + 1) * cell + sigmoid(i) * np.tanh(g)
            hidden = sigmoid(o) * np.tanh(cell)
            outputs.append(hidden)
        inputs = np.stack(outputs, axis=1)
    return inputs


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
