"""Scheduled sampling at values worked out by hand from Magenta's formulas."""

import numpy as np
import pytest

from models.training.scheduled_sampling import check_sampling_schedule, sampling_probability

pytestmark = pytest.mark.jax


@pytest.mark.parametrize(
    ("step", "schedule", "rate", "expected"),
    [
        (5, "constant", 0.25, 0.25),
        (0, "constant", 0.0, 0.0),
        (0, "exponential", 0.5, 0.0),
        (3, "exponential", 0.5, 0.875),
        (0, "inverse_sigmoid", 1000, 1 / 1001),
        (1000, "inverse_sigmoid", 1000, 0.0027109191),
        (6908, "inverse_sigmoid", 1000, 0.5000612),
        (10**6, "inverse_sigmoid", 1000, 1.0),
    ],
)
def test_sampling_probability(step: int, schedule: str, rate: float, expected: float) -> None:
    np.testing.assert_allclose(
        float(sampling_probability(step, schedule, rate)), expected, rtol=1e-4, atol=1e-7
    )


@pytest.mark.parametrize(
    ("schedule", "rate"),
    [
        ("linear", 0.5), ("constant", -0.1), ("constant", 1.1), ("exponential", 0.0), ("exponential", 1.0),
        ("inverse_sigmoid", 0.5),
    ],
)  # fmt: skip
def test_schedules_that_make_no_sense_are_refused(schedule: str, rate: float) -> None:
    with pytest.raises(ValueError, match="sampling_"):
        check_sampling_schedule(schedule, rate)


@pytest.mark.parametrize(
    ("schedule", "rate"), [("constant", 0), ("constant", 1), ("exponential", 0.999), ("inverse_sigmoid", 1)]
)
def test_the_ends_of_the_ranges_are_accepted(schedule: str, rate: float) -> None:
    check_sampling_schedule(schedule, rate)
