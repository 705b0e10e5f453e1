"""Beats as data: tokens, hits, locks' merging, and the bits that an address is made of."""

from collections.abc import Iterator
from typing import Any

import pytest

from preprocess.converters.drums import OUTPUT_VELOCITY
from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES
from tests.helpers.browser import headless_chromium
from tests.helpers.module_page import answer_of, open_module

NAMES = (
    "DEFAULT_VELOCITY DRUM_NAMES beatOfHits beatOfTokens emptyBeat equalBeats eventsOfStep fitted hits merged settled sliced "
    "tokensOf withHit withSteps"
)


HELPERS = """
let state = 1;
window.chance = () => (state = (state * 1664525 + 1013904223) % 4294967296) / 4294967296;
window.randomBeat = (steps) => {
  const list = [], share = chance(), late = chance() < 0.5;
  for (let step = 0; step < steps; step++) {
    for (let drum = 0; drum < 9; drum++) {
      if (chance() < share * share) {
        list.push({ step, drum, velocity: 1 + Math.floor(chance() * 127), offset: late ? chance() - 0.5 : 0 });
      }
    }
  }
  return beats.beatOfHits(steps, list);
};
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("beat")
    driver = headless_chromium(folder / "profile")
    try:
        names = ", ".join(NAMES.split())
        open_module(
            driver,
            folder,
            f'import {{ {names} }} from "./music/beat.js";\n'
            'import { BitReader, BitWriter, BitsError } from "./studio/bits.js";\n\n'
            f"window.beats = {{ {names} }};\nwindow.bits = {{ BitReader, BitWriter, BitsError }};\n{HELPERS}",
        )
        yield driver
    finally:
        driver.quit()


def test_names_and_velocity_are_those_of_the_commands(browser: Any) -> None:
    names, velocity = answer_of(browser, "return [beats.DRUM_NAMES, beats.DEFAULT_VELOCITY];")
    assert names == [drum.name for drum in REDUCED_DRUM_CLASSES]
    assert velocity == OUTPUT_VELOCITY


def test_tokens_and_hits_say_the_same(browser: Any) -> None:
    wrong = answer_of(
        browser,
        """
        const wrong = [];
        for (let i = 0; i < 50; i++) {
          const beat = randomBeat(16 * (1 + i % 4));
          const tokens = beats.tokensOf(beat);
          const found = beats.hits(beat);
          const sums = new Array(beat.steps).fill(0);
          found.forEach(({ step, drum }) => { sums[step] += 2 ** drum; });
          if (sums.some((sum, step) => sum !== tokens[step])) wrong.push(["tokens", i]);
          if (!beats.equalBeats(beats.beatOfHits(beat.steps, found), beat)) wrong.push(["hits", i]);
          const again = beats.beatOfTokens(tokens, beat.velocities);
          if (again.velocities.some((v, index) => v !== beat.velocities[index])) wrong.push(["velocities", i]);
          if (beats.beatOfTokens(tokens).velocities.some((v) => v !== 0 && v !== 80)) wrong.push(["default", i]);
          const events = Array.from(tokens, (_, step) => beats.eventsOfStep(beat, step)).flat();
          if (JSON.stringify(events) !== JSON.stringify(found.map(({ step, ...rest }) => rest))) wrong.push(["events", i]);
        }
        return wrong;
        """,
    )
    assert wrong == []


def test_no_operation_changes_a_beat(browser: Any) -> None:
    same = answer_of(
        browser,
        """
        const beat = randomBeat(64), other = randomBeat(64), copy = structuredClone(beat);
        beats.withHit(beat, 3, 2, 99, 0.25);
        beats.withSteps(beat, 16, beats.sliced(other, 0, 16));
        beats.merged(beat, other, new Uint8Array(576).fill(1));
        beats.settled(beat);
        beats.sliced(beat, 0, 32).velocities.fill(1);
        return beats.equalBeats(beat, copy);
        """,
    )
    assert same


def test_a_hit_keeps_its_offset_until_it_is_taken_away(browser: Any) -> None:
    offsets = answer_of(
        browser,
        """
        let beat = beats.withHit(beats.emptyBeat(16), 5, 1, 90, 0.25);
        const seen = [beat.offsets[46]];
        beat = beats.withHit(beat, 5, 1, 40);
        seen.push(beat.offsets[46], beat.velocities[46]);
        beat = beats.withHit(beats.withHit(beat, 5, 1, 0), 5, 1, 70);
        return [...seen, beat.offsets[46], beat.velocities[46]];
        """,
    )
    assert offsets == [0.25, 0.25, 40, 0, 70]


def test_merged_takes_hits_silences_and_offsets_where_the_mask_says(browser: Any) -> None:
    wrong = answer_of(
        browser,
        """
        const kept = randomBeat(64), drawn = randomBeat(64);
        const mask = Uint8Array.from({ length: 576 }, () => (chance() < 0.5 ? 1 : 0));
        const made = beats.merged(kept, drawn, mask);
        return [...mask].filter((one, i) => {
          const from = one ? kept : drawn;
          return made.velocities[i] !== from.velocities[i] || made.offsets[i] !== from.offsets[i];
        }).length;
        """,
    )
    assert wrong == 0


def test_fitted_repeats_or_cuts(browser: Any) -> None:
    answer = answer_of(
        browser,
        """
        const beat = randomBeat(32), long = beats.fitted(beat, 80), short = beats.fitted(beat, 16);
        return [
          long.steps, beats.equalBeats(beats.sliced(long, 32, 64), beat),
          beats.equalBeats(beats.sliced(long, 64, 80), beats.sliced(beat, 0, 16)),
          beats.equalBeats(short, beats.sliced(beat, 0, 16)), beats.fitted(beat, 32) === beat,
        ];
        """,
    )
    assert answer == [80, True, True, True, True]


def test_settled_keeps_what_is_in_range_and_mends_the_rest(browser: Any) -> None:
    answer = answer_of(
        browser,
        """
        const wild = { steps: 16, velocities: new Float32Array(144), offsets: new Float32Array(144) };
        wild.velocities.set([300, -4, 64.6, NaN, 1]);
        wild.offsets.set([0.9, 0.3, -0.7, 0.1, 0.123]);
        const made = beats.settled(wild), again = beats.settled(made);
        return [[...made.velocities.slice(0, 5)], [...made.offsets.slice(0, 5)], beats.equalBeats(made, again)];
        """,
    )
    assert answer == [[127, 0, 65, 0, 1], [0.5, 0, -0.5, 0, 126 / 1024], True]


def test_bits_bring_beats_back(browser: Any) -> None:
    answer = answer_of(
        browser,
        """
        let wrong = 0, longest = 0;
        for (let i = 0; i < 200; i++) {
          let beat = randomBeat(16 * (1 + i % 4));
          if (i % 3 === 0) beat = beats.fitted(beats.sliced(beat, 0, 16), beat.steps);
          const writer = new bits.BitWriter();
          writer.beat(beat);
          writer.text("é ☂ " + i);
          writer.number(0.37, 0, 1, 100);
          const reader = new bits.BitReader(writer.bytes());
          if (!beats.equalBeats(reader.beat(), beat) || reader.text() !== "é ☂ " + i) wrong += 1;
          if (reader.number(0, 1, 100) !== 0.37) wrong += 1;
          reader.end();
        }
        return wrong;
        """,
    )
    assert answer == 0


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("new bits.BitReader(Uint8Array.of(1)).bits(9)", "ends too soon"),
        ("new bits.BitReader(Uint8Array.of(255)).number(0, 1, 100)", "out of range"),
        ("new bits.BitReader(Uint8Array.of(1, 255)).text()", "not text"),
        ("new bits.BitReader(Uint8Array.of(0b00010000)).beat()", "too long"),
        ("new bits.BitReader(new Uint8Array(3)).end()", "goes on behind its end"),
        # One bar, no offsets, the kick: struck with "the velocity before", of which there is none.
        ("new bits.BitReader(Uint8Array.of(0, 0b01110000, 0, 0, 0, 0)).beat()", "no velocity"),
    ],
)
def test_bits_that_can_not_be_are_refused(browser: Any, script: str, message: str) -> None:
    answer = answer_of(
        browser,
        f"try {{ {script}; return 'read'; }} catch (error) {{"
        " return error instanceof bits.BitsError ? error.message : String(error); }",
    )
    assert message in answer


def test_numbers_that_do_not_fit_are_not_written(browser: Any) -> None:
    answer = answer_of(
        browser,
        "return [8, -1, 1.5].map((value) => { try { new bits.BitWriter().bits(value, 3); return ''; }"
        " catch (error) { return error.name; } });",
    )
    assert answer == ["RangeError"] * 3
