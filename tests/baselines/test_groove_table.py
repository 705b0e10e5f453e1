"""The table of grooves on clips made by hand; no baseline of grooves fails without hits."""

import numpy as np
import pytest

from baselines.groove_regression import GrooveRegression
from baselines.groove_table import GrooveTable
from baselines.tap_table import TapTable
from tests.helpers.groove_clips import clips


def test_a_table_says_what_a_drum_does_at_a_step() -> None:
    hits = np.ones((400, 32, 2))
    steps = np.arange(32) % 16
    velocities = np.stack([steps / 16, np.full(32, 0.5)], axis=-1) * np.ones((400, 1, 1))
    offsets = np.stack([np.full(32, 0.25), steps / 16 - 0.5], axis=-1) * np.ones((400, 1, 1))
    truth = clips(hits, velocities, offsets)
    played = GrooveTable(truth).play(truth[:3])
    np.testing.assert_allclose(played, truth[:3], atol=0.01)
    silent = truth[:1] * 0
    assert not GrooveTable(truth).play(silent).any()


def test_a_table_takes_the_drums_mean_where_it_has_seen_nothing() -> None:
    hits = np.zeros((50, 16, 1))
    hits[:, 3] = 1
    table = GrooveTable(clips(hits, np.full((50, 16, 1), 0.75), np.full((50, 16, 1), -0.5)))
    np.testing.assert_allclose(table.play(np.ones((1, 16, 3)))[0, :, 1:], np.tile([0.75, -0.5], (16, 1)))


def test_a_silent_training_set_is_not_an_error() -> None:
    nothing = np.zeros((3, 16, 6), np.float32)
    assert not GrooveTable(nothing).play(nothing).any()
    assert not TapTable(nothing, np.zeros((3, 16, 2))).play(np.zeros((3, 16, 2))).any()
    assert GrooveRegression(nothing).play(nothing).shape == pytest.approx((3, 16, 6))
