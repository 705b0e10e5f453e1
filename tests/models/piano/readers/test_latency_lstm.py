"""Delayed recurrences: against ring buffers in NumPy, the backends' own gradient, the author's sizes, and memory."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras import ops

from models.layers.lstm_sequence import lstm_cell
from models.piano.readers.latency_lstm import DELAYS, LatencyCapsules, LatencyLSTM, delayed_lstm_sequence
from tests.helpers.formulas import numpy_stack, sigmoid
from tests.helpers.gradients import gradients
from tests.models.piano.readers.test_base import quick, read

Array = np.ndarray
ROOT = Path(__file__).resolve().parents[4]
BATCH, TIME, INPUTS, WIDTH = 3, 10, 5, 2


def numpy_step(x: Array, cell: Array, hidden: Array, kernel: Array, bias: Array) -> tuple[Array, Array]:
    """TensorFlow 1's LSTMCell."""
    i, g, f, o = np.split(np.concatenate([x, hidden], axis=-1) @ kernel + bias, 4, axis=-1)
    cell = sigmoid(f + 1) * cell + sigmoid(i) * np.tanh(g)
    return cell, sigmoid(o) * np.tanh(cell)


def numpy_latency(inputs: Array, kernel: Array, bias: Array, delays: tuple[int, ...]) -> Array:
    """The one-layer style by its ring buffers: block i lies at position t mod delays[i]."""
    batch, time, _ = inputs.shape
    width = len(bias) // 4 // len(delays)
    rings = [np.zeros((2, delay, batch, width)) for delay in delays]
    outputs = []
    for t in range(time):
        cell, hidden = (
            np.concatenate(
                [ring[kind, t % delay] for ring, delay in zip(rings, delays, strict=True)], axis=-1
            )
            for kind in (0, 1)
        )
        new = numpy_step(inputs[:, t], cell, hidden, kernel, bias)
        for i, (ring, delay) in enumerate(zip(rings, delays, strict=True)):
            for kind in (0, 1):
                ring[kind, t % delay] = new[kind][:, i * width : (i + 1) * width]
        outputs.append(new[1])
    return np.stack(outputs, axis=1)


def numpy_capsule(inputs: Array, kernel: Array, bias: Array, delay: int) -> Array:
    """One capsule: its state comes from `delay` frames ago."""
    states = [(np.zeros((len(inputs), len(bias) // 4)),) * 2] * delay
    for t in range(inputs.shape[1]):
        states.append(numpy_step(inputs[:, t], *states[t], kernel, bias))
    return np.stack([hidden for _, hidden in states[delay:]], axis=1)


def randomised(layer: Any) -> dict[str, Array]:
    """Build a reader with weights of about 1, and return them in float64."""
    layer.build(INPUTS, INPUTS)
    rng = np.random.default_rng(0)
    for weight in layer.named_weights().values():
        weight.assign(rng.standard_normal(weight.shape) * 0.7)
    return {k: ops.convert_to_numpy(v).astype(np.float64) for k, v in layer.named_weights().items()}


def cell_of(named: dict[str, Array], part: str) -> tuple[Array, Array]:
    return named[f"{part}/cell_0/lstm_cell/kernel"], named[f"{part}/cell_0/lstm_cell/bias"]


@pytest.fixture
def inputs() -> Array:
    return np.random.default_rng(1).standard_normal((BATCH, TIME, INPUTS)).astype(np.float32)


@pytest.mark.parametrize("delays", [(1, 3, 4), (5, 1), (1,), (2, 20)])
def test_one_layer_style_is_its_ring_buffers(delays: tuple[int, ...], inputs: Array) -> None:
    layer = LatencyLSTM(delays, WIDTH, (4,))
    named = randomised(layer)
    expected = numpy_latency(inputs.astype(np.float64), *cell_of(named, "latency"), delays)
    expected = numpy_stack(expected, [cell_of(named, "aggregator")])
    np.testing.assert_allclose(ops.convert_to_numpy(read(layer, inputs, inputs).outputs), expected, atol=1e-5)


@pytest.mark.parametrize("delays", [(1, 3, 4), (5, 10, 1), (20,)])
def test_capsules_are_lstms_of_their_own_delay(delays: tuple[int, ...], inputs: Array) -> None:
    layer = LatencyCapsules(delays, WIDTH, (4,))
    named = randomised(layer)
    each = [
        numpy_capsule(inputs.astype(np.float64), *cell_of(named, f"capsule_{i}"), delay)
        for i, delay in enumerate(delays)
    ]
    expected = numpy_stack(np.concatenate(each, axis=-1), [cell_of(named, "aggregator")])
    np.testing.assert_allclose(ops.convert_to_numpy(read(layer, inputs, inputs).outputs), expected, atol=1e-5)


def test_a_delay_of_one_is_an_ordinary_lstm(inputs: Array) -> None:
    for layer, part in ((LatencyLSTM((1,), 6, ()), "latency"), (LatencyCapsules((1,), 6, ()), "capsule_0")):
        named = randomised(layer)
        expected = numpy_stack(inputs.astype(np.float64), [cell_of(named, part)])
        np.testing.assert_allclose(
            ops.convert_to_numpy(read(layer, inputs, inputs).outputs), expected, atol=1e-5
        )


def step_loop(projected: Any, kernel: Any, cells: Any, hiddens: Any, delays: tuple[int, ...]) -> tuple:
    """The same as `delayed_lstm_sequence` on lists, for the backend's own differentiation."""
    past = [(cells[t], hiddens[t]) for t in range(max(delays))]
    width = kernel.shape[0] // len(delays)
    for t in range(projected.shape[0]):
        cell, hidden = (
            ops.concatenate(
                [
                    past[len(past) - delay][kind][:, i * width : (i + 1) * width]
                    for i, delay in enumerate(delays)
                ],
                axis=-1,
            )
            for kind in (0, 1)
        )
        cell, hidden, _ = lstm_cell(projected[t] + ops.matmul(hidden, kernel), cell)
        past.append((cell, hidden))
    return tuple(ops.stack([states[kind] for states in past[max(delays) :]]) for kind in (1, 0))


@pytest.mark.parametrize("delays", [(1, 3, 4), (2, 20)])
def test_gradient_is_that_of_the_step_loop(delays: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2)
    units = WIDTH * len(delays)
    state = (max(delays), BATCH, units)
    shapes = ((6, BATCH, 4 * units), (units, 4 * units), state, state)
    values = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    weights = rng.standard_normal((2, 6, BATCH, units)).astype(np.float32)

    def loss(run: Callable) -> Callable:
        def function(*arguments: Any) -> Any:
            outputs = quick(lambda *given: run(*given, delays))(*arguments)
            return sum(ops.sum(w * ops.square(x)) for w, x in zip(weights, outputs, strict=True))

        return function

    ours, expected = gradients(loss(delayed_lstm_sequence), values), gradients(loss(step_loop), values)
    for a, b in zip(ours, expected, strict=True):
        assert np.abs(b).max() > 0.01
        np.testing.assert_allclose(a, b, atol=2e-5, rtol=1e-4)


def test_the_authors_reader_has_its_sizes() -> None:
    """The published weights: 864 x 18 and 864 x 216, and of the aggregator 520 x 216 and 520 x 130."""
    layer = LatencyLSTM()
    layer.build(18, 12)
    assert layer.delays == DELAYS and layer.output_depth == 130
    shapes = {name: tuple(weight.shape) for name, weight in layer.named_weights().items()}
    assert shapes == {
        "latency/cell_0/lstm_cell/kernel": (18 + 216, 864),
        "latency/cell_0/lstm_cell/bias": (864,),
        "aggregator/cell_0/lstm_cell/kernel": (216 + 130, 520),
        "aggregator/cell_0/lstm_cell/bias": (520,),
    }
    capsules = LatencyCapsules()
    capsules.build(18, 12)
    named = capsules.named_weights()
    assert sum(name.endswith("kernel") for name in named) == 10
    assert tuple(named["capsule_8/cell_0/lstm_cell/kernel"].shape) == (18 + 24, 96)


@pytest.mark.parametrize("kind", [LatencyLSTM, LatencyCapsules])
@pytest.mark.parametrize("delays", [(), (4, 0)])
def test_wrong_delays_are_refused(kind: type, delays: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="after a frame or more"):
        kind(delays)


MEASURE = """
import keras, numpy as np
from models.piano.readers.latency_lstm import LatencyLSTM

class Model(keras.Model):
    def __init__(self):
        super().__init__()
        self.reader = LatencyLSTM(aggregator_sizes=())
        self.reader.build(18, 12)

    def call(self, x):
        return self.reader(x, x).outputs

def peak(time, batch):
    model = Model()
    model.compile(optimizer="adam", loss="mse", jit_compile=keras.backend.backend() == "jax")
    x = np.random.default_rng(0).integers(0, 2, (batch, time, 18)).astype("float32")
    model.train_on_batch(x, np.zeros((batch, time, 216), "float32"))
    line, = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024

print("MEMORY", peak(3, 2), peak(128, 32))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc to measure memory")
def test_training_keeps_one_history_not_one_for_each_step() -> None:
    """At 128 frames and a batch of 32 a history of cells and hidden states is 14 MB: one a step would be 1.8 GB."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-2000:]
    before, after = map(float, done.stdout.split("MEMORY")[1].split())
    print(f"{before:.0f} MB with the libraries and a tiny case, {after:.0f} MB with the large one")
    assert 0 < after - before < 600
