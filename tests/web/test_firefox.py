"""The studio page in Firefox: it opens without an error, draws, plays what the models say, and keeps its state."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from models.families import open_music_vae
from tests.helpers.firefox import Firefox, headless_firefox
from tests.helpers.studio_page import write_studio

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_studio(tmp_path_factory.mktemp("studio"))


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory, studio: Path) -> Iterator[Firefox]:
    """A Firefox that has opened the page and its models."""
    with headless_firefox(tmp_path_factory.mktemp("profile")) as browser:
        browser.get(studio.as_uri())
        browser.run("await studio.engine.ready")
        yield browser


@pytest.mark.parametrize(
    ("role", "config"), [("edit", "histdec-drum_4bar_edit"), ("melody", "cat-mel_2bar_tiny")]
)
def test_models_decode_as_in_python(firefox: Firefox, role: str, config: str) -> None:
    model = open_music_vae(config)
    z = np.random.default_rng(7).standard_normal((4, model.z_size)).astype(np.float32)
    script = f"""
const z = new Float32Array({z.ravel().tolist()});
return [...await studio.engine.decode({{ role: "{role}", z, n: 4, temperature: null }})]
"""
    played = np.array(firefox.run(script)).reshape(4, -1)
    np.testing.assert_array_equal(played, model.decode_values(z, None))


def test_a_new_beat_is_drawn_around_what_is_locked_and_taken_back(firefox: Firefox) -> None:
    before, after, undone, locked = firefox.run(
        """
const kicks = () => [...studio.currentBeat().velocities].filter((_, i) => i % 9 === 0);
const all = () => [...studio.currentBeat().velocities];
const first = all(), kick = kicks();
document.querySelector(".row[data-drum='0'] .lock, [aria-label='Lock kick']").click();
await studio.newBeat();
const drawn = all(), kept = JSON.stringify(kick) === JSON.stringify(kicks());
studio.undo();
return [first, drawn, all(), kept];
"""
    )
    assert locked and after != before and undone == before


def test_the_state_is_in_the_address(firefox: Firefox, studio: Path) -> None:
    beat, address = firefox.run(
        "await studio.newBeat(); const link = studio.writeAddress(); return [[...studio.currentBeat().velocities], link]"
    )
    firefox.get("about:blank")
    firefox.get(address)
    assert firefox.run("return [...studio.currentBeat().velocities]") == beat


def test_the_console_holds_no_error(firefox: Firefox) -> None:
    assert firefox.errors == []
