"""An afternoon with the studio page: one producer, from opening it to the files in the DAW, every number read back.

Each step goes on from the last, as it does for people: what one panel leaves behind is what the next one finds.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from preprocess.midi.reader import read_midi
from tests.helpers.browser import headless_chromium
from tests.helpers.studio_page import write_studio
from tests.helpers.studio_user import DRUM_OF_PITCH, StudioUser, hits_of_midi

pytestmark = pytest.mark.slow

KICK, SNARE, HAT, CRASH = 0, 1, 2, 7
STEPS = 64
TEMPO = 120
BEAT, HEARD = "studio.store.doc.beat", "studio.playedBeat()"
UNDO = "studio.store.undoLabel"


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudioUser]:
    """A producer who has just opened the page from a folder."""
    folder = tmp_path_factory.mktemp("story")
    browser = headless_chromium(
        folder / "profile", "window-size=1400,1000", "autoplay-policy=no-user-gesture-required", log=True
    )
    try:
        page = StudioUser(browser, write_studio(folder), folder / "saved")
        page.open()
        yield page
    finally:
        browser.quit()


def cell(user: StudioUser, drum: int, step: int) -> Any:
    return user.browser.find_element(
        "css selector", f".row[data-drum='{drum}'] .cell[aria-colindex='{step + 2}']"
    )


def set_slider(user: StudioUser, panel: str, label: str, value: float) -> None:
    """Move a slider, as a drag of its thumb does."""
    user.browser.execute_script(
        "const input = document.querySelector(`#${arguments[0]} input[aria-label^='${arguments[1]}']`);"
        "input.scrollIntoView({ block: 'center' }); input.value = arguments[2];"
        "for (const kind of ['input', 'change']) input.dispatchEvent(new Event(kind, { bubbles: true }));",
        panel,
        label,
        value,
    )


def play_and_listen(user: StudioUser, steps: int) -> None:
    """Press space, wait until so many steps were heard, and press it again."""
    user.browser.execute_script(
        "window.listened = 0; window.unlisten?.(); window.unlisten = studio.player.onStep(() => { listened += 1; });"
        "document.activeElement.blur();"
    )
    user.press(" ")
    user.wait("studio.player.isPlaying")
    user.wait(f"listened >= {steps}")
    user.browser.execute_script("document.activeElement.blur();")
    user.press(" ")
    user.wait("!studio.player.isPlaying")


def test_the_story(user: StudioUser) -> None:
    opens_and_plays(user)
    beat = draws_around_locks(user)
    changes_by_hand(user, beat)
    shapes(user)
    mixes_on_the_pad(user)
    humanizes(user)
    arranges(user)
    file = saves(user)
    plays_a_melody(user)
    comes_back_from_the_link(user, file)
    opens_the_saved_file(user, file)
    problems = [entry for entry in user.browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert problems == []


def opens_and_plays(user: StudioUser) -> None:
    assert (
        "1." in user.value("document.getElementById('hint').innerText")
        or user.value("document.querySelectorAll('#hint li').length") == 3
    )
    user.click("Got it", "#hint")
    user.wait("document.getElementById('hint').hidden")
    set_slider(user, "transport", "Tempo", TEMPO)
    set_slider(user, "transport", "Swing", 0)
    assert len(user.hits(BEAT)) > 20, "there is a beat to hear at once"
    play_and_listen(user, 6)


def draws_around_locks(user: StudioUser) -> list:
    before = user.hits(BEAT)
    user.click("Lock bar 1", "#grid")
    user.click("Lock snare", "#grid")
    user.click("New beat", "#draw")
    user.wait(f"{UNDO} === 'new beat'")
    after = user.hits(BEAT)

    def stays(hit: tuple) -> bool:
        return hit[0] < 16 or hit[1] == SNARE

    assert [hit for hit in after if stays(hit)] == [hit for hit in before if stays(hit)]
    assert [hit for hit in after if not stays(hit)] != [hit for hit in before if not stays(hit)]
    user.click("Undo", "#transport")
    assert user.hits(BEAT) == before
    user.click("Redo", "#transport")
    assert user.hits(BEAT) == after
    return after


def changes_by_hand(user: StudioUser, beat: list) -> None:
    struck = (CRASH, 0) in {(drum, step) for step, drum, *_ in beat}
    cell(user, CRASH, 0).click()
    now = user.hits(BEAT)
    assert ((CRASH, 0) in {(drum, step) for step, drum, *_ in now}) != struck
    assert len(now) == len(beat) + (-1 if struck else 1)
    user.click("Lock bar 1", "#grid")
    user.click("Lock snare", "#grid")
    assert user.value("Object.values(studio.store.doc.locks).flat().some(Boolean)") is False


def shapes(user: StudioUser) -> None:
    before = user.hits(BEAT)
    name = user.value("document.querySelector('#shape input[type=range]').getAttribute('aria-label')")
    set_slider(user, "shape", name, 1)
    user.wait(f"{UNDO} === 'shape'")
    assert user.hits(BEAT) != before
    set_slider(user, "shape", name, 0)
    user.wait("studio.store.doc.shape === null")
    assert user.hits(BEAT) == before


def mixes_on_the_pad(user: StudioUser) -> None:
    before = user.hits(BEAT)
    user.click("Fill the empty corners", "#pad")
    user.wait("studio.store.doc.pad.corners.every(Boolean)")
    assert user.hits("studio.store.doc.pad.corners[0].beat") == before
    last = user.hits("studio.store.doc.pad.corners[3].beat")
    name = user.value(
        "[...document.querySelectorAll('#pad .pad-go')].map((go) => go.ariaLabel).find((n) => n.includes('bottom right'))"
    )
    user.click(name, "#pad")
    user.wait("studio.store.doc.pad.x === 1 && studio.store.doc.pad.y === 1")
    user.wait(
        f"JSON.stringify([...{BEAT}.velocities]) === "
        "JSON.stringify([...studio.store.doc.pad.corners[3].beat.velocities])"
    )
    assert user.hits(BEAT) == last


def humanizes(user: StudioUser) -> None:
    written = user.hits(BEAT)
    set_slider(user, "humanize", "Timing", 1)
    set_slider(user, "humanize", "Velocity", 1)
    user.value("studio.performed()")
    heard, now = user.hits(HEARD), user.hits(BEAT)
    assert now == written, "the grid keeps what was written"
    assert [hit[:2] for hit in heard] == [hit[:2] for hit in written]
    assert len({round(late, 3) for *_, late in heard}) > 5 and len({hit[2] for hit in heard}) > 5
    play_and_listen(user, 6)


def arranges(user: StudioUser) -> None:
    user.click("Store as part A", "#arrangement")
    user.click("New beat", "#draw")
    user.wait(f"{UNDO} === 'new beat'")
    user.click("Store as part B", "#arrangement")
    for part in ("A", "A", "B"):
        user.click(f"Add to order: {part}", "#arrangement")
    assert user.value("studio.store.doc.arrangement") == [0, 0, 1]
    user.click("Save as MIDI", "#arrangement")
    found = hits_of_midi(user.saved(f"arrangement_{TEMPO}bpm.mid"), TEMPO)
    parts = [user.hits(f"studio.store.doc.parts[{i}].played") for i in (0, 1)]
    played = [
        (STEPS * i + step, drum, velocity, late)
        for i, part in enumerate((0, 0, 1))
        for step, drum, velocity, late in parts[part]
    ]
    same_hits(found, played)


def same_hits(found: list, expected: list) -> None:
    """The hits of a file, whose ticks are 120 a step and which can't begin before the first."""
    at = sorted((drum, max(0.0, step + late), velocity) for step, drum, velocity, late in expected)
    read = sorted((drum, step + late, velocity) for step, drum, velocity, late in found)
    assert len(read) == len(at)
    for (drum, time, velocity), (drum_read, time_read, velocity_read) in zip(at, read, strict=True):
        assert (drum_read, velocity_read) == (drum, velocity)
        assert abs(time_read - time) <= 0.51 / 120


def saves(user: StudioUser) -> bytes:
    user.value("studio.performed()")
    heard = user.hits(HEARD)
    user.click("Save MIDI", "#transport")
    data = user.saved(f"beat_{TEMPO}bpm.mid")
    same_hits(hits_of_midi(data, TEMPO), heard)
    assert {DRUM_OF_PITCH[note.pitch] for note in read_midi(data).notes} == {hit[1] for hit in heard}
    return data


def plays_a_melody(user: StudioUser) -> None:
    user.click("Melody", "#tabs")
    user.wait("document.querySelector('.roll-note')?.checkVisibility()")
    user.click("New melody", "#melody")
    user.wait(f"{UNDO} === 'new melody'")
    play_and_listen(user, 6)
    user.click("Save MIDI", "#transport")
    notes = read_midi(user.saved(f"melody_{TEMPO}bpm.mid")).notes
    shown = user.value(
        "[...document.querySelectorAll('.roll-note')].map(({ dataset: d }) => [+d.pitch, +d.start, +d.length])"
    )
    step = 60 / TEMPO / 4
    assert [
        [n.pitch, round(n.start_time / step), round((n.end_time - n.start_time) / step)] for n in notes
    ] == shown
    user.click("Drums", "#tabs")


def comes_back_from_the_link(user: StudioUser, file: bytes) -> None:
    heard, written = user.hits(HEARD), user.hits(BEAT)
    melody = user.value("[...studio.store.doc.melody.tokens]")
    address = user.value("studio.writeAddress()").split("#")[1]
    user.open(address)
    user.value("studio.performed()")
    assert user.hits(BEAT) == written
    assert user.hits(HEARD) == heard
    assert user.value("[...studio.store.doc.melody.tokens]") == melody
    assert user.value("studio.store.doc.arrangement") == [0, 0, 1]
    assert user.value("document.getElementById('hint').hidden"), "the hint does not come back"
    user.click("Save MIDI", "#transport")
    assert user.saved(f"beat_{TEMPO}bpm.mid") == file


def opens_the_saved_file(user: StudioUser, file: bytes) -> None:
    expected = hits_of_midi(file, TEMPO)
    user.click("New beat", "#draw")
    user.wait(f"{UNDO} === 'new beat'")
    set_slider(user, "humanize", "Timing", 0)
    set_slider(user, "humanize", "Velocity", 0)
    path = user.folder / "mine.mid"
    path.write_bytes(file)
    user.browser.find_element("id", "open-file").send_keys(str(path.resolve()))
    user.wait(f"{UNDO} === 'open mine.mid'")
    now = user.hits(BEAT)
    assert [(drum, velocity) for _, drum, velocity, _ in sorted(now)]
    same_hits([hit for hit in now], expected)
