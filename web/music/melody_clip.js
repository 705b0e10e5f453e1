// The melody of a MIDI file that is dropped on a page: the clip that the commands take of it.

import { findClip, stepsOf } from "./clip_finder.js";
import { Source } from "./clip_source.js";
import { HIGHEST, LOWEST, MELODY_STEPS, MELODY_STEPS_PER_BAR, tokensOfNotes } from "./melody.js";

/** MIDI programs from 0 that melodies usually have are those below this; others are tried after them. */
const USUAL_PROGRAMS = 32;

/**
 * The melody of a MIDI file: the highest line of one instrument.
 * @param {Uint8Array} bytes of the file.
 * @param {string} fileName for messages, and for the title where the file has none.
 * @param {{steps?: number, name?: string}} [grid] sixteenths of a melody, a whole number of bars of 16 (32 by default),
 *   and the name of what plays it, for messages.
 * @param {number|null} [bar] where it begins, from 1; null for where there is music.
 * @returns {{tokens: Int16Array, qpm: number, title: string, remarks: string[]}} one token a sixteenth: 0 holds, 1 ends
 *   a note, 2 and more begin pitch 21 and up. Remarks are sentences about how the file was read.
 * @throws {MidiError} with a sentence that begins with the file's name.
 */
export function melodyClip(bytes, fileName, { steps = MELODY_STEPS, name = "the page" } = {}, bar = null) {
  const source = new Source(bytes, fileName, false);
  const wanted = { name, bars: steps / MELODY_STEPS_PER_BAR, shorterBars: true, lacking: "no_melody", take: melodyOf };
  const { found: tokens, qpm, remarks } = findClip(source, fileName, wanted, bar);
  return { tokens, qpm, title: source.title, remarks: [...source.remarks, ...remarks] };
}

/** The melody of the first instrument that has one; those with programs of melodies come first. */
function melodyOf(window) {
  const players = new Map();
  for (const note of window.notes) {
    if (!players.has(note.instrument)) players.set(note.instrument, []);
    players.get(note.instrument).push(note);
  }
  const inOrder = [...players].sort((a, b) => a[0] - b[0]).map(([, notes]) => notes);
  const isUsual = (notes) => notes[0].program < USUAL_PROGRAMS;
  for (const notes of [...inOrder.filter(isUsual), ...inOrder.filter((notes) => !isUsual(notes))]) {
    const tokens = tokensOf(notes, window);
    if (!tokens) continue;
    const remark = `its instrument of MIDI program ${notes[0].program + 1} is taken as the melody.`;
    return { found: tokens, remarks: isUsual(notes) ? [] : [remark] };
  }
  return ["no_melody"];
}

/** The tokens of an instrument's highest line; null where it has none. */
function tokensOf(notes, window) {
  const played = notes
    .filter(({ pitch }) => pitch >= LOWEST && pitch <= HIGHEST)
    .map((note) => ({ pitch: note.pitch, ...stepsOf(note, window) }))
    .filter(({ start }) => start < window.steps)
    .map(({ pitch, start, end }) => ({ pitch, start, length: end - start }));
  return played.length ? tokensOfNotes(played, window.steps) : null;
}
