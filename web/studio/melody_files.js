// A melody as a MIDI file: what is saved, and what is read from one.

import { MELODY_STEPS, MELODY_STEPS_PER_BAR, MELODY_VELOCITY } from "../music/melody.js";
import { notesOfMelody } from "../music/midi_notes.js";
import { midiBytes } from "../music/midi_writer.js";
import { VOICES } from "./melody_state.js";

/**
 * The MIDI file of a document's melody, two bars long.
 * @param {Object} doc
 * @returns {Uint8Array}
 */
export function melodyMidi(doc) {
  const { tokens, voice } = doc.melody;
  const notes = notesOfMelody(tokens, MELODY_VELOCITY, VOICES[voice].program);
  return midiBytes({ qpm: doc.tempo, swing: doc.swing, bars: MELODY_STEPS / MELODY_STEPS_PER_BAR }, notes);
}

/**
 * Give the page what it needs to save and open melodies.
 * @param {{app: Object}} panel see melody_panel.js
 */
export function mountMelodyFiles({ app }) {
  app.melodyMidi = () => ({ bytes: melodyMidi(app.store.doc), name: `melody_${Math.round(app.store.doc.tempo)}bpm.mid` });
}
