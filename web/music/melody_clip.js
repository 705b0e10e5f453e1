// The melody of a MIDI file that is dropped on a page: the clip that the commands take of it.

import { findClip, stepsOf } from "./clip_finder.js";
import { Source } from "./clip_source.js";

const STEPS_PER_BAR = 16;
const NOTE_OFF = 1;
const FIRST_PITCH = 2;
const LOWEST_PITCH = 21;
const HIGHEST_PITCH = 108;
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
export function melodyClip(bytes, fileName, { steps = 32, name = "the page" } = {}, bar = null) {
  const source = new Source(bytes, fileName, false);
  const wanted = { name, bars: steps / STEPS_PER_BAR, shorterBars: true, lacking: "no_melody", take: melodyOf };
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

/** The tokens of an instrument's highest line; null where it has none. A note ends where the next one begins. */
function tokensOf(notes, window) {
  const line = notes
    .filter(({ pitch }) => pitch >= LOWEST_PITCH && pitch <= HIGHEST_PITCH)
    .map((note) => ({ pitch: note.pitch, ...stepsOf(note, window) }))
    .sort((a, b) => a.start - b.start || b.pitch - a.pitch)
    // The highest of those that begin together comes first.
    .filter((note, i, all) => i === 0 || note.start !== all[i - 1].start);
  if (!line.length) return null;
  const tokens = new Int16Array(window.steps);
  line.forEach(({ start, end, pitch }, i) => {
    const next = line[i + 1]?.start ?? tokens.length;
    tokens[start] = pitch - LOWEST_PITCH + FIRST_PITCH;
    if (end < next) tokens[end] = NOTE_OFF;
  });
  return tokens;
}
