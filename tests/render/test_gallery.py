"""The gallery: nothing loaded from elsewhere, text inert, and it plays in a real browser."""

import base64
import html.parser
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from preprocess.midi import read_midi
from render.gallery import Clip, Section, gallery_html, write_gallery
from render.midi import Style
from tests.drum_sequences import backbeat

HOSTILE = '</script><img src="x" onerror="window.hacked = 1"><!-- {{data}} {{title}} "quoted" & \u2028'
VOID = {"meta", "link", "img", "br", "input", "hr"}


class Page(html.parser.HTMLParser):
    """Collects elements with their attributes and text, and checks that tags are closed in order."""

    def __init__(self, text: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)


def sections(title: str = "Beats") -> list[Section]:
    clips = (Clip(title, backbeat(4), 4), Clip("second", backbeat(2, every=4), 2))
    return [Section(title, "Each clip loops.", clips), Section("Morph", "A chain.", clips, chain=True)]


def data_of(page: Page) -> dict[str, Any]:
    return json.loads(page.texts["script"][0])


@pytest.mark.parametrize("title", ["Beats", HOSTILE])
def test_nothing_is_loaded_and_no_title_becomes_an_element(title: str) -> None:
    text = gallery_html(sections(title), title)
    page = Page(text)
    assert page.open == []
    plain = [tag for tag, _ in Page(gallery_html(sections("x"), "x")).elements]
    assert [tag for tag, _ in page.elements] == plain
    for _, attributes in page.elements:
        assert not {"src", "href", "onerror", "onload", "action"} & set(attributes)
    assert "url(" not in text and "@import" not in text and "fetch(" not in text
    assert "".join(page.texts["title"]) == title == "".join(page.texts["h1"])
    assert data_of(page)["sections"][0]["clips"][0]["title"] == title


def test_data_are_the_hits_and_the_midi_file() -> None:
    data = data_of(Page(gallery_html(sections(), "Beats", Style(qpm=96.0, swing=0.2))))
    assert (data["qpm"], data["swing"]) == (96.0, 0.2)
    clip = data["sections"][0]["clips"][0]
    assert clip["steps"] == 64
    assert [hit for hit in clip["hits"] if hit[1] == 4] == [[1, 4, 90], [2, 4, 70]]
    found = read_midi(base64.b64decode(clip["midi"]))
    assert len(found.notes) == len(clip["hits"]) == 44


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium and chromedriver are not installed (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    profile = tmp_path_factory.mktemp("profile")
    for flag in (
        "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
        "disable-component-update", "disable-sync", f"user-data-dir={profile}", "window-size=1100,900",
    ):  # fmt: skip
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    page = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield page
    page.quit()


def wait_for(condition: Any, what: str, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen"
        time.sleep(0.05)


def test_plays_in_a_browser_from_the_file_system(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "gallery.html"
    write_gallery(path, sections(HOSTILE), HOSTILE, Style(qpm=180.0))
    browser.get(path.as_uri())
    assert browser.execute_script("return window.hacked === undefined")
    assert browser.title.startswith("</script>")
    assert browser.execute_script("return document.images.length") == 0
    cards = browser.find_elements("css selector", ".clip")
    assert len(cards) == 4
    assert len(cards[0].find_elements("css selector", "svg rect")) == 44 + 1

    cards[0].find_element("css selector", "button").click()
    position = "return Number(data.sections[0].clips[0].head.getAttribute('x'))"
    wait_for(lambda: browser.execute_script(position) >= 3, "the playhead's way to step 3")
    assert "playing" in cards[0].get_attribute("class").split()
    assert "playing" not in cards[1].get_attribute("class").split()
    browser.find_element("id", "stop").click()
    assert "playing" not in cards[0].get_attribute("class").split()
    stopped = browser.execute_script(position)
    time.sleep(0.3)
    assert browser.execute_script(position) == stopped

    link = cards[0].find_element("css selector", "a")
    assert "/" not in link.get_attribute("download")
    assert link.get_attribute("href").startswith("data:audio/midi;base64,TVRoZ")
    errors = [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]
    assert errors == []


@pytest.mark.parametrize("qpm", [30.0, 120.0, 260.0])
def test_the_player_starts_at_the_tempo_of_the_midi_files(browser: Any, tmp_path: Path, qpm: float) -> None:
    path = tmp_path / "gallery.html"
    write_gallery(path, sections(), "Beats", Style(qpm=qpm))
    browser.get(path.as_uri())
    assert browser.execute_script("return Number(tempo.value)") == qpm


def test_a_chain_goes_on_to_the_next_clip(browser: Any, tmp_path: Path) -> None:
    clips = tuple(Clip(f"step {i}", backbeat(1), 1) for i in range(3))
    path = tmp_path / "chain.html"
    write_gallery(path, [Section("Chain", "", clips, chain=True)], "Chain", Style(qpm=200.0))
    browser.get(path.as_uri())
    browser.find_element("css selector", ".clip button").click()
    wait_for(lambda: browser.find_element("id", "state").text == "Playing step 1", "the second clip")


def test_what_is_played_can_be_heard(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "gallery.html"
    silent = Clip("silence", backbeat(0), 1)
    write_gallery(path, [*sections(), Section("Silence", "", (silent,))], "Beats")
    browser.get(path.as_uri())
    script = "renderPeak(data.sections[{}].clips[0]).then(arguments[arguments.length - 1])"
    assert 0.05 < browser.execute_async_script(script.format(0)) <= 2.0
    assert browser.execute_async_script(script.format(2)) == 0
