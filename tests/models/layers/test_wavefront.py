"""Voices on the diagonals: against one voice after the other, with nothing taken out of the loop."""

from typing import Any

import numpy as np
import pytest
from keras import ops

from models.layers import wavefront
from models.layers.lstm_sequence import lstm_cell
from tests.helpers.gradients import gradients

Array = Any

FRAMES, VOICES, BATCH, UNITS, DECISIONS = 5, 3, 2, 4, 2


@pytest.fixture
def arrays() -> list[np.ndarray]:
    """Projected frames, kernel, cell and hidden states before, and weights of the hidden states in a loss."""
    rng = np.random.default_rng(0)
    shapes = (
        (FRAMES, BATCH, 4 * UNITS),
        (DECISIONS + UNITS, 4 * UNITS),
        (VOICES, BATCH, UNITS),
        (VOICES, BATCH, UNITS),
        (FRAMES, VOICES, BATCH, UNITS),
    )
    return [rng.standard_normal(shape).astype("float32") for shape in shapes]


def decide(hidden: Array, decided: Array, noise: Array) -> tuple[Array, Array]:
    """A decision that depends on all it is given: what the signs of some hidden values and a noise say."""
    after = decided + ops.cast(hidden[..., :DECISIONS] + noise > 0, "float32")
    return after, after


def one_after_the_other(
    projected: Array, kernel: Array, cell: Array, hidden: Array, noise: np.ndarray
) -> tuple[Array, Array, list]:
    """Hidden states and decisions `[frames, voices, batch, ...]`, and the states after the last frame."""
    states = [(cell[voice], hidden[voice]) for voice in range(VOICES)]
    hiddens, decisions = [], []
    for frame in range(FRAMES):
        decided = ops.zeros((BATCH, DECISIONS))
        for voice in range(VOICES):
            before = states[voice]
            seen = ops.concatenate([decided, before[1]], axis=-1)
            *state, _ = lstm_cell(projected[frame] + ops.matmul(seen, kernel), before[0])
            states[voice] = (state[0], state[1])
            decided = ops.stop_gradient(decide(state[1], decided, noise[frame, voice])[0])
            hiddens.append(state[1])
            decisions.append(decided)
    shape = (FRAMES, VOICES, BATCH, -1)
    return ops.reshape(ops.stack(hiddens), shape), ops.reshape(ops.stack(decisions), shape), states


def on_diagonals(
    projected: Array, kernel: Array, cell: Array, hidden: Array, noise: np.ndarray
) -> tuple[Array, Array, list]:
    """The same by `wavefront`."""
    states = [(cell[voice], hidden[voice]) for voice in range(VOICES)]
    inputs = wavefront.skewed([noise[:, voice] for voice in range(VOICES)])
    fixed = [(ops.stop_gradient(c), ops.stop_gradient(h)) for c, h in states]
    kept, after, decisions = wavefront.run(
        ops.stop_gradient(projected), ops.stop_gradient(kernel), fixed, DECISIONS, decide, inputs
    )
    hiddens = wavefront.hidden_states(projected, kernel, states, kept)
    return hiddens, wavefront.unskewed(decisions), after


def test_diagonals_say_what_one_after_the_other_says(arrays: list[np.ndarray]) -> None:
    """Hidden states, decisions, states afterwards, and the gradient of each argument, states before included."""
    *arguments, upstream = (ops.convert_to_tensor(a) for a in arrays)
    noise = np.random.default_rng(1).standard_normal((FRAMES, VOICES, BATCH, DECISIONS)).astype("float32")
    ours, expected = on_diagonals(*arguments, noise), one_after_the_other(*arguments, noise)
    np.testing.assert_array_equal(ours[1], expected[1])
    assert len(np.unique(np.asarray(ours[1]))) > 2, "the decisions should differ"
    np.testing.assert_allclose(ours[0], expected[0], atol=1e-5)
    for (cell, hidden), (expected_cell, expected_hidden) in zip(ours[2], expected[2], strict=True):
        np.testing.assert_allclose(cell, expected_cell, atol=1e-5)
        np.testing.assert_allclose(hidden, expected_hidden, atol=1e-5)

    by_ours, by_loop = (
        gradients(lambda *a, f=f: ops.sum(f(*a, noise)[0] * upstream), arrays[:4])
        for f in (on_diagonals, one_after_the_other)
    )
    for gradient, other in zip(by_ours, by_loop, strict=True):
        np.testing.assert_allclose(gradient, other, atol=2e-5)


def test_frames_come_back_from_the_diagonals() -> None:
    """`unskewed` undoes `skewed`, which leaves zeros in the corners."""
    x = np.random.default_rng(0).random((FRAMES, VOICES, BATCH, UNITS)).astype("float32") + 1
    on_diagonals = wavefront.skewed([x[:, voice] for voice in range(VOICES)])
    np.testing.assert_array_equal(wavefront.unskewed(on_diagonals), x)
    assert np.asarray(on_diagonals)[0, 1:].max() == 0
    assert np.asarray(on_diagonals)[-1, :-1].max() == 0
