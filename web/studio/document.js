// The document: everything that undo takes back and that a link holds.
//
// {tab, beat, tempo, swing, feel: {timing, velocity, style, take, freedom},
//  locks: {bars: bool[], drums: bool[]}, temperature,
//  conditions: {name: number | string | null}, seed, shape: null | {base, result, amounts}, drumMap, melody,
//  and the keys of pad_state.js: pad, path, parts, arrangement, loop}

import { DRUM_COUNT, STEPS_PER_BAR, beatOfHits, fitted } from "../music/beat.js";
import { melodyDefaults } from "./melody_state.js";
import { padDefaults } from "./pad_state.js";

/** Quarter notes a minute that the page takes. */
export const TEMPO_RANGE = Object.freeze([40, 240]);

/** The largest swing: every second sixteenth late by half a sixteenth. */
export const MOST_SWING = 0.5;

/** Temperatures of the slider. */
export const TEMPERATURE_RANGE = Object.freeze([0.1, 1.5]);

/** How far a slider of an attribute goes, in attribute vectors: 1 is from the lowest quarter of beats to the highest. */
export const MOST_AMOUNT = 1.5;

// X accent, x hit, o soft, . ghost, as in patterns/; a bar a column.
const LEVELS = { X: 120, x: 96, o: 72, ".": 40 };
const FIRST_BEAT = [
  [7, "X--------------- ---------------- ---------------- ----------------"],
  [3, "---------------- --------------x- ---------------- ----------------"],
  [2, "X-xoX-xoX-xoX-xo X-xoX-xoX-xoX--- X-xoX-xoX-xoX-xo X-xoX-xoX-xo----"],
  [1, "----X--.-.--X--- ----X--.-.--X--. ----X--.-.--X--- ----X--.-.--X.xX"],
  [5, "---------------- ---------------- ---------------- -------------x--"],
  [0, "X-x----x--x----- X-x----x--x--o-- X-x----x--x----- X-x----x--x-----"],
];

/** @returns {import("../music/beat.js").Beat} what is on the grid at first, four bars */
function firstBeat() {
  const found = [];
  for (const [drum, row] of FIRST_BEAT) {
    [...row.replaceAll(" ", "")].forEach((letter, step) => {
      if (LEVELS[letter]) found.push({ step, drum, velocity: LEVELS[letter], offset: 0 });
    });
  }
  return beatOfHits(4 * STEPS_PER_BAR, found);
}

/** @returns {Object} the document of someone who opens the page for the first time */
export function defaultDoc() {
  const beat = firstBeat();
  return {
    tab: "drums",
    beat,
    tempo: 96,
    swing: 0.12,
    feel: { timing: 0, velocity: 0, style: null, take: 0, freedom: 0.5 },
    locks: noLocks(beat.steps),
    temperature: 0.5,
    conditions: {},
    seed: 0,
    shape: null,
    drumMap: "general_midi",
    melody: melodyDefaults(),
    ...padDefaults(),
  };
}

/**
 * A document with a beat as long as the page's model plays, such as one that comes from another page by a link.
 * @param {Object} doc
 * @param {number} steps whole bars
 * @returns {Object}
 */
export function fittedDoc(doc, steps) {
  if (doc.beat.steps === steps) return doc;
  const bars = noLocks(steps).bars.map((_, bar) => doc.locks.bars[bar] ?? false);
  return { ...doc, beat: fitted(doc.beat, steps), locks: { ...doc.locks, bars }, shape: null };
}

/**
 * @param {number} steps
 * @returns {{bars: boolean[], drums: boolean[]}} nothing locked
 */
export function noLocks(steps) {
  return { bars: Array(steps / STEPS_PER_BAR).fill(false), drums: Array(DRUM_COUNT).fill(false) };
}

/**
 * Where a document's locks hold: 1 in locked bars and drums.
 * @param {Object} doc
 * @returns {Uint8Array} [steps * DRUM_COUNT]
 */
export function lockMask(doc) {
  const mask = new Uint8Array(doc.beat.steps * DRUM_COUNT);
  for (let index = 0; index < mask.length; index++) {
    const bar = Math.floor(index / DRUM_COUNT / STEPS_PER_BAR);
    mask[index] = doc.locks.bars[bar] || doc.locks.drums[index % DRUM_COUNT] ? 1 : 0;
  }
  return mask;
}
