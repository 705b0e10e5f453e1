// Which MIDI note each of the nine drums is written as: the built-in maps of render/drum_maps.py.

import { DRUM_CLASSES } from "./drum_classes.js";

const GENERAL_MIDI = DRUM_CLASSES.map(({ pitches }) => pitches[0]);

/**
 * The maps by name, each with a label for people and nine MIDI notes in the order of `DRUM_CLASSES`.
 * @type {Readonly<Record<string, {label: string, notes: number[]}>>}
 */
export const DRUM_MAPS = {
  general_midi: { label: "General MIDI", notes: GENERAL_MIDI },
  // Roland TD kits, as the drummers of the Groove set played them.
  roland_td: { label: "Roland TD", notes: withNotes({ 2: 22, 3: 26, 4: 43 }) },
  // Sixteen pads from C1 upwards, row by row, as drum racks of pads lay out their first cells.
  pads_from_c1: { label: "Pads from C1", notes: DRUM_CLASSES.map((_, drum) => 36 + drum) },
};

/**
 * The MIDI notes of a drum map.
 * @param {string} name of `DRUM_MAPS`.
 * @returns {number[]} nine notes, 0 to 127.
 * @throws {Error} where there is no such map.
 */
export function drumNotes(name) {
  if (!Object.hasOwn(DRUM_MAPS, name)) {
    throw new Error(`There is no drum map "${name}"; expected ${Object.keys(DRUM_MAPS).join(", ")}.`);
  }
  return DRUM_MAPS[name].notes;
}

function withNotes(changes) {
  return GENERAL_MIDI.map((note, drum) => changes[drum] ?? note);
}
