"""Linear regression of grooves, and the nearest clip, on clips made by hand."""

import numpy as np

from baselines.groove_regression import GrooveRegression, nearest_clips
from tests.helpers.groove_clips import clips


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
