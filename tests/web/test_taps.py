"""Tapping on the studio page: taps at set times get the drums that tap2drum.py plays to the same taps."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from models.families import open_music_vae
from preprocess.converters.groove import TAP_DRUM, GrooveConverter
from preprocess.drums import groove_conditions
from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES
from tests.helpers.module_page import answer_of, open_module
from tests.helpers.panel_user import DRUMS, PanelUser, panel_user
from workflows.flags.grooves import TAP_CONFIG
from workflows.grooves.performing import drums_of_taps

pytestmark = pytest.mark.slow

QPM = 240.0
POSITIONS = (-0.2, 3.1, 6.0, 7.9, 12.15, 16.0, 19.0, 22.25, 24.0, 28.1)
"""In steps from the first bar line."""

TAP = """
const [positions, kind, last, done] = arguments;
const player = studio.player;
// All taps are dispatched when the last one has been heard, with the times at which they were made.
const stop = player.onStep((step) => {
  if (step < 16 + last) return;
  stop();
  const now = performance.now(), at = player.positionAt(now);
  for (const position of positions) {
    const time = now + (16 + position - at) * 15000 / player.tempo;
    const target = kind === "pad" ? document.getElementById("taps-pad") : document.body;
    const options = { bubbles: true, cancelable: true, key: kind };
    const event = kind === "pad" ? new PointerEvent("pointerdown", options) : new KeyboardEvent("keydown", options);
    Object.defineProperty(event, "timeStamp", { value: time });
    target.dispatchEvent(event);
  }
  done();
});
"""


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PanelUser]:
    with panel_user(tmp_path_factory.mktemp("studio"), "autoplay-policy=no-user-gesture-required") as someone:
        someone.run(
            "studio.store.change('test', (doc) => ({ ...doc, tempo: arguments[0], swing: 0.3 }))", QPM
        )
        someone.run(
            "const { engine } = studio, tap = engine.tap.bind(engine); window.asked = [];"
            "engine.tap = (question, options) => { asked.push(question); return tap(question, options); };"
        )
        yield someone


def tapped(user: PanelUser, positions: Sequence[float], kind: str, bars: int = 2) -> list[tuple[int, float]]:
    """Tap in two or four bars; step and offset of the taps that the model was given, none where it was not asked."""
    user.run("asked.length = 0")
    user.hush()
    user.slide("taps-bars", str(bars))
    user.tap("taps-start")
    user.browser.execute_async_script(TAP, positions, kind, 16 * bars - 3)
    user.wait("/taps|one tap/.test(document.getElementById('status').textContent)")
    taps = user.run("return asked.length ? asked[0].taps.map((tap) => [tap.step, tap.offset]) : []")
    user.run("studio.player.stop()")
    return [(step, offset) for step, offset in taps]


def by_tap2drum(taps: list[tuple[int, float]], steps: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Velocities and offsets, `[steps, drums]`, of the drums that the command plays to taps."""
    model = open_music_vae(TAP_CONFIG)
    converter = model.converter
    assert isinstance(converter, GrooveConverter)
    positions = np.array([step + offset for step, offset in taps])
    grid = converter.grid_of_hits(positions, np.full(len(taps), TAP_DRUM), np.full(len(taps), 100))
    conditions = groove_conditions.row(QPM, None, None)
    (sequence,) = drums_of_taps(model, grid, conditions=conditions)
    pitches = [drum.pitch for drum in REDUCED_DRUM_CLASSES]
    velocities, offsets = np.zeros((steps, DRUMS)), np.zeros((steps, DRUMS))
    for note in sequence.notes:
        # Early notes on the first step begin at 0 in a NoteSequence, but their ends say how early they are.
        position = (note.end_time - 1 / 8) * 8
        cell = int(np.floor(position + 0.5)), pitches.index(note.pitch)
        velocities[cell], offsets[cell] = note.velocity, position - cell[0]
    return velocities, offsets


@pytest.mark.parametrize("kind", ["a", " ", "pad"])
def test_taps_get_the_drums_of_tap2drum(user: PanelUser, kind: str) -> None:
    before = user.beat()
    taps = tapped(user, POSITIONS, kind)
    steps = [0, 3, 6, 8, 12, 16, 19, 22, 24, 28]
    assert [step for step, _ in taps] == steps
    # The audio clock is corrected by a fiftieth of a millisecond at a time.
    np.testing.assert_allclose([a + b for a, b in taps], POSITIONS, atol=0.02)
    velocities, offsets = by_tap2drum(taps)
    shown, off = user.beat()
    np.testing.assert_array_equal(shown, np.concatenate([velocities, velocities]))
    np.testing.assert_allclose(off, np.concatenate([offsets, offsets]), atol=0.002)
    assert (velocities > 0).sum() > 10
    assert user.run("return studio.store.doc.swing") == 0, "the drummer's swing is in the beat"
    assert user.said()[0] == "Drums for 10 taps."
    user.run("studio.undo()")
    np.testing.assert_array_equal(user.beat()[0], before[0])
    assert user.run("return studio.store.doc.swing") == 0.3


def test_four_bars_of_taps_get_four_bars_of_drums(user: PanelUser) -> None:
    taps = tapped(user, [0.2, 6.1, 12.0, 22.0, 30.9, 37.0, 40.1, 48.0, 55.8, 60.0], "k", bars=4)
    velocities, offsets = by_tap2drum(taps, 64)
    shown, off = user.beat()
    np.testing.assert_array_equal(shown, velocities)
    np.testing.assert_allclose(off, offsets, atol=0.002)
    assert (shown[:32] != shown[32:]).any()
    user.run("studio.undo()")


def test_the_same_taps_can_be_played_another_way(user: PanelUser) -> None:
    tapped(user, POSITIONS, "s")
    first = user.beat()[0]
    user.slide("taps-freedom", 1)
    user.tap("taps-again")
    user.wait("asked.length === 2")
    user.run("return studio.engine.ready")
    user.wait(
        "studio.store.doc.beat.velocities.join() !== arguments[0]",
        ",".join(str(int(v)) for v in first.ravel()),
    )
    assert user.run("return asked[1].taps.length") == 10
    user.run("studio.undo()")
    np.testing.assert_array_equal(user.beat()[0], first)
    user.run("studio.undo()")


def test_what_is_locked_stays(user: PanelUser) -> None:
    before = user.beat()
    user.run(
        "studio.store.change('lock', (d) => ({ ...d, locks: { ...d.locks, bars: [false, true, false, false] } }))"
    )
    tapped(user, POSITIONS, "d")
    for first, now in zip(before, user.beat(), strict=True):
        np.testing.assert_array_equal(now[16:32], first[16:32])
    assert (before[0] != user.beat()[0]).any()
    for _ in range(2):
        user.run("studio.undo()")


def test_where_the_browser_has_no_sound_keys_are_not_taken_as_taps(user: PanelUser) -> None:
    user.run("studio.player.stop(); studio.player.playSource = () => {};")
    user.tap("taps-start")
    user.run("delete studio.player.playSource")
    assert user.run("return document.getElementById('taps-pad').disabled")
    assert user.run("return document.getElementById('taps-start').textContent") == "Start tapping"
    taken = user.run(
        "const event = new KeyboardEvent('keydown', { key: 'z', bubbles: true, cancelable: true });"
        "document.body.dispatchEvent(event); return event.defaultPrevented;"
    )
    assert not taken


def test_taps_in_the_count_in_are_left_out(user: PanelUser) -> None:
    before = user.beat()[0]
    assert tapped(user, (-16.0, -4.0, -0.6), "d") == []
    assert user.said()[0] == "No taps were heard; your beat is as it was."
    np.testing.assert_array_equal(user.beat()[0], before)


def test_escape_stops_and_other_keys_stay_what_they_are(user: PanelUser) -> None:
    before = user.beat()[0]
    user.tap("taps-start")
    assert user.browser.switch_to.active_element.get_attribute("id") == "taps-pad"
    assert user.run("return studio.player.isPlaying")
    user.press("\ue00c")
    assert not user.run("return studio.player.isPlaying")
    assert user.said()[0] == "Tapping was stopped; your beat is as it was."
    np.testing.assert_array_equal(user.beat()[0], before)
    hits = user.run(
        "window.hits = 0; studio.onHit(() => { hits += 1; });"
        "document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'a', bubbles: true })); return hits;"
    )
    assert hits == 1


def test_play_and_stop_end_the_tapping(user: PanelUser) -> None:
    user.tap("taps-start")
    user.run("studio.player.stop()")
    user.wait("!document.getElementById('taps-start').textContent.includes('Stop')")
    assert user.run("return document.getElementById('taps-pad').disabled")


def test_a_tap_is_on_the_nearest_step_of_those_recorded(user: PanelUser, tmp_path: Path) -> None:
    open_module(user.browser, tmp_path, 'import { tapAt } from "./studio/taps.js";\nwindow.tapAt = tapAt;\n')
    positions = [-0.51, -0.5, 0.0, 7.49, 7.5, 31.49, 31.5]
    found = answer_of(user.browser, "return args[0].map((position) => tapAt(position, 32))", positions)
    assert [tap and tap["step"] for tap in found] == [None, 0, 0, 7, 8, 31, None]
    np.testing.assert_allclose([tap["offset"] for tap in found[1:-1]], [-0.5, 0, 0.49, -0.5, 0.49])
