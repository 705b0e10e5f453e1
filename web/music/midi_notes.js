// Beats and melodies as notes in quarter notes, as midi_writer.js takes them.

import { DRUM_CLASSES } from "./drum_classes.js";
import { MELODY_VELOCITY, notesOf } from "./melody.js";

const STEPS_PER_QUARTER = 4;
const DRUMS = DRUM_CLASSES.length;

/**
 * @typedef {object} Note
 * @property {number} start in quarter notes from the beginning; a hit before 0 is written at 0.
 * @property {number} end in quarter notes.
 * @property {number} velocity 1 to 127.
 * @property {number} [drum] 0 to 8, of a drum.
 * @property {number} [pitch] MIDI pitch, of a pitched note.
 * @property {number} [instrument] of a pitched note: notes of different ones are on different channels; default 0.
 * @property {number} [program] of a pitched note: MIDI program from 0; default 0.
 */

/**
 * The hits of beats that follow each other; each lasts a step.
 * @param {Array<{steps: number, velocities: Uint8Array, offsets: Float32Array}>} beats on sixteenths.
 * @returns {Note[]} in order of step and drum.
 */
export function notesOfBeats(beats) {
  const notes = [];
  let first = 0;
  for (const { steps, velocities, offsets } of beats) {
    for (let i = 0; i < steps * DRUMS; i += 1) {
      if (!velocities[i]) continue;
      const start = (first + Math.floor(i / DRUMS) + offsets[i]) / STEPS_PER_QUARTER;
      notes.push({ start, end: start + 1 / STEPS_PER_QUARTER, drum: i % DRUMS, velocity: velocities[i] });
    }
    first += steps;
  }
  return notes;
}

/**
 * The notes of a melody; one that still sounds ends with the last step.
 * @param {ArrayLike<number>} tokens one a sixteenth: 0 holds, 1 ends a note, 2 and more begin pitch 21 and up.
 * @param {number} [velocity] of all notes, 1 to 127.
 * @param {number} [program] MIDI program from 0.
 * @returns {Note[]}
 */
export function notesOfMelody(tokens, velocity = MELODY_VELOCITY, program = 0) {
  return notesOf(tokens).map(({ pitch, start, length }) => {
    const end = (start + length) / STEPS_PER_QUARTER;
    return { start: start / STEPS_PER_QUARTER, end, pitch, velocity, instrument: 0, program };
  });
}
