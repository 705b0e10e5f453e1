"""The pad between four beats and its path, used as a person would, with the shipped models."""

import itertools
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from patterns.for_page import page_patterns
from tests.helpers.module_page import answer_of, open_module
from tests.helpers.studio_user import StudioUser, errors_of, hits_of_midi, studio_user

pytestmark = pytest.mark.slow

QPM = 240

# What happens, in order: ["asked", step] when the player asks for a step of the beat, ["beat", tokens] when it changes.
LOG = """
const isFirst = !window.log;
window.log = [];
window.tokens = (beat) => { const t = Array(beat.steps).fill(0);
  beat.velocities.forEach((v, i) => { if (v) t[Math.floor(i / 9)] |= 1 << i % 9; }); return t; };
if (isFirst) studio.player.onAsked((n, events) => log.push(["asked", n, events.map(({ drum, velocity, offset }) =>
  [n % 16, drum, velocity, offset])]));
if (isFirst) studio.store.subscribe((doc, before) => { if (doc.beat !== before.beat) log.push(["beat", tokens(doc.beat)]); });
"""


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudioUser]:
    with studio_user(tmp_path_factory.mktemp("pad")) as user:
        yield user


@pytest.fixture
def user(opened: StudioUser) -> Iterator[StudioUser]:
    """On a page as just opened, whose console has no errors at the end."""
    opened.start_afresh()
    errors_of(opened.browser)
    yield opened
    assert errors_of(opened.browser) == []


def choose(user: StudioUser, corner: str, text: str) -> None:
    """Fill a corner from its list."""
    from selenium.webdriver.support.select import Select

    name = f"Beat in the {corner} corner"
    before = user.value("studio.store.doc.pad.corners.filter(Boolean).length")
    Select(user.browser.find_element("css selector", f"select[aria-label='{name}']")).select_by_visible_text(
        text
    )
    user.wait(f"studio.store.doc.pad.corners.filter(Boolean).length > {before}")


def fill(user: StudioUser) -> None:
    user.click("Fill the empty corners", "#pad")
    user.wait("studio.store.doc.pad.corners.every(Boolean)")


def dot(user: StudioUser) -> Any:
    return user.browser.find_element("css selector", "#pad [role=slider]")


def drag(user: StudioUser, *places: tuple[float, float]) -> None:
    """Press the mouse at the first place of the square and drag to the others."""
    from selenium.webdriver import ActionChains

    square = user.browser.find_element("css selector", "#pad .pad-square")
    user.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", square)
    size = square.size
    chain = ActionChains(user.browser, duration=40)
    for i, (x, y) in enumerate(places):
        at = (round((x - 0.5) * size["width"] * 0.99), round((y - 0.5) * size["height"] * 0.99))
        chain.move_to_element_with_offset(square, *at)
        if i == 0:
            chain.click_and_hold()
    chain.release().perform()


def settled(user: StudioUser, x: float, y: float) -> None:
    """Wait until the beat of a place is on the grid, asking the engine for it once more."""
    user.wait(f"studio.store.doc.pad.x === {x} && studio.store.doc.pad.y === {y}")
    user.browser.set_script_timeout(60)
    user.value("studio.engine.encode({role: 'edit', tokens: new Uint16Array(64)}).then(() => true)")


def test_the_dot_in_a_corner_is_the_beat_of_that_corner(user: StudioUser) -> None:
    pattern = next(p for p in page_patterns() if p["name"] == "Ghosted sixteenths")
    first = user.hits("studio.store.doc.beat")
    for corner, text in [
        ("top left", "The beat on the grid"),
        ("top right", "A new beat"),
        ("bottom left", pattern["name"]),
        ("bottom right", "A new beat"),
    ]:
        choose(user, corner, text)
    corners = [user.hits(f"studio.store.doc.pad.corners[{i}].beat") for i in range(4)]
    assert corners[0] == first
    assert [list(hit[:3]) for hit in corners[2]] == pattern["hits"]
    assert len({tuple(corner) for corner in corners}) == 4
    for i in (3, 2, 1, 0):
        drag(user, (0.4, 0.5), (i % 2, i // 2))
        user.wait(f"studio.store.doc.pad.x === {i % 2} && studio.store.doc.pad.y === {i // 2}")
        assert user.hits("studio.store.doc.beat") == corners[i]
        assert "corner, " in dot(user).get_attribute("aria-valuetext")
    user.click("Undo")
    assert user.hits("studio.store.doc.beat") == corners[1]
    assert user.value("studio.store.doc.pad.x") == 1


def test_between_the_corners_is_what_the_model_mixes(user: StudioUser) -> None:
    fill(user)
    drag(user, (0.9, 0.1), (0.5, 0.5))
    user.wait("studio.store.doc.pad.x < 0.6")
    expected = user.value("""(async () => {
      const { pad } = studio.store.doc, role = "edit", tokens = ({ beat }) => Uint16Array.from(beat.velocities
        .reduce((t, v, i) => { if (v) t[Math.floor(i / 9)] |= 1 << i % 9; return t; }, Array(64).fill(0)));
      const corners = [];
      for (const corner of pad.corners) corners.push(await studio.engine.encode({ role, tokens: tokens(corner) }));
      return [...(await studio.engine.mix({ role, corners, x: pad.x, y: pad.y })).tokens];
    })()""")
    hits = user.hits("studio.store.doc.beat")
    assert [sum(1 << drum for at, drum, _, _ in hits if at == step) for step in range(64)] == expected
    velocities = [v for i in range(4) for *_, v, _ in user.hits(f"studio.store.doc.pad.corners[{i}].beat")]
    assert all(min(velocities) <= velocity <= max(velocities) for _, _, velocity, _ in hits)


def test_while_it_plays_the_beat_changes_only_at_bar_lines(user: StudioUser) -> None:
    fill(user)
    user.browser.execute_script(f"studio.store.change('tempo', (doc) => ({{ ...doc, tempo: {QPM} }}))")
    user.browser.execute_script(LOG)
    user.browser.execute_script("arguments[0].focus()", dot(user))
    user.press(" ")
    user.wait("log.length > 3")
    for key in ("ARROW_RIGHT", "ARROW_DOWN", "END", "PAGE_DOWN"):
        bar = user.value("log.filter((entry) => entry[0] === 'asked').at(-1)[1] >> 4")
        user.press(_key(key))
        user.wait(f"log.filter((entry) => entry[0] === 'asked').at(-1)[1] >= {16 * bar + 18}")
    user.press(" ")
    user.wait("!studio.player.isPlaying")
    log = user.value("log")
    changes = [i for i, entry in enumerate(log) if entry[0] == "beat"]
    assert len(changes) >= 2
    for i in changes:
        assert log[i - 1][0] == "asked" and log[i - 1][1] % 16 == 15
        assert log[i + 1][0] == "asked" and log[i + 1][1] % 16 == 0
    for before, entry in itertools.pairwise(log):
        if before[0] == "beat":
            step = entry[1] % 64
            assert sum(1 << hit[1] for hit in entry[2]) == before[1][step], (
                "the new beat is heard in that very bar"
            )
    user.press(_key("HOME"), _key("PAGE_UP"))
    user.wait("log.at(-1)[0] === 'beat'")
    assert user.hits("studio.store.doc.beat") == user.hits("studio.store.doc.pad.corners[0].beat")


def _key(name: str) -> str:
    from selenium.webdriver import Keys

    return getattr(Keys, name)


def test_a_recorded_path_is_saved_as_the_bars_that_were_played(user: StudioUser) -> None:
    user.browser.execute_script(
        f"""studio.store.change('set up', (doc) => ({{ ...doc, tempo: {QPM}, swing: 0 }}));
        const {{ beat }} = studio.store.doc, offsets = beat.offsets.slice();
        beat.velocities.forEach((v, i) => {{ if (v && i > 9) offsets[i] = ((i % 5) - 2) / 8; }});
        studio.setBeat('set up', {{ ...beat, offsets }});"""
    )
    fill(user)
    user.browser.execute_script(LOG)
    user.click("Record a path", "#pad")
    for i, place in enumerate([(0.3, 0.2), (0.6, 0.7), (1.0, 1.0)]):
        user.wait(f"log.filter((entry) => entry[0] === 'asked').length > {16 * (i + 1)}")
        drag(user, (0.1, 0.1), place)
    user.wait("log.filter((entry) => entry[0] === 'asked').length > 84")
    user.click("Record a path", "#pad")
    user.browser.execute_script("studio.player.stop()")
    played: dict[int, list[list[float]]] = {}
    for entry in user.value("log"):
        if entry[0] == "asked":
            played.setdefault(entry[1] // 16, []).extend(entry[2])
    count = user.value("studio.store.doc.path.bars.length")
    assert count >= 4
    assert len({tuple(map(tuple, played[bar])) for bar in range(count)}) > 2
    user.click("Save the path", "#pad")
    expected = sorted(
        (16 * bar + int(step), int(drum), int(velocity), round(late * 120) / 120)
        for bar in range(count)
        for step, drum, velocity, late in played[bar]
    )
    assert hits_of_midi(user.saved(f"path_{QPM}bpm.mid"), QPM) == expected

    # It comes back with the link, is played as it was, can be cleared, and that can be undone.
    address = user.value("studio.writeAddress()").split("#")[1]
    bars = [user.hits(f"studio.store.doc.path.bars[{i}]") for i in range(count)]
    user.open(address)
    assert [user.hits(f"studio.store.doc.path.bars[{i}]") for i in range(count)] == bars
    user.browser.execute_script(
        "window.shown = []; studio.player.onChange(() => {});"
        "new MutationObserver(() => { const marks = [...document.querySelectorAll('.pad-mark')];"
        "const at = marks.findIndex((mark) => mark.classList.contains('now'));"
        "if (at >= 0 && shown.at(-1) !== at) shown.push(at); })"
        ".observe(document.querySelector('.pad-square svg'), { childList: true });"
    )
    user.click("Play the path", "#pad")
    user.wait("!studio.player.isPlaying")
    assert user.value("shown") == list(range(count))
    user.click("Clear the path", "#pad")
    assert user.value("studio.store.doc.path") is None
    user.click("Undo")
    assert user.value("studio.store.doc.path.bars.length") == count


def test_keys_touch_and_locks(user: StudioUser) -> None:
    """Corners are filled and the dot is moved without a mouse; what is locked stays; a drag is one level of undo."""
    lists = user.browser.find_elements("css selector", "#pad .pad-chooser select")
    for i, select in enumerate(lists):
        user.browser.execute_script("arguments[0].focus()", select)
        user.press(*["the beat", "a new", "straight", "a new"][i])
        user.wait(f"studio.store.doc.pad.corners[{i}]")
    user.wait("studio.store.doc.pad.corners.every(Boolean)")
    first = user.hits("studio.store.doc.beat")
    user.browser.execute_script(
        "studio.store.change('lock', (doc) => ({ ...doc, locks: { ...doc.locks, bars: [true, false, false, false],"
        " drums: doc.locks.drums.map((_, drum) => drum === 0) } }))"
    )
    user.browser.execute_script("arguments[0].focus()", dot(user))
    user.press(_key("END"), _key("PAGE_DOWN"))
    user.wait("studio.store.doc.pad.x === 1 && studio.store.doc.pad.y === 1")
    corner = user.hits("studio.store.doc.pad.corners[3].beat")
    assert user.hits("studio.store.doc.beat") == sorted(
        [hit for hit in first if hit[0] < 16 or hit[1] == 0]
        + [hit for hit in corner if hit[0] >= 16 and hit[1] != 0]
    )
    levels = user.value("studio.store.undoLabel")
    touch(user, (0.9, 0.9), (0.6, 0.7), (0.3, 0.5), (0.0, 0.0))
    user.wait("studio.store.doc.pad.x === 0 && studio.store.doc.pad.y === 0")
    assert user.hits("studio.store.doc.beat") == first
    user.click("Undo")
    assert user.value("[studio.store.doc.pad.x, studio.store.doc.pad.y]") == [1, 1]
    assert user.value("studio.store.undoLabel") == levels


def touch(user: StudioUser, *places: tuple[float, float]) -> None:
    """Put a finger on the square and move it."""
    box = user.value(
        "(() => { const square = document.querySelector('#pad .pad-square'); square.scrollIntoView({ block: 'center' });"
        "const { left, top, width, height } = square.getBoundingClientRect(); return [left, top, width, height]; })()"
    )
    for i, (x, y) in enumerate(places):
        point = {"x": box[0] + x * box[2], "y": box[1] + y * box[3]}
        kind = "touchMove" if i else "touchStart"
        user.browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    user.browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_velocities_and_offsets_come_from_the_corners(opened: StudioUser, tmp_path: Path) -> None:
    """By hand: where two corners have the hit, where one has it, where only its drum is struck elsewhere, where none is."""
    open_module(
        opened.browser,
        tmp_path,
        textwrap.dedent("""\
            import { mixedBeat } from "./music/mixed_beat.js";
            import { beatOfHits, hits } from "./music/beat.js";
            const beat = (list) => beatOfHits(32, list.map(([step, drum, velocity, offset]) =>
              ({ step, drum, velocity, offset })));
            window.mixed = (tokens, corners, weights) => hits(mixedBeat(tokens, corners.map(beat), weights))
              .map(({ step, drum, velocity, offset }) => [step, drum, velocity, offset]);
            """),
    )
    corners = [
        [[0, 0, 100, 0.25], [4, 1, 60, 0]],
        [[0, 0, 40, -0.25], [17, 2, 90, 0.125]],
        [],
        [[20, 1, 127, 0.5]],
    ]
    tokens = [0] * 32
    tokens[0], tokens[1], tokens[4], tokens[9] = 1, 4, 2, 2 + 256

    def mixed(weights: list[float]) -> Any:
        return answer_of(opened.browser, "return mixed(...args);", tokens, corners, weights)

    assert mixed([0.75, 0.25, 0, 0]) == [
        [0, 0, 85, 0.125],
        [1, 2, 90, 0.125],
        [4, 1, 60, 0],
        [9, 1, 60, 0],
        [9, 8, 80, 0],
    ]
    assert mixed([0.5, 0, 0, 0.5])[1:] == [[1, 2, 80, 0], [4, 1, 60, 0], [9, 1, 94, 0.25], [9, 8, 80, 0]]
