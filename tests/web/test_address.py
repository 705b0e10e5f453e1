"""Documents as addresses: all of a document comes back, and what is broken or hostile is refused with a sentence."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers.module_page import answer_of, module_browser

MODULE = """
import { DRUM_MAPS } from "./music/drum_maps.js";
import { STYLES } from "./music/styles.js";
import { beatOfHits, equalBeats } from "./music/beat.js";
import { AddressError, addressOf, docOfAddress } from "./studio/address.js";
import { BitWriter } from "./studio/bits.js";
import { defaultDoc, fittedDoc, noLocks } from "./studio/document.js";
import { MOST_IN_ARRANGEMENT, MOST_PARTS, MOST_PATH_BARS, heardBeat } from "./studio/pad_state.js";

let state = 7;
const chance = () => (state = (state * 1664525 + 1013904223) % 4294967296) / 4294967296;
const below = (n) => Math.floor(chance() * n);
const maybe = (value) => (chance() < 0.5 ? value : null);
const part = (low, high, parts) => (low * parts + below((high - low) * parts + 1)) / parts;
const word = () => [..."Beat é ☂ \\u{1F941} <b>&amp;"].slice(0, below(20)).join("");
const one = (list) => list[below(list.length)];

function randomBeat(steps) {
  const found = [], share = chance(), late = chance() < 0.5;
  for (let step = 0; step < steps; step++) {
    for (let drum = 0; drum < 9; drum++) {
      if (chance() < share * share) {
        found.push({ step, drum, velocity: 1 + below(127), offset: late ? chance() - 0.5 : 0 });
      }
    }
  }
  return beatOfHits(steps, found);
}

function randomDoc() {
  const steps = one([16, 32, 64, 64]), beat = randomBeat(steps), flip = () => chance() < 0.5;
  const locks = { bars: noLocks(steps).bars.map(flip), drums: noLocks(steps).drums.map(flip) };
  const amounts = { hits: part(-1, 1, 20), syncopation: part(-1, 1, 20) };
  const conditions = {};
  if (flip()) conditions.style = one(Object.keys(STYLES));
  if (flip()) conditions.fill = flip();
  if (flip()) conditions.density = part(0, 1, 20);
  const corners = [0, 1, 2, 3].map(() => maybe({ name: word(), beat: randomBeat(steps) }));
  return {
    ...defaultDoc(), tab: one(["drums", "melody"]), beat, locks, conditions, tempo: part(40, 240, 1000),
    swing: part(0, 0.5, 100), temperature: part(0.1, 1.5, 100), seed: below(2 ** 30),
    feel: { timing: part(0, 1, 100), velocity: part(0, 1, 100), style: maybe(one(Object.keys(STYLES))),
      take: below(2 ** 31), freedom: part(0, 1, 20) },
    shape: maybe({ base: randomBeat(steps), result: beat, amounts }), drumMap: one(Object.keys(DRUM_MAPS)),
    pad: { corners, x: part(0, 1, 1000), y: part(0, 1, 1000) }, loop: flip(),
  };
}

const sorted = (value) => (value?.constructor === Object ? Object.fromEntries(Object.entries(value).sort()) : value);
const plain = (doc) => JSON.stringify(doc, (key, value) => (ArrayBuffer.isView(value) ? [...value] : sorted(value)));
Object.assign(window, {
  AddressError, BitWriter, MOST_IN_ARRANGEMENT, MOST_PARTS, MOST_PATH_BARS, addressOf, beatOfHits, below, chance,
  defaultDoc, docOfAddress, equalBeats, fittedDoc, heardBeat, noLocks, plain, randomDoc,
});
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with module_browser(tmp_path_factory.mktemp("page"), MODULE) as driver:
        yield driver


def test_every_document_comes_back(browser: Any) -> None:
    wrong = answer_of(
        browser,
        """
        const wrong = [];
        for (let i = 0; i < 300; i++) {
          const doc = randomDoc(), text = addressOf(doc), again = docOfAddress(text);
          if (plain(again) !== plain(doc)) wrong.push(text);
          if (!/^[A-Za-z0-9_-]+$/.test(text) || addressOf(again) !== text) wrong.push("address", text);
        }
        return wrong;
        """,
    )
    assert wrong == []


def test_the_first_beat_makes_a_short_link(browser: Any) -> None:
    assert answer_of(browser, "return addressOf(defaultDoc()).length;") < 400


def test_the_fullest_page_makes_a_link_that_opens(browser: Any) -> None:
    """Every cell of every beat struck, each otherwise than the one before, in as many parts and bars as there can be."""
    answer = answer_of(
        browser,
        """
        let velocity = 0;
        const full = (steps) => beatOfHits(steps, Array.from({ length: 9 * steps }, (_, i) => (
          { step: Math.floor(i / 9), drum: i % 9, velocity: 1 + velocity++ % 127, offset: chance() - 0.5 })));
        const name = "\\u{1F941}".repeat(40), corner = () => ({ name, beat: full(64) }), beat = full(64);
        const doc = { ...randomDoc(), beat, shape: { base: full(64), result: beat, amounts: {} } };
        doc.locks = noLocks(64);
        doc.pad = { corners: [corner(), corner(), corner(), corner()], x: 0.5, y: 0.5 };
        doc.parts = Array.from({ length: MOST_PARTS }, () => {
          const part = full(64), played = heardBeat({ ...part, offsets: part.offsets.map(() => 2 * chance() - 1) });
          return { name, beat: part, played, bars: [0, 4] };
        });
        doc.arrangement = Array(MOST_IN_ARRANGEMENT).fill(0);
        doc.path = { points: Array(MOST_PATH_BARS).fill({ x: 0.5, y: 0.5 }),
          bars: Array.from({ length: MOST_PATH_BARS }, () => heardBeat(full(16))) };
        const text = addressOf(doc);
      return { length: text.length, isSame: plain(docOfAddress(text)) === plain(doc) };
        """,
    )
    assert answer["isSame"]
    assert answer["length"] > 60000, "a page that is nearly empty says nothing"


def test_broken_links_are_refused_with_a_sentence(browser: Any) -> None:
    """Cut, changed, swapped and foreign ones; one in 65,025 changes keeps the check sum, and must still make a document."""
    answer = answer_of(
        browser,
        """
        const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        const said = new Set(), wrong = [];
        let opened = 0;
        for (let i = 0; i < 3000; i++) {
          let text = addressOf(randomDoc());
          const at = below(text.length);
          if (i % 3 === 0) text = text.slice(0, at);
          else if (i % 3 === 1) text = text.slice(0, at) + letters[below(64)] + text.slice(at + 1);
          else text = "1" + Array.from({ length: 1 + below(300) }, () => letters[below(64)]).join("");
          try {
            const doc = docOfAddress(text);
            if (!Number.isInteger(doc.beat.steps / 16)) wrong.push(text);
            opened += 1;
          } catch (error) {
            if (error instanceof AddressError) said.add(error.message);
            else wrong.push([text, String(error)]);
          }
        }
        return { wrong, opened, said: [...said] };
        """,
    )
    assert answer["wrong"] == []
    # A letter is replaced by itself once in 64 times.
    assert answer["opened"] < 60
    assert all(sentence.endswith(".") for sentence in answer["said"])


def test_well_summed_nonsense_is_refused_or_makes_a_document(browser: Any) -> None:
    """Bits with a right check sum, as someone hostile would make them: nothing but a sentence or a valid document."""
    answer = answer_of(
        browser,
        """
        const wrong = [];
        let refused = 0;
        const sum = (bytes) => bytes.reduce(([low, high], b) => [(low + b) % 255, (high + (low + b) % 255) % 255], [1, 0]);
        const address = (bytes) => {
          const [low, high] = sum(bytes);
          return "1" + btoa(String.fromCharCode(high, low, ...bytes)).replaceAll("+", "-").replaceAll("/", "_")
            .replace(/=+$/, "");
        };
        const known = addressOf(defaultDoc());
        const body = Uint8Array.from(atob(known.slice(1).replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
        if (address([...body.slice(2)]) !== known) wrong.push("the sum is another");
        for (let i = 0; i < 3000; i++) {
          const bytes = i % 2 ? [...body.slice(2)] : Array.from({ length: 1 + below(400) }, () => below(256));
          for (let k = 0; k < 1 + i % 3; k++) bytes[below(bytes.length)] = below(256);
          try {
            const doc = docOfAddress(address(bytes));
            if (doc.tempo < 40 || doc.tempo > 240 || doc.beat.steps > 64 || plain(docOfAddress(addressOf(doc))) !== plain(doc))
              wrong.push(address(bytes));
          } catch (error) {
            refused += 1;
            if (!(error instanceof AddressError)) wrong.push([address(bytes), String(error)]);
          }
        }
        return { wrong: wrong.slice(0, 3), refused };
        """,
    )
    assert answer["wrong"] == []
    assert answer["refused"] > 1500


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2AAAA", "made by a newer version of this page"),
        ("hello", "damaged or incomplete"),
        ("1", "damaged or incomplete"),
        ("1A", "damaged or incomplete"),
        ("%00", "damaged or incomplete"),
        ("1<script>", "damaged or incomplete"),
        ("1" + "A" * 300000, "too long"),
    ],
)
def test_foreign_text(browser: Any, text: str, message: str) -> None:
    said = answer_of(
        browser, "try { docOfAddress(args[0]); return ''; } catch (error) { return error.message; }", text
    )
    assert message in said


@pytest.mark.parametrize(
    "conditions", [{"style": "polka"}, {"style": 0.5}, {"fill": 0.5}, {"density": True}, {"loudness": 0.5}]
)
def test_conditions_that_no_model_has_are_refused(browser: Any, conditions: dict[str, Any]) -> None:
    said = answer_of(
        browser,
        "const text = addressOf({ ...defaultDoc(), conditions: args[0] });"
        " try { docOfAddress(text); return ''; } catch (error) { return error.message; }",
        conditions,
    )
    assert "doesn't hold a beat that this page can open" in said


def test_a_beat_of_another_length_is_fitted(browser: Any) -> None:
    answer = answer_of(
        browser,
        """
        const doc = { ...defaultDoc(), locks: { bars: [true, false, true, false], drums: Array(9).fill(true) } };
        const short = fittedDoc(doc, 32), long = fittedDoc(short, 64);
        return [short.beat.steps, short.locks, long.beat.steps, long.locks.bars, fittedDoc(doc, 64) === doc];
        """,
    )
    assert answer == [
        32, {"bars": [True, False], "drums": [True] * 9}, 64, [True, False, False, False], True,
    ]  # fmt: skip
