"""Schedules at values worked out by hand from Magenta's formulas."""

from typing import Any

import numpy as np
import pytest

from models.training.schedules import (
    CosineDecayToFloor,
    ExponentialDecayToFloor,
    check_sampling_schedule,
    kl_weight,
    sampling_probability,
)

pytestmark = pytest.mark.jax


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 0.001), (1, 0.0005005), (2, 0.00025075), (10, 1.9755859375e-06), (1000, 1e-6)]
)
def test_learning_rate_decays_to_its_floor(step: int, expected: float) -> None:
    schedule = ExponentialDecayToFloor(0.001, 0.5, 0.000001)
    np.testing.assert_allclose(float(schedule(step)), expected, rtol=1e-4)


@pytest.mark.parametrize(
    "schedule", [ExponentialDecayToFloor(0.002, 0.9995, 0.00003), CosineDecayToFloor(0.002, 300, 0.0001, 50)]
)
def test_learning_rate_survives_its_config(schedule: Any) -> None:
    again = type(schedule).from_config(schedule.get_config())
    assert float(again(77)) == float(schedule(77))


@pytest.mark.parametrize(
    ("step", "expected"),
    [(0, 0.0002), (4, 0.0009963), (9, 0.0019623), (50, 0.00105), (100, 0.0001), (999, 0.0001)],
)
def test_half_a_cosine_after_a_rise(step: int, expected: float) -> None:
    found = float(CosineDecayToFloor(0.002, 100, 0.0001, warmup_steps=10)(step))
    np.testing.assert_allclose(found, expected, rtol=5e-3)


@pytest.mark.parametrize(
    ("step", "max_beta", "beta_rate", "expected"),
    [(0, 0.2, 0.0, 0.0), (1, 0.2, 0.0, 0.2), (0, 1.0, 0.5, 0.0), (1, 1.0, 0.5, 0.5), (3, 0.2, 0.5, 0.175)],
)
def test_kl_weight(step: int, max_beta: float, beta_rate: float, expected: float) -> None:
    np.testing.assert_allclose(float(kl_weight(step, max_beta, beta_rate)), expected, rtol=1e-5)


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
