"""The piano roll of the studio page, edited with the pointer and with keys as a user would."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers.browser import headless_chromium
from tests.helpers.module_page import answer_of, open_module
from web.bundle import read

ENTRY = """
import { notesOf, tokensOfNotes } from "./music/melody.js";
import { MelodyRoll } from "./studio/melody_roll.js";
import { Store } from "./studio/store.js";

Object.assign(window, { heard: [], said: [] });
const asNotes = (triples) => tokensOfNotes(triples.map(([pitch, start, length]) => ({ pitch, start, length })));
window.store = new Store({ tokens: asNotes([]) });
window.begin = (triples) => {
  document.activeElement.blur();
  roll.selected = null;
  roll.length = 2;
  store.change("begin", () => ({ tokens: asNotes(triples) }));
  roll.reveal();
};
window.notes = () => notesOf(store.doc.tokens).map((note) => [note.pitch, note.start, note.length]);
window.roll = new MelodyRoll({
  tokens: store.doc.tokens, hear: (pitch) => heard.push(pitch), say: (text) => said.push(text),
  change: (label, tokens, merge) => store.change(label, () => ({ tokens }), { merge }),
});
store.subscribe(({ tokens }) => roll.show(tokens));
document.body.append(roll.root);
"""
TUNE = [[60, 0, 4], [64, 8, 4], [67, 20, 2]]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium with a roll."""
    driver = headless_chromium(tmp_path_factory.mktemp("profile"), "window-size=1000,800", log=True)
    style = f"<style>{read('studio/studio.css')}{read('studio/melody.css')}</style>"
    open_module(driver, tmp_path_factory.mktemp("page"), ENTRY, style)
    yield driver
    driver.quit()


@pytest.fixture
def roll(browser: Any) -> Any:
    """The roll with three notes, nothing selected."""
    answer_of(browser, "begin(args[0]); heard.length = said.length = 0;", TUNE)
    return browser


def notes(browser: Any) -> list[list[int]]:
    """Pitch, start and length of the notes on screen; asks the store and the buttons."""
    found = answer_of(
        browser,
        "const shown = [...document.querySelectorAll('.roll-note')].map(({ dataset: d }) => [+d.pitch, +d.start, +d.length]);"
        "return [notes(), shown];",
    )
    assert found[0] == found[1]
    return found[0]


def place(browser: Any, pitch: int, step: float) -> tuple[int, int]:
    """Where a pitch and a step are in the window."""
    x, y = answer_of(
        browser,
        "const box = roll.layer.getBoundingClientRect();"
        "return [box.left + args[1] / 32 * box.width, box.top + (108 - args[0] + 0.5) / 88 * box.height];",
        pitch, step,
    )  # fmt: skip
    return round(x), round(y)


def drag(browser: Any, *places: tuple[int, float], kind: str = "mouse") -> None:
    """Press at the first pitch and step, move over the others, and let go."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.actions.pointer_input import PointerInput

    chain = ActionChains(browser, duration=0, devices=[PointerInput(kind, kind)])
    pointer = chain.w3c_actions.pointer_action
    first, *others = [place(browser, *one) for one in places]
    pointer.move_to_location(*first)
    pointer.pointer_down()
    for x, y in others:
        pointer.move_to_location(x, y)
    pointer.pointer_up()
    chain.perform()


def press(browser: Any, *keys: str) -> None:
    """Press keys one after the other; `Shift+ArrowUp` holds the first."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    names = {
        "ArrowUp": Keys.ARROW_UP, "ArrowDown": Keys.ARROW_DOWN, "ArrowLeft": Keys.ARROW_LEFT,
        "ArrowRight": Keys.ARROW_RIGHT, "Enter": Keys.ENTER, "Delete": Keys.DELETE, "PageUp": Keys.PAGE_UP,
        "PageDown": Keys.PAGE_DOWN, "Home": Keys.HOME, "End": Keys.END, "Tab": Keys.TAB,
    }  # fmt: skip
    chain = ActionChains(browser, duration=0)
    for key in keys:
        held = key.startswith("Shift+")
        if held:
            chain.key_down(Keys.SHIFT)
        chain.send_keys(names[key.removeprefix("Shift+")])
        if held:
            chain.key_up(Keys.SHIFT)
    chain.perform()


def test_a_click_adds_a_note_and_a_drag_makes_it_longer(roll: Any) -> None:
    drag(roll, (62, 14.5))
    assert notes(roll) == [*TUNE[:2], [62, 14, 2], TUNE[2]]
    drag(roll, (70, 24.5), (70, 29.5))
    assert notes(roll)[-1] == [70, 24, 6]
    drag(roll, (72, 31.5))
    assert notes(roll)[-2:] == [[70, 24, 6], [72, 31, 1]]
    assert answer_of(roll, "return heard;") == [62, 70, 72]
    answer_of(roll, "store.undo(); store.undo();")
    assert notes(roll) == [*TUNE[:2], [62, 14, 2], TUNE[2]]


def test_a_note_is_moved_and_what_it_passes_over_comes_back(roll: Any) -> None:
    drag(roll, (60, 1.5), (64, 9.5), (66, 15.5))
    assert notes(roll) == [[64, 8, 4], [66, 14, 4], [67, 20, 2]]
    drag(roll, (66, 15.5), (66, 9.5))
    assert notes(roll) == [[66, 8, 4], [67, 20, 2]]
    answer_of(roll, "store.undo();")
    assert notes(roll) == [[64, 8, 4], [66, 14, 4], [67, 20, 2]]
    answer_of(roll, "store.undo();")
    assert notes(roll) == TUNE


def test_its_right_end_makes_a_note_longer_up_to_the_next(roll: Any) -> None:
    drag(roll, (60, 3.8), (60, 6.5))
    assert notes(roll)[0] == [60, 0, 7]
    drag(roll, (60, 6.8), (60, 12.5))
    assert notes(roll)[:2] == [[60, 0, 8], [64, 8, 4]]
    drag(roll, (60, 7.8), (60, 0.2))
    assert notes(roll)[:2] == [[60, 0, 1], [64, 8, 4]]
    drag(roll, (70, 4.5))
    assert notes(roll)[1] == [70, 4, 1], "a new note is as long as the last one was made"


def test_a_double_click_deletes_a_note_and_one_click_selects_it(roll: Any) -> None:
    drag(roll, (64, 9.5))
    assert notes(roll) == TUNE
    assert answer_of(roll, "return document.activeElement.getAttribute('aria-label');") == (
        "E 4, bar 1 step 9, 4 steps long"
    )
    answer_of(roll, "await new Promise((resolve) => setTimeout(resolve, 400));")
    drag(roll, (64, 9.5))
    drag(roll, (64, 9.5))
    assert notes(roll) == [TUNE[0], TUNE[2]]


def test_a_tap_adds_a_note_and_a_finger_that_scrolls_does_not(roll: Any) -> None:
    drag(roll, (62, 14.5), kind="touch")
    assert [62, 14, 2] in notes(roll)
    before = notes(roll)
    drag(roll, (72, 26.5), (66, 26.5), kind="touch")
    assert notes(roll) == before


def test_keys_move_lengthen_add_and_delete(roll: Any) -> None:
    answer_of(roll, "roll.buttons[1].focus();")
    press(roll, "ArrowUp", "ArrowRight", "ArrowRight")
    assert notes(roll)[1] == [65, 10, 4]
    press(roll, "Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowLeft", "Shift+ArrowUp", "ArrowDown")
    assert notes(roll)[1] == [76, 10, 5]
    assert answer_of(roll, "return said.at(-1);") == "E 5, bar 1 step 11, 5 steps long"
    press(roll, "Enter")
    assert notes(roll) == [TUNE[0], [76, 10, 5], [76, 15, 5], TUNE[2]]
    press(roll, "Delete")
    assert notes(roll) == [TUNE[0], [76, 10, 5], TUNE[2]]
    press(roll, "Delete")
    assert notes(roll) == [TUNE[0], [76, 10, 5]]
    press(roll, "Home", "Delete", "Delete")
    assert notes(roll) == []
    assert answer_of(roll, "return document.activeElement === roll.root;"), "the focus stays in the roll"
    press(roll, "Enter")
    assert notes(roll) == [[60, 0, 5]]


def test_keys_stop_at_the_ends_and_pass_over_other_notes(roll: Any) -> None:
    answer_of(roll, "roll.buttons[0].focus();")
    press(roll, "ArrowLeft", *["ArrowRight"] * 8)
    assert notes(roll) == [[60, 8, 4], TUNE[2]]
    press(roll, "ArrowRight")
    assert notes(roll) == [[64, 8, 1], [60, 9, 4], TUNE[2]]
    press(roll, *["ArrowRight"] * 30)
    assert notes(roll) == [[64, 8, 4], [67, 20, 2], [60, 28, 4]]
    press(roll, *["Shift+ArrowUp"] * 6)
    assert notes(roll)[-1] == [108, 28, 4]
    answer_of(roll, "store.undo();")
    assert notes(roll) == TUNE, "a run of keys is one level of undo"


def test_keys_go_from_note_to_note(roll: Any) -> None:
    answer_of(roll, "roll.root.focus();")
    press(roll, "Tab")
    starts = []
    for key in ("PageDown", "PageDown", "PageDown", "Home", "End", "PageUp"):
        press(roll, key)
        starts.append(answer_of(roll, "return Number(document.activeElement.dataset.start);"))
    assert starts == [8, 20, 20, 0, 20, 8]
    assert notes(roll) == TUNE


def test_a_full_roll_says_that_there_is_no_room(roll: Any) -> None:
    answer_of(roll, "begin([[60, 0, 32]]); roll.add();")
    assert answer_of(roll, "return said;") == ["There is no free step left: shorten or delete a note first."]
    assert notes(roll) == [[60, 0, 32]]


def test_nothing_went_wrong(browser: Any) -> None:
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
