"""The pages' sound: when and how loud each note is, measured on what a browser renders."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.helpers.browser import headless_chromium
from tests.helpers.module_page import answer_of, open_module

ENTRY = """
import { PLUCKED, Synth } from "./sound/synth.js";
import { swung, unswung } from "./music/swing.js";

Object.assign(window, { PLUCKED, Synth, swung, unswung });
window.listed = (samples) => Array.from(samples, (value) => Math.round(value * 1e6));
window.heard = async (seconds, play, rate = 44100) => {
  const context = new OfflineAudioContext(1, Math.ceil(seconds * rate), rate);
  play(new Synth(context, 0.8));
  return listed((await context.startRendering()).getChannelData(0));
};
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium with the modules in `window`."""
    browser = headless_chromium(tmp_path_factory.mktemp("profile"))
    open_module(browser, tmp_path_factory.mktemp("page"), ENTRY)
    yield browser
    browser.quit()


def heard(page: Any, seconds: float, play: str) -> np.ndarray:
    """The samples of what the statement `play` does with a `synth`, 44100 a second."""
    script = "return heard(args[0], (synth) => { " + play + " });"
    return np.array(answer_of(page, script, seconds)) / 1e6


def test_a_sharp_onset_and_louder_with_velocity(page: Any) -> None:
    for drum in range(9):
        peaks = []
        for velocity in (1, 40, 80, 127):
            samples = heard(page, 0.4, f"synth.drum({drum}, 0.1, {velocity});")
            assert not samples[:4410].any()
            peaks.append(np.abs(samples).max())
            above = np.flatnonzero(np.abs(samples) > 0.05 * peaks[-1])
            assert above[0] / 44100 < 0.1 + 0.002, f"drum {drum}: the onset is not sharp"
        assert peaks[0] > 0 and (np.diff(peaks) > 0).all()
        assert 0.02 < peaks[-1] < 1.2


def test_the_gain_is_that_of_the_velocity(page: Any) -> None:
    loud, soft = (heard(page, 0.2, f"synth.drum(2, 0, {velocity});") for velocity in (120, 60))
    ratio = np.abs(soft[:200]).max() / np.abs(loud[:200]).max()
    assert ratio == pytest.approx(0.5**1.5, rel=0.02)


def test_release_silences_what_is_to_come_and_not_what_is_played_next(page: Any) -> None:
    samples = heard(page, 0.4, "synth.drum(0, 0.2, 100); synth.release(); synth.drum(2, 0.1, 100);")
    assert np.abs(samples[4410:6615]).max() > 0.05
    assert np.abs(samples[8820:]).max() < 1e-4


def test_a_pitched_note_is_in_tune_and_ends(page: Any) -> None:
    samples = heard(page, 1.0, "synth.key(PLUCKED, 69, 0, 0.5, 100);")
    held = samples[2205:22050]
    rises = np.flatnonzero((held[:-1] < 0) & (held[1:] >= 0))
    assert len(rises) == pytest.approx(440 * len(held) / 44100, abs=1)
    assert np.abs(samples[:22050]).max() > 0.05
    assert np.abs(samples[int(0.58 * 44100) :]).max() == 0


@pytest.mark.parametrize("swing", [0.0, 0.2, 1 / 3, 0.5])
def test_swing_delays_every_second_sixteenth(page: Any, swing: float) -> None:
    steps = [-2, -1, -0.5, 0, 0.25, 1, 1.5, 2, 3, 17, 62.75]
    found = answer_of(page, "return args[0].map((step) => swung(step, args[1]));", steps, swing)
    whole = dict(zip(steps, found, strict=True))
    assert whole[0] == 0 and whole[2] == 2 and whole[-2] == -2
    for odd in (-1, 1, 3, 17):
        assert whole[odd] == pytest.approx(odd + swing)
    assert whole[0.25] == pytest.approx(0.25 * (1 + swing))
    back = answer_of(page, "return args[0].map((straight) => unswung(straight, args[1]));", found, swing)
    assert back == pytest.approx(steps)
