// Files of what is heard: MIDI and WAV.

import { eventsOfStep } from "../music/beat.js";
import { midiBytes } from "../music/midi_writer.js";
import { levelled, renderOffline, wavBytes } from "../sound/render.js";

const SAMPLE_RATE = 44100;

/**
 * The beat as it is heard now, as a MIDI file.
 * @param {Object} app see main.js
 * @returns {Uint8Array}
 */
export function beatMidi(app) {
  const { tempo, swing, drumMap } = app.store.doc;
  return midiBytes({ qpm: tempo, swing, drumMap }, [app.playedBeat()]);
}

/**
 * The sound of the beat as it is heard now, as a WAV file that loops without a seam.
 * @param {Object} app see main.js
 * @returns {Promise<Uint8Array>} rejects where the browser can't render sound
 */
export async function beatWav(app) {
  const beat = app.playedBeat();
  // As in the MIDI file, nothing is before the beginning: an early first hit would be cut in two.
  const inside = (event) => ({ ...event, offset: Math.max(0, event.offset) });
  const source = { step: (n) => (n ? eventsOfStep(beat, n) : eventsOfStep(beat, n).map(inside)) };
  return loopWav(app.store.doc, source, beat.steps);
}

/**
 * A loop's sound as a WAV file, without a seam.
 * @param {{tempo: number, swing: number}} doc
 * @param {import("../sound/sequencer.js").Source} source
 * @param {number} steps of the loop
 * @returns {Promise<Uint8Array>} rejects where the browser can't render sound
 */
export async function loopWav({ tempo, swing }, source, steps) {
  const options = { tempo, swing, steps, sampleRate: SAMPLE_RATE, isLoop: true };
  return wavBytes(levelled(await renderOffline(source, options)), SAMPLE_RATE);
}

/**
 * What the beat's files are called.
 * @param {Object} app see main.js
 * @param {string} suffix "mid" or "wav"
 * @returns {string}
 */
export function fileName(app, suffix) {
  return `beat_${Math.round(app.store.doc.tempo)}bpm.${suffix}`;
}
