"""Where ticks lie on the grid of a groove model, in meters of every kind."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from preprocess.midi.step_grid import MAX_STEPS, StepGrid

QUARTER, STEP = 480, 120
LATE = 100 * 4 * QUARTER


def steps(grid: StepGrid, *ticks: int) -> list[float]:
    return grid.positions(ticks).tolist()


def test_four_quarters_are_a_bar_of_the_models() -> None:
    assert steps(StepGrid(QUARTER, [], LATE), 0, 120, 130, 1920) == [0, 1, 1 + 1 / 12, 16]
    assert steps(StepGrid(96, [(0, 2, 2)], LATE), 24, 384) == [1, 16]


@pytest.mark.parametrize("meter", [(2, 4), (3, 4), (5, 4), (6, 8), (12, 8), (7, 8), (3, 2)])
def test_a_meter_that_lasts_is_laid_end_to_end(meter: tuple[int, int]) -> None:
    grid = StepGrid(QUARTER, [(0, *meter)], LATE)
    assert steps(grid, 0, 1440, 2880, 12345) == [0, 12, 24, 12345 / STEP]


def test_what_follows_a_short_bar_begins_with_a_bar() -> None:
    grid = StepGrid(QUARTER, [(0, 4, 4), (3840, 2, 4), (4800, 4, 4)], LATE)
    assert steps(grid, 0, 3840, 4799, 4800, 6720) == [0, 32, 48 - 1 / STEP, 48, 64]
    assert [(s.tick, s.step) for s in grid.stretches] == [(0, 0), (3840, 32), (4800, 48)]


def test_an_early_hit_belongs_to_the_bar_that_it_begins() -> None:
    grid = StepGrid(QUARTER, [(0, 4, 4), (1920, 3, 4), (3360, 4, 4)], LATE)
    assert steps(grid, 1910, 3359, 3301, 3299) == pytest.approx(
        [16 - 1 / 12, 32 - 1 / 120, 31.508, 27.492], abs=1e-3
    )


@pytest.mark.parametrize(("meters", "first"), [
    ([(0, 1, 4), (480, 4, 4)], 12),
    ([(0, 4, 4), (480, 4, 4)], 12),  # a DAW begins a bar where a meter stands
    ([(0, 3, 8), (720, 6, 8)], 10),
    ([(0, 4, 4), (1920, 3, 4)], 0),
])  # fmt: skip
def test_a_pickup_leads_to_the_first_bar(meters: list[tuple[int, int, int]], first: int) -> None:
    grid = StepGrid(QUARTER, meters, LATE)
    assert steps(grid, 0, meters[1][0]) == [first, 16]


def test_a_meter_that_is_said_again_at_every_bar_changes_nothing() -> None:
    said = [(bar * 1440, 3, 4) for bar in range(20)]
    assert steps(StepGrid(QUARTER, said, LATE), 0, 1440, 14400) == [0, 12, 120]


def test_of_two_meters_at_once_the_last_one_counts() -> None:
    grid = StepGrid(QUARTER, [(0, 7, 8), (0, 4, 4)], LATE)
    assert grid.meters_at(np.array([0, 5000])) == [(4, 4), (4, 4)]


def test_music_without_end_is_refused() -> None:
    StepGrid(QUARTER, [], MAX_STEPS * STEP - 1)
    with pytest.raises(InputError, match="longer"):
        StepGrid(QUARTER, [], MAX_STEPS * STEP)


@given(
    ticks_per_quarter=st.sampled_from([24, 96, 480, 960, 10080]),
    meters=st.lists(
        st.tuples(st.integers(0, 40000), st.integers(1, 17), st.sampled_from([1, 2, 4, 8, 16, 32])),
        max_size=8,
    ),
    ticks=st.lists(st.integers(0, 60000), min_size=1, max_size=40),
    on_steps=st.booleans(),
)
def test_time_goes_forward_and_back_again(
    ticks_per_quarter: int, meters: list[tuple[int, int, int]], ticks: list[int], on_steps: bool
) -> None:
    ticks = sorted(ticks)
    if on_steps:
        step = ticks_per_quarter // 4
        meters = [(tick // step * step, numerator, denominator) for tick, numerator, denominator in meters]
    grid = StepGrid(ticks_per_quarter, meters, ticks[-1])
    positions = grid.positions(ticks)
    heard = np.floor(positions + 0.5)
    assert heard[0] >= 0 and (np.diff(heard) >= 0).all()
    starts = [stretch.step for stretch in grid.stretches]
    assert starts == sorted(starts) and all(step % 16 == 0 for step in starts[1:])
    # A stretch that is no whole number of steps may share positions with the next one.
    if on_steps and len(set(starts)) == len(starts):
        np.testing.assert_allclose(grid.ticks(positions), ticks, atol=1e-6)
        assert not grid.lies_between_stretches(positions).any()
