"""The arrangement, used as a person would: parts, their order, playing through, and the files that are saved."""

import wave
from collections.abc import Iterator

import mido
import numpy as np
import pytest

from tests.helpers.studio_user import Hit, StudioUser, errors_of, hits_of_midi, studio_user

pytestmark = pytest.mark.slow

QPM = 240
PARTS = "studio.store.doc.parts"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudioUser]:
    with studio_user(tmp_path_factory.mktemp("arrangement")) as user:
        yield user


@pytest.fixture
def user(opened: StudioUser) -> Iterator[StudioUser]:
    """On a page as just opened, straight and fast, whose console has no errors at the end."""
    opened.start_afresh()
    opened.browser.execute_script(
        f"studio.store.change('set up', (doc) => ({{ ...doc, tempo: {QPM}, swing: 0 }}))"
    )
    errors_of(opened.browser)
    yield opened
    assert errors_of(opened.browser) == []


def three_parts(user: StudioUser) -> None:
    """Store the first beat as A, a new one as B, and draw a fill for B."""
    user.click("Store as part A", "#arrangement")
    before = user.hits("studio.store.doc.beat")
    user.click("New beat", "#draw")
    user.wait("studio.store.undoLabel === 'new beat'")
    assert user.hits("studio.store.doc.beat") != before
    user.click("Store as part B", "#arrangement")
    user.click("Draw a fill for B", "#arrangement")
    user.wait(f"{PARTS}.length === 3")


def order(user: StudioUser, *names: str) -> None:
    for name in names:
        user.click(f"Add to order: {name}", "#arrangement")


def part_hits(user: StudioUser, part: int) -> list[Hit]:
    """Of the beat that a part plays."""
    return user.hits(f"({PARTS}[{part}].played ?? {PARTS}[{part}].beat)")


def test_a_a_b_fill_becomes_one_file_with_markers(user: StudioUser) -> None:
    three_parts(user)
    a, b, fill = (part_hits(user, i) for i in range(3))
    assert a == user.hits(f"{PARTS}[0].beat")
    assert fill[: len([hit for hit in b if hit[0] < 48])] == [hit for hit in b if hit[0] < 48]
    assert [hit for hit in fill if hit[0] >= 48] != [hit for hit in b if hit[0] >= 48]
    order(user, "A", "A", "B", "B fill")
    user.click("Save as MIDI", "#arrangement")
    data = user.saved(f"arrangement_{QPM}bpm.mid")
    played = [(64 * i + step, *rest) for i, hits in enumerate([a, a, b, fill]) for step, *rest in hits]
    assert hits_of_midi(data, QPM) == sorted(played)
    (user.folder / "read.mid").write_bytes(data)
    ticks, markers = 0, []
    for message in mido.MidiFile(user.folder / "read.mid").tracks[0]:
        ticks += message.time
        if message.type == "marker":
            markers.append((ticks, message.text))
    bar = 4 * 480
    assert markers == [(0, "A"), (4 * bar, "A"), (8 * bar, "B"), (12 * bar, "B fill")]
    assert ticks == 16 * bar


def test_parts_keep_how_they_were_heard(user: StudioUser) -> None:
    """With the groove model's feel a part holds its performance, and a drawn fill is performed, too."""
    user.browser.execute_script(
        "studio.store.change('feel', (doc) => ({ ...doc, feel: { ...doc.feel, timing: 1, velocity: 1 } }))"
    )
    user.click("Store as part A", "#arrangement")
    user.wait(f"{PARTS}.length === 1")
    assert part_hits(user, 0) != user.hits(f"{PARTS}[0].beat") == user.hits("studio.store.doc.beat")
    heard = user.hits("studio.playedBeat()")
    assert [hit[:3] for hit in part_hits(user, 0)] == [hit[:3] for hit in heard]
    assert max(abs(a[3] - b[3]) for a, b in zip(part_hits(user, 0), heard, strict=True)) <= 1 / 2048
    user.click("Draw a fill for A", "#arrangement")
    user.wait(f"{PARTS}.length === 2")
    a, fill = part_hits(user, 0), part_hits(user, 1)
    assert [hit for hit in fill if hit[0] < 48] == [hit for hit in a if hit[0] < 48]
    assert any(late for step, _, _, late in fill if step >= 48)


def test_its_sound_is_that_of_its_bars(user: StudioUser) -> None:
    """A kick alone in part B and silence in A: the sound of B A B begins at the bars of B, and A is quiet."""
    user.browser.execute_script(
        "const { steps } = studio.store.doc.beat, velocities = new Uint8Array(9 * steps);"
        "studio.setBeat('none', { steps, velocities, offsets: new Float32Array(9 * steps) });"
    )
    user.click("Store as part A", "#arrangement")
    user.browser.execute_script(
        "const { beat } = studio.store.doc, velocities = beat.velocities.slice(); velocities[0] = 120;"
        "studio.setBeat('kick', { ...beat, velocities });"
    )
    user.click("Store as part B", "#arrangement")
    order(user, "B", "A", "B")
    user.click("Loop", "#arrangement")
    user.click("Save as WAV", "#arrangement")
    (user.folder / "read.wav").write_bytes(user.saved(f"arrangement_{QPM}bpm.wav"))
    with wave.open(str(user.folder / "read.wav")) as file:
        rate = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2") / 32768
    part = 4 * rate
    assert len(samples) == 3 * part
    loud = np.flatnonzero(np.abs(samples) > 0.02)
    starts = loud[np.flatnonzero(np.diff(loud, prepend=-rate) > rate // 2)]
    assert np.abs(starts - [0, 2 * part]).max() < 0.002 * rate
    assert np.abs(samples[part : 2 * part]).max() < 0.001


def test_it_plays_through_in_order_and_ends(user: StudioUser) -> None:
    from selenium.webdriver.support.select import Select

    three_parts(user)
    for name in ("A", "B", "B fill"):
        label = f"select[aria-label='Bars of {name} that play']"
        Select(user.browser.find_element("css selector", label)).select_by_visible_text("Bar 4 only")
    order(user, "A", "B", "B fill", "A")
    user.browser.execute_script("""
      window.heard = []; window.shown = [];
      const play = studio.player.playSource.bind(studio.player);
      studio.player.playSource = (source, options) => {
        const step = source.step.bind(source);
        source.step = (n) => {
          const events = step(n);
          if (events) events.forEach(({ drum, velocity, offset }) => heard.push([n, drum, velocity, offset]));
          return events;
        };
        return play(source, options);
      };
      new MutationObserver(() => {
        const at = [...document.querySelectorAll(".order-item")].findIndex((item) => item.classList.contains("now"));
        if (at >= 0 && shown.at(-1) !== at) shown.push(at);
      }).observe(document.querySelector(".order"), { subtree: true, attributes: true });
    """)
    last = [[(s - 48, *rest) for s, *rest in part_hits(user, part) if s >= 48] for part in range(3)]
    expected = [(16 * i + s, *rest) for i, part in enumerate([0, 1, 2, 0]) for s, *rest in last[part]]
    user.click("Play the arrangement", "#arrangement")
    user.wait("document.querySelector('.order-where').textContent === 'B fill, bar 1 of 1'")
    user.wait("!studio.player.isPlaying")
    assert [tuple(hit) for hit in user.value("heard")] == expected
    assert user.value("shown") == [0, 1, 2, 3]
    assert user.value("studio.store.undoLabel") == "add part", "playing changes nothing"


def test_looping_it_begins_again_and_changes_are_heard(user: StudioUser) -> None:
    user.click("Store as part A", "#arrangement")
    order(user, "A")
    user.browser.execute_script(
        f"studio.store.change('', (doc) => ({{ ...doc, parts: [{{ ...{PARTS}[0], bars: [3, 4] }}] }}))"
    )
    user.click("Loop", "#arrangement")
    user.browser.execute_script(
        "window.starts = 0; studio.player.onStep((n) => { if (n % 16 === 0) starts += 1; });"
    )
    user.click("Play the arrangement", "#arrangement")
    user.wait("starts >= 3")
    assert user.value("studio.player.isPlaying")
    user.click("Loop", "#arrangement")
    user.wait("!studio.player.isPlaying")


def test_with_the_keyboard_alone(user: StudioUser) -> None:
    from selenium.webdriver import ActionChains, Keys

    def focus(name: str) -> None:
        user.browser.execute_script("arguments[0].focus()", user.button(name, "#arrangement"))

    focus("Store as part A")
    user.press(Keys.ENTER)
    user.press(Keys.SPACE)
    user.wait(f"{PARTS}.length === 2")
    assert not user.value("studio.player.isPlaying"), "space presses the button that has the focus"
    for name in ("A", "B", "A"):
        focus(f"Add to order: {name}")
        user.press(Keys.ENTER)
    names = "[...document.querySelectorAll('.order-item')].map((item) => item.textContent).join(' ')"
    assert user.value(names) == "A B A"
    user.browser.execute_script("document.querySelector('.order-item[tabindex=\"0\"]').focus()")
    user.press(Keys.HOME, Keys.ARROW_RIGHT)
    ActionChains(user.browser).key_down(Keys.ALT).send_keys(Keys.ARROW_RIGHT).key_up(Keys.ALT).perform()
    assert user.value(names) == "A A B"
    assert user.value("document.activeElement.getAttribute('aria-label')") == "B, 3 of 3"
    user.press(Keys.DELETE)
    assert user.value(names) == "A A"
    assert user.value("document.activeElement.textContent") == "A"
    name = user.browser.find_element("css selector", "input[aria-label='Name of part B']")
    name.send_keys(Keys.CONTROL, "a")
    name.send_keys("Bridge", Keys.ENTER)
    assert user.value(f"{PARTS}[1].name") == "Bridge"
    focus("Delete part A")
    user.press(Keys.ENTER)
    assert user.value(f"{PARTS}.map((part) => part.name).join()") == "Bridge"
    assert user.value("studio.store.doc.arrangement") == []
    user.click("Undo")
    assert user.value(names) == "A A"


def test_a_part_is_dragged_to_its_place(user: StudioUser) -> None:
    from selenium.webdriver import ActionChains

    for count, name in enumerate(("A", "B"), 1):
        user.click(f"Store as part {name}", "#arrangement")
        user.wait(f"{PARTS}.length === {count}")
    order(user, "A", "A", "B")
    items = user.browser.find_elements("css selector", ".order-item")
    user.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", items[0])
    ActionChains(user.browser).drag_and_drop(items[2], items[0]).perform()
    user.wait("studio.store.undoLabel === 'move part'")
    assert user.value("studio.store.doc.arrangement") == [1, 0, 0]


def test_it_comes_back_with_the_link(user: StudioUser) -> None:
    user.browser.execute_script("""
      const { beat } = studio.store.doc, late = beat.offsets.map((_, i) => (beat.velocities[i] ? 0.75 : 0));
      studio.performer = (written) => ({ ...written, offsets: late });
    """)
    user.click("Store as part A", "#arrangement")
    order(user, "A", "A")
    user.click("Loop", "#arrangement")
    heard = user.hits(f"{PARTS}[0].played")
    assert {late for *_, late in heard} == {0.75}
    written = user.hits(f"{PARTS}[0].beat")
    address = user.value("studio.writeAddress()").split("#")[1]
    user.open(address)
    assert user.hits(f"{PARTS}[0].played") == heard
    assert user.hits(f"{PARTS}[0].beat") == written
    assert user.value("studio.store.doc.arrangement") == [0, 0]
    assert user.value("studio.store.doc.loop") is True
    user.click("Save as MIDI", "#arrangement")
    first = [hit for hit in hits_of_midi(user.saved(f"arrangement_{QPM}bpm.mid"), QPM) if hit[0] <= 1]
    assert first[0] == (1, 0, 120, -0.25), "three quarters of a step late is a quarter before the next one"
