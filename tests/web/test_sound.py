"""The pages' sound: when and how loud each note is, measured on what a browser renders."""

import base64
import io
import wave
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.helpers.module_page import answer_of, module_browser

ENTRY = """
import { swung, unswung } from "./music/swing.js";
import { levelled, renderOffline, wavBytes } from "./sound/render.js";
import { PLUCKED, Synth } from "./sound/synth.js";

Object.assign(window, { PLUCKED, Synth, levelled, renderOffline, swung, unswung, wavBytes });
window.base64 = (bytes) => {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
};
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
    with module_browser(tmp_path_factory.mktemp("page"), ENTRY) as browser:
        yield browser


def heard(page: Any, seconds: float, play: str) -> np.ndarray:
    """The samples of what the statement `play` does with a `synth`, 44100 a second."""
    script = "return heard(args[0], (synth) => { " + play + " });"
    return np.array(answer_of(page, script, seconds)) / 1e6


def test_a_sharp_onset_and_louder_with_velocity(page: Any) -> None:
    for drum in range(9):
        peaks = []
        for velocity in (1, 60, 127):
            samples = heard(page, 0.06, f"synth.drum({drum}, 0.02, {velocity});")
            assert not samples[:882].any()
            peaks.append(np.abs(samples).max())
            above = np.flatnonzero(np.abs(samples) > 0.05 * peaks[-1])
            assert above[0] / 44100 < 0.02 + 0.002, f"drum {drum}: the onset is not sharp"
        assert peaks[0] > 0 and (np.diff(peaks) > 0).all()
        assert 0.02 < peaks[-1] < 1.2


def test_the_gain_is_that_of_the_velocity(page: Any) -> None:
    loud, soft = (heard(page, 0.2, f"synth.drum(2, 0, {velocity});") for velocity in (120, 60))
    ratio = np.abs(soft[:200]).max() / np.abs(loud[:200]).max()
    assert ratio == pytest.approx(0.5**1.5, rel=0.02)


def test_what_is_too_loud_is_rounded_off_and_the_rest_is_as_it_was(page: Any) -> None:
    script = """
      const play = async (velocity, isLimited) => {
        const context = new OfflineAudioContext(1, 4410, 44100);
        const synth = new Synth(context, 0.8, isLimited);
        for (let drum = 0; drum < 9; drum++) synth.drum(drum, 0, velocity);
        return listed((await context.startRendering()).getChannelData(0));
      };
      return [await play(127, true), await play(127, false), await play(25, true), await play(25, false)];"""
    limited, loud, same, soft = (np.array(samples) / 1e6 for samples in answer_of(page, script))
    assert np.abs(loud).max() > 1.5 and 0.8 < np.abs(limited).max() <= 1
    assert (np.sign(limited) == np.sign(loud))[np.abs(loud) > 0.01].all()
    assert 0.1 < np.abs(soft).max() < 0.8 and np.abs(same - soft).max() < 1e-5


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


def swung_time(position: float, swing: float, tempo: float) -> float:
    """Seconds at which a position in steps sounds, from render/midi.py's definition of swing."""
    pair, inside = divmod(position, 2)
    straight = 2 * pair + (inside * (1 + swing) if inside <= 1 else 1 + swing + (inside - 1) * (1 - swing))
    return straight * 15 / tempo


def rendered(page: Any, source: str, options: str) -> tuple[np.ndarray, int]:
    """The samples and their rate of the WAV file that the page makes of a source."""
    script = f"return base64(wavBytes(await renderOffline({source}, {options}), RATE));"
    rate = 22050
    data = base64.b64decode(answer_of(page, script.replace("RATE", str(rate))))
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, rate)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767
        assert len(samples) == file.getnframes()
    return samples, rate


def onsets(samples: np.ndarray, rate: int) -> np.ndarray:
    """Seconds at which a sound begins after 20 ms of quiet."""
    loud = np.flatnonzero(np.abs(samples) > 0.03 * np.abs(samples).max())
    return loud[np.diff(loud, prepend=-rate) > 0.02 * rate] / rate


def hits(drum: int, every: int, offsets: list[float]) -> str:
    """A source that strikes a drum every so many steps, the n-th time with the n-th offset."""
    event = f"{{ drum: {drum}, velocity: 100, offset: {offsets}[(n / {every}) % {len(offsets)}] }}"
    return f"{{ step: (n) => (n % {every} === 0 ? [{event}] : []) }}"


@pytest.mark.parametrize("tempo", [120, 87.5])
@pytest.mark.parametrize("swing", [0, 0.2, 1 / 3])
@pytest.mark.parametrize("offsets", [[0.0], [-0.4, 0.4, 0.15, -0.2, 0.31]], ids=["grid", "humanized"])
@pytest.mark.parametrize(("drum", "every"), [(0, 5), (2, 3)], ids=["kick", "closed hi-hat"])
def test_onsets_are_in_time(
    page: Any, drum: int, every: int, offsets: list[float], swing: float, tempo: float
) -> None:
    options = f"{{ tempo: {tempo}, swing: {swing}, steps: 64, sampleRate: 22050 }}"
    found = onsets(*rendered(page, hits(drum, every, offsets), options))
    expected = [
        max(0, swung_time(step + offsets[i % len(offsets)], swing, tempo))
        for i, step in enumerate(range(0, 64, every))
    ]
    assert len(found) == len(expected)
    assert np.abs(found - expected).max() < 0.002


def test_a_long_piece_stays_in_time(page: Any) -> None:
    found = onsets(*rendered(page, hits(0, 5, [0.0]), "{ tempo: 174, steps: 1024, sampleRate: 22050 }"))
    assert len(found) == 205
    assert np.abs(found - np.arange(205) * 5 * 15 / 174).max() < 0.002


def test_a_loop_is_as_long_as_its_bars_and_has_no_seam(page: Any) -> None:
    loop = "{ tempo: 100, steps: 16, sampleRate: 22050, isLoop: true }"
    early = "{ step: (n) => (n === 0 ? [{ drum: 2, velocity: 100, offset: -0.4 }] : []) }"
    samples, rate = rendered(page, early, loop)
    assert len(samples) == round(16 * 0.15 * rate)
    assert onsets(samples, rate) == pytest.approx([(16 - 0.4) * 0.15], abs=0.002)
    crash = "{ step: (n) => (n === 15 ? [{ drum: 7, velocity: 90 }] : []) }"
    looped, whole = rendered(page, crash, loop)[0], rendered(page, crash, loop.replace("true", "false"))[0]
    assert len(whole) == pytest.approx((15 * 0.15 + 1.3) * rate, abs=200)
    over = len(whole) - len(looped)
    assert np.abs(looped[:over]).max() > 0.02
    assert looped[:over] == pytest.approx(whole[len(looped) :], abs=1e-4)
    assert looped[over:] == pytest.approx(whole[over : len(looped)], abs=1e-4)


def test_what_is_early_at_the_start_sounds_with_it(page: Any) -> None:
    early = "{ step: (n) => (n === 0 ? [{ drum: 2, velocity: 100, offset: -0.4 }] : []) }"
    samples, rate = rendered(page, early, "{ tempo: 100, steps: 16, sampleRate: 22050 }")
    assert onsets(samples, rate) == pytest.approx([0], abs=0.002)


def test_what_ends_early_is_rendered_up_to_its_end(page: Any) -> None:
    source = "{ step: (n) => (n < 8 ? [] : null) }"
    samples, rate = rendered(page, source, "{ tempo: 120, steps: 99, sampleRate: 22050 }")
    assert len(samples) == rate and not samples.any()


def test_velocities_are_heard(page: Any) -> None:
    source = "{ step: (n) => (n % 4 ? [] : [{ drum: 1, velocity: 30 + 6 * n }]) }"
    samples, rate = rendered(page, source, "{ tempo: 120, steps: 17, sampleRate: 22050 }")
    peaks = [np.abs(samples[i * rate // 2 : (i + 1) * rate // 2]).max() for i in range(5)]
    assert (np.diff(peaks) > 0).all() and peaks[-1] < 1
    assert peaks[0] / peaks[4] == pytest.approx((30 / 126) ** 1.5, rel=0.03)


def test_pitched_events_are_rendered_at_their_length(page: Any) -> None:
    source = "{ step: (n) => (n === 4 ? [{ pitch: 69, velocity: 100, length: 4 }] : []) }"
    samples, rate = rendered(page, source, "{ tempo: 120, steps: 16, sampleRate: 22050 }")
    sounding = np.flatnonzero(np.abs(samples) > 1e-3) / rate
    assert sounding[0] == pytest.approx(0.5, abs=0.002)
    assert 1.0 < sounding[-1] < 1.07
    held = samples[int(0.55 * rate) : int(0.95 * rate)]
    rises = ((held[:-1] < 0) & (held[1:] >= 0)).sum()
    assert rises == pytest.approx(440 * len(held) / rate, abs=1)


def test_a_wav_file_holds_the_samples(page: Any) -> None:
    values = [0, 0.5, -0.5, 1, -1, 1.7, -3, 1e-6, 0.25]
    data = base64.b64decode(
        answer_of(page, "return base64(wavBytes(Float32Array.from(args[0]), 48000));", values)
    )
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 48000)
        found = np.frombuffer(file.readframes(99), "<i2")
    assert found == pytest.approx(32767 * np.clip(values, -1, 1), abs=0.51)
    assert len(data) == 44 + 2 * len(values)


def test_what_is_too_loud_is_made_softer_and_the_rest_is_not(page: Any) -> None:
    script = "return args[0].map((values) => [...levelled(Float32Array.from(values))]);"
    loud, soft = answer_of(page, script, [[0.5, -2, 1], [0.5, -0.75]])
    assert loud == [0.25, -1, 0.5] and soft == [0.5, -0.75]


def test_two_renderings_are_the_same(page: Any) -> None:
    source = "{ step: (n) => [{ drum: n % 9, velocity: 90, offset: 0.1 }] }"
    first, second = (
        rendered(page, source, "{ tempo: 120, steps: 16, sampleRate: 22050 }")[0] for _ in range(2)
    )
    assert np.abs(first - second).max() < 1.5 / 32767, "the order in which sounds are summed may differ"
