"""What someone does with the panels of the studio page: sets sliders and lists, drops files, reads what the page says."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES
from preprocess.note_sequence import NoteSequence
from tests.helpers.browser import headless_chromium
from tests.helpers.studio_page import write_studio
from tests.helpers.studio_user import StudioUser

DRUMS = len(REDUCED_DRUM_CLASSES)


class PanelUser(StudioUser):
    """Someone at the page, who knows its controls by their ids."""

    def run(self, script: str, *arguments: Any) -> Any:
        """What the body of a function returns in the page; `studio` is the page's app."""
        return self.browser.execute_script(script, *arguments)

    def tap(self, name: str) -> None:
        """Click the control with an id."""
        control = self.browser.find_element("id", name)
        self.wait("!arguments[0].disabled", control)
        self.run("arguments[0].scrollIntoView({block: 'center'})", control)
        control.click()

    def slide(self, name: str, value: float | str) -> None:
        """Move the slider, or choose from the list, with an id."""
        self.run(
            "const [id, value] = arguments, control = document.getElementById(id); control.value = value;"
            "for (const kind of ['input', 'change']) control.dispatchEvent(new Event(kind, {bubbles: true}));",
            name,
            value,
        )

    def said(self) -> tuple[str, str]:
        """The line of status and the alert."""
        lines = "['status', 'alert'].map((id) => document.getElementById(id).textContent)"
        status, alert = self.run(f"return {lines};")
        return status, alert

    def hush(self) -> None:
        """Empty both lines."""
        self.run("for (const id of ['status', 'alert']) document.getElementById(id).textContent = '';")

    def saved_by(self, name: str, file: str) -> bytes:
        """Click the control with an id, which saves a file of a name; its bytes."""
        self.tap(name)
        return self.saved(file)

    def set_beat(self, velocities: np.ndarray, offsets: np.ndarray, **patch: Any) -> None:
        """Put a beat on the grid.

        Args:
            velocities, offsets: `[steps, drums]`; 0 for rests, and steps, late ones positive.
            **patch: other keys of the document.
        """
        self.run(
            "const [velocities, offsets, patch] = arguments;"
            "studio.setBeat('test', { steps: velocities.length / 9, velocities: Uint8Array.from(velocities),"
            "  offsets: Float32Array.from(offsets) }, { patch });",
            velocities.ravel().tolist(),
            offsets.ravel().tolist(),
            patch,
        )

    def beat(self, name: str = "currentBeat") -> tuple[np.ndarray, np.ndarray]:
        """Velocities and offsets, `[steps, drums]`, of the beat on the grid, or of the `playedBeat`."""
        velocities, offsets = self.run(
            "const beat = studio[arguments[0]](); return [[...beat.velocities], [...beat.offsets]];", name
        )
        return np.array(velocities).reshape(-1, DRUMS), np.array(offsets).reshape(-1, DRUMS)


def sequence_of(velocities: np.ndarray, offsets: np.ndarray) -> NoteSequence:
    """A beat of the page as the NoteSequence that Python writes it from, at 120 quarter notes a minute.

    Args:
        velocities, offsets: `[steps, drums]`; 0 for rests, and steps, late ones positive.
    """
    sequence = NoteSequence()
    sequence.tempos.add(qpm=120.0)
    for step, drum in np.argwhere(velocities):
        start = (step + offsets[step, drum]) / 8
        pitch, velocity = REDUCED_DRUM_CLASSES[drum].pitch, int(velocities[step, drum])
        sequence.notes.add(
            start_time=start,
            end_time=start + 1 / 8,
            pitch=pitch,
            velocity=velocity,
            instrument=9,
            is_drum=True,
        )
    return sequence


@contextmanager
def panel_user(folder: Path, *flags: str) -> Iterator[PanelUser]:
    """Someone in a browser of their own, with the page open; no error may have been written to the console.

    Args:
        folder: an empty one.
        flags: of the browser.
    """
    profile, downloads = folder / "profile", folder / "downloads"
    profile.mkdir()
    browser = headless_chromium(profile, "window-size=1200,900", *flags, log=True)
    try:
        browser.set_script_timeout(280)
        user = PanelUser(browser, write_studio(folder), downloads)
        user.open()
        yield user
        assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    finally:
        browser.quit()
