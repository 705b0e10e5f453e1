"""HistoryUser: against its formulas in NumPy, step by step, its gradient, the copy task, and its memory."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from models.layers.backend import scan
from models.piano.readers.history_user import BASELINE_LAGS, HistoryState, HistoryUser, read_lags, window_lags
from preprocess.pieces.fragments import fragments
from preprocess.pieces.pieces import Pieces
from tests.helpers.formulas import Array, numpy_stack, softmax
from tests.helpers.gradients import gradients

pytestmark = pytest.mark.jax

ROOT = Path(__file__).resolve().parents[4]
BATCH, TIME, INPUTS, FRAMES = 3, 9, 5, 4
LAGS = (6, 0, 3, 2)
STATE_SIZES = {"reader": (7, 6), "local": (5,), "aggregator": (8,)}


def numpy_read(frames: Array, weights: Array, lags: tuple[int, ...]) -> Array:
    """The formula of `read_lags`, cell by cell."""
    batch, time, _ = weights.shape
    read = np.zeros((batch, time, frames.shape[-1]))
    for t in range(time):
        for k, lag in enumerate(lags):
            read[:, t] += weights[:, t, k, None] * frames[:, max(lags) + t - lag]
    return read


def numpy_history_user(layer: HistoryUser, inputs: Array, frames: Array, past: Array) -> tuple[Array, Array]:
    """Outputs and weights by the formulas in the class's docstring, in float64."""
    named = {k: ops.convert_to_numpy(v).astype(np.float64) for k, v in layer.named_weights().items()}

    def kernels(part: str) -> list[tuple[Array, Array]]:
        cells = [f"{part}/cell_{i}/lstm_cell" for i in range(3)]
        return [(named[f"{c}/kernel"], named[f"{c}/bias"]) for c in cells if f"{c}/kernel" in named]

    reader = numpy_stack(inputs, kernels("reader"))
    weights = softmax(reader @ named["attention/kernel"] + named["attention/bias"])
    read = numpy_read(np.concatenate([past, frames], axis=1), weights, layer.lags)
    if layer.mean_read:
        read = read / len(layer.lags)
    around = numpy_stack(inputs, kernels("local"), remembers=not layer.memoryless_local)
    if not kernels("aggregator"):
        return read, weights
    return numpy_stack(np.concatenate([around, read], axis=-1), kernels("aggregator")), weights


def randomised(**options: Any) -> HistoryUser:
    """A small layer with weights of about 1, so that every part is seen in the result."""
    options = {"lags": LAGS, **{f"{part}_sizes": sizes for part, sizes in STATE_SIZES.items()}} | options
    layer = HistoryUser(**options)
    layer.build(INPUTS, FRAMES)
    rng = np.random.default_rng(0)
    for weight in layer.named_weights().values():
        weight.assign(rng.standard_normal(weight.shape) * 0.7)
    return layer


@pytest.fixture
def data() -> tuple[Array, Array, Array]:
    """Inputs, frames, and the frames before."""
    rng = np.random.default_rng(1)
    shapes = ((BATCH, TIME, INPUTS), (BATCH, TIME, FRAMES), (BATCH, max(LAGS), FRAMES))
    first, second, third = (rng.standard_normal(shape).astype(np.float32) for shape in shapes)
    return first, second, third


def state_with(layer: HistoryUser, past: Array) -> HistoryState:
    return layer.zero_state(len(past))._replace(past=ops.convert_to_tensor(past))


@pytest.mark.parametrize("lags", [LAGS, (0,), (1, 1), window_lags(12)])
def test_read_is_the_formula_and_so_is_its_gradient(lags: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2)
    frames = rng.standard_normal((BATCH, max(lags) + TIME, FRAMES)).astype(np.float32)
    weights = rng.standard_normal((BATCH, TIME, len(lags))).astype(np.float32)
    read = read_lags(ops.convert_to_tensor(frames), ops.convert_to_tensor(weights), lags)
    np.testing.assert_allclose(ops.convert_to_numpy(read), numpy_read(frames, weights, lags), atol=1e-5)

    upstream = rng.standard_normal((BATCH, TIME, FRAMES)).astype(np.float32)
    ours = gradients(lambda f, w: ops.sum(read_lags(f, w, lags) * upstream), [frames, weights])
    # The read is linear in either argument, so its gradient is the formula read backwards.
    d_frames, d_weights = np.zeros_like(frames), np.zeros_like(weights)
    for t in range(TIME):
        for k, lag in enumerate(lags):
            d_frames[:, max(lags) + t - lag] += weights[:, t, k, None] * upstream[:, t]
            d_weights[:, t, k] = (frames[:, max(lags) + t - lag] * upstream[:, t]).sum(axis=-1)
    for found, expected in zip(ours, (d_frames, d_weights), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


OPTIONS: list[dict[str, Any]] = [
    {},
    {"mean_read": True},
    {"memoryless_local": True},
    {"local_sizes": ()},
    {"local_sizes": (), "aggregator_sizes": ()},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_layer_is_the_formulas(options: dict, data: tuple) -> None:
    inputs, frames, past = data
    layer = randomised(**options)
    reading = layer(inputs, frames=frames, state=state_with(layer, past))
    outputs, weights = numpy_history_user(layer, *(x.astype(np.float64) for x in data))
    assert layer.output_depth == outputs.shape[-1]
    np.testing.assert_allclose(ops.convert_to_numpy(reading.weights), weights, atol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(reading.outputs), outputs, atol=1e-5)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_steps_are_the_whole_sequence(options: dict, data: tuple) -> None:
    inputs, frames, past = data
    layer = randomised(**options)
    whole = layer(inputs, frames=frames, state=state_with(layer, past))
    half = layer(inputs[:, :4], frames=frames[:, :4], state=state_with(layer, past))

    def step(state, now):
        reading = layer.step(now[0], state, now[1])
        return reading.state, (reading.outputs, reading.weights)

    rest = tuple(ops.convert_to_tensor(x[:, 4:].swapaxes(0, 1)) for x in (inputs, frames))
    state, (outputs, weights) = scan(step, half.state, rest)
    for steps, first, all_at_once in (
        (outputs, half.outputs, whole.outputs),
        (weights, half.weights, whole.weights),
    ):
        steps = ops.convert_to_numpy(steps).swapaxes(0, 1)
        found = np.concatenate([ops.convert_to_numpy(first), steps], axis=1)
        np.testing.assert_allclose(found, ops.convert_to_numpy(all_at_once), atol=1e-5)
    for found, expected in zip(keras.tree.flatten(state), keras.tree.flatten(whole.state), strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(found), ops.convert_to_numpy(expected), atol=1e-5)


def test_frames_are_the_inputs_by_default_and_the_past_is_empty(data: tuple) -> None:
    layer = HistoryUser(LAGS, (4,), (), ())
    layer.build(INPUTS)
    reading = layer(data[0])
    weights = ops.convert_to_numpy(reading.weights)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-6)
    padded = np.concatenate([np.zeros((BATCH, max(LAGS), INPUTS)), data[0]], axis=1)
    np.testing.assert_allclose(
        ops.convert_to_numpy(reading.outputs), numpy_read(padded, weights, LAGS), atol=1e-5
    )


def test_the_baseline_has_its_sizes() -> None:
    layer = HistoryUser()
    layer.build(18, 12)
    assert layer.lags == BASELINE_LAGS and layer.history_length == 127 and layer.output_depth == 130
    shapes = {name: tuple(weight.shape) for name, weight in layer.named_weights().items()}
    assert shapes == {
        "reader/cell_0/lstm_cell/kernel": (118, 400),
        "reader/cell_0/lstm_cell/bias": (400,),
        "attention/kernel": (100, 8),
        "attention/bias": (8,),
        "local/cell_0/lstm_cell/kernel": (118, 400),
        "local/cell_0/lstm_cell/bias": (400,),
        "aggregator/cell_0/lstm_cell/kernel": (242, 520),
        "aggregator/cell_0/lstm_cell/bias": (520,),
    }


def test_dropout_only_while_training(data: tuple) -> None:
    layer = randomised(dropout=0.5)
    still = [ops.convert_to_numpy(layer(data[0], frames=data[1]).outputs) for _ in range(2)]
    np.testing.assert_array_equal(*still)
    shaken = ops.convert_to_numpy(layer(data[0], frames=data[1], training=True).outputs)
    assert np.abs(shaken - still[0]).max() > 1e-3


def test_wrong_arguments_are_refused() -> None:
    for lags in ((), (3, -1)):
        with pytest.raises(ValueError, match="lags of 0 or more"):
            HistoryUser(lags)
    with pytest.raises(ValueError, match="at least one LSTM layer"):
        HistoryUser(reader_sizes=())


class Copier(keras.Model):
    """A HistoryUser of few lags whose read is the answer."""

    def __init__(self) -> None:
        super().__init__()
        self.past_user = HistoryUser(window_lags(6), (12,), (), (), attention_stddev=1.0)
        self.past_user.build(3)

    def call(self, x: Any) -> Any:
        return self.past_user(x).outputs


def test_lags_of_a_fragment_are_the_frames_of_its_piece() -> None:
    piece = np.random.default_rng(0).integers(0, 2, (300, 88)).astype(bool)
    pieces = Pieces(("piece",), [piece])
    for start in (0, 50, 200):
        batch = fragments(pieces, np.array([0]), np.array([start]), np.array([start + 20]), 20, 127)
        shown = np.concatenate([batch["past"], batch["before"][:, None], batch["keys"][:, :-1]], axis=1)
        for number, lag in enumerate((4, 8, 16, 32, 48, 64, 96, 128)):
            weights = np.zeros((1, 20, 8), np.float32)
            weights[..., number] = 1
            read = ops.convert_to_numpy(read_lags(shown.astype(np.float32), weights, BASELINE_LAGS))[0]
            for t in range(20):
                place = start + t - lag
                np.testing.assert_array_equal(read[t], piece[place] if place >= 0 else np.zeros(88))


def test_it_learns_where_to_read() -> None:
    """Seed 002's copy task, small: the answer is the input of four steps ago."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(3)
    bits = rng.integers(0, 2, (64, 20, 3)).astype(np.float32)
    answers = np.concatenate([np.zeros((64, 4, 3), np.float32), bits[:, :-4]], axis=1)
    model = Copier()
    model.compile(optimizer=keras.optimizers.Adam(0.03), loss="mse")
    history = model.fit(bits, answers, batch_size=64, epochs=120, verbose=0)
    assert history.history["loss"][0] > 0.1 > 0.005 > history.history["loss"][-1]
    weights = ops.convert_to_numpy(model.past_user(bits).weights)
    assert weights[:, 8:].mean(axis=(0, 1)).argmax() == window_lags(6).index(4)


MEASURE = """
import keras, numpy as np
from models.piano.readers.history_user import HistoryUser, window_lags

class Reader(keras.Model):
    def __init__(self, history):
        super().__init__()
        self.past_user = HistoryUser(window_lags(history), (70, 50), (), (90,))
        self.past_user.build(13)
        self.head = keras.layers.Dense(13)

    def call(self, x):
        return self.head(self.past_user(x).outputs)

def peak(history, time, batch):
    model = Reader(history)
    model.compile(optimizer="adam", loss="mse", jit_compile=keras.backend.backend() == "jax")
    x = np.random.default_rng(0).integers(0, 2, (batch, time, 13)).astype("float32")
    for _ in range(2):
        model.train_on_batch(x, x)
    # The kernel's own figure: getrusage's starts from that of the process that started this one.
    line, = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024

print("MEMORY", peak(4, 6, 2), peak(80, 192, 128))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc to measure memory")
def test_the_case_that_ran_out_of_16_gigabytes_fits_within_one() -> None:
    """Training steps of 80 lags, 192 frames and a batch of 128; figures are MB of resident memory at the peak."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-2000:]
    before, after = map(float, done.stdout.split("MEMORY")[1].split())
    print(f"{before:.0f} MB with the libraries and a tiny case, {after:.0f} MB with the large one")
    assert 0 < after - before < 1000
