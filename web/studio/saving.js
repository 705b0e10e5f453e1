// Files of the beat as it is heard: MIDI and WAV.

import { midiBytes } from "../music/midi_writer.js";

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
 * What the beat's files are called.
 * @param {Object} app see main.js
 * @param {string} suffix "mid" or "wav"
 * @returns {string}
 */
export function fileName(app, suffix) {
  return `beat_${Math.round(app.store.doc.tempo)}bpm.${suffix}`;
}
