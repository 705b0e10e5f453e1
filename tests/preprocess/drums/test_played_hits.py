"""What was programmed between the steps stays, and what a drummer plays is added."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocess.drums.played_hits import Strokes


def strokes_of(positions: Any, drums: Any = None, velocities: Any = None) -> Strokes:
    positions = np.array(positions, np.float64)
    drums = np.zeros(len(positions), np.int64) if drums is None else np.array(drums)
    velocities = np.full(len(positions), 80) if velocities is None else np.array(velocities)
    return Strokes(positions, drums, velocities)


def test_hits_of_a_drum_on_a_step_are_one_stroke() -> None:
    strokes = strokes_of([0.0, 0.9, 1.0, 1.2, 1.2, 3.5], [0, 0, 0, 0, 1, 0], [80, 30, 90, 90, 50, 70])
    assert strokes.of_hit.tolist() == [0, 1, 1, 1, 3, 2]
    assert strokes.loudest.tolist() == [0, 2, 5, 4]
    assert strokes.steps.tolist() == [0, 1, 4, 1] and strokes.drums.tolist() == [0, 0, 0, 1]
    np.testing.assert_allclose(strokes.programmed, [0, 0, -0.5, 0.2])


def test_what_is_played_is_added_to_what_is_on_the_steps() -> None:
    offsets = np.random.default_rng(0).uniform(-0.4, 0.4, (32, 9))
    positions = np.arange(32.0)
    late = strokes_of(positions).delays(offsets)
    np.testing.assert_array_equal(late, -offsets[:, 0])


@pytest.mark.parametrize("swing", [0.1, 0.24, 1 / 3, 0.45])
def test_swing_stays_where_a_model_plays_straight(swing: float) -> None:
    """A drummer who plays odd sixteenths early, or late by a little, is added to 62 % swing."""
    positions = np.arange(64) + swing * (np.arange(64) % 2)
    offsets = np.random.default_rng(1).normal(0, 0.05, (64, 9))
    late = strokes_of(positions).delays(offsets)
    np.testing.assert_allclose(late[::2], -offsets[::2, 0])
    assert abs(late[1::2].mean()) < 0.02
    assert np.corrcoef(late[1::2], -offsets[1::2, 0])[0, 1] > 0.9
    early = strokes_of(positions).delays(np.full((64, 9), 0.2))
    np.testing.assert_allclose(early, -0.2)


@pytest.mark.parametrize("played", [0.2, 1 / 3, 0.45])
def test_triplets_that_the_model_knows_are_not_played_twice(played: float) -> None:
    """It hears steps 0, 1, 3 and plays the latter two a third of a step towards step 2."""
    positions = np.arange(48) * 4 / 3
    noise = np.random.default_rng(2).normal(0, 0.03, (64, 9))
    offsets = noise.copy()
    offsets[1::4] -= played
    offsets[3::4] += played
    strokes = strokes_of(positions)
    late = strokes.delays(offsets)
    for phase in (1, 3):
        here = strokes.steps % 4 == phase
        assert abs(late[here].mean()) < 1e-9
        assert late[here].std() > 0.01
    np.testing.assert_array_equal(late[::3], -noise[::4, 0])


def test_half_the_way_to_the_neighbours_of_the_drum_is_free() -> None:
    strokes = strokes_of([0.0, 1.0, 1.25, 2.0, 1.5], [0, 0, 0, 0, 1])
    back, ahead = strokes.margins(np.array([0, 120, 150, 240, 180]))
    np.testing.assert_array_equal(back, [np.inf, 60, 45, np.inf])
    np.testing.assert_array_equal(ahead, [60, 45, np.inf, np.inf])


@given(
    positions=st.lists(st.floats(0, 40), min_size=1, max_size=60),
    seed=st.integers(0, 2**32 - 1),
)
def test_hits_of_a_drum_stay_in_order(positions: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    starts = np.sort(np.array(positions))
    drums = rng.integers(0, 3, len(starts))
    strokes = Strokes(starts, drums, rng.integers(1, 128, len(starts)))
    late = strokes.delays(rng.uniform(-0.5, 0.5, (42, 9)))
    back, ahead = strokes.margins(starts)
    moved = starts + np.clip(late, -back, ahead)[strokes.of_hit]
    for drum in range(3):
        assert (np.diff(moved[drums == drum]) >= -1e-9).all()


def test_the_loudest_hit_is_as_loud_as_it_is_played_and_the_others_go_with_it() -> None:
    strokes = strokes_of([0.9, 1.0, 2.0], velocities=[40, 100, 60])
    velocities = np.full((3, 1), 50.0)
    np.testing.assert_allclose(strokes.velocity_factors(velocities), [0.5, 50 / 60])
    np.testing.assert_allclose(strokes.velocity_factors(velocities, 0.5), [0.75, 55 / 60])
    np.testing.assert_allclose(strokes.velocity_factors(velocities, 0.0), 1)
