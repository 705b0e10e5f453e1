"""Learning rates at values worked out by hand."""

from typing import Any

import numpy as np
import pytest

from models.training.learning_rates import CosineDecayToFloor, ExponentialDecayToFloor

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
