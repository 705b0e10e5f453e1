"""Building ONNX graphs straight from weights: operators by name, and the layers that our models share.

Operator set 17 and version 8 of the file format are of 2022, so that older hosts load what is exported here; ONNX Runtime
1.15 is the oldest that was tried.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.layers.conventions import FORGET_BIAS

Array = np.ndarray
Weights = Mapping[str, Array]
Shape = Sequence[int | str]

OPERATOR_SET, FILE_VERSION = 17, 8
TYPES = {
    "float32": TensorProto.FLOAT,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
}
"""Element types of inputs and outputs, by the names that a manifest has for them."""


class Graph:
    """A graph under construction. Values are the names of tensors; constants can be given as arrays.

    Args:
        name: of the graph.
    """

    def __init__(self, name: str):
        self.name = name
        self.facts: dict[str, list[dict[str, Any]]] = {"inputs": [], "outputs": []}
        self._nodes: list[Any] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._initializers: list[Any] = []
        self._ends: dict[str, list[Any]] = {"inputs": [], "outputs": []}

    def input(self, name: str, kind: str, shape: Shape, meaning: str) -> str:
        """Declare an input; `shape` has names for sizes that are the caller's, and `meaning` goes into the manifest."""
        self._declare("inputs", name, kind, shape, meaning)
        return name

    def output(self, name: str, value: str, kind: str, shape: Shape, meaning: str) -> None:
        """Declare a value as an output; arguments as for `input`."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._declare("outputs", name, kind, shape, meaning)

    def _declare(self, end: str, name: str, kind: str, shape: Shape, meaning: str) -> None:
        self._ends[end].append(helper.make_tensor_value_info(name, TYPES[kind], list(shape)))
        self.facts[end].append({"name": name, "type": kind, "shape": list(shape), "meaning": meaning})

    def constant(self, array: Any) -> str:
        """An array as a value; equal ones are stored once."""
        array = np.ascontiguousarray(array).reshape(np.shape(array))
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = f"constant_{len(self._constants)}"
            self._initializers.append(numpy_helper.from_array(array, self._constants[key]))
        return self._constants[key]

    def op(self, kind: str, *inputs: Any, **attributes: Any) -> str:
        """The first result of an operator; inputs that are not names become constants."""
        return self.ops(kind, 1, *inputs, **attributes)[0]

    def ops(self, kind: str, count: int, *inputs: Any, **attributes: Any) -> list[str]:
        """As `op`, with `count` results; None is a result that is not asked for, or an input that is left out."""
        names = ["" if x is None else x if isinstance(x, str) else self.constant(x) for x in inputs]
        results = [f"{kind.lower()}_{len(self._nodes)}_{i}" for i in range(count)]
        self._nodes.append(helper.make_node(kind, names, results, **attributes))
        return results

    def to_bytes(self) -> bytes:
        """The model file, which ONNX's own checker has accepted."""
        graph = helper.make_graph(
            self._nodes, self.name, self._ends["inputs"], self._ends["outputs"], self._initializers
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPERATOR_SET)],
            ir_version=FILE_VERSION,
            producer_name="music-vae-keras",
        )
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString())

    # Small words.

    def add(self, a: Any, b: Any) -> str:
        """a + b."""
        return self.op("Add", a, b)

    def multiply(self, a: Any, b: Any) -> str:
        """a b, elementwise."""
        return self.op("Mul", a, b)

    def join(self, *parts: Any, axis: int = -1) -> str:
        """Parts side by side."""
        return self.op("Concat", *parts, axis=axis)

    def split(self, value: str, widths: Sequence[int], axis: int = -1) -> list[str]:
        """Parts of these widths; one of no width is an empty string."""
        real = [width for width in widths if width]
        if len(real) == 1:
            results = iter([value])
        else:
            results = iter(self.ops("Split", len(real), value, np.array(real, np.int64), axis=axis))
        return [next(results) if width else "" for width in widths]

    def columns(self, value: str, start: int, stop: int, axis: int = -1) -> str:
        """A slice along an axis."""
        return self.op("Slice", value, *(np.array([x], np.int64) for x in (start, stop, axis)))

    def reshape(self, value: str, *shape: int) -> str:
        """As NumPy's, where 0 keeps a size and -1 is what remains."""
        return self.op("Reshape", value, np.array(shape, np.int64))

    def cast(self, value: str, kind: str) -> str:
        """As another type."""
        return self.op("Cast", value, to=TYPES[kind])

    def row(self, value: str, index: str) -> str:
        """What stands at an index, int64 `[1]`, of axis 1, which is dropped."""
        return self.op("Squeeze", self.op("Gather", value, index, axis=1), np.array([1], np.int64))

    def expanded(self, value: str, axis: int) -> str:
        """With another axis of size 1."""
        return self.op("Unsqueeze", value, np.array([axis], np.int64))

    # Layers.

    def dense(self, value: str, weights: Weights, scope: str) -> str:
        """Times `scope/kernel`, plus `scope/bias`."""
        return self.add(self.op("MatMul", value, weights[f"{scope}/kernel"]), weights[f"{scope}/bias"])

    def dense_stack(self, value: str, weights: Weights, scope: str) -> str:
        """The dense layers `scope`_0, `scope`_1 and so on, with ReLU."""
        layer = 0
        while layer == 0 or f"{scope}_{layer}/kernel" in weights:
            value = self.op("Relu", self.dense(value, weights, f"{scope}_{layer}"))
            layer += 1
        return value

    def lstm_stack(
        self, weights: Weights, cells: str, projected: str, states: Sequence[tuple[str, str]]
    ) -> list[tuple[str, str]]:
        """One step of the layers `cells`0, `cells`1, ...: their new cells and hidden states.

        Args:
            weights: with `cells`0/lstm_cell/kernel and so on.
            cells: what the names of the layers' weights begin with.
            projected: the lowest layer's inputs times their part of the kernel, plus the bias, `[n, 4 * units]`.
            states: cells and hidden states before.
        """
        after: list[tuple[str, str]] = []
        for layer, (cell, hidden) in enumerate(states):
            kernel, bias = (weights[f"{cells}{layer}/lstm_cell/{part}"] for part in ("kernel", "bias"))
            units = len(bias) // 4
            if layer:
                projected = self.add(self.op("MatMul", after[-1][1], kernel[:-units]), bias)
            gates = self.add(projected, self.op("MatMul", hidden, kernel[-units:]))
            i, g, f, o = self.split(gates, [units] * 4)
            forget = self.op("Sigmoid", self.add(f, np.float32(FORGET_BIAS)))
            new = self.multiply(self.op("Sigmoid", i), self.op("Tanh", g))
            cell = self.add(self.multiply(forget, cell), new)
            after.append((cell, self.multiply(self.op("Sigmoid", o), self.op("Tanh", cell))))
        return after

    def embedded_tokens(self, tokens: str, kernel: Array) -> str:
        """A kernel's rows of tokens `[n]`, zeros for negative ones."""
        real = self.op("Not", self.op("Less", tokens, np.int64(0)))
        rows = self.op("Gather", kernel, self.op("Max", tokens, np.int64(0)), axis=0)
        return self.multiply(rows, self.expanded(self.cast(real, "float32"), 1))

    # Draws, as in models/numpy_engine/outputs.py.

    def drawn_token(self, logits: str, uniforms: str, temperature: Any, depth: int) -> str:
        """Tokens int64 `[n]` by the inverse of the cumulative distribution; `uniforms` `[n, 1]`."""
        logits = self.op("Div", logits, temperature)
        highest = self.op("ReduceMax", logits, axes=[-1], keepdims=1)
        cumulative = self.op("CumSum", self.op("Exp", self.op("Sub", logits, highest)), np.int64(1))
        threshold = self.multiply(uniforms, self.columns(cumulative, depth - 1, depth))
        below = self.cast(self.op("LessOrEqual", cumulative, threshold), "int64")
        count = self.op("ReduceSum", below, np.array([1], np.int64), keepdims=0)
        return self.op("Min", count, np.int64(depth - 1))

    def drawn_bits(self, logits: str, uniforms: str, temperature: str) -> str:
        """0 or 1 in float32 for each of the logits, by a uniform each."""
        probability = self.op("Sigmoid", self.op("Div", logits, temperature))
        return self.cast(self.op("Less", uniforms, probability), "float32")


def units_of(weights: Weights, cells: str) -> list[int]:
    """Units of the LSTM layers `cells`0, `cells`1, ..."""
    units: list[int] = []
    while f"{cells}{len(units)}/lstm_cell/bias" in weights:
        units.append(len(weights[f"{cells}{len(units)}/lstm_cell/bias"]) // 4)
    return units


def declare_states(graph: Graph, units: Sequence[int]) -> list[tuple[str, str]]:
    """Inputs for the states of LSTM layers."""
    return [
        (
            graph.input(f"cell_{i}", "float32", ["n", size], f"the LSTM's cell, layer {i}"),
            graph.input(f"hidden_{i}", "float32", ["n", size], f"the LSTM's hidden state, layer {i}"),
        )
        for i, size in enumerate(units)
    ]


def give_states(graph: Graph, states: Sequence[tuple[str, str]], units: Sequence[int]) -> None:
    """Outputs for the states of LSTM layers."""
    for i, ((cell, hidden), size) in enumerate(zip(states, units, strict=True)):
        graph.output(f"next_cell_{i}", cell, "float32", ["n", size], f"goes into cell_{i}")
        graph.output(f"next_hidden_{i}", hidden, "float32", ["n", size], f"goes into hidden_{i}")


def carried_states(units: Sequence[int]) -> list[dict[str, Any]]:
    """Rows of the manifest's loop for the states of LSTM layers, which begin as zeros."""
    return [
        {"input": f"{part}_{i}", "output": f"next_{part}_{i}", "first": 0}
        for i in range(len(units))
        for part in ("cell", "hidden")
    ]


def declare_drawing(graph: Graph, draws: int) -> tuple[str, str]:
    """The inputs `uniforms` and `temperature` of a step."""
    return (
        graph.input("uniforms", "float32", ["n", draws], "random numbers in [0, 1), new ones at each step"),
        graph.input("temperature", "float32", [1], "above 0; less is more predictable"),
    )
