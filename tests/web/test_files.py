"""MIDI files on the studio page: dropped, chosen, saved and dragged out; and 500 files that may be anything."""

import base64
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES
from preprocess.midi.reader import read_midi
from render.drum_maps import DRUM_MAPS
from render.midi import Style, midi_bytes
from tests.fuzz.midi_inputs import midi_input
from tests.helpers.panel_user import DRUMS, PanelUser, panel_user, sequence_of

pytestmark = pytest.mark.slow

STEPS = 64

DROP = """
const drop = (files) => {
  const data = new DataTransfer();
  for (const file of files) data.items.add(file);
  const event = (kind) => new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true });
  const taken = [event("dragover"), event("drop")].map((one) => !document.getElementById("grid").dispatchEvent(one));
  return taken.every(Boolean);
};
const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const fileOf = ([name, data]) => new File([typeof data === "number" ? new Uint8Array(data) : bytesOf(data)], name);
"""

DROP_ALL = (
    DROP
    + """
const [inputs, done] = arguments;
const lines = ["status", "alert"].map((id) => document.getElementById(id));
(async () => {
  const results = [];
  for (const input of inputs) {
    for (const line of lines) line.textContent = "";
    const before = studio.store.doc;
    const isTaken = drop([fileOf(input)]);
    const end = performance.now() + 20000;
    while (!lines.some((line) => line.textContent) && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve));
    }
    const { beat, tempo } = studio.store.doc;
    const isSound = beat.velocities.every((v, i) => v <= 127 && Math.abs(beat.offsets[i]) <= 0.5)
      && beat.steps === 64 && tempo >= 40 && tempo <= 240;
    results.push([...lines.map((line) => line.textContent), studio.store.doc === before, isTaken && isSound]);
  }
  done(results);
})();
"""
)


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PanelUser]:
    with panel_user(tmp_path_factory.mktemp("studio")) as someone:
        yield someone


def encoded(files: list[tuple[str, bytes | int]]) -> list[tuple[str, str | int]]:
    """Files for the page: their bytes as text; a number stands for as many zeros."""
    return [
        (name, base64.b64encode(data).decode() if isinstance(data, bytes) else data) for name, data in files
    ]


def beat(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Velocities and offsets of a beat that begins with a hit, `[steps, drums]` each."""
    rng = np.random.default_rng(seed)
    struck = rng.random((STEPS, DRUMS)) < 0.2
    struck[0] = np.arange(DRUMS) == 0
    ticks = rng.integers(-30, 31, (STEPS, DRUMS))
    ticks[0] = 0
    return struck * rng.integers(1, 128, (STEPS, DRUMS)), struck * ticks / 120


def file_of(seed: int, qpm: float) -> tuple[bytes, np.ndarray, np.ndarray]:
    velocities, offsets = beat(seed)
    return midi_bytes(sequence_of(velocities, offsets), Style(qpm=qpm), STEPS // 16), velocities, offsets


def dropped(user: PanelUser, *files: tuple[str, bytes | int]) -> bool:
    """Drop files on the page; whether it takes them, so that the browser does not."""
    user.hush()
    taken = bool(user.run(DROP + "return drop(arguments[0].map(fileOf));", encoded(list(files))))
    user.wait("['status', 'alert'].some((id) => document.getElementById(id).textContent)")
    return taken


def check_shown(user: PanelUser, velocities: np.ndarray, offsets: np.ndarray) -> None:
    shown, off = user.beat()
    np.testing.assert_array_equal(shown, velocities)
    np.testing.assert_allclose(off, offsets, atol=0.001)


def test_a_dropped_file_is_the_beat_at_its_tempo(user: PanelUser) -> None:
    data, velocities, offsets = file_of(1, 132.5)
    assert dropped(user, ("groove.mid", data))
    check_shown(user, velocities, offsets)
    assert user.run("return [studio.store.doc.tempo, studio.store.doc.swing]") == [132.5, 0]
    said, alert = user.said()
    assert said == "Opened groove.mid at 132.5 BPM." and not alert
    user.run("studio.undo()")
    assert (user.beat()[0] != velocities).any()
    assert user.run("return studio.store.doc.tempo") != 132.5


def test_remarks_are_said_as_sentences(user: PanelUser) -> None:
    velocities, offsets = beat(1)
    data = midi_bytes(sequence_of(velocities[:32], offsets[:32]), Style(qpm=300), 2)
    assert dropped(user, ("short.mid", data))
    said, _ = user.said()
    assert said == (
        "Opened short.mid at 240 BPM. Its own tempo, 300 BPM, is outside 40 to 240. "
        "Its 2 bars are repeated to the 4 that the page plays."
    )
    np.testing.assert_array_equal(user.beat()[0], np.concatenate([velocities[:32], velocities[:32]]))


def test_a_chosen_file_is_the_beat_twice_in_a_row(user: PanelUser, tmp_path: Path) -> None:
    data, velocities, offsets = file_of(2, 90)
    path = tmp_path / "chosen.mid"
    path.write_bytes(data)
    for _ in range(2):
        user.run("studio.setBeat('clear', { ...studio.currentBeat(), velocities: new Uint8Array(576) })")
        user.browser.find_element("id", "open-file").send_keys(str(path))
        user.wait("studio.currentBeat().velocities.some(Boolean)")
        check_shown(user, velocities, offsets)


def test_what_cannot_be_opened_is_said_and_the_beat_stays(user: PanelUser) -> None:
    before = user.run("return JSON.stringify(studio.store.doc)")
    waltz = midi_bytes(sequence_of(*beat(3)), Style(time_signature=(3, 4)))
    cases: list[tuple[str, bytes | int, str]] = [
        ("song.mp3", b"ID3 not a MIDI file", "song.mp3: "),
        ("empty.mid", b"", "empty.mid: "),
        ("waltz.mid", waltz, "waltz.mid: can't be encoded, as its meter is not 4/4"),
        ("<img src=x onerror=alert(1)>.mid", b"MThd", "<img src=x onerror=alert(1)>.mid: "),
        ("huge.mid", 2**24 + 1, "huge.mid: is larger than 16777216 bytes."),
    ]
    for name, data, sentence in cases:
        assert dropped(user, (name, data))
        said, alert = user.said()
        assert alert.startswith(sentence) and alert.endswith(".") and not said
        assert user.run("return JSON.stringify(studio.store.doc)") == before
    assert dropped(user, ("a.mid", waltz), ("b.mid", waltz))
    assert "one MIDI file at a time" in user.said()[1]
    assert not user.run("return document.querySelector('img')")


def test_text_that_is_dropped_is_left_to_the_browser(user: PanelUser) -> None:
    taken = user.run(
        "const data = new DataTransfer(); data.setData('text/plain', 'hello');"
        "const event = new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true });"
        "return !document.body.dispatchEvent(event);"
    )
    assert not taken


@pytest.mark.parametrize(
    ("name", "swing"), [("general_midi", 0.0), ("roland_td", 0.3), ("pads_from_c1", 0.0)]
)
def test_the_saved_file_is_that_of_python(user: PanelUser, name: str, swing: float) -> None:
    velocities, offsets = beat(4)
    offsets = np.round(offsets * 1024) / 1024
    user.set_beat(velocities, offsets, tempo=101.5, swing=swing)
    user.slide("drum-map", name)
    style = Style(qpm=101.5, swing=swing, drum_map=DRUM_MAPS[name])
    data = user.saved_by("save-midi", "beat_102bpm.mid")
    assert data == midi_bytes(sequence_of(velocities, offsets), style, STEPS // 16)
    assert user.said()[0] == "Saved beat_102bpm.mid."
    pitches = {note.pitch for note in read_midi(data).notes}
    assert pitches == {DRUM_MAPS[name][drum.name] for drum in REDUCED_DRUM_CLASSES}
    user.slide("drum-map", "general_midi")


def test_the_file_can_be_dragged_out_and_clicked(user: PanelUser) -> None:
    velocities, offsets = beat(6)
    offsets = np.round(offsets * 1024) / 1024
    user.set_beat(velocities, offsets, tempo=120, swing=0)
    expected = midi_bytes(sequence_of(velocities, offsets), Style(), STEPS // 16)
    kinds = user.run(
        "const data = new DataTransfer(), link = document.getElementById('drag-midi');"
        "link.dispatchEvent(new DragEvent('dragstart', { dataTransfer: data, bubbles: true }));"
        "return Object.fromEntries([...data.types].map((type) => [type.toLowerCase(), data.getData(type)]));"
    )
    kind, name, url = kinds["downloadurl"].split(":", 2)
    assert (kind, name) == ("audio/midi", "beat_120bpm.mid")
    assert base64.b64decode(url.removeprefix("data:audio/midi;base64,")) == expected
    assert user.run("return document.getElementById('drag-midi').draggable")
    assert user.saved_by("drag-midi", "beat_120bpm.mid") == expected


def test_the_sound_is_saved_and_loops(user: PanelUser) -> None:
    velocities, offsets = np.zeros((STEPS, DRUMS)), np.zeros((STEPS, DRUMS))
    velocities[4, 0] = 127
    user.set_beat(velocities, offsets, tempo=120, swing=0)
    data = user.saved_by("save-wav", "beat_120bpm.wav")
    assert data[:4] == b"RIFF" and data[8:12] == b"WAVE"
    samples = np.frombuffer(data[44:], "<i2").astype(float) / 32768
    assert len(samples) == 8 * 44100
    assert np.flatnonzero(np.abs(samples) > 0.01)[0] == pytest.approx(44100 / 2, abs=0.002 * 44100)


def odd_files() -> list[tuple[str, bytes | int]]:
    """500 files: real ones where there are some, mutated ones, and such as are not MIDI at all."""
    rng = random.Random(19)
    files: list[tuple[str, bytes | int]] = [
        ("notes.txt", b"kick = 36\n"),
        ("empty.mid", b""),
        ("zeros.mid", bytes(5000)),
    ]
    files += [(f"noise {i}.mid", rng.randbytes(rng.choice((1, 14, 400)))) for i in range(10)]
    files += [("huge.mid", 2**24 + 1), ("riff.mid", b"RIFF" + bytes(40))]
    if music := os.environ.get("MUSIC_DATA_DIR"):
        real = sorted(path for path in Path(music).rglob("*.mid") if path.stat().st_size < 300_000)
        files += [(path.name, path.read_bytes()) for path in rng.sample(real, min(len(real), 120))]
    while len(files) < 500:
        files.append((f"{len(files)}.mid", midi_input(rng)))
    return files


def test_500_files_leave_the_page_working(user: PanelUser) -> None:
    files = odd_files()
    results: list[Any] = []
    for first in range(0, len(files), 100):
        results += user.browser.execute_async_script(DROP_ALL, encoded(files[first : first + 100]))
    assert len(results) == 500
    for (name, _), (said, alert, stays, is_sound) in zip(files, results, strict=True):
        assert is_sound, name
        assert bool(said) != bool(alert), f"{name}: {said or alert or 'nothing is said'}"
        assert (alert or said).endswith("."), alert or said
        assert alert.startswith(f"{name}: ") if alert else said.startswith(f"Opened {name} at "), (
            alert,
            said,
        )
        assert stays or not alert, name
        assert "can't be opened (" not in alert, alert
    assert sum(bool(said) for said, *_ in results) > 50
    assert sum(bool(alert) for _, alert, *_ in results) > 50
    data, velocities, offsets = file_of(8, 100)
    assert dropped(user, ("after.mid", data))
    check_shown(user, velocities, offsets)
