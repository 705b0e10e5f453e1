"""axe-core on the studio page and on a gallery: both tabs, light and dark, wide and on a phone, before and after use."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from render.gallery import Clip, Section, write_gallery
from tests.helpers.axe import violations
from tests.helpers.browser import headless_chromium
from tests.helpers.drum_sequences import backbeat
from tests.helpers.pitched_sequences import trio
from tests.helpers.studio_page import write_studio

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    page = headless_chromium(tmp_path_factory.mktemp("profile"), "window-size=1400,1000", log=True)
    yield page
    page.quit()


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_studio(tmp_path_factory.mktemp("studio")).as_uri()


def seen_as(browser: Any, scheme: str, width: int) -> None:
    """Let pages be shown in a colour scheme, at a width in pixels."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


@pytest.mark.parametrize("width", [1400, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_studio_is_accessible(browser: Any, studio: str, scheme: str, width: int) -> None:
    seen_as(browser, scheme, width)
    browser.get("about:blank")
    browser.get(studio)
    assert violations(browser) == []
    browser.execute_async_script(
        "const done = arguments[0]; studio.engine.ready.then(async () => { await studio.newBeat(); studio.player.start?.();"
        " studio.say('A message.'); setTimeout(done, 300); })"
    )
    assert violations(browser) == [], "after a new beat, while it plays"
    browser.execute_script("studio.say('Something is wrong.', 'error'); studio.showTab('melody')")
    assert violations(browser) == [], "the melody tab"
    sideways = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert browser.execute_script(sideways) <= 0, "nothing is cut off or scrolls sideways"


def test_a_gallery_is_accessible(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "gallery.html"
    clips = (Clip("beat", backbeat(4), 4), Clip("trio", trio(), 1))
    write_gallery(
        path, [Section("Beats", "Each clip loops.", clips), Section("Morph", "", clips, chain=True)], "Beats"
    )
    for scheme in ("light", "dark"):
        seen_as(browser, scheme, 1400)
        browser.get(path.as_uri())
        assert violations(browser) == []
