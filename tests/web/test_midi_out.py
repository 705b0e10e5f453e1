"""Live MIDI against ports that the tests make up: every message with the time at which it is to be sent."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from render.drum_maps import DRUM_MAPS, DRUM_NAMES
from tests.helpers.module_page import answer_of, module_browser

ENTRY = """
import { Player } from "./sound/player.js";
import { MidiOut } from "./sound/midi_out.js";

Object.assign(window, { MidiOut, Player });

// Ports as a browser has them: they keep what they are sent.
window.ports = (...names) => {
  const access = { outputs: new Map(), onstatechange: null, sent: [] };
  access.plug = (id, name) => {
    const output = { id, name, state: "connected", connection: "closed", sent: [] };
    output.send = (bytes, time) => {
      if (output.state !== "connected") throw new DOMException("gone", "InvalidStateError");
      output.connection = "open";
      output.sent.push([[...bytes], time, access.now()]);
    };
    access.outputs.set(id, output);
    access.onstatechange?.({ port: output });
    return output;
  };
  access.unplug = (id) => {
    const output = access.outputs.get(id);
    output.state = "disconnected";
    access.outputs.delete(id);
    access.onstatechange?.({ port: output });
    return output;
  };
  access.now = () => 0;
  names.forEach((name, i) => access.plug(`port-${i}`, name));
  return access;
};
window.browserWith = (access) => ({ requestMIDIAccess: async () => access });

// A player whose time passes in `run`, its second 0 being at EPOCH milliseconds, and a port that it plays to.
window.EPOCH = 12345.678;
window.stage = async ({ step, tempo = 120, swing = 0, clock = false, first = 0, map = "general_midi" } = {}) => {
  let now = 0, jitter = 7;
  const access = ports("Synth", "Other");
  access.now = () => now * 1000 + EPOCH;
  const out = await MidiOut.open(browserWith(access), access.now);
  out.choose("port-0");
  out.drumMap = map;
  out.sendClock = clock;
  const source = { step: step ?? ((n) => [{ drum: n % 9, velocity: 20 + n }]) };
  const player = new Player({
    source, sinks: [out.sink], tempo, swing, ticker: null,
    clock: { now: () => now, heardAt: () => now, performanceOf: (time) => time * 1000 + EPOCH },
  });
  const run = (seconds) => {
    const end = now + seconds;
    while (now < end) {
      jitter = (jitter * 16807) % 2147483647;
      now += 0.004 + 0.03 * (jitter / 2147483647);
      player.tick();
    }
  };
  await player.start(first);
  return { access, out, player, run, sent: access.outputs.get("port-0").sent, other: access.outputs.get("port-1") };
};
"""
EPOCH = 12345.678
FIRST = EPOCH + 80
"""When the first step is to sound, in milliseconds."""
ON, OFF, SILENCE, POSITION, CLOCK, START, CONTINUE, STOP = 0x90, 0x80, 0xB0, 0xF2, 0xF8, 0xFA, 0xFB, 0xFC
ALL_OFF = [[SILENCE + 9, 123, 0], [SILENCE, 123, 0]]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium with the modules in `window`."""
    with module_browser(tmp_path_factory.mktemp("page"), ENTRY) as browser:
        yield browser


def staged(page: Any, options: str, script: str, result: str = "sent") -> Any:
    """What a port was sent, as [bytes, time, when it was given], after `script`."""
    return answer_of(
        page,
        f"const {{ access, out, player, run, sent, other }} = await stage({options}); {script}; return {result};",
    )


def notes(sent: list[Any], channel: int = 9) -> list[tuple[float, int, int]]:
    """Time, note and velocity of the notes that begin."""
    return [(time, data[1], data[2]) for data, time, _ in sent if data[0] == ON + channel]


def swung(step: float, swing: float) -> float:
    pair, inside = divmod(step, 2)
    return 2 * pair + (inside * (1 + swing) if inside <= 1 else 1 + swing + (inside - 1) * (1 - swing))


@pytest.mark.parametrize(("tempo", "swing"), [(120, 0), (93, 1 / 3), (201, 0.2)])
def test_notes_are_on_the_grid_on_channel_10(page: Any, tempo: float, swing: float) -> None:
    sent = staged(page, f"{{ tempo: {tempo}, swing: {swing} }}", "run(6)")
    general_midi = list(DRUM_MAPS["general_midi"].values())
    found = notes(sent)
    assert len(found) >= 6 * 4 * tempo / 60 - 2
    for step, (time, pitch, velocity) in enumerate(found):
        assert time == pytest.approx(FIRST + swung(step, swing) * 15000 / tempo, abs=1e-6)
        assert (pitch, velocity) == (general_midi[step % 9], 20 + step)


def test_every_note_ends_and_messages_are_given_in_order_and_just_before_their_time(page: Any) -> None:
    step = "(n) => [{ drum: 0, velocity: 90, offset: [0.4, -0.4, 0][n % 3] }, { drum: 2, velocity: 60 }]"
    sent = staged(page, f"{{ step: {step}, tempo: 240, clock: true }}", "run(8); player.stop()")
    times = [time for _, time, _ in sent]
    assert times == sorted(times)
    assert all(given <= time <= given + 100 for _, time, given in sent[:-10])
    open_notes: dict[int, float] = {}
    lengths = []
    for data, time, _ in sent:
        if data[0] == ON + 9:
            assert data[1] not in open_notes, "a note begins twice"
            open_notes[data[1]] = time
        elif data[0] == OFF + 9:
            lengths.append(time - open_notes.pop(data[1]))
    assert open_notes == {}
    assert len(lengths) == len(notes(sent)) > 200
    assert all(0 < length <= 60.001 for length in lengths)


def test_no_note_is_lost_or_doubled_over_64_bars(page: Any) -> None:
    step = "(n) => (n < 1024 ? [{ drum: n % 9, velocity: 1 + (n % 127) }] : null)"
    sent = staged(page, f"{{ step: {step}, tempo: 180 }}", "run(90)")
    assert [velocity for _, _, velocity in notes(sent)] == [1 + n % 127 for n in range(1024)]


@pytest.mark.parametrize("name", DRUM_MAPS)
def test_a_drum_map_says_which_note_a_drum_is(page: Any, name: str) -> None:
    sent = staged(page, f"{{ map: '{name}' }}", "run(1.2)")
    expected = [DRUM_MAPS[name][drum] for drum in DRUM_NAMES]
    assert [pitch for _, pitch, _ in notes(sent)][:9] == expected


def test_a_drum_map_that_is_not_there_is_refused_and_one_changes_while_it_plays(page: Any) -> None:
    script = """
      let message = null;
      try { out.drumMap = "mine"; } catch (error) { message = error.message; }
      run(1);
      const before = sent.length;
      out.drumMap = "pads_from_c1";
      run(1.5)"""
    message, name, late = staged(page, "{}", script, "[message, out.drumMap, sent.slice(before)]")
    assert "mine" in message and "general_midi" in message
    assert name == "pads_from_c1"
    assert {pitch for _, pitch, _ in notes(late)[-9:]} == set(range(36, 45))


def test_two_drums_on_one_note_are_one_and_velocities_fit_into_midi(page: Any) -> None:
    step = "(n) => [{ drum: 1, velocity: 40 }, { drum: 1, velocity: 300.2 }, { drum: 3, velocity: 0.2 }]"
    sent = staged(page, f"{{ step: {step} }}", "run(0.5)")
    assert [note[1:] for note in notes(sent)][:4] == [(38, 127), (46, 1)] * 2


def test_melodies_are_on_channel_1_and_held(page: Any) -> None:
    step = "(n) => (n % 4 ? [] : [{ pitch: 60 + n, velocity: 80, length: 4 }, { click: 'beat' }])"
    sent = staged(page, f"{{ step: {step}, tempo: 60 }}", "run(5)")
    on = notes(sent, channel=0)
    off = [(time, data[1]) for data, time, _ in sent if data[0] == OFF]
    assert [pitch for _, pitch, _ in on][:4] == [60, 64, 68, 72]
    for (start, pitch, _), (end, ended) in zip(on, off, strict=False):
        assert pitch == ended and end == pytest.approx(start + 1000, abs=1e-6)
    # A note ends before the next begins at the same time.
    assert [data[0] for data, *_ in sent][:5] == [ON, OFF, ON, OFF, ON]
    assert not notes(sent)


def test_the_clock_is_even_and_starts_with_the_first_step(page: Any) -> None:
    sent = staged(page, "{ tempo: 97.3, swing: 1 / 3, clock: true }", "run(20)")
    kinds = [data[0] for data, *_ in sent if data[0] >= 0xF0]
    assert kinds[:3] == [POSITION, START, CLOCK] and set(kinds[3:]) == {CLOCK}
    position, start = (
        next(message for message in sent if message[0][0] == kind) for kind in (POSITION, START)
    )
    assert position[0] == [POSITION, 0, 0]
    pulses = [time for data, time, _ in sent if data[0] == CLOCK]
    assert pulses[0] == pytest.approx(FIRST, abs=1e-6) == notes(sent)[0][0]
    assert position[1] < start[1] < pulses[0] and pulses[0] - start[1] == pytest.approx(1)
    gap = 60000 / 97.3 / 24
    assert len(pulses) >= 20000 / gap - 1
    assert all(later - earlier == pytest.approx(gap, rel=1e-6) for earlier, later in pairwise(pulses))
    for step, (time, *_) in enumerate(notes(sent)):
        if step % 2 == 0:  # swing moves the others
            assert time == pytest.approx(pulses[6 * step], abs=1e-6)


def test_the_clock_follows_a_change_of_tempo(page: Any) -> None:
    sent = staged(page, "{ clock: true }", "run(2); player.tempo = 80; run(2)")
    pulses = [time for data, time, _ in sent if data[0] == CLOCK]
    gaps = [round(later - earlier, 6) for earlier, later in pairwise(pulses)]
    order = gaps[:1] + [b for a, b in pairwise(gaps) if a != b]
    assert order == pytest.approx([2500 / 120, 2500 / 80])
    for step, (time, *_) in enumerate(notes(sent)):
        assert time == pytest.approx(pulses[6 * step], abs=1e-6)


def test_stop_ends_all_notes_and_the_followers(page: Any) -> None:
    step = "(n) => [{ pitch: 50, velocity: 80, length: 40 }, { drum: 0, velocity: 99 }]"
    script = "run(1.03); const count = sent.length; player.stop(); const all = sent.length; run(1)"
    count, total, sent = staged(page, f"{{ step: {step}, clock: true }}", script, "[count, all, sent]")
    assert len(sent) == total, "nothing comes after the stop"
    after = [data for data, *_ in sent[count:]]
    assert [OFF, 50, 0] in after
    assert after[-3:] == [*ALL_OFF, [STOP]]
    # The browser has messages already that it will send: the end comes behind them.
    assert min(time for _, time, _ in sent[count:]) >= max(time for _, time, _ in sent[:count])
    assert max(time for _, time, _ in sent) <= sent[-1][2] + 100


def test_the_end_of_a_piece_is_in_time(page: Any) -> None:
    step = "(n) => (n < 16 ? [{ drum: 0, velocity: 99 }] : null)"
    sent = staged(page, f"{{ step: {step}, clock: true }}", "run(3)")
    kinds = [data[0] for data, *_ in sent]
    assert (kinds.count(CLOCK), kinds.count(ON + 9), kinds.count(OFF + 9)) == (96, 16, 16)
    assert sent[-1][0] == [STOP]
    assert sent[-1][1] == pytest.approx(FIRST + 16 * 125, abs=1e-6)


def test_a_start_on_the_way_tells_the_position(page: Any) -> None:
    sent = staged(page, "{ clock: true, first: 144 }", "run(0.3)")
    assert [data for data, *_ in sent if data[0] >= 0xF0][:3] == [[POSITION, 16, 1], [CONTINUE], [CLOCK]]


def test_the_clock_may_be_switched_while_music_plays(page: Any) -> None:
    script = "run(1); out.sendClock = true; run(1); out.sendClock = false; run(1)"
    sent = staged(page, "{}", script)
    realtime = [(data, time) for data, time, _ in sent if data[0] >= 0xF0]
    assert [data[0] for data, _ in realtime[:3]] == [POSITION, CONTINUE, CLOCK]
    assert realtime[-1][0] == [STOP]
    step = realtime[0][0][1] + 128 * realtime[0][0][2]
    assert realtime[2][1] == pytest.approx(FIRST + step * 125, abs=1e-6)
    assert step > 7


def test_another_port_takes_over(page: Any) -> None:
    step = "(n) => (n % 8 ? [{ drum: 1, velocity: 50 }] : [{ pitch: 60, velocity: 80, length: 8 }])"
    script = "run(1.5); const port = out.port; out.choose('port-1'); const count = sent.length; run(1); out.choose(null); run(1)"
    port, count, sent, other = staged(
        page, f"{{ step: {step}, clock: true }}", script, "[port, count, sent, other.sent]"
    )
    assert port == {"id": "port-0", "name": "Synth"}
    assert len(sent) == count
    assert [data for data, *_ in sent[-3:]] == [*ALL_OFF, [STOP]]
    assert [OFF, 60, 0] in [data for data, *_ in sent[-6:-3]]
    assert [data[0] for data, *_ in other if data[0] >= 0xF0][:2] == [POSITION, CONTINUE]
    assert [data for data, *_ in other[-3:]] == [*ALL_OFF, [STOP]]
    first, second = notes(sent)[-1][0], notes(other)[0][0]
    assert second > first


def test_a_port_goes_and_comes_back(page: Any) -> None:
    script = """
      const told = [];
      out.onchange = (sentence) => told.push(sentence);
      access.plug("port-2", "Third");
      run(1);
      const gone = access.unplug("port-0"), count = gone.sent.length;
      const without = [out.port, out.remark, out.ports().map((port) => port.name)];
      run(1);
      access.plug("port-3", "Fourth");
      const back = access.plug("port-0", "Synth");
      run(1);
      player.stop()"""
    told, count, sent, without, back, port = staged(
        page, "{ clock: true }", script, "[told, count, gone.sent, without, back.sent, out.port]"
    )
    sentence = 'The MIDI port "Synth" is gone: connect it again, or choose another one.'
    assert told == ["", sentence, "", 'The MIDI port "Synth" is back.']
    assert without == [None, sentence, ["Other", "Third"]]
    assert len(sent) == count
    assert port["id"] == "port-0"
    assert [data[0] for data, *_ in back if data[0] >= 0xF0][:3] == [POSITION, CONTINUE, CLOCK]
    assert notes(back)


def test_a_port_that_goes_without_a_word_harms_nothing(page: Any) -> None:
    script = """
      const told = [];
      out.onchange = (sentence) => told.push(sentence);
      run(0.5);
      access.outputs.get("port-0").state = "disconnected";
      run(1);
      out.choose("port-1");
      run(1)"""
    told, playing, other = staged(page, "{}", script, "[told, player.isPlaying, other.sent]")
    assert len(told) == 1 and "gone" in told[0]
    assert playing and notes(other)


def test_ports_are_told_apart_and_opening_one_is_no_news(page: Any) -> None:
    script = """
      const access = ports("Box", "Box", ""), out = await MidiOut.open(browserWith(access));
      let calls = 0;
      out.onchange = () => calls++;
      out.choose("port-1");
      access.onstatechange({ port: access.outputs.get("port-1") });
      let message = null;
      try { out.choose("port-9"); } catch (error) { message = error.message; }
      out.close();
      return [out.ports(), calls, message, out.remark, out.port, access.onstatechange];"""
    found, calls, message, remark, port, listener = answer_of(page, script)
    assert [entry["name"] for entry in found] == ["Box", "Box (2)", "MIDI port"]
    assert calls == 0 and remark == "" and port is None and listener is None
    assert message == "This MIDI port is gone: choose another one."


def test_a_drum_is_auditioned_without_music(page: Any) -> None:
    script = "player.stop(); sent.length = 0; await player.audition({ drum: 4, velocity: 64 }); await player.audition({ pitch: 61, velocity: 64 }, 0.5)"
    sent = staged(page, "{}", script)
    now = sent[0][2]
    assert sent == [
        [[ON + 9, DRUM_MAPS["general_midi"]["low tom"], 64], now, now],
        [[OFF + 9, DRUM_MAPS["general_midi"]["low tom"], 0], pytest.approx(now + 100), now],
        [[ON, 61, 64], now, now],
        [[OFF, 61, 0], pytest.approx(now + 500), now],
    ]


@pytest.mark.parametrize(
    ("browser", "sentence"),
    [
        ("{}", "This browser can't send MIDI: use Chrome, Edge or Firefox, or save the beat as a MIDI file instead."),
        (
            "{ requestMIDIAccess: async () => { throw new DOMException('no', 'NotAllowedError'); } }",
            "The browser gave no access to MIDI: allow it in the settings of this page, or save the beat as a MIDI"
            " file instead.",
        ),
    ],
)  # fmt: skip
def test_without_midi_a_sentence_says_what_to_do(page: Any, browser: str, sentence: str) -> None:
    assert answer_of(page, f"return MidiOut.open({browser}).catch((error) => error.message);") == sentence


def test_chromium_refuses_midi_here_and_the_sentence_says_so(page: Any) -> None:
    message = answer_of(page, "return MidiOut.open().then(() => 'opened', (error) => error.message);")
    assert "no access to MIDI" in message


def test_without_a_port_a_remark_says_how_to_get_one(page: Any) -> None:
    script = (
        "const out = await MidiOut.open(browserWith(ports())); return [out.ports(), out.remark, out.port];"
    )
    found, remark, port = answer_of(page, script)
    assert found == [] and port is None
    assert remark.startswith("There is no MIDI port:")
