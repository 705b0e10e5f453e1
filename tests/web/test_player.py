"""The pages' player on a clock of the tests' own: every step once, in order and in time, whatever changes meanwhile."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from tests.helpers.module_page import answer_of, module_browser

ENTRY = """
import { AudioClock } from "./sound/audio_clock.js";
import { Metronome } from "./sound/metronome.js";
import { Player } from "./sound/player.js";
import { Synth } from "./sound/synth.js";
import { synthSink } from "./sound/synth_sink.js";
import { Ticker } from "./sound/ticker.js";

Object.assign(window, { AudioClock, Metronome, Player, Synth, Ticker, synthSink });

// A player whose time only passes in `run`, at ticks that come irregularly, and all that happens to it.
window.rehearse = async (options = {}) => {
  let now = 100, jitter = 1;
  const clock = { now: () => now, heardAt: (ms = now * 1000) => ms / 1000 - 0.03, performanceOf: (time) => time * 1000 };
  const log = { bars: [], asked: [], heard: [], played: [], started: 0, stopped: [], ended: 0, positions: [], clock };
  const source = {
    bar: (number) => log.bars.push([number, log.asked.length]),
    step: (n) => {
      log.asked.push([n, now]);
      return options.step ? options.step(n) : [{ drum: 0, velocity: 100 }];
    },
    heard: (n) => log.heard.push([n, now]),
    ...options.source,
  };
  const sink = {
    start: () => log.started++,
    play: (event, time, seconds) => log.played.push({ ...event, time, seconds, at: now }),
    stop: (time, isEnd) => log.stopped.push([time, isEnd]),
  };
  const { tempo = 120, swing = 0 } = options;
  log.player = new Player({ source: options.wrap?.(source) ?? source, sinks: [sink], clock, ticker: null, tempo, swing });
  log.player.onended = () => log.ended++;
  log.run = (seconds) => {
    const end = now + seconds;
    while (now < end) {
      jitter = (jitter * 16807) % 2147483647;
      now += 0.005 + 0.04 * (jitter / 2147483647);
      log.player.tick();
      log.positions.push([now, log.player.position]);
    }
  };
  log.sleep = (seconds) => (now += seconds);
  log.facts = () => JSON.parse(JSON.stringify({ ...log, clock: null, player: null }));
  await log.player.start(options.first ?? 0);
  return log;
};
"""
FIRST = 100.08
"""When the first step sounds."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium with the modules in `window`."""
    with module_browser(tmp_path_factory.mktemp("page"), ENTRY, "<button>go</button>") as browser:
        yield browser


def rehearsed(page: Any, options: str, script: str) -> dict[str, Any]:
    """What happened to a player of `options`, after `script` has done something with `log` and `player`."""
    return answer_of(
        page, f"const log = await rehearse({options}), {{ player }} = log; {script}; return log.facts();"
    )


def swung(step: float, swing: float) -> float:
    pair, inside = divmod(step, 2)
    return 2 * pair + (inside * (1 + swing) if inside <= 1 else 1 + swing + (inside - 1) * (1 - swing))


@pytest.mark.parametrize(("tempo", "swing"), [(120, 0), (92.5, 0.2), (174, 1 / 3)])
def test_64_bars_without_a_step_lost_or_doubled(page: Any, tempo: float, swing: float) -> None:
    sixteenth = 15 / tempo
    seconds = 64 * 16 * sixteenth
    log = rehearsed(page, f"{{ tempo: {tempo}, swing: {swing} }}", f"log.run({seconds})")
    asked = [step for step, _ in log["asked"]]
    assert asked == list(range(len(asked))) and 1024 <= len(asked) <= 1028
    assert len(log["played"]) == len(asked)
    expected = [FIRST + swung(step, swing) * sixteenth for step in asked]
    assert [event["time"] for event in log["played"]] == pytest.approx(expected, abs=1e-9)
    for (_, at), time in zip(log["asked"][2:], expected[2:], strict=True):
        assert 0.045 < time - at < sixteenth * (1 + swing) + 0.12 + 1e-9, "asked late, but not too late"
    assert [number for number, _ in log["bars"]] == list(range(len(log["bars"])))
    assert [before for _, before in log["bars"]] == [16 * number for number, _ in log["bars"]]
    heard = [step for step, _ in log["heard"]]
    assert heard == list(range(len(heard))) and len(heard) > 1015
    for (_, at), time in zip(log["heard"], expected, strict=False):
        assert 0.03 - 1e-9 <= at - time <= 0.03 + 0.045 + 1e-9


def test_offsets_are_late_or_early_and_nothing_is_before_the_start(page: Any) -> None:
    step = "(n) => [{ drum: n % 9, velocity: 1 + n, offset: [-1, 0.4, -0.4, 1][n % 4] }]"
    log = rehearsed(page, f"{{ step: {step}, swing: 0.2 }}", "log.run(4)")
    for event in log["played"]:
        step = event["velocity"] - 1
        position = max(0, swung(step + (-1, 0.4, -0.4, 1)[step % 4], 0.2))
        assert event["time"] == pytest.approx(FIRST + position * 0.125, abs=1e-9)
        assert event["time"] >= event["at"]
    assert len(log["played"]) == len(log["asked"]) > 30


def test_the_length_of_a_note_is_in_steps(page: Any) -> None:
    step = "(n) => [{ pitch: 60, velocity: 90, length: 3, offset: 0.5 }]"
    log = rehearsed(page, f"{{ step: {step}, swing: 1 / 3, tempo: 60 }}", "log.run(4)")
    for step, event in enumerate(log["played"]):
        expected = swung(step + 3.5, 1 / 3) - swung(step + 0.5, 1 / 3)
        assert event["seconds"] == pytest.approx(0.25 * expected)


def test_a_tempo_changes_on_the_way_without_a_jump(page: Any) -> None:
    script = """
      log.run(2);
      log.first = log.asked.length;
      player.tempo = 90;
      log.run(2);
      log.second = log.asked.length;
      player.tempo = 91;
      player.tempo = 150;
      log.run(2)"""
    log = rehearsed(page, "{}", script)
    times = [event["time"] for event in log["played"]]
    steps = [round(later - earlier, 9) for earlier, later in pairwise(times)]
    order = [steps[0]] + [b for a, b in pairwise(steps) if a != b]
    assert order == pytest.approx([15 / 120, 15 / 90, 15 / 150])
    assert [step for step, _ in log["asked"]] == list(range(len(times)))
    # It is heard from the next step on that was not asked for.
    assert steps.index(order[1]) == log["first"] and steps.index(order[2]) == log["second"]
    positions = [position for _, position in log["positions"]]
    assert all(0 <= later - earlier < 0.5 for earlier, later in pairwise(positions))


def test_swing_changes_from_a_pair_on_and_quarter_notes_stay(page: Any) -> None:
    script = "log.run(0.3); player.swing = 0.2; log.run(0.33); player.swing = 1 / 3; log.run(0.13); player.swing = 0.5; log.run(1)"
    log = rehearsed(page, "{ swing: 0.1 }", script)
    played = [(event["time"] - FIRST) / 0.125 for event in log["played"]]
    swings = []
    for even, odd in zip(played[::2], played[1::2], strict=False):
        assert even == pytest.approx(round(even), abs=1e-7)
        swings.append(round(odd - even - 1, 6))
    assert swings == sorted(swings)
    assert set(swings) >= {0.1, 0.2, 0.5} and set(swings) <= {0.1, 0.2, round(1 / 3, 6), 0.5}


def test_tempo_and_swing_change_together_all_the_time(page: Any) -> None:
    """Sliders that are dragged: no step is lost, time never goes back, and position and time stay inverse."""
    script = """
      let seed = 5;
      for (let i = 0; i < 400; i++) {
        seed = (seed * 16807) % 2147483647;
        player.tempo = 60 + (seed % 120);
        player.swing = (seed % 50) / 100;
        log.run(0.05);
      }"""
    log = rehearsed(page, "{}", script)
    asked = [step for step, _ in log["asked"]]
    assert asked == list(range(len(asked))) and len(asked) > 100
    times = [event["time"] for event in log["played"]]
    assert all(later - earlier > 0.02 for earlier, later in pairwise(times))
    assert all(event["time"] > event["at"] for event in log["played"])
    positions = [position for _, position in log["positions"]]
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(positions))
    # What is heard at a step's time is that step.
    for now, position in log["positions"][100:]:
        before = sum(time <= now - 0.03 for time in times) - 1
        assert before - 1e-6 <= position <= before + 1 + 1e-6


def test_the_position_is_that_of_what_is_heard(page: Any) -> None:
    script = "log.run(1); log.taps = [100.11, 100.36, 100.05].map((s) => player.positionAt(s * 1000)); player.stop();"
    log = rehearsed(page, "{}", script + "log.after = [player.position, player.positionAt(0)]")
    for now, position in log["positions"]:
        assert position == pytest.approx(max(0, (now - 0.03 - FIRST) / 0.125), abs=1e-6)
    assert log["taps"] == pytest.approx([0, 2, -0.48], abs=1e-6)
    assert log["after"] == [0, None]


def test_after_a_sleep_the_music_goes_on_where_it_was(page: Any) -> None:
    log = rehearsed(page, "{}", "log.run(1); log.sleep(30); log.run(1)")
    times = [event["time"] for event in log["played"]]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert sum(gap > 1 for gap in gaps) == 1
    assert all(gap == pytest.approx(0.125) for gap in gaps if gap < 1)
    assert all(event["time"] >= event["at"] for event in log["played"])
    assert [step for step, _ in log["asked"]] == list(range(len(times)))
    positions = [position for _, position in log["positions"]]
    assert all(0 <= later - earlier <= 3 for earlier, later in pairwise(positions))


def test_a_source_ends(page: Any) -> None:
    log = rehearsed(page, "{ step: (n) => (n < 20 ? [{ drum: 1, velocity: 9 }] : null) }", "log.run(5)")
    assert [step for step, _ in log["asked"]] == list(range(21))
    assert [step for step, _ in log["heard"]] == list(range(20))
    assert log["ended"] == 1
    assert log["stopped"] == [[pytest.approx(FIRST + 20 * 0.125), True]]


def test_stop_and_start_anew(page: Any) -> None:
    script = "log.run(1); player.stop(); log.run(1); const count = log.asked.length; await player.start(32); log.run(1)"
    log = rehearsed(page, "{}", f"{script}; log.count = count; log.playing = player.isPlaying")
    asked = [step for step, _ in log["asked"]]
    assert asked == [*range(log["count"]), *range(32, 32 + len(asked) - log["count"])]
    assert log["started"] == 2 and len(log["stopped"]) == 1 and log["stopped"][0][1] is False
    assert log["playing"] is True
    assert log["bars"][-1][0] == 2


def test_stopped_while_it_starts_it_does_not_start(page: Any) -> None:
    script = "log.run(0.5); const again = player.start(); player.stop(); await again; log.run(0.5)"
    log = rehearsed(page, "{}", f"{script}; log.playing = player.isPlaying")
    assert log["playing"] is False and log["started"] == 1


@pytest.mark.parametrize("where", ["bar", "step", "heard"])
def test_a_source_may_stop_the_player(page: Any, where: str) -> None:
    source = f"{{ source: {{ {where}: (n) => {{ if (n === 8) window.stopped.stop(); return [{{ drum: 0 }}]; }} }} }}"
    log = rehearsed(page, source, "window.stopped = player; log.run(20); log.playing = player.isPlaying")
    assert log["playing"] is False and len(log["stopped"]) == 1
    assert all(event["at"] <= log["stopped"][0][0] for event in log["played"])


def test_another_source_takes_over_and_sinks_come_and_go(page: Any) -> None:
    script = """
      const other = { calls: [], start: () => other.calls.push("start"), play: () => other.calls.push("play"),
        stop: () => other.calls.push("stop") };
      log.run(1);
      const from = log.asked.length;
      player.source = { step: (n) => (log.taken ??= n, []) };
      player.addSink(other);
      player.addSink(other);
      log.run(0.5);
      await player.audition({ drum: 3, velocity: 77 });
      player.removeSink(other);
      player.removeSink(other);
      log.other = other.calls;
      log.from = from;
      log.run(0.5)"""
    log = rehearsed(page, "{}", script)
    assert log["taken"] == log["from"]
    assert log["other"] == ["start", "play", "stop"]
    assert log["played"][-1]["drum"] == 3 and log["played"][-1]["time"] == log["played"][-1]["at"]


def test_a_metronome_counts_in(page: Any) -> None:
    wrap = "(source) => new Metronome(source, { countIn: 1, clicks: 'count-in' })"
    log = rehearsed(page, f"{{ wrap: {wrap} }}", "log.run(4.5)")
    clicks = [(event["click"], event["time"]) for event in log["played"] if "click" in event]
    assert [kind for kind, _ in clicks] == ["bar", "beat", "beat", "beat"]
    assert [time for _, time in clicks] == pytest.approx([FIRST + 0.5 * beat for beat in range(4)])
    drums = [event["time"] for event in log["played"] if "drum" in event]
    assert drums == pytest.approx([FIRST + 2 + 0.125 * step for step in range(len(drums))])
    assert log["asked"][0][0] == 0 and log["bars"][0] == [0, 0]
    assert [step for step, _ in log["heard"]][:17] == list(range(-16, 1))


def test_a_metronome_clicks_along(page: Any) -> None:
    wrap = "(source) => new Metronome(source, { countIn: 0 })"
    log = rehearsed(page, f"{{ wrap: {wrap}, step: (n) => (n < 32 ? [] : null) }}", "log.run(6)")
    assert [event["click"] for event in log["played"]] == ["bar", "beat", "beat", "beat"] * 2
    assert log["ended"] == 1


def test_without_a_gesture_the_browser_is_silent_and_says_so(page: Any) -> None:
    page.refresh()
    create = "window.context = new AudioContext(); window.live = new Player({ context, sinks: [synthSink(new Synth(context))],"
    answer_of(
        page,
        f"{create} source: {{ step: () => [{{ drum: 2, velocity: 60 }}], heard: (n) => (window.now = n) }} }});",
    )
    told = (
        "try { await live.start(); return null; } catch (error) { return [error.message, live.isPlaying]; }"
    )
    message, playing = answer_of(page, told)
    assert message.startswith("The browser does not play sound for this page yet: try once more")
    assert playing is False

    page.execute_script("document.querySelector('button').onclick = () => live.start();")
    page.find_element("css selector", "button").click()
    wait = "while (!(window.now >= 5)) await new Promise((done) => setTimeout(done, 20));"
    position, tap, stamp = answer_of(
        page, f"{wait} return [live.position, live.positionAt(performance.now()), context.currentTime];"
    )
    assert position >= 5 and tap == pytest.approx(position, abs=1) and stamp > 0.6
    assert answer_of(page, "live.stop(); return live.position;") == 0


def test_the_difference_of_the_clocks_is_followed_slowly(page: Any) -> None:
    """Two clocks that differ by a ten-thousandth for ten minutes: times stay true to 3 ms, and evenly spaced."""
    script = """
      const kept = performance.now;
      let time = 10, perf = 50000;
      performance.now = () => perf;
      const context = { state: "running", get currentTime() { return time; },
        getOutputTimestamp: () => ({ contextTime: time - 0.04, performanceTime: perf }) };
      try {
        const clock = new AudioClock(context), errors = [], changes = [];
        await clock.settle();
        let before = clock.performanceOf(0);
        for (let i = 0; i < 24000; i++) {
          perf += 25;
          time += 0.025 * 1.0001;
          clock.tick();
          errors.push(Math.abs(clock.performanceOf(time - 0.04) - perf));
          changes.push(Math.abs(clock.performanceOf(0) - before));
          before = clock.performanceOf(0);
        }
        perf += 60000;  // the computer sleeps
        for (let i = 0; i < 40; i++) { perf += 25; time += 0.025; clock.tick(); }
        return [Math.max(...errors), Math.max(...changes), Math.abs(clock.performanceOf(time - 0.04) - perf),
          Math.abs(clock.heardAt(perf) - (time - 0.04))];
      } finally {
        performance.now = kept;
      }"""
    error, change, after, heard = answer_of(page, script)
    assert error < 3
    assert change <= 0.0201
    assert after < 3 and heard < 0.003


@pytest.mark.parametrize("worker", ["Worker", "class { constructor() { throw new Error(); } }", "undefined"])
def test_the_timer_ticks_with_and_without_a_worker(page: Any, worker: str) -> None:
    script = f"""
      const kept = window.Worker;
      window.Worker = {worker};
      let count = 0;
      const ticker = new Ticker(() => count++, 5);
      ticker.start();
      window.Worker = kept;
      while (count < 3) await new Promise((done) => setTimeout(done, 5));
      ticker.stop();
      const stopped = count;
      await new Promise((done) => setTimeout(done, 50));
      const later = count;
      ticker.start();
      while (count < stopped + 3) await new Promise((done) => setTimeout(done, 5));
      ticker.stop();
      return [stopped, later];"""
    stopped, later = answer_of(page, script)
    assert stopped == later


def test_a_worker_that_fails_later_is_replaced(page: Any) -> None:
    script = """
      const kept = window.Worker;
      window.Worker = class { postMessage() { setTimeout(() => this.onerror(), 0); } };
      let count = 0;
      const ticker = new Ticker(() => count++, 5);
      ticker.start();
      while (count < 3) await new Promise((done) => setTimeout(done, 5));
      ticker.stop();
      window.Worker = kept;
      return count;"""
    assert answer_of(page, script) >= 3
