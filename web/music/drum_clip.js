// The beat of a MIDI file that is dropped on a page: the clip that the commands take of it, with dynamics and timing.

import { findClip, stepsOf } from "./clip_finder.js";
import { Source } from "./clip_source.js";
import { DRUM_CLASSES, DRUM_OF_PITCH } from "./drum_classes.js";

const DRUMS = DRUM_CLASSES.length;
const STEPS_PER_BAR = 16;

/**
 * The beat of a MIDI file.
 * @param {Uint8Array} bytes of the file.
 * @param {string} fileName for messages, and for the title where the file has none.
 * @param {{steps?: number, name?: string}} [grid] sixteenths of a beat, a whole number of bars of 16 (64 by default),
 *   and the name of what plays it, for messages.
 * @param {number|null} [bar] where it begins, from 1; null for where there is music.
 * @returns {{beat: {steps: number, velocities: Uint8Array, offsets: Float32Array}, qpm: number, title: string,
 *   remarks: string[]}} each hit at its nearest step, with its velocity and how far from the step it is played; of
 *   several hits of a drum at a step the loudest. Remarks are sentences about how the file was read.
 * @throws {MidiError} with a sentence that begins with the file's name.
 */
export function drumClip(bytes, fileName, { steps = 64, name = "the page" } = {}, bar = null) {
  const source = new Source(bytes, fileName, true);
  const wanted = { name, bars: steps / STEPS_PER_BAR, shorterBars: false, lacking: "no_drums", take: beatOf };
  const { found: beat, qpm, remarks } = findClip(source, fileName, wanted, bar);
  return { beat, qpm, title: source.title, remarks: [...source.remarks, ...remarks] };
}

function beatOf(window) {
  const beat = {
    steps: window.steps,
    velocities: new Uint8Array(window.steps * DRUMS),
    offsets: new Float32Array(window.steps * DRUMS),
  };
  let any = false;
  for (const note of window.notes) {
    const drum = DRUM_OF_PITCH[note.pitch];
    if (drum < 0) continue;
    any = true;
    const step = stepsOf(note, window).start;
    const cell = step * DRUMS + drum;
    if (step >= window.steps || note.velocity <= beat.velocities[cell]) continue;
    beat.velocities[cell] = note.velocity;
    beat.offsets[cell] = Math.min(0.5, Math.max(-0.5, (note.start / window.ticksPerQuarter) * 4 - step));
  }
  return any ? { found: beat, remarks: [] } : ["no_drums"];
}
