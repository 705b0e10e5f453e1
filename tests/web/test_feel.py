"""Amounts of timing and velocity in the browser: what humanize.py does with the same beat and performance."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES
from preprocess.midi.hits import MidiHits, as_performed
from preprocess.note_sequence import NoteSequence
from render.midi import Style, midi_bytes
from tests.helpers.browser import headless_chromium
from web.bundle import bundle

STEPS, DRUMS, TICKS = 64, 9, 120
PLAYED = (
    bundle("music/feel.js")
    + """
const [velocities, offsets, newVelocities, newOffsets, cases] = arguments;
const beat = { steps: 64, velocities: Uint8Array.from(velocities), offsets: Float32Array.from(offsets) };
const performance = { velocities: newVelocities.map((v) => v ?? NaN), offsets: newOffsets };
return cases.map(([timing, velocity, swing]) => {
  const heard = module1.played(beat, performance, { timing, velocity }, swing);
  return [[...heard.velocities], [...heard.offsets], [...beat.velocities], [...beat.offsets]];
});
"""
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    browser = headless_chromium(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.quit()


def written(velocities: np.ndarray, ticks: np.ndarray, swing: float = 0.0) -> bytes:
    """A beat as a file: velocities `[steps, drums]`, 0 for rests, and ticks off the steps."""
    sequence = NoteSequence()
    sequence.tempos.add(qpm=120.0)
    for step, drum in np.argwhere(velocities):
        start = (step * TICKS + ticks[step, drum]) / TICKS / 8
        pitch, velocity = REDUCED_DRUM_CLASSES[drum].pitch, int(velocities[step, drum])
        sequence.notes.add(
            start_time=start,
            end_time=start + 0.05,
            pitch=pitch,
            velocity=velocity,
            instrument=9,
            is_drum=True,
        )
    return midi_bytes(sequence, Style(swing=swing), STEPS // 16)


def drums_of(file: MidiHits) -> np.ndarray:
    pitches = [drum.pitch for drum in REDUCED_DRUM_CLASSES]
    return np.array([pitches.index(hit.pitch) for hit in file.hits])


def case(rng: np.random.Generator, density: float, spread: int) -> tuple[np.ndarray, ...]:
    """A beat (velocities, ticks off the steps) and a performance (velocities, late offsets) of its hits."""
    shape = STEPS, DRUMS
    struck = rng.random(shape) < density
    struck[0, 0] = True
    velocities = struck * rng.integers(1, 128, shape)
    ticks = struck * rng.integers(-spread, spread + 1, shape)
    if rng.random() < 0.5:
        ticks[1::2] = struck[1::2] * spread
    ticks[0] = np.maximum(ticks[0], 0)
    new = struck * rng.integers(0, 128, shape)
    late = np.clip(rng.normal(rng.choice([0.0, 0.2, -0.2]), 0.2, shape), -0.5, 0.5).astype(np.float32)
    return velocities, ticks, new, late * struck


def test_amounts_are_those_of_humanize(page: Any) -> None:
    rng = np.random.default_rng(3)
    amounts = [(t, v) for t in (0.0, 0.37, 1.0) for v in (0.0, 0.61, 1.0)]
    moved = 0
    for number in range(12):
        velocities, ticks, new, late = case(rng, (0.1, 0.3, 0.8)[number % 3], (0, 7, 40, 59)[number % 4])
        offsets = (ticks / TICKS).astype(np.float32)
        arrays = [part.ravel().tolist() for part in (velocities, offsets, new, late.astype(np.float64))]
        found = page.execute_script(PLAYED, *arrays, [(*pair, 0) for pair in amounts])
        file = MidiHits(written(velocities, ticks))
        drums = drums_of(file)
        cells = np.floor(file.positions + 0.5).astype(int) * DRUMS + drums
        performance = (velocities > 0) * 1.0, new.astype(float), -late.astype(np.float64)
        for pair, (heard, moved_to, same, still) in zip(amounts, found, strict=True):
            starts, louder = as_performed(file, drums, performance, *pair)
            assert np.array(heard)[cells].tolist() == louder
            at = cells // DRUMS * TICKS + np.array(moved_to)[cells] * TICKS
            # A file begins with its first hit at the earliest; a loop's first hit may be early.
            np.testing.assert_allclose(np.maximum(at, 0), starts, atol=1e-3)
            assert same == arrays[0] and still == arrays[1], "the beat as written stays"
            moved += int((np.array(starts) != [hit.start for hit in file.hits]).sum())
    assert moved > 1000


def test_what_was_not_performed_stays_as_written(page: Any) -> None:
    velocities, ticks, new, late = case(np.random.default_rng(1), 0.3, 20)
    arrays = [part.ravel().tolist() for part in (velocities, ticks / TICKS, new, late.astype(np.float64))]
    unknown = np.flatnonzero(velocities.ravel())[::2]
    for cell in unknown:
        arrays[2][cell] = None
    ((heard, offsets, _, before),) = page.execute_script(PLAYED, *arrays, [(1, 1, 0)])
    assert [heard[i] for i in unknown] == velocities.ravel()[unknown].tolist()
    assert [offsets[i] for i in unknown] == [before[i] for i in unknown]
    assert sum(a != b for a, b in zip(offsets, before, strict=True)) > 20


def test_swing_is_what_it_is_to_humanize_in_a_swung_file(page: Any) -> None:
    rng = np.random.default_rng(8)
    for swing in (0.1, 1 / 3, 0.45):
        velocities, ticks, new, late = case(rng, 0.4, 3)
        # A drummer who swings by himself, which is not added to the swing that is there.
        late[1::2] = np.where(velocities[1::2] > 0, np.clip(late[1::2] + 0.3, -0.5, 0.5), 0)
        arrays = [part.ravel().tolist() for part in (velocities, ticks / TICKS, new, late.astype(np.float64))]
        ((_, offsets, *_),) = page.execute_script(PLAYED, *arrays, [(1, 1, swing)])
        file = MidiHits(written(velocities, ticks, swing))
        performance = (velocities > 0) * 1.0, new.astype(float), -late.astype(np.float64)
        starts, _ = as_performed(file, drums_of(file), performance)
        heard = np.rint(np.array(offsets).reshape(velocities.shape) * TICKS).astype(int)
        found = sorted((hit.start, hit.pitch) for hit in MidiHits(written(velocities, heard, swing)).hits)
        expected = sorted((start, hit.pitch) for start, hit in zip(starts, file.hits, strict=True))
        assert len(found) == len(expected)
        off = [abs(a - b) for (a, _), (b, _) in zip(found, expected, strict=True)]
        assert max(off) <= 2 and sum(off) < 0.4 * len(off)


def test_hits_that_left_their_step_settle_on_the_next(page: Any) -> None:
    settled = (
        bundle("music/feel.js")
        + """
    const beat = { steps: 4, velocities: new Uint8Array(36), offsets: new Float32Array(36) };
    for (const [cell, velocity, offset] of arguments[0]) {
      beat.velocities[cell] = velocity;
      beat.offsets[cell] = offset;
    }
    const { velocities, offsets } = module1.withinSteps(beat);
    return [...velocities].map((velocity, cell) => [cell, velocity, offsets[cell]]).filter((hit) => hit[1]);
    """
    )
    hits = [(0, 50, 0.75), (1, 60, 0.75), (10, 61, 0.25), (27, 70, 0.625), (20, 80, -0.75)]
    expected = [[1, 60, 0.5], [9, 50, -0.25], [10, 61, 0.25], [11, 80, 0.25], [27, 70, 0.5]]
    assert page.execute_script(settled, hits) == expected
