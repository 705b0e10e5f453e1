"""The gallery: nothing loaded from elsewhere, text inert, and it plays in a real browser."""

import base64
import html.parser
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from preprocess.midi.reader import read_midi
from render.gallery import Clip, Section, gallery_html, write_gallery
from render.midi import Style
from tests.helpers.axe import violations
from tests.helpers.browser import headless_chromium
from tests.helpers.drum_sequences import SIXTEENTH, backbeat, drum_sequence
from tests.helpers.pitched_sequences import pitched, trio, with_chords

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
    policies = [a["content"] for tag, a in page.elements if tag == "meta" and a.get("http-equiv")]
    assert len(policies) == 1 and (policies[0] or "").startswith("default-src 'none'; script-src 'sha256-")
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
    assert clip["keys"] == clip["parts"] == clip["chords"] == [] and clip["range"] is None


def test_data_of_pitched_clips_are_notes_instruments_and_chords() -> None:
    sequence = with_chords(trio(), (0, "C"), (8, "G"))
    clips = (Clip("trio", sequence, 1), Clip("melody", pitched((2.5, 90, 60, 1)), 1))
    data = data_of(Page(gallery_html([Section("Trios", "", clips)], "Trios", Style(qpm=90.0, swing=0.3))))
    first, second = data["sections"][0]["clips"]
    assert first["keys"] == [[72, 0, 4, 100, 0], [40, 4, 8, 100, 1]]
    assert first["hits"] == [[0, 0, 127]]
    assert [part["name"] for part in first["parts"]] == ["piano", "bass"]
    assert first["chords"] == [[0, "C"], [8, "G"]]
    assert second["keys"] == [[90, 2.5, 1, 60, 0]]
    assert first["range"] == second["range"], "clips of a section are compared"


def test_played_timing_and_velocity_are_those_of_the_midi_file() -> None:
    sequence = drum_sequence([(4, 36, 33, 1)])
    sequence.notes[0].start_time += 0.25 * SIXTEENTH
    for style, velocity in ((Style(), 33), (Style(velocity=99), 99)):
        data = data_of(Page(gallery_html([Section("", "", (Clip("late", sequence, 1),))], "", style)))
        assert data["sections"][0]["clips"][0]["hits"] == [[0, 4.25, velocity]]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium."""
    page = headless_chromium(tmp_path_factory.mktemp("profile"), "window-size=1100,900", log=True)
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
    position = "return gallery.headOf(gallery.clips[0])"
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
    assert browser.execute_script("return Number(document.getElementById('tempo').value)") == qpm


LOUDEST = "samples.reduce((peak, value) => Math.max(peak, Math.abs(value)), 0)"


def rendered(browser: Any, clip: str, measure: str) -> Any:
    """What an expression makes of the `samples` of a clip, rendered without a sound card."""
    return browser.execute_async_script(
        f"const done = arguments[0]; gallery.render({clip}).then((samples) => done({measure}))"
    )


def test_a_pitched_clip_is_shown_and_plays(browser: Any, tmp_path: Path) -> None:
    clips = (
        Clip("trio", with_chords(trio(), (0, "C"), (8, "Am")), 1),
        Clip("long", pitched((0, 60, 80, 90)), 6),
    )
    path = tmp_path / "gallery.html"
    write_gallery(path, [Section("Trios", "", clips)], "Trios", Style(qpm=180.0))
    browser.get(path.as_uri())
    first, second = browser.find_elements("css selector", ".clip")
    assert len(first.find_elements("css selector", "svg rect.key")) == 2
    assert len(first.find_elements("css selector", "svg rect.hit")) == 1
    assert [n.text for n in first.find_elements("css selector", ".parts span")] == ["piano", "bass"]
    assert [n.text for n in first.find_elements("css selector", "svg text.chord")] == ["C", "Am"]
    octaves = [n.text for n in first.find_elements("css selector", "svg text") if n.text.startswith("C")]
    assert {"C3", "C4", "C5"} <= set(octaves)
    high, low = (n.rect["y"] for n in first.find_elements("css selector", "svg rect.key"))
    assert high < low
    assert second.rect["width"] > 1.5 * first.rect["width"], "long clips take the whole width"
    assert not second.find_elements("css selector", "svg rect.hit")

    first.find_element("css selector", "button").click()
    position = "return gallery.headOf(gallery.clips[0])"
    wait_for(lambda: browser.execute_script(position) >= 3, "the playhead's way to step 3")
    browser.find_element("id", "stop").click()
    wait_for(lambda: browser.execute_script("return gallery.level()") < 0.01, "silence")
    errors = [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]
    assert errors == []


@pytest.mark.parametrize(("pitch", "hertz"), [(69, 440.0), (45, 110.0)])
def test_the_player_is_in_tune_and_does_not_clip(
    browser: Any, tmp_path: Path, pitch: int, hertz: float
) -> None:
    path = tmp_path / "gallery.html"
    clips = (Clip("note", pitched((0, pitch, 127, 15)), 1),)
    write_gallery(path, [Section("Notes", "", clips)], "Notes")
    browser.get(path.as_uri())
    # Each harmonic is in phase with the fundamental, so a period has one rise through zero.
    rises = (
        "Array.from({length: 44100}, (_, i) => i + 11025)"
        ".filter((i) => samples[i] < 0 && samples[i + 1] >= 0).length"
    )
    assert abs(rendered(browser, "gallery.clips[0]", rises) - hertz) <= 1
    assert 0.1 < rendered(browser, "gallery.clips[0]", LOUDEST) < 1
    assert rendered(browser, "gallery.clips[0]", "Math.abs(samples[samples.length - 1])") == 0


def test_a_chain_goes_on_to_the_next_clip(browser: Any, tmp_path: Path) -> None:
    clips = tuple(Clip(f"step {i}", backbeat(1), 1) for i in range(3))
    path = tmp_path / "chain.html"
    write_gallery(path, [Section("Chain", "", clips, chain=True)], "Chain", Style(qpm=200.0))
    browser.get(path.as_uri())
    browser.find_element("css selector", ".clip button").click()
    wait_for(lambda: browser.find_element("id", "state").text == "Playing step 1", "the second clip")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Any, tmp_path: Path, scheme: str) -> None:
    path = tmp_path / "gallery.html"
    clips = (Clip("trio", with_chords(trio(), (0, "C"), (8, "Am")), 1), Clip("beat", backbeat(4)))
    write_gallery(path, [Section("Trios", "Each clip loops.", clips)], "Trios")
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get(path.as_uri())
    assert violations(browser) == []


def test_clips_of_an_odd_length_loop_without_a_gap(browser: Any, tmp_path: Path) -> None:
    """In 7/16, every other loop begins on the second of a pair of sixteenths; the swing is that of the clip."""
    path = tmp_path / "gallery.html"
    clips = tuple(
        Clip(name, drum_sequence([(0, 36, 100, 1), (1, 38, 100, 1)]), 1) for name in ("first", "second")
    )
    write_gallery(path, [Section("", "", clips, chain=True)], "", Style(swing=0.25, time_signature=(7, 16)))
    browser.get(path.as_uri())
    starts = browser.execute_script(
        "const source = gallery.sourceOf(gallery.clips), found = [];"
        "for (let n = 0; n < 21; n++) for (const { offset } of source.step(n)) found.push(n + offset);"
        "return found"
    )
    assert starts == [0, 1.25, 7, 8.25, 14, 15.25]


def test_the_code_of_a_gallery_is_small() -> None:
    assert len(gallery_html([], "")) < 60_000


def test_what_is_played_can_be_heard(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "gallery.html"
    silent = Clip("silence", backbeat(0), 1)
    write_gallery(path, [*sections(), Section("Silence", "", (silent,))], "Beats")
    browser.get(path.as_uri())
    assert 0.05 < rendered(browser, "gallery.clips[0]", LOUDEST) <= 2.0
    assert rendered(browser, "gallery.clips.at(-1)", LOUDEST) == 0
