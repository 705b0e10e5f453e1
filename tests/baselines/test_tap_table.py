"""The table of taps on clips made by hand."""

import numpy as np

from baselines.tap_table import TapTable, at_the_taps_time
from tests.helpers.groove_clips import clips


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
