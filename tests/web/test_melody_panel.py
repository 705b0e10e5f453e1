"""The Melody tab of the studio page with the shipped model, driven as a user would."""

import io
import json
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest

from models.families import open_music_vae
from models.music_vae.interpolation import slerp_at
from models.music_vae.trained import TrainedModel
from preprocess.midi.reader import read_midi
from render.midi import midi_bytes
from tests.helpers.browser import headless_chromium
from tests.helpers.drum_sequences import backbeat
from tests.helpers.studio_page import write_studio
from tests.helpers.studio_user import StudioUser

pytestmark = pytest.mark.slow

CORNERS = ("top left", "top right", "bottom left", "bottom right")


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium."""
    browser = headless_chromium(tmp_path_factory.mktemp("profile"), "window-size=1200,1000", log=True)
    yield browser
    browser.quit()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_studio(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    return open_music_vae("cat-mel_2bar_tiny")


@pytest.fixture
def user(driver: Any, page: Path, tmp_path: Path) -> StudioUser:
    """Someone who has just opened the Melody tab."""
    user = StudioUser(driver, page, tmp_path / "saved")
    user.start_afresh()
    user.click("Melody", "#tabs")
    user.wait("document.querySelector('.roll')")
    user.browser.execute_script(
        "if (window.sink) studio.player.removeSink(sink);"
        "studio.shownNotes = () => [...document.querySelectorAll('.roll-note')]"
        ".map(({ dataset: d }) => [+d.pitch, +d.start, +d.length]);"
    )
    return user


def notes_of(user: StudioUser) -> list[list[int]]:
    """Pitch, start and length of the notes on screen."""
    return user.value("studio.shownNotes()")


def tokens_of(user: StudioUser, expression: str = "studio.store.doc.melody.tokens") -> list[int]:
    return user.value(f"[...{expression}]")


def corners_of(user: StudioUser) -> list[list[int]]:
    return user.value("studio.store.doc.melody.pad.corners.map((tokens) => [...tokens])")


def move_dot(user: StudioUser, keys: str) -> None:
    """Press arrow keys, such as `>>v`, with the dot focused."""
    from selenium.webdriver.common.keys import Keys

    user.browser.execute_script("document.querySelector('#melody .pad-dot').focus()")
    arrows = {">": Keys.ARROW_RIGHT, "<": Keys.ARROW_LEFT, "v": Keys.ARROW_DOWN, "^": Keys.ARROW_UP}
    user.press(*(arrows[key] for key in keys))


def test_a_new_melody_is_drawn_and_taken_back(user: StudioUser) -> None:
    first = tokens_of(user)
    user.click("New melody", "#melody")
    user.wait("studio.store.undoLabel === 'new melody'")
    second = tokens_of(user)
    assert second != first and sum(token >= 2 for token in second) >= 2
    shown = user.value(
        "[...document.querySelectorAll('.roll-note')].map((note) => Number(note.dataset.start))"
    )
    assert shown == [step for step, token in enumerate(second) if token >= 2]
    user.click("New melody", "#melody")
    user.wait("studio.store.doc.melody.tokens.join() !== arguments[0]", ",".join(map(str, second)))
    user.click("Undo", "#transport")
    assert tokens_of(user) == second
    user.click("Undo", "#transport")
    assert tokens_of(user) == first
    user.click("Redo", "#transport")
    assert tokens_of(user) == second


@pytest.mark.parametrize("locked", [0, 1])
def test_a_locked_bar_stays_and_the_other_is_drawn_to_fit(user: StudioUser, locked: int) -> None:
    first = notes_of(user)
    user.click(f"Lock bar {locked + 1}", "#melody")
    kept = [note for note in first if note[1] // 16 == locked]
    for _ in range(3):
        seed = user.value("studio.store.doc.melody.seed")
        user.click("New melody", "#melody")
        user.wait("studio.store.doc.melody.seed !== arguments[0]", seed)
        assert [note for note in notes_of(user) if note[1] // 16 == locked] == kept
    user.click(f"Lock bar {2 - locked}", "#melody")
    user.click("New melody", "#melody")
    user.wait("document.getElementById('alert').textContent.includes('nothing to draw')")


def test_filling_in_is_that_of_python(user: StudioUser, model: TrainedModel) -> None:
    for seed in range(3):
        (sequence,) = model.sample(1, temperature=0.7, seed=seed)
        (example,) = model.examples_of(sequence)[:1]
        hole = np.zeros(32, bool)
        hole[16 * (seed % 2) : 16 * (seed % 2) + 16] = True
        expected = model.infill(example, hole, n=16, temperature=None, seed=seed)
        noise = np.random.default_rng([seed, 5]).standard_normal((16, 64), np.float32)
        found = user.value(
            "studio.engine.debug('infilled', { role: 'melody', tokens: Int16Array.from(arguments[0]),"
            " hole: Uint8Array.from(arguments[1]), noise: Float32Array.from(arguments[2]), uniforms: null,"
            " temperature: 1, gumbels: null }).then((r) => [[...r.tokens], [...r.logWeights]])",
            example.inputs.tolist(),
            hole.astype(int).tolist(),
            noise.ravel().tolist(),
        )
        assert found[0] == expected.values.ravel().tolist()
        np.testing.assert_allclose(found[1], expected.log_weights, atol=2e-3)


def test_corners_are_exact_and_between_them_stands_what_the_model_says(
    user: StudioUser, model: TrainedModel
) -> None:
    first = tokens_of(user)
    user.click("Fill the empty corners", "#melody")
    user.wait("studio.store.doc.melody.pad.corners.every(Boolean)")
    corners = corners_of(user)
    assert corners[0] == first and len({tuple(corner) for corner in corners}) == 4
    mu, _ = model.posterior({"inputs": np.array(corners), "lengths": np.full(4, 32)})
    for moves, x, y in ((">>>>", 0.2, 0.0), ("vvvvvv", 0.2, 0.3), (">>>>>>", 0.5, 0.3), ("vvvvvv", 0.5, 0.6)):
        move_dot(user, moves)
        top, bottom = slerp_at(mu[0], mu[1], np.array([x]))[0], slerp_at(mu[2], mu[3], np.array([x]))[0]
        z = slerp_at(top, bottom, np.array([y]))
        (sequence,) = model.decode(z, temperature=None)
        expected = [
            [note.pitch, note.start_time * 8, (note.end_time - note.start_time) * 8]
            for note in sequence.notes
        ]
        user.wait(
            "JSON.stringify(studio.shownNotes()) === JSON.stringify(arguments[0])",
            expected,
        )
    for i, where in enumerate(CORNERS):
        name = f"Move the dot to the {where} corner, {sum(token >= 2 for token in corners[i])} notes"
        user.click(name, "#melody")
        user.wait("studio.store.doc.melody.tokens.join() === arguments[0]", ",".join(map(str, corners[i])))


def test_while_it_plays_the_pad_changes_the_melody_at_the_next_bar(user: StudioUser) -> None:
    user.click("Fill the empty corners", "#melody")
    user.wait("studio.store.doc.melody.pad.corners.every(Boolean)")
    corners = corners_of(user)
    user.browser.execute_script(
        "window.changes = []; window.steps = [];"
        "studio.player.onBar((bar) => steps.push(bar));"
        "studio.store.subscribe((doc, before) => {"
        " if (doc.melody.tokens !== before.melody.tokens) changes.push([steps.length, doc.melody.tokens.join()]); });"
    )
    user.click("Play", "#transport")
    user.wait("steps.length === 1")
    user.click(f"Move the dot to the top right corner, {sum(t >= 2 for t in corners[1])} notes", "#melody")
    user.wait("changes.length")
    # The listener of the panel is asked before that of the test.
    assert user.value("changes") == [[1, ",".join(map(str, corners[1]))]]
    assert user.value("steps.length") >= 1
    user.click("Stop", "#transport")


def test_what_is_on_screen_sounds_and_the_beat_with_it_if_asked(user: StudioUser) -> None:
    user.browser.execute_script(
        "studio.store.change('test', (doc) => ({ ...doc, tempo: 240, swing: 0 }));"
        "window.played = []; window.sink = { play: (event, time) => played.push([event, time]) }; studio.player.addSink(sink);"
    )
    shown = notes_of(user)
    user.click("Play", "#transport")
    user.wait("played.length >= arguments[0] + 3", len(shown))
    user.click("Stop", "#transport")
    played = user.value("played.map(([{ pitch, length }, time]) => [pitch, length, time])")
    expected = [[pitch, length] for pitch, _, length in shown]
    assert [[pitch, length] for pitch, length, _ in played] == (expected * 2)[: len(played)]
    times = [time for *_, time in played]
    assert times == sorted(set(times))
    user.browser.execute_script("played.length = 0")
    user.click("Play the beat too", "#melody")
    user.click("Play", "#transport")
    user.wait("played.some(([event]) => event.drum === 1)")
    user.click("Stop", "#transport")
    drums = user.value("played.filter(([event]) => event.drum >= 0).map(([event]) => event.drum)")
    struck = [drum for _, drum, *_ in user.hits("studio.playedBeat()")]
    assert sorted(drums) == sorted(struck[: len(drums)])
    assert user.value("played.some(([event]) => event.pitch > 0)")


def test_the_saved_sound_has_the_notes_on_screen(user: StudioUser) -> None:
    user.value("studio.store.change('test', (doc) => ({ ...doc, tempo: 120, swing: 0 }))")
    step = 44100 // 8
    for seconds, click in ((4, False), (8, True)):
        if click:
            user.click("Play the beat too", "#melody")
        user.click("Save WAV", "#transport")
        with wave.open(io.BytesIO(user.saved("melody_120bpm.wav"))) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16) / 32768
        assert len(samples) == seconds * 44100
        if click:
            continue
        for pitch, start, length in notes_of(user):
            inside = samples[start * step + 300 : (start + length) * step - 300]
            spectrum = np.abs(np.fft.rfft(inside * np.hanning(len(inside)), 2**17))
            assert abs(spectrum.argmax() * 44100 / 2**17 / (440 * 2 ** ((pitch - 69) / 12)) - 1) < 0.01


def test_keys_are_a_piano_and_are_recorded(user: StudioUser) -> None:
    user.browser.execute_script(
        "window.played = []; window.sink = { play: (event) => played.push(event.pitch) }; studio.player.addSink(sink);"
        "studio.store.change('test', (doc) => ({ ...doc, tempo: 100 }));"
        "window.key = (kind, code, shiftKey = false) =>"
        " document.body.dispatchEvent(new KeyboardEvent(kind, { code, shiftKey, bubbles: true, cancelable: true }));"
    )
    user.click("Clear", "#melody")
    user.browser.execute_script(
        "for (const code of ['KeyA', 'KeyW', 'Semicolon', 'KeyN']) { key('keydown', code); key('keyup', code); }"
        "key('keydown', 'KeyA', true); key('keyup', 'KeyA', true);"
    )
    user.wait("played.length === 4")
    assert user.value("played") == [60, 61, 76, 72]
    assert notes_of(user) == []
    user.click("Record the keys", "#melody")
    user.click("Play", "#transport")
    user.wait("studio.player.position > 2")
    start = user.value("(key('keydown', 'KeyG'), studio.player.position)")
    user.wait(f"studio.player.position > {start} + 3")
    length = user.value("(key('keyup', 'KeyG'), studio.player.position)") - start
    ((pitch, step, steps),) = notes_of(user)
    assert pitch == 67 and abs(step - start) <= 1 and abs(steps - length) <= 1.5
    user.click("Stop", "#transport")
    user.click("Record the keys", "#melody")
    user.click("Drums", "#tabs")
    user.browser.execute_script("played.length = 0; key('keydown', 'KeyT');")
    assert user.value("new Promise((resolve) => setTimeout(() => resolve(played.length), 200))") == 0


def test_the_melody_comes_back_from_the_address(user: StudioUser) -> None:
    user.click("New melody", "#melody")
    user.wait("studio.store.undoLabel === 'new melody'")
    user.click("Fill the empty corners", "#melody")
    user.wait("studio.store.doc.melody.pad.corners.every(Boolean)")
    move_dot(user, ">v")
    user.click("Octave down", "#melody")
    state = "JSON.stringify({ ...studio.store.doc.melody, tokens: [...studio.store.doc.melody.tokens] })"
    before = json.loads(user.value(state))
    user.open(user.value("studio.writeAddress()").split("#")[1])
    assert json.loads(user.value(state)) == before
    user.wait("document.querySelector('.roll') && !document.getElementById('melody').hidden")


def test_the_saved_file_has_the_notes_on_screen(user: StudioUser) -> None:
    user.value("studio.store.change('test', (doc) => ({ ...doc, tempo: 100, swing: 0 }))")
    user.click("New melody", "#melody")
    user.wait("studio.store.undoLabel === 'new melody'")
    shown = notes_of(user)
    user.click("Save MIDI", "#transport")
    data = user.saved("melody_100bpm.mid")
    sequence = read_midi(data)
    assert [tempo.qpm for tempo in sequence.tempos] == [pytest.approx(100)]
    step = 60 / 100 / 4
    found = [
        [n.pitch, round(n.start_time / step, 3), round((n.end_time - n.start_time) / step, 3)]
        for n in sequence.notes
    ]
    assert found == shown
    first = tokens_of(user)
    user.click("Clear", "#melody")
    assert notes_of(user) == []
    (user.folder / "tune.mid").write_bytes(data)
    user.browser.find_element("id", "open-melody").send_keys(str((user.folder / "tune.mid").resolve()))
    user.wait("studio.store.undoLabel === 'open tune.mid'")
    assert tokens_of(user) == first and user.value("studio.store.doc.tempo") == 100
    (user.folder / "drums.mid").write_bytes(midi_bytes(backbeat(4)))
    user.browser.find_element("id", "open-melody").send_keys(str((user.folder / "drums.mid").resolve()))
    said = user.wait("document.getElementById('alert').textContent")
    assert said.startswith("drums.mid: ") and said.endswith(".")
    assert tokens_of(user) == first
    assert mido.MidiFile(file=io.BytesIO(data)).length == pytest.approx(32 * step, abs=1e-3)


def test_nothing_went_wrong(driver: Any) -> None:
    assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []
