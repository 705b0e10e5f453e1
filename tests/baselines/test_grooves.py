"""The baselines of grooves and taps on clips made by hand."""

import numpy as np
import pytest

from baselines.groove_regression import GrooveRegression, nearest_clips
from baselines.groove_table import GrooveTable
from baselines.tap_table import TapTable, at_the_taps_time


def clips(hits: np.ndarray, velocities: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    return np.concatenate([hits, hits * velocities, hits * offsets], axis=-1).astype(np.float32)


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


def test_regression_finds_a_linear_rule() -> None:
    """A hit is louder after a hit of the other drum, and early where one follows."""
    rng = np.random.default_rng(0)
    hits = (rng.random((300, 32, 2)) < 0.4).astype(float)
    before = np.pad(hits, ((0, 0), (1, 0), (0, 0)))[:, :-1, ::-1]
    after = np.pad(hits, ((0, 0), (0, 1), (0, 0)))[:, 1:, ::-1]
    truth = clips(hits, 0.4 + 0.3 * before, -0.1 + 0.4 * after)
    regression = GrooveRegression(truth[:200], ridge=1e-3)
    np.testing.assert_allclose(regression.play(truth[200:]), truth[200:], atol=0.01)


def test_regression_leaves_out_drums_that_it_never_heard() -> None:
    hits = np.ones((40, 16, 2)) * [1, 0]
    truth = clips(hits, np.full_like(hits, 0.5), np.zeros_like(hits))
    played = GrooveRegression(truth).play(np.ones((1, 16, 6), np.float32))
    np.testing.assert_allclose(played[0, :, 2], 0.5, atol=0.01)
    assert (played[0, :, 3] == 0).all()


def test_the_nearest_clip_is_played() -> None:
    rng = np.random.default_rng(0)
    hits = (rng.random((30, 16, 2)) < 0.5).astype(float)
    train = clips(hits, rng.random((30, 16, 2)), rng.uniform(-1, 1, (30, 16, 2)))
    asked = train[[7, 3]].copy()
    asked[..., 2:] = 0
    np.testing.assert_allclose(nearest_clips(train, asked), train[[7, 3]], atol=1e-6)
    # One hit more: it takes the mean of its drum in that clip.
    step = int(np.flatnonzero(train[7, :, 0] == 0)[0])
    asked[0, step, 0] = 1
    struck = train[7, :, 0] > 0
    found = nearest_clips(train, asked)[0, step]
    np.testing.assert_allclose(found[[2, 4]], train[7, struck][:, [2, 4]].mean(axis=0), atol=1e-6)


def test_a_tap_table_knows_the_taps_before_and_after() -> None:
    rng = np.random.default_rng(0)
    tapped = (rng.random((200, 16)) < 0.5).astype(float)
    before = np.pad(tapped, ((0, 0), (1, 0)))[:, :-1]
    hits = np.stack([tapped * (1 - before), tapped * before], axis=-1)
    offsets = rng.uniform(-1, 1, (200, 16))
    taps = np.stack([tapped, tapped * offsets], axis=-1)
    truth = clips(hits, np.ones_like(hits), offsets[..., None])
    played = TapTable(truth, taps).play(taps)
    np.testing.assert_allclose(played, truth, atol=1e-6)
    np.testing.assert_allclose(at_the_taps_time(truth, taps), truth, atol=1e-6)


def test_a_tap_table_can_tell_the_steps_of_a_bar() -> None:
    tapped = np.ones((50, 32))
    hits = np.stack([np.arange(32) % 16 == 0, np.arange(32) % 16 == 4], axis=-1) * np.ones((50, 1, 1))
    taps = np.stack([tapped, tapped * 0], axis=-1)
    truth = clips(hits, np.ones_like(hits), np.zeros_like(hits))
    by_step, plain = (TapTable(truth, taps, by).play(taps)[..., :2] for by in (True, False))
    np.testing.assert_array_equal(by_step, hits)
    assert (plain != hits).any()
    assert 0 < TapTable(truth, taps).threshold < 1


def test_a_silent_training_set_is_not_an_error() -> None:
    nothing = np.zeros((3, 16, 6), np.float32)
    assert not GrooveTable(nothing).play(nothing).any()
    assert not TapTable(nothing, np.zeros((3, 16, 2))).play(np.zeros((3, 16, 2))).any()
    assert GrooveRegression(nothing).play(nothing).shape == pytest.approx((3, 16, 6))
