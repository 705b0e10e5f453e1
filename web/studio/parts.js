// Parts of a song and their order, as data: every function takes a document or its lists and makes new ones.

import { equalBeats } from "../music/beat.js";
import { LONGEST_NAME, heardBeat } from "./pad_state.js";
import { barsOf } from "./sequence.js";

const LETTERS = "ABCDEFGHIJKLMNOP";

/**
 * @typedef {{name: string, beat: import("../music/beat.js").Beat, played: import("../music/beat.js").Beat|null,
 *   bars: [number, number]}} Part see pad_state.js
 */

/**
 * A part of a beat and of the way it was heard.
 * @param {string} name
 * @param {import("../music/beat.js").Beat} beat as written
 * @param {import("../music/beat.js").Beat} played the same hits as they were heard
 * @returns {Part} of all its bars
 */
export function partOf(name, beat, played) {
  const heard = heardBeat(played);
  return { name, beat, played: equalBeats(heard, beat) ? null : heard, bars: [0, barsOf(beat).length] };
}

/**
 * A name that no part has: the first letter that is free, or a word with a number behind it.
 * @param {Part[]} parts
 * @param {string} [word] such as "Fill"
 * @returns {string}
 */
export function freeName(parts, word = "") {
  const taken = new Set(parts.map((part) => part.name.toLowerCase()));
  const names = word ? [word, ...numbers(word)] : [...LETTERS, ...numbers("Part")];
  return names.find((name) => !taken.has(name.toLowerCase()));
}

function numbers(word) {
  return Array.from({ length: 100 }, (_, i) => `${word} ${i + 2}`);
}

/**
 * A name as it is kept: on one line, without spaces around it, and not too long.
 * @param {string} text
 * @returns {string} "" where nothing is left
 */
export function tidyName(text) {
  return [...text.replace(/\s+/g, " ").trim()].slice(0, LONGEST_NAME).join("").trim();
}

/**
 * @template T
 * @param {T[]} list
 * @param {number} index
 * @param {T} item
 * @returns {T[]} with the item in the place of another
 */
export function replaced(list, index, item) {
  return list.map((old, i) => (i === index ? item : old));
}

/**
 * @template T
 * @param {T[]} list
 * @param {number} from
 * @param {number} to where the item stands afterwards
 * @returns {T[]} with one item moved
 */
export function moved(list, from, to) {
  const rest = list.filter((_, i) => i !== from);
  rest.splice(to, 0, list[from]);
  return rest;
}

/**
 * The document without a part: it also leaves the arrangement.
 * @param {Object} doc
 * @param {number} index
 * @returns {Object}
 */
export function withoutPart(doc, index) {
  return {
    ...doc,
    parts: doc.parts.filter((_, i) => i !== index),
    arrangement: doc.arrangement.filter((part) => part !== index).map((part) => (part > index ? part - 1 : part)),
  };
}

/**
 * The bars of a part that play.
 * @param {Part} part
 * @returns {import("../music/beat.js").Beat[]} a beat of one bar each
 */
function partBars(part) {
  return barsOf(part.played ?? part.beat).slice(...part.bars);
}

/**
 * What an arrangement plays, bar by bar.
 * @param {Object} doc
 * @returns {{bars: import("../music/beat.js").Beat[], places: {item: number, bar: number, of: number}[],
 *   markers: {bar: number, name: string}[]}} `places` says for each bar which item of the arrangement it is of, which
 *   bar of it (from 0), and of how many; `markers` where each item begins
 */
export function arranged(doc) {
  const bars = [], places = [], markers = [];
  doc.arrangement.forEach((index, item) => {
    const part = doc.parts[index], own = partBars(part);
    markers.push({ bar: bars.length, name: part.name });
    own.forEach((bar, i) => {
      bars.push(bar);
      places.push({ item, bar: i, of: own.length });
    });
  });
  return { bars, places, markers };
}

/**
 * Minutes and seconds of a number of bars in 4/4.
 * @param {number} bars
 * @param {number} tempo quarter notes a minute
 * @returns {string} such as "1:05"
 */
export function duration(bars, tempo) {
  const seconds = Math.round(bars * 4 * 60 / tempo);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
