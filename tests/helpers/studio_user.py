"""Someone who uses the studio page in a browser: looks for buttons by what they say, presses keys, and saves files."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES
from preprocess.midi.reader import read_midi
from tests.helpers.browser import headless_chromium
from tests.helpers.studio_page import write_studio

SECONDS = 30
"""How long something may take before a test gives up."""

DRUM_OF_PITCH = {pitch: i for i, drum in enumerate(REDUCED_DRUM_CLASSES) for pitch in drum.pitches}

_BUTTON = """
const root = document.querySelector(arguments[0]), name = arguments[1];
const isCalled = (button) => button.getAttribute("aria-label") === name || button.innerText.trim() === name;
return [...(root?.querySelectorAll("button") ?? [])].find((button) => isCalled(button) && button.checkVisibility());
"""
"""Finds a button in one call: one by one, elements can go while they are looked at."""

Hit = tuple[int, int, int, float]
"""Step, drum, velocity, and how late it is in steps."""


class StudioUser:
    """Drives one browser.

    Args:
        browser: a driver.
        page: the studio page's file.
        folder: where the browser saves files.
    """

    def __init__(self, browser: Any, page: Path, folder: Path):
        self.browser = browser
        self.page = page
        self.folder = folder
        folder.mkdir(exist_ok=True)
        browser.execute_cdp_cmd(
            "Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder.resolve())}
        )

    def open(self, address: str = "") -> None:
        """Open the page again, with the part of a link behind `#`."""
        self.browser.get("about:blank")
        self.browser.get(self.page.as_uri() + (f"#{address}" if address else ""))
        self.wait("window.studio")

    def start_afresh(self) -> None:
        """Have the page as it was when it was first opened, without loading it again where it is still open."""
        if not self.browser.execute_script("return Boolean(window.firstDoc)"):
            self.open()
            self.browser.execute_script(
                "window.firstDoc = studio.store.doc; window.firstPerformer = studio.performer"
            )
        self.browser.execute_script(
            "studio.player.stop(); studio.performer = firstPerformer; studio.store.change('', () => firstDoc)"
        )

    def button(self, name: str, within: str = "body") -> Any:
        """The button that is called so, by its accessible name or its text, within the element of a CSS selector."""
        deadline = time.monotonic() + SECONDS
        while True:
            found = self.browser.execute_script(_BUTTON, within, name)
            if found:
                return found
            assert time.monotonic() < deadline, f"There is no button {name!r} within {within}."
            time.sleep(0.05)

    def click(self, name: str, within: str = "body") -> None:
        """Click the button that is called so, once it can be clicked; another that takes its place meanwhile will do."""
        from selenium.common.exceptions import StaleElementReferenceException

        deadline = time.monotonic() + SECONDS
        while True:
            button = self.button(name, within)
            try:
                self.wait("!arguments[0].disabled", button)
                self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
                button.click()
                return
            except StaleElementReferenceException:
                assert time.monotonic() < deadline, f"The button {name!r} within {within} does not stay."

    def press(self, *keys: str) -> None:
        """Press keys, one after the other, wherever the focus is."""
        for key in keys:
            self.browser.switch_to.active_element.send_keys(key)

    def value(self, expression: str, *arguments: Any) -> Any:
        """What an expression of JavaScript is in the page; a promise is waited for."""
        done = "const done = arguments[arguments.length - 1];"
        return self.browser.execute_async_script(
            f"{done} Promise.resolve({expression}).then(done)", *arguments
        )

    def wait(self, expression: str, *arguments: Any) -> Any:
        """What an expression is as soon as it is true."""
        deadline = time.monotonic() + SECONDS
        while True:
            value = self.browser.execute_script(f"return {expression}", *arguments)
            if value:
                return value
            assert time.monotonic() < deadline, f"Not within {SECONDS} seconds: {expression}"
            time.sleep(0.03)

    def saved(self, name: str) -> bytes:
        """The file that the page has just saved, which is taken out of the folder."""
        path, deadline = self.folder / name, time.monotonic() + SECONDS
        while not path.exists() or path.with_name(f"{name}.crdownload").exists():
            assert time.monotonic() < deadline, (
                f"{name} was not saved; the folder has {list(self.folder.iterdir())}."
            )
            time.sleep(0.05)
        data = path.read_bytes()
        path.unlink()
        return data

    def hits(self, beat: str, *arguments: Any) -> list[Hit]:
        """The hits of a beat of the page, given as an expression, in the order of steps and drums."""
        script = (
            f"(() => {{ const beat = {beat}, found = []; beat.velocities.forEach((v, i) => {{ if (v) "
            "found.push([Math.floor(i / 9), i % 9, v, beat.offsets[i]]); }); return found; })()"
        )
        return [(step, drum, velocity, late) for step, drum, velocity, late in self.value(script, *arguments)]


def hits_of_midi(data: bytes, qpm: float) -> list[Hit]:
    """The hits of a MIDI file in General MIDI, on sixteenths, as `StudioUser.hits` gives them; offsets by ticks.

    Args:
        data: the file.
        qpm: its tempo, which is checked.
    """
    sequence = read_midi(data)
    (tempo,) = sequence.tempos
    assert abs(tempo.qpm - qpm) < 1e-3
    found = []
    for note in sequence.notes:
        assert note.is_drum
        place = note.start_time * tempo.qpm / 60 * 4
        step = round(place)
        found.append((step, DRUM_OF_PITCH[note.pitch], note.velocity, round((place - step) * 120) / 120))
    return sorted(found)


@contextmanager
def studio_user(folder: Path) -> Iterator[StudioUser]:
    """Someone in a browser of their own, before the page is opened.

    Args:
        folder: an empty one.
    """
    browser = headless_chromium(folder / "profile", "window-size=1280,1000", log=True)
    try:
        yield StudioUser(browser, write_studio(folder), folder / "saved")
    finally:
        browser.quit()


def errors_of(browser: Any) -> list[str]:
    """What a page has written to the console as errors since the last call."""
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
