"""The studio page's grid, used as a person would: mouse, keys and finger; locks, New beat, sliders, undo, and links."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from patterns.for_page import page_patterns
from render.studio import studio_html
from tests.helpers.browser import headless_chromium
from tests.helpers.studio_page import write_studio
from tests.helpers.studio_user import StudioUser

pytestmark = pytest.mark.slow

KICK, SNARE, HAT, TOM = 0, 1, 2, 5
BEAT = "studio.store.doc.beat"
PLAIN = (
    "JSON.stringify(studio.store.doc, (key, value) => ArrayBuffer.isView(value) ? [...value]"
    " : value?.constructor === Object ? Object.fromEntries(Object.entries(value).sort()) : value)"
)
"""The document as text that is the same for the same contents."""


@pytest.fixture(scope="module")
def whole_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page with the shipped models."""
    return write_studio(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory, small_page: Path) -> Iterator[StudioUser]:
    folder = tmp_path_factory.mktemp("studio")
    browser = headless_chromium(
        folder / "profile", "window-size=1280,1300", "autoplay-policy=no-user-gesture-required", log=True
    )
    try:
        yield StudioUser(browser, small_page, folder / "saved")
    finally:
        browser.quit()


@pytest.fixture(scope="module")
def small_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page without models, which opens fast."""
    path = tmp_path_factory.mktemp("small") / "small.html"
    path.write_text(studio_html([], "Beat studio", page_patterns()), encoding="utf-8")
    return path


def fresh(user: StudioUser, page: Path) -> Iterator[StudioUser]:
    """A page as it opens, which isn't loaded again where it is open; at the end nothing was written to the console."""
    user.page = page
    if not user.browser.current_url.startswith(page.as_uri()):
        user.browser.get("about:blank")
    user.browser.get_log("browser")
    user.start_afresh()
    user.value("(studio.grid.select(0, 0), document.activeElement.blur())")
    yield user
    assert [entry["message"] for entry in user.browser.get_log("browser")] == []


@pytest.fixture
def page(user: StudioUser, whole_page: Path) -> Iterator[StudioUser]:
    """The page with the shipped models."""
    yield from fresh(user, whole_page)


@pytest.fixture
def small(user: StudioUser, small_page: Path) -> Iterator[StudioUser]:
    """The page without models."""
    yield from fresh(user, small_page)


def cell(user: StudioUser, drum: int, step: int) -> Any:
    row = user.browser.find_element("css selector", f".row[data-drum='{drum}']")
    return row.find_elements("class name", "cell")[step]


def actions(user: StudioUser) -> Any:
    from selenium.webdriver import ActionChains

    return ActionChains(user.browser, duration=40)


def velocity(user: StudioUser, drum: int, step: int) -> int:
    return user.value(f"{BEAT}.velocities[{step * 9 + drum}]")


def struck(user: StudioUser, drum: int) -> list[int]:
    return [step for step, d, _, _ in user.hits(BEAT) if d == drum]


def key(name: str) -> str:
    from selenium.webdriver import Keys

    return getattr(Keys, name)


def undo(user: StudioUser) -> None:
    actions(user).key_down(key("CONTROL")).send_keys("z").key_up(key("CONTROL")).perform()


def redo(user: StudioUser) -> None:
    control, shift = key("CONTROL"), key("SHIFT")
    actions(user).key_down(control).key_down(shift).send_keys("z").key_up(shift).key_up(control).perform()


def test_a_click_strikes_and_takes_away(small: StudioUser) -> None:
    empty = cell(small, TOM, 9)
    assert empty.get_attribute("aria-label") == "mid tom, bar 1 step 10, empty"
    empty.click()
    assert velocity(small, TOM, 9) == 100
    assert empty.get_attribute("aria-label") == "mid tom, bar 1 step 10, struck, velocity 100"
    empty.click()
    assert velocity(small, TOM, 9) == 0
    assert small.value("[studio.store.undoLabel, studio.store.canRedo]") == ["take hit away", False]


def test_dragging_along_a_row_paints_and_takes_away(small: StudioUser) -> None:
    before = small.value(PLAIN)
    start, end = cell(small, TOM, 4), cell(small, TOM, 20)
    actions(small).click_and_hold(start).move_to_element(end).release().perform()
    assert struck(small, TOM) == [*range(4, 21), 61]
    actions(small).click_and_hold(cell(small, TOM, 10)).move_to_element(
        cell(small, TOM, 6)
    ).release().perform()
    assert struck(small, TOM) == [4, 5, *range(11, 21), 61]
    undo(small)
    assert struck(small, TOM) == [*range(4, 21), 61]
    undo(small)
    assert small.value(PLAIN) == before
    redo(small)
    redo(small)
    assert struck(small, TOM) == [4, 5, *range(11, 21), 61]


def test_dragging_up_and_down_sets_the_velocity(small: StudioUser) -> None:
    kick = cell(small, KICK, 0)
    assert velocity(small, KICK, 0) == 120
    actions(small).click_and_hold(kick).move_by_offset(0, 20).move_by_offset(1, 45).release().perform()
    assert 40 <= velocity(small, KICK, 0) <= 70
    actions(small).click_and_hold(kick).move_by_offset(0, -200).release().perform()
    assert velocity(small, KICK, 0) == 127
    actions(small).click_and_hold(kick).move_by_offset(2, 300).release().perform()
    assert velocity(small, KICK, 0) == 1
    for expected in (127, 58, 120):
        undo(small)
        assert abs(velocity(small, KICK, 0) - expected) < 20


def test_space_belongs_to_a_button_that_has_the_focus(small: StudioUser) -> None:
    lock = small.button("Lock bar 2")
    small.value("arguments[0].focus()", lock)
    small.press(" ")
    assert small.value("studio.store.doc.locks.bars") == [False, True, False, False]
    assert not small.value("studio.player.isPlaying")
    play = small.button("Play", "#transport")
    small.value("arguments[0].focus()", play)
    small.press(" ")
    small.wait("studio.player.isPlaying")
    small.press(" ")
    assert not small.value("studio.player.isPlaying")


def test_a_link_from_a_page_with_more_models(small: StudioUser) -> None:
    """This page has no Melody tab: the beat is shown, and the keys are the drums'."""
    small.value("(studio.store.change('tab', (doc) => ({ ...doc, tab: 'melody', tempo: 97.437 })), 1)")
    address = small.value("studio.writeAddress()").partition("#")[2]
    small.open(address)
    assert small.value("[studio.store.doc.tab, studio.store.doc.tempo]") == ["drums", 97.437]
    small.value("(window.heard = [], studio.onHit(({ drum }) => heard.push(drum)), 1)")
    actions(small).send_keys("s").perform()
    assert small.value("heard") == [1]


def test_letters_hit_drums(small: StudioUser) -> None:
    before = small.value(PLAIN)
    small.value("(window.heard = [], studio.onHit(({ drum }) => heard.push(drum)), 1)")
    actions(small).send_keys("asdfghjkl").perform()
    assert small.value("heard") == list(range(9))
    assert small.value(PLAIN) == before


def test_broken_links_leave_the_page_working(small: StudioUser) -> None:
    """200 addresses: 20 are typed into the open page, some are its first address; browsers slow more of these down."""
    rng = random.Random(1)
    good = small.value("studio.writeAddress()").partition("#")[2]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_%<>é"
    before, broken = small.value(PLAIN), []
    for i in range(200):
        at = rng.randrange(len(good))
        broken.append(
            [
                good[:at] + "~",
                good[:at] + rng.choice(letters[64:]) + good[at + 1 :],
                good[at + 1 :] + "!",
                "".join(rng.choices(letters, k=rng.randrange(1, 300))) + ".",
            ][i % 4]
        )
    said = small.value(
        "arguments[0].map((text) => (studio.say(''), studio.openAddress(text),"
        " document.getElementById('alert').textContent))",
        broken,
    )
    for address in broken[:20]:
        small.value("studio.say('')")
        small.value("(location.hash = arguments[0], 1)", address)
        said.append(small.wait("document.getElementById('alert').textContent"))
    assert len(said) == 220
    assert all(sentence.startswith("This link") and sentence.endswith(".") for sentence in said)
    assert small.value(PLAIN) == before
    cell(small, TOM, 9).click()
    assert velocity(small, TOM, 9) == 100
    for address in (*broken[:4], "2" + good, "1" * 99999):
        small.open(address)
        assert small.value("document.getElementById('alert').textContent").startswith("This link"), address
        assert small.value(PLAIN) == before
        cell(small, TOM, 9).click()
        assert velocity(small, TOM, 9) == 100


def test_a_phone(small: StudioUser) -> None:
    """360 pixels: one bar at a time; a finger taps, paints along, scrolls up and down, and holds for the velocity."""
    user, browser = small, small.browser
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 360, "height": 700, "deviceScaleFactor": 1, "mobile": True},
    )
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    try:
        user.open()
        assert user.value("document.documentElement.scrollWidth") == 360

        def to_the_grid() -> None:
            """Scroll there, and wait until nothing moves any more: a finger leaves momentum behind."""
            place = -1
            while place != user.value("scrollY"):
                user.value("(document.querySelector('.lanes').scrollIntoView({ block: 'center' }), 1)")
                place = user.value("new Promise((done) => setTimeout(() => done(scrollY), 150))")

        to_the_grid()

        def middle(drum: int, step: int) -> tuple[float, float]:
            box = user.value(
                "(({ left, top, width, height }) => [left + width / 2, top + height / 2])"
                "(arguments[0].getBoundingClientRect())", cell(user, drum, step),
            )  # fmt: skip
            return box[0], box[1]

        def touch(kind: str, *at: float) -> None:
            points = [{"x": at[0], "y": at[1]}] if at else []
            browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        def finger(x: float, y: float, right: float, down: float) -> None:
            touch("touchStart", x, y)
            for i in range(1, 9):
                touch("touchMove", x + right * i / 8, y + down * i / 8)
            touch("touchEnd")

        finger(*middle(TOM, 3), 0, 0)
        assert struck(user, TOM) == [3, 61]
        right = middle(TOM, 12)[0] - middle(TOM, 6)[0]
        finger(*middle(TOM, 6), right, 2)
        assert struck(user, TOM) == [3, *range(6, 13), 61]
        # Up and down scrolls, and strikes nothing.
        before, place = user.value(PLAIN), user.value("scrollY")
        finger(*middle(KICK, 1), 0, -120)
        user.wait("scrollY !== arguments[0]", place)
        assert user.value(PLAIN) == before
        # Held first, it sets the velocity and doesn't scroll.
        to_the_grid()
        x, y = middle(KICK, 0)
        touch("touchStart", x, y)
        user.wait("document.querySelector('.cell.held')")
        place = user.value("scrollY")
        for i in range(1, 8):
            touch("touchMove", x, y + 8 * i)
        touch("touchEnd")
        assert user.value("scrollY") == place
        assert 55 <= velocity(user, KICK, 0) <= 75
        user.click("Show bar 3")
        shown = cell(user, KICK, 32).rect
        assert 0 <= shown["x"] < 360
        current = browser.find_elements("css selector", ".show-bar[aria-current=true]")
        assert [button.text for button in current] == ["Bar 3"]
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def test_the_hint_is_there_once(small: StudioUser) -> None:
    small.value("(localStorage.clear(), 1)")
    small.open()
    assert len(small.browser.find_elements("css selector", "#hint li")) == 3
    small.click("Got it")
    small.open()
    assert not small.browser.find_element("id", "hint").is_displayed()


def test_each_tab_has_its_hint_and_no_two_controls_have_one_name(page: StudioUser) -> None:
    names = (
        "[...document.querySelectorAll('input, select, button')].filter((one) => one.checkVisibility())"
        ".map((one) => one.getAttribute('aria-label') ?? one.innerText)"
    )
    page.value("(localStorage.clear(), 1)")
    page.open()
    hints = []
    for tab in ("Drums", "Melody"):
        page.click(tab, "#tabs")
        hints.append(page.value("document.querySelector('#hint ol').innerText"))
        assert len(hints[-1].split("\n")) == 3
        assert page.value(f"{names}.filter((name, i, all) => all.indexOf(name) < i)") == []
        page.click("Got it")
        assert not page.browser.find_element("id", "hint").is_displayed()
    assert hints[0] != hints[1]
    page.click("Drums", "#tabs")
    assert not page.browser.find_element("id", "hint").is_displayed()


def test_written_beats_come_with_tempo_and_swing_around_what_is_locked(small: StudioUser) -> None:
    from selenium.webdriver.support.ui import Select

    small.click("Lock kick")
    kick = [hit for hit in small.hits(BEAT) if hit[1] == KICK]
    pattern = next(p for p in page_patterns() if p["swing"] > 0)
    Select(small.browser.find_element("css selector", ".hit-line select")).select_by_visible_text(
        pattern["name"]
    )
    written = [(step, drum, hit, 0) for step, drum, hit in pattern["hits"] if drum != KICK]
    assert small.hits(BEAT) == sorted(kick + written)
    assert small.value("studio.store.doc.tempo") == pattern["qpm"]
    assert abs(small.value("studio.store.doc.swing") - pattern["swing"]) <= 0.005
    small.click("Clear")
    assert small.hits(BEAT) == kick
    small.click("Undo")
    small.click("Undo")
    assert small.value("studio.store.doc.tempo") == 96


def test_the_line_below_the_grid_sets_velocity_and_timing(small: StudioUser) -> None:
    cell(small, SNARE, 4).click()  # taken away, and chosen
    cell(small, SNARE, 4).click()
    line = small.browser.find_element("css selector", ".hit-line")
    assert "snare, bar 1 step 5" in line.text
    line.find_element("css selector", "[aria-label^=Velocity]").send_keys(
        key("ARROW_RIGHT"), key("ARROW_RIGHT")
    )
    timing = line.find_element("css selector", "[aria-label^=Timing]")
    timing.send_keys(key("END"))
    assert (4, SNARE, 102, 0.5) in small.hits(BEAT)
    small.click("Undo")
    small.click("Undo")
    assert (4, SNARE, 100, 0) in small.hits(BEAT)


def test_a_pasted_link_is_opened(small: StudioUser) -> None:
    cell(small, TOM, 9).click()
    link, document = small.value("studio.writeAddress()"), small.value(PLAIN)
    small.click("Undo")
    for text, opens in (("a text with # in it", False), (f"  {link}\n", True)):
        small.value(
            "((text) => { const clipboardData = new DataTransfer(); clipboardData.setData('text/plain', text);"
            " document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true })); return 1; })"
            "(arguments[0])",
            text,
        )
        assert (small.value(PLAIN) == document) is opens


def test_a_page_with_keys_only(page: StudioUser) -> None:
    """From the top: Tab to the grid, strike, shape, move; play; draw; everything without a pointer."""
    page.open()
    for _ in range(80):
        actions(page).send_keys(key("TAB")).perform()
        if page.value("document.activeElement.getAttribute('role')") == "gridcell":
            break
    assert page.value("document.activeElement.ariaLabel").startswith("kick, bar 1 step 1,")
    assert page.value("document.activeElement.matches(':focus-visible')")
    page.press(key("ARROW_UP"), key("ARROW_UP"), key("ARROW_RIGHT"), key("ENTER"))
    assert velocity(page, HAT, 1) == 100
    page.press("+", "+", key("PAGE_DOWN"), "-")
    assert velocity(page, HAT, 1) == 85
    spoken = page.browser.find_element("css selector", "#grid .spoken").get_attribute("textContent")
    assert spoken == "closed hi-hat, bar 1 step 2, struck, velocity 85"
    page.press(key("END"), key("ARROW_RIGHT"))
    assert page.value("document.activeElement.ariaLabel").startswith("closed hi-hat, bar 2 step 1,")
    page.press(key("HOME"), key("DELETE"))
    assert velocity(page, HAT, 16) == 0
    assert page.value("document.querySelectorAll('.cell[tabindex=\"0\"]').length") == 1
    undo(page)
    assert velocity(page, HAT, 16) == 120
    page.press(" ")
    page.wait("studio.player.isPlaying && studio.player.position > 2")
    page.press(" ")
    assert not page.value("studio.player.isPlaying")
    before = page.hits(BEAT)
    page.press("n")
    page.wait("studio.store.undoLabel === 'new beat'")
    assert page.hits(BEAT) != before


def test_n_draws_on_both_tabs(page: StudioUser) -> None:
    page.press("n")
    page.wait("studio.store.undoLabel === 'new beat'")
    beat, melody = page.hits(BEAT), page.value("[...studio.store.doc.melody.tokens]")
    page.click("Melody", "#tabs")
    page.value("document.activeElement.blur()")
    page.press("n")
    page.wait("studio.store.undoLabel === 'new melody'")
    assert page.hits(BEAT) == beat
    assert page.value("[...studio.store.doc.melody.tokens]") != melody


def test_locks_hold_over_many_beats(page: StudioUser) -> None:
    """Hits, silences, velocities and offsets of what is locked; all else is drawn."""
    cell(page, SNARE, 4).click()
    cell(page, KICK, 20).click()
    page.value("(studio.store.change('late', (doc) => { const offsets = doc.beat.offsets.slice(); offsets[0] = 0.25;"
               " return { ...doc, beat: { ...doc.beat, offsets } }; }), 1)")  # fmt: skip
    page.click("Lock bar 2")
    page.click("Lock bar 4")
    page.click("Lock kick")
    assert "locked" in cell(page, KICK, 0).get_attribute("aria-label")
    assert "locked" in cell(page, SNARE, 17).get_attribute("aria-label")
    assert "locked" not in cell(page, SNARE, 1).get_attribute("aria-label")

    def is_locked(step: int, drum: int) -> bool:
        return step // 16 in (1, 3) or drum == KICK

    kept = [hit for hit in page.hits(BEAT) if is_locked(*hit[:2])]
    assert (0, 0, 120, 0.25) in kept
    drawn = set()
    for seed in range(12):
        page.value("studio.newBeat(arguments[0])", seed)
        hits = page.hits(BEAT)
        assert [hit for hit in hits if is_locked(*hit[:2])] == kept
        drawn.add(tuple(hit[:2] for hit in hits if not is_locked(*hit[:2])))
    assert len(drawn) == 12
    page.click("New beat", "#draw")
    page.wait("studio.store.doc.seed !== 11")
    assert [hit for hit in page.hits(BEAT) if is_locked(*hit[:2])] == kept


def test_the_same_seed_draws_the_same_beat_and_undo_brings_the_old_one_back(page: StudioUser) -> None:
    first = page.value(PLAIN)
    page.value("studio.newBeat(5)")
    drawn = page.value(PLAIN)
    page.click("Undo")
    assert page.value(PLAIN) == first
    page.value("studio.newBeat(5)")
    assert page.value(PLAIN) == drawn
    page.click("Undo")
    page.click("Redo")
    assert page.value(PLAIN) == drawn


def test_everything_locked_is_said(page: StudioUser) -> None:
    for bar in range(1, 5):
        page.click(f"Lock bar {bar}")
    before = page.value(PLAIN)
    page.click("New beat", "#draw")
    page.wait("document.getElementById('alert').textContent.startsWith('Everything is locked')")
    assert page.value(PLAIN) == before


def test_conditions_reach_the_model(page: StudioUser) -> None:
    from selenium.webdriver.support.ui import Select

    page.value("(window.asked = [], window.draw = studio.engine.draw.bind(studio.engine), studio.engine.draw ="
               " (options) => (asked.push(options), draw(options)), 1)")  # fmt: skip
    selects = page.browser.find_elements("css selector", "#draw select")
    Select(selects[0]).select_by_visible_text("Funk")
    Select(selects[1]).select_by_visible_text("Fill")
    density = page.browser.find_element("css selector", "#draw input[aria-label^=Density]")
    density.send_keys(key("END"))
    page.value("studio.newBeat(3)")
    asked = page.value("asked[0].conditions")
    assert asked == {
        "tempo": 96, "style": "funk", "fill": True, "intensity": None, "density": 1, "syncopation": None,
    }  # fmt: skip
    many = len(page.hits(BEAT))
    density.send_keys(key("HOME"))
    assert page.value("studio.store.doc.conditions.density ?? 'any'") == "any"
    page.value("(studio.store.change('x', (doc) => ({ ...doc, conditions: { density: 0 } })), 1)")
    assert density.get_attribute("value") == "0"
    page.value("studio.newBeat(3)")
    assert len(page.hits(BEAT)) < many


def drag_slider(user: StudioUser, name: str, keys: list[str]) -> None:
    user.browser.find_element("css selector", f"#shape input[aria-label^='{name}']").send_keys(*keys)


def settled(user: StudioUser, name: str, value: float) -> None:
    """Wait until the beat follows the slider."""
    attribute = {"Density": "hits", "Hi-hat": "hihat", "Syncopation": "syncopation"}[name]
    user.wait(f"Math.abs((studio.store.doc.shape?.amounts.{attribute} ?? 0) - {value}) < 1e-6")


def test_sliders_move_the_beat_and_zero_is_the_very_beat(page: StudioUser) -> None:
    page.click("Lock snare")
    first = page.value(PLAIN)
    snare = [hit for hit in page.hits(BEAT) if hit[1] == SNARE]
    drag_slider(page, "Density", [key("END")])
    settled(page, "Density", 1.5)
    dense = page.hits(BEAT)
    assert [hit for hit in dense if hit[1] == SNARE] == snare
    drag_slider(page, "Density", [key("HOME")])
    settled(page, "Density", -1.5)
    sparse = page.hits(BEAT)
    assert len(sparse) < len(dense)
    assert [hit for hit in sparse if hit[1] == SNARE] == snare
    drag_slider(page, "Syncopation", [key("ARROW_RIGHT")] * 4)
    settled(page, "Syncopation", 0.2)
    drag_slider(page, "Syncopation", [key("ARROW_LEFT")] * 4)
    drag_slider(page, "Density", [key("ARROW_RIGHT")] * 30)
    page.wait("studio.store.doc.shape === null")
    assert page.value(PLAIN) == first


def test_an_edit_ends_the_sliders(page: StudioUser) -> None:
    drag_slider(page, "Hi-hat", [key("HOME")])
    settled(page, "Hi-hat", -1.5)
    cell(page, TOM, 3).click()
    slider = page.browser.find_element("css selector", "#shape input[aria-label^='Hi-hat']")
    assert slider.get_attribute("value") == "0"
    undo(page)
    assert slider.get_attribute("value") == "-1.5"


def test_a_reload_and_a_link_bring_everything_back(page: StudioUser) -> None:
    page.value("studio.newBeat(8)")
    cell(page, TOM, 5).click()
    page.click("Lock bar 3")
    drag_slider(page, "Density", [key("HOME")])
    settled(page, "Density", -1.5)
    page.browser.find_element("css selector", "#transport input[aria-label=Swing]").send_keys(key("END"))
    page.browser.find_element("css selector", "#transport input[aria-label=Tempo]").send_keys(key("ARROW_UP"))
    document = page.value(PLAIN)
    link = page.value("studio.writeAddress()")
    page.browser.refresh()
    assert page.value(PLAIN) == document
    page.open()
    assert page.value(PLAIN) != document
    page.value("(location.href = arguments[0], 1)", link)
    page.wait("document.getElementById('status').textContent === 'Opened the link.'")
    assert page.value(PLAIN) == document
    page.click("Undo")
    assert page.value(PLAIN) != document
    page.wait("location.href !== arguments[0]", link)  # the address follows


def test_the_grid_is_used_before_the_models_are_there(page: StudioUser) -> None:
    """Right after the page's script, before the worker can have answered: it edits, plays, and New beat waits."""
    page.browser.get("about:blank")
    page.browser.get(page.page.as_uri())
    state = page.browser.execute_script(
        "const held = studio.engine; return document.querySelector('#draw .state').textContent"
    )
    assert state in ("The models are loading.", "")
    page.value("studio.newBeat(1)")
    page.value("(studio.player.start(), 1)")
    page.wait("studio.player.position > 1")
    page.wait("studio.store.undoLabel === 'new beat'")
    page.value("(studio.player.stop(), 1)")


def test_nothing_moves_while_the_page_opens(page: StudioUser) -> None:
    page.browser.get("about:blank")
    page.browser.get(page.page.as_uri())
    page.browser.execute_async_script("studio.engine.ready.then(() => setTimeout(arguments[0], 200))")
    shifts = page.value(
        "new Promise((done) => { new PerformanceObserver((list) => done(list.getEntries().map((e) => e.value)))"
        ".observe({ type: 'layout-shift', buffered: true }); setTimeout(() => done([]), 300); })"
    )
    assert sum(shifts) < 0.001
