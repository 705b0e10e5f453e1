"""EnDeCell: both forms against their formulas in NumPy, key by key."""

import numpy as np
import pytest
from keras import ops

from models.piano.readers.endecell import EnDeCell
from tests.helpers.formulas import sigmoid
from tests.models.piano.readers.test_base import read

Array = np.ndarray
BATCH, TIME, KEYS, CLOCK, SIZES = 3, 4, 6, 2, (3, 2)
States = list[tuple[Array, Array]]


def randomised(as_drawn: bool) -> tuple[EnDeCell, dict[str, Array]]:
    """A cell with weights of about 1, and these in float64."""
    layer = EnDeCell(KEYS, SIZES, as_drawn=as_drawn)
    layer.build(KEYS + CLOCK, KEYS)
    rng = np.random.default_rng(0)
    for weight in layer.named_weights().values():
        weight.assign(rng.standard_normal(weight.shape) * 0.7)
    return layer, {k: ops.convert_to_numpy(v).astype(np.float64) for k, v in layer.named_weights().items()}


def step_layers(x: Array, states: States, named: dict[str, Array], part: str) -> tuple[Array, States]:
    """One step of stacked LSTM layers."""
    after = []
    for layer, (cell, hidden) in enumerate(states):
        kernel, bias = (named[f"{part}/cell_{layer}/lstm_cell/{k}"] for k in ("kernel", "bias"))
        i, g, f, o = np.split(np.concatenate([x, hidden], axis=-1) @ kernel + bias, 4, axis=-1)
        cell = sigmoid(f + 1) * cell + sigmoid(i) * np.tanh(g)
        x = sigmoid(o) * np.tanh(cell)
        after.append((cell, x))
    return x, after


def read_keys(frame: Array, states: States, named: dict[str, Array], part: str) -> tuple[Array, States]:
    """The outputs `[batch, keys, units]` of reading a keyboard from the lowest key up, and the state after it."""
    outputs = []
    for key in range(frame.shape[1]):
        x, states = step_layers(frame[:, key : key + 1], states, named, part)
        outputs.append(x)
    return np.stack(outputs, axis=1), states


def zeros() -> States:
    return [(np.zeros((BATCH, units)), np.zeros((BATCH, units))) for units in SIZES]


def numpy_as_coded(inputs: Array, named: dict[str, Array]) -> Array:
    logits, state = [], zeros()
    for t in range(inputs.shape[1]):
        frame = inputs[:, t, :KEYS]
        _, state = read_keys(frame, state, named, "encoder")
        outputs, state = read_keys(frame, state, named, "decoder")
        logits.append((outputs @ named["logit/kernel"] + named["logit/bias"])[..., 0])
    return np.stack(logits, axis=1)


def numpy_as_drawn(inputs: Array, named: dict[str, Array]) -> Array:
    logits, state = [], zeros()
    for t in range(inputs.shape[1]):
        frame, clock = inputs[:, t, :KEYS], inputs[:, t, KEYS:]
        vector = read_keys(frame, zeros(), named, "encoder")[1][-1][1]
        x, state = step_layers(np.concatenate([vector, clock], axis=-1), state, named, "over_time")
        flat = np.tanh(x @ named["start/kernel"] + named["start/bias"])
        first, second = SIZES
        parts = np.split(flat, np.cumsum([first, first, second]), axis=-1)
        outputs, _ = read_keys(frame, [(parts[0], parts[1]), (parts[2], parts[3])], named, "decoder")
        logits.append((outputs @ named["logit/kernel"] + named["logit/bias"])[..., 0])
    return np.stack(logits, axis=1)


@pytest.mark.parametrize("as_drawn", [False, True])
def test_cell_is_its_formulas(as_drawn: bool) -> None:
    layer, named = randomised(as_drawn)
    inputs = np.random.default_rng(1).integers(0, 2, (BATCH, TIME, KEYS + CLOCK)).astype(np.float32)
    expected = (numpy_as_drawn if as_drawn else numpy_as_coded)(inputs.astype(np.float64), named)
    outputs = ops.convert_to_numpy(read(layer, inputs, inputs[..., :KEYS]).outputs)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


@pytest.mark.parametrize("as_drawn", [False, True])
def test_the_clock_is_seen_in_the_drawn_form_alone(as_drawn: bool) -> None:
    layer, _ = randomised(as_drawn)
    inputs = np.random.default_rng(2).integers(0, 2, (BATCH, TIME, KEYS + CLOCK)).astype(np.float32)
    other = inputs.copy()
    other[..., KEYS:] = 1 - other[..., KEYS:]
    first, second = (ops.convert_to_numpy(read(layer, x, x[..., :KEYS]).outputs) for x in (inputs, other))
    assert (np.abs(first - second).max() > 1e-3) == as_drawn


def test_defaults_are_the_authors_two_layers_on_a_piano() -> None:
    layer = EnDeCell()
    layer.build(88, 88)
    assert layer.predicts and layer.output_depth == 88
    shapes = {name: tuple(weight.shape) for name, weight in layer.named_weights().items()}
    for part in ("encoder", "decoder"):
        assert shapes[f"{part}/cell_0/lstm_cell/kernel"] == (1 + 256, 1024)
        assert shapes[f"{part}/cell_1/lstm_cell/kernel"] == (512, 1024)
    assert shapes["logit/kernel"] == (256, 1) and len(shapes) == 10


@pytest.mark.parametrize("depths", [(88, 87), (12, 88)])
def test_frames_of_other_keyboards_are_refused(depths: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="EnDeCell of 88 keys"):
        EnDeCell().build(*depths)
