// The melody's part of the page's document, its form in the address, and how it is played. No DOM.

import {
  FIRST_PITCH, HIGHEST, LOWEST, MELODY_STEPS, NO_EVENT, emptyMelody, notesOf, tidied, tokensOfNotes,
} from "../music/melody.js";
import { BitsError } from "./bits.js";

/** The voices: a part as Synth.key takes it, and its General MIDI program, one of those that the model was taught. */
export const VOICES = [
  { name: "Piano", program: 0, part: { harmonics: [1, 0.45, 0.25, 0.12, 0.07, 0.04], decay: 1.4, level: 0.32 } },
  { name: "Organ", program: 16, part: { harmonics: [1, 0.4, 0.3, 0.16, 0.1, 0.06], decay: 0, level: 0.2 } },
  { name: "Guitar", program: 24, part: { harmonics: [1, 0.6, 0.3, 0.15, 0.06], decay: 1.8, level: 0.38 } },
];

/** What the model draws from, as sample.py's --temperature: below it repeats itself, above it wanders. */
export const TEMPERATURE = { least: 0.1, most: 1.5, usual: 0.5 };

/** Seeds are below this. */
export const SEEDS = 2 ** 30;

// [pitch, start, length]
const FIRST_TUNE = [
  [72, 0, 2], [76, 2, 2], [79, 4, 3], [81, 7, 1], [79, 8, 4], [76, 12, 2], [74, 14, 2],
  [72, 16, 3], [74, 19, 1], [76, 20, 4], [74, 24, 2], [71, 26, 2], [72, 28, 4],
];

const TOKENS = HIGHEST - LOWEST + 1 + FIRST_PITCH;

/**
 * @typedef {{tokens: Int16Array, seed: number, temperature: number, voice: number, withBeat: boolean,
 *   locks: boolean[], pad: {corners: (Int16Array|null)[], x: number, y: number}}} MelodyState `voice` is an index of
 *   VOICES; `locks` are of the bars; the corners are top left, top right, bottom left, bottom right; x goes to the
 *   right and y down, 0 to 1
 */

/** @returns {MelodyState} the melody of someone who opens the page for the first time */
export function melodyDefaults() {
  return {
    tokens: tokensOfNotes(FIRST_TUNE.map(([pitch, start, length]) => ({ pitch, start, length }))), seed: 0,
    temperature: TEMPERATURE.usual, voice: 0, withBeat: false, locks: [false, false],
    pad: { corners: [null, null, null, null], x: 0.5, y: 0.5 },
  };
}

/**
 * Write the melody's part of a document. A melody takes a bit a step and seven more for each event.
 * @param {import("./bits.js").BitWriter} writer
 * @param {MelodyState} melody
 */
export function writeMelody(writer, melody) {
  writer.bits(melody.seed, 30);
  writer.number(melody.temperature, TEMPERATURE.least, TEMPERATURE.most, 100);
  writer.bits(melody.voice, 3);
  writer.flag(melody.withBeat);
  melody.locks.forEach((lock) => writer.flag(lock));
  writeTokens(writer, melody.tokens);
  writer.number(melody.pad.x, 0, 1, 1000);
  writer.number(melody.pad.y, 0, 1, 1000);
  for (const corner of melody.pad.corners) {
    writer.flag(corner !== null);
    if (corner) writeTokens(writer, corner);
  }
}

/**
 * Read what writeMelody wrote.
 * @param {import("./bits.js").BitReader} reader
 * @returns {MelodyState}
 * @throws {BitsError} where that can't be a melody
 */
export function readMelody(reader) {
  const melody = {
    seed: reader.bits(30), temperature: rounded(reader.number(TEMPERATURE.least, TEMPERATURE.most, 100)),
    voice: reader.bits(3), withBeat: reader.flag(), locks: [reader.flag(), reader.flag()],
    tokens: readTokens(reader),
    pad: { x: rounded(reader.number(0, 1, 1000)), y: rounded(reader.number(0, 1, 1000)), corners: [] },
  };
  if (melody.voice >= VOICES.length) throw new BitsError("a voice is unknown");
  for (let corner = 0; corner < 4; corner++) melody.pad.corners.push(reader.flag() ? readTokens(reader) : null);
  return melody;
}

/**
 * The notes that begin at a step of a melody in a loop, as a Player's source gives them.
 * @param {Int16Array} tokens
 * @param {number} step counted from the start of playing
 * @param {number} voice index of VOICES
 * @returns {{pitch: number, velocity: number, length: number, offset: number, part: object}[]} at most one
 */
export function notesOfStep(tokens, step, voice) {
  const start = step % tokens.length;
  if (tokens[start] < FIRST_PITCH) return [];
  const { pitch, velocity, length } = notesOf(tokens).find((note) => note.start === start);
  return [{ pitch, velocity, length, offset: 0, part: VOICES[voice].part }];
}

function writeTokens(writer, tokens) {
  for (const token of tidied(tokens)) {
    writer.flag(token !== NO_EVENT);
    if (token !== NO_EVENT) writer.bits(token, 7);
  }
}

function readTokens(reader) {
  const tokens = emptyMelody();
  for (let step = 0; step < MELODY_STEPS; step++) {
    if (!reader.flag()) continue;
    tokens[step] = reader.bits(7);
    if (tokens[step] === NO_EVENT || tokens[step] >= TOKENS) throw new BitsError("a note is out of range");
  }
  return tokens;
}

// 0.1 + 0.43 is not 0.53, and the document should be the one that was written.
function rounded(value) {
  return Math.round(value * 1000) / 1000;
}
