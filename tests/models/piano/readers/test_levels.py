"""LevelLSTM: against its formulas in NumPy, from any position, and the pace of its levels."""

import numpy as np
import pytest
from keras import ops

from models.piano.readers.levels import LevelLSTM, LevelState
from tests.helpers.formulas import sigmoid
from tests.models.piano.readers.test_base import quick, read

Array = np.ndarray
INPUTS, UNITS, WIDTH = 5, 4, 3


def randomised(levels: int) -> tuple[LevelLSTM, dict[str, Array]]:
    """A reader with weights of about 1, and these in float64."""
    layer = LevelLSTM(levels, UNITS, WIDTH)
    layer.build(INPUTS, INPUTS)
    rng = np.random.default_rng(0)
    for weight in layer.named_weights().values():
        weight.assign(rng.standard_normal(weight.shape) * 0.7)
    return layer, {k: ops.convert_to_numpy(v).astype(np.float64) for k, v in layer.named_weights().items()}


def numpy_levels(
    inputs: Array, named: dict[str, Array], position: int, states: list[list[Array]]
) -> tuple[Array, list[list[Array]]]:
    """The formulas of the class's docstring, frame by frame, for one piece `[time, depth]`."""
    states = [list(state) for state in states]
    outputs = []
    for t in range(position, position + len(inputs)):
        below = inputs[t - position]
        for level, (cell, hidden) in enumerate(list(states)):
            if (t + 1) % 2**level == 0:
                kernel, bias = (named[f"level_{level}/cell_0/lstm_cell/{k}"] for k in ("kernel", "bias"))
                i, g, f, o = np.split(np.concatenate([below, hidden]) @ kernel + bias, 4)
                new = sigmoid(f + 1) * cell + sigmoid(i) * np.tanh(g)
                states[level] = [new, sigmoid(o) * np.tanh(new)]
            # Its update before, half of the next level's time ago, and its latest.
            below = np.concatenate([hidden, states[level][1]])
        said = np.zeros(0)
        for level in reversed(range(len(states))):
            kernel, bias = named[f"heard_{level}/kernel"], named[f"heard_{level}/bias"]
            said = np.tanh(np.concatenate([states[level][1], said]) @ kernel + bias)
        outputs.append(said)
    return np.stack(outputs), states


@pytest.mark.parametrize(("levels", "time"), [(1, 3), (2, 1), (2, 2), (4, 9), (4, 16)])
def test_layer_is_the_formulas_from_any_position(levels: int, time: int) -> None:
    layer, named = randomised(levels)
    rng = np.random.default_rng(1)
    positions = np.arange(9)
    inputs = rng.standard_normal((len(positions), time, INPUTS)).astype(np.float32)
    before = rng.uniform(-1, 1, (levels, 2, len(positions), UNITS)).astype(np.float32)
    states = [(ops.convert_to_tensor(cell), ops.convert_to_tensor(hidden)) for cell, hidden in before]
    state = LevelState(ops.convert_to_tensor(positions, dtype="int32"), states)
    reading = read(layer, inputs, inputs, state)
    for row, position in enumerate(positions):
        start = [[cell[row], hidden[row]] for cell, hidden in before.astype(np.float64)]
        outputs, after = numpy_levels(inputs[row].astype(np.float64), named, int(position), start)
        np.testing.assert_allclose(ops.convert_to_numpy(reading.outputs)[row], outputs, atol=1e-5)
        found = [[ops.convert_to_numpy(x)[row] for x in pair] for pair in reading.state.levels]
        np.testing.assert_allclose(found, after, atol=1e-5)
    np.testing.assert_array_equal(ops.convert_to_numpy(reading.state.position), positions + time)


def test_a_level_moves_at_the_end_of_its_time_only() -> None:
    layer, _ = randomised(4)
    inputs = np.random.default_rng(2).standard_normal((1, 17, INPUTS)).astype(np.float32)
    state, step = layer.zero_state(1), quick(layer.step)
    moved: list[list[int]] = [[] for _ in range(4)]
    for t in range(17):
        new = step(inputs[:, t], state, inputs[:, t]).state
        for level, (before, after) in enumerate(zip(state.levels, new.levels, strict=True)):
            if np.abs(ops.convert_to_numpy(after[1] - before[1])).max() > 0:
                moved[level].append(t)
        state = new
    assert moved == [list(range(17)), list(range(1, 17, 2)), [3, 7, 11, 15], [7, 15]]


def test_both_of_the_authors_depths_give_40_values() -> None:
    for levels in (3, 7):
        layer = LevelLSTM(levels)
        layer.build(18, 12)
        assert layer.output_depth == 40
        kernels = [n for n in layer.named_weights() if n.startswith("level_") and n.endswith("kernel")]
        assert len(kernels) == levels
        assert tuple(layer.named_weights()["heard_0/kernel"].shape) == (80, 40)


def test_no_levels_are_refused() -> None:
    with pytest.raises(ValueError, match="one level or more"):
        LevelLSTM(0)
