"""Live MIDI from the studio page, through its controls, to a port that notes what it is sent."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES
from render.drum_maps import DRUM_MAPS
from tests.helpers.panel_user import DRUMS, PanelUser, panel_user

pytestmark = pytest.mark.slow

QPM = 200.0
CLOCK, START, STOP = 0xF8, 0xFA, 0xFC

STUB = """
window.sent = [];
const port = (id, name) => ({
  id, name, state: "connected", connection: "open", type: "output",
  send(bytes, time) { sent.push([id, [...bytes], time ?? performance.now()]); },
});
window.access = { outputs: new Map([["1", port("1", "IAC Bus")], ["2", port("2", "Drum machine")]]), onstatechange: null };
Object.defineProperty(navigator, "requestMIDIAccess", { configurable: true, value: async () => access });
"""


@pytest.fixture(scope="module")
def someone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PanelUser]:
    with panel_user(tmp_path_factory.mktemp("studio"), "autoplay-policy=no-user-gesture-required") as person:
        yield person


@pytest.fixture
def user(someone: PanelUser) -> Iterator[PanelUser]:
    """With a beat of sixteenths on every drum in turn, as the page was left but for what is chosen."""
    steps = np.arange(64)
    velocities = np.zeros((64, DRUMS))
    velocities[steps, steps % DRUMS] = 40 + steps
    someone.hush()
    someone.set_beat(velocities, velocities * 0, tempo=QPM, swing=0, drumMap="general_midi")
    yield someone
    someone.run("studio.player.stop()")


@pytest.fixture
def connected(user: PanelUser) -> PanelUser:
    """Connected to the first of two ports, with the clock on."""
    if not user.run("return document.getElementById('midi-port')"):
        user.run(STUB)
        user.tap("midi-connect")
        user.wait("document.getElementById('midi-port')")
        assert user.run("return document.getElementById('midi-port').value") == "1"
        assert user.run("return document.getElementById('midi-clock').checked")
    user.slide("midi-port", "1")
    if not user.run("return document.getElementById('midi-clock').checked"):
        user.tap("midi-clock")
    return user


def played(user: PanelUser, bars: float) -> list[tuple[str, list[int], float]]:
    """Play a number of bars and stop; what was sent to which port, in order of time."""
    user.run("sent.length = 0; studio.player.start()")
    user.wait("studio.player.position > arguments[0]", bars * 16)
    user.run("studio.player.stop()")
    user.wait("!studio.player.isPlaying")
    sent = user.run("return sent")
    return sorted(((port, data, time) for port, data, time in sent), key=lambda message: message[2])


def notes(sent: list[tuple[str, list[int], float]]) -> list[tuple[int, int, float]]:
    """Pitch, velocity and time of what is struck."""
    return [(data[1], data[2], time) for _, data, time in sent if data[0] == 0x99 and data[2]]


def of_kind(sent: list[Any], status: int) -> list[float]:
    return [time for _, data, time in sent if data[0] == status]


def test_the_beat_is_sent_in_time_with_a_clock_and_stops(connected: PanelUser) -> None:
    assert "goes to IAC Bus" in connected.run("return document.getElementById('midi-status').textContent")
    sent = played(connected, 1.5)
    assert {port for port, *_ in sent} == {"1"}
    struck = notes(sent)
    assert len(struck) >= 24
    pitches = [drum.pitch for drum in REDUCED_DRUM_CLASSES]
    assert [pitch for pitch, *_ in struck] == [pitches[i % DRUMS] for i in range(len(struck))]
    assert [velocity for _, velocity, _ in struck] == [40 + i for i in range(len(struck))]
    step = 15000 / QPM
    # Where the machine stalls, a message may be late; most are not.
    assert np.median(np.diff([time for *_, time in struck])) == pytest.approx(step, abs=0.5)
    pulses = of_kind(sent, CLOCK)
    assert len(pulses) > 6 * 24 - 6
    assert np.median(np.diff(pulses)) == pytest.approx(step / 6, abs=0.5)
    (start,), stops = of_kind(sent, START), of_kind(sent, STOP)
    assert start <= pulses[0] and len(stops) == 1 and stops[0] >= pulses[-1] - 1
    sounding: set[int] = set()
    for _, data, _ in sent:
        if data[0] == 0x99 and data[2]:
            sounding.add(data[1])
        elif data[0] in (0x89, 0x99):
            sounding.discard(data[1])
    assert not sounding


def test_map_clock_and_port_are_chosen(connected: PanelUser) -> None:
    connected.slide("drum-map", "pads_from_c1")
    connected.slide("midi-port", "2")
    connected.tap("midi-clock")
    sent = played(connected, 0.7)
    assert {port for port, *_ in sent} == {"2"}
    assert not of_kind(sent, CLOCK) and not of_kind(sent, START)
    pads = list(DRUM_MAPS["pads_from_c1"].values())
    assert {pitch for pitch, *_ in notes(sent)} == set(pads)
    connected.slide("midi-port", "")
    assert not played(connected, 0.3)
    assert "no MIDI is sent" in connected.run("return document.getElementById('midi-status').textContent")


def test_a_port_that_goes_is_said_and_comes_back(connected: PanelUser) -> None:
    connected.run(
        "window.gone = access.outputs.get('1'); access.outputs.delete('1'); access.onstatechange({ port: gone })"
    )
    assert '"IAC Bus" is gone' in connected.run("return document.getElementById('midi-status').textContent")
    assert not notes(played(connected, 0.3))
    connected.run("access.outputs.set('1', gone); access.onstatechange({ port: gone })")
    assert "goes to IAC Bus" in connected.run("return document.getElementById('midi-status').textContent")
    assert notes(played(connected, 0.3))


def test_the_sound_of_the_page_can_be_switched_off(connected: PanelUser) -> None:
    assert connected.run("return studio.player.sound")
    connected.tap("midi-sound")
    assert not connected.run("return studio.player.sound")
    assert notes(played(connected, 0.3)), "MIDI goes on"
    connected.tap("midi-sound")
    assert connected.run("return studio.player.sound")


def test_without_web_midi_the_page_says_so_and_works_on(user: PanelUser) -> None:
    user.open()
    user.run(
        "Object.defineProperty(navigator, 'requestMIDIAccess', { configurable: true, value: undefined })"
    )
    user.tap("midi-connect")
    user.wait("document.getElementById('alert').textContent")
    said, alert = user.said()
    assert not said and alert.startswith("This browser can't send MIDI") and alert.endswith(".")
    assert user.run("return document.getElementById('midi-status').textContent") == alert
    user.run("studio.player.start()")
    user.wait("studio.player.position > 2")


def test_refused_access_can_be_asked_for_again(user: PanelUser) -> None:
    user.open()
    user.run(
        STUB + "access.refuse = true; const give = navigator.requestMIDIAccess;"
        "Object.defineProperty(navigator, 'requestMIDIAccess', { value: async () => {"
        "  if (access.refuse) throw new DOMException('no', 'NotAllowedError'); return give(); } });"
    )
    user.tap("midi-connect")
    user.wait("document.getElementById('alert').textContent")
    assert "gave no access to MIDI" in user.said()[1]
    user.run("access.refuse = false")
    user.tap("midi-connect")
    user.wait("document.getElementById('midi-port')")
