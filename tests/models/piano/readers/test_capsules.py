"""Capsules: against their formulas in NumPy, and what teaches which part of stacked ones."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from models.piano.readers.capsules import CapsuleReader, StackedCapsules
from models.piano.readers.history_user import BASELINE_LAGS
from tests.helpers.formulas import numpy_stack, softmax
from tests.models.piano.readers.test_base import read, value_and_slopes

Array = np.ndarray
BATCH, TIME, FRAMES, CLOCK = 3, 9, 4, 2
LAGS = (1, 5, 3)


def randomised(layer: Any) -> dict[str, Array]:
    """Build a reader with weights of about 1, and return them in float64."""
    layer.build(FRAMES + CLOCK, FRAMES)
    rng = np.random.default_rng(0)
    for weight in layer.named_weights().values():
        weight.assign(rng.standard_normal(weight.shape) * 0.7)
    return {k: ops.convert_to_numpy(v).astype(np.float64) for k, v in layer.named_weights().items()}


def cell_of(named: dict[str, Array], part: str) -> tuple[Array, Array]:
    return named[f"{part}/cell_0/lstm_cell/kernel"], named[f"{part}/cell_0/lstm_cell/bias"]


@pytest.fixture
def data() -> tuple[Array, Array, Array]:
    """Frames, clock, and the frames before."""
    rng = np.random.default_rng(1)
    shapes = ((BATCH, TIME, FRAMES), (BATCH, TIME, CLOCK), (BATCH, max(LAGS), FRAMES))
    frames, clock, past = (rng.integers(0, 2, shape).astype(np.float32) for shape in shapes)
    return frames, clock, past


def lagged(frames: Array, past: Array) -> list[Array]:
    """The present frames, and those at each lag."""
    known = np.concatenate([past, frames], axis=1).astype(np.float64)
    steps = max(LAGS) + np.arange(frames.shape[1])
    return [known[:, steps - lag] for lag in (0, *LAGS)]


def test_capsule_reader_is_its_formulas(data: tuple) -> None:
    frames, clock, past = data
    layer = CapsuleReader(LAGS, 3, (5,))
    named = randomised(layer)
    seen = lagged(frames, past)
    each = [numpy_stack(x, [cell_of(named, f"capsule_{k}")]) for k, x in enumerate(seen)]
    expected = numpy_stack(np.concatenate([*each, *seen, clock], axis=-1), [cell_of(named, "aggregator")])
    inputs = np.concatenate([frames, clock], axis=-1)
    reading = read(layer, inputs, frames, layer.with_past(layer.zero_state(BATCH), past))
    np.testing.assert_allclose(ops.convert_to_numpy(reading.outputs), expected, atol=1e-5)


def test_stacked_capsules_are_their_formulas(data: tuple) -> None:
    frames, clock, past = data
    layer = StackedCapsules(7, LAGS, 3, 5)
    named = randomised(layer)
    inputs = np.concatenate([frames, clock], axis=-1)
    own = []
    for k, x in enumerate(lagged(frames, past)):
        features = numpy_stack(np.concatenate([x, clock], axis=-1), [cell_of(named, f"capsule_{k}")])
        own.append(features @ named[f"prediction_{k}/kernel"] + named[f"prediction_{k}/bias"])
    ruled = numpy_stack(inputs.astype(np.float64), [cell_of(named, "ruler")])
    weights = softmax(ruled @ named["choice/kernel"] + named["choice/bias"])
    state = layer.with_past(layer.zero_state(BATCH), past)
    reading = read(layer, inputs, frames, state)
    for a, b in zip(reading.own, own, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(a), b, atol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(reading.weights), weights, atol=1e-5)
    mix = sum(weights[..., k, None] * x for k, x in enumerate(own))
    np.testing.assert_allclose(ops.convert_to_numpy(reading.outputs), mix, atol=1e-5)


def test_the_mix_teaches_the_ruler_alone_and_own_losses_the_capsules(data: tuple) -> None:
    frames, clock, _ = (ops.convert_to_tensor(x) for x in data)
    inputs = ops.concatenate([frames, clock], axis=-1)
    layer = StackedCapsules(7, LAGS, 3, 5)
    randomised(layer)
    named = layer.named_weights()

    def taught(function: Any) -> set[str]:
        slopes = value_and_slopes(function, list(named.values()))()[1]
        pairs = zip(named, slopes, strict=True)
        return {name for name, slope in pairs if slope is not None and np.abs(slope).max() > 0}

    rulers = {name for name in named if name.startswith(("ruler", "choice"))}
    assert taught(lambda: ops.sum(ops.square(layer(inputs, frames).outputs))) == rulers
    own = taught(lambda: sum(ops.sum(ops.square(x)) for x in layer(inputs, frames).own))
    assert own == set(named) - rulers


def test_defaults_are_the_authors_nine_inputs() -> None:
    capsules, stacked = CapsuleReader(), StackedCapsules(7 * 89)
    for layer in (capsules, stacked):
        layer.build(88 + 6, 88)
        assert layer.lags == BASELINE_LAGS and layer.history_length == 127
    shapes = {name: tuple(weight.shape) for name, weight in capsules.named_weights().items()}
    assert len(shapes) == 2 * (9 + 1)
    assert shapes["capsule_8/cell_0/lstm_cell/kernel"] == (88 + 24, 96)
    assert shapes["aggregator/cell_0/lstm_cell/kernel"] == (9 * 24 + 9 * 88 + 6 + 100, 400)
    shapes = {name: tuple(weight.shape) for name, weight in stacked.named_weights().items()}
    assert shapes["capsule_8/cell_0/lstm_cell/kernel"] == (94 + 100, 400)
    assert shapes["prediction_8/kernel"] == (100, 623) and shapes["choice/kernel"] == (100, 9)
    assert stacked.predicts and stacked.output_depth == 623


def test_wrong_arguments_are_refused() -> None:
    kinds = (lambda lags: CapsuleReader(lags), lambda lags: StackedCapsules(7, lags))
    for make in kinds:
        for lags in ((), (3, 0)):
            with pytest.raises(ValueError, match="lags of 1 or more"):
                make(lags)
        layer: keras.layers.Layer = make(LAGS)
        with pytest.raises(ValueError, match="hold no frame"):
            layer.build(FRAMES - 1, FRAMES)
    with pytest.raises(ValueError, match="at least one LSTM layer"):
        CapsuleReader(LAGS, aggregator_sizes=())
