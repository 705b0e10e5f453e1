// Files of bars that follow one another: a recorded path, or an arrangement.

import { STEPS_PER_BAR, emptyBeat, eventsOfStep } from "../music/beat.js";
import { midiBytes } from "../music/midi_writer.js";
import { levelled, renderOffline, wavBytes } from "../sound/render.js";

const SAMPLE_RATE = 44100;

/**
 * What a file is called.
 * @param {Object} app see main.js
 * @param {string} what such as "arrangement"
 * @param {string} suffix "mid" or "wav"
 * @returns {string}
 */
export function sequenceName(app, what, suffix) {
  return `${what}_${Math.round(app.store.doc.tempo)}bpm.${suffix}`;
}

/**
 * A MIDI file at the page's tempo and swing, for its drum map.
 * @param {Object} app see main.js
 * @param {import("../music/beat.js").Beat[]} bars a beat of one bar each; without any it is an empty bar
 * @param {{bar: number, name: string}[]} [markers]
 * @returns {Uint8Array}
 */
export function sequenceMidi(app, bars, markers = []) {
  const { tempo, swing, drumMap } = app.store.doc;
  return midiBytes({ qpm: tempo, swing, drumMap, markers }, bars.length ? bars : [emptyBeat(STEPS_PER_BAR)]);
}

/**
 * A WAV file at the page's tempo and swing.
 * @param {Object} app see main.js
 * @param {import("../music/beat.js").Beat[]} bars a beat of one bar each
 * @param {boolean} isLoop whether it is to loop without a seam; otherwise it ends when the last sound has
 * @returns {Promise<Uint8Array>} rejects where the browser can't render sound
 */
export async function sequenceWav(app, bars, isLoop) {
  const { tempo, swing } = app.store.doc, steps = bars.length * STEPS_PER_BAR;
  const eventsOf = (n) => eventsOfStep(bars[Math.floor(n / STEPS_PER_BAR)], n % STEPS_PER_BAR);
  // As in the MIDI file, nothing is before the beginning: an early first hit would sound at the end of a loop.
  const first = () => eventsOf(0).map((event) => ({ ...event, offset: Math.max(0, event.offset) }));
  const source = { step: (n) => (n ? eventsOf(n) : first()) };
  const samples = await renderOffline(source, { tempo, swing, steps, sampleRate: SAMPLE_RATE, isLoop });
  return wavBytes(levelled(samples), SAMPLE_RATE);
}
