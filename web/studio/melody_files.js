// A melody as a MIDI file: what is saved, and what is read from one.

import { MELODY_STEPS, MELODY_STEPS_PER_BAR, MELODY_VELOCITY, tidied } from "../music/melody.js";
import { melodyClip } from "../music/melody_clip.js";
import { notesOfMelody } from "../music/midi_notes.js";
import { midiBytes } from "../music/midi_writer.js";
import { TEMPO_RANGE } from "./document.js";
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
  app.melodyMidi = () => {
    const { doc } = app.store;
    return { bytes: melodyMidi(doc), name: `melody_${Math.round(doc.tempo)}bpm.mid` };
  };
  app.openMelody = (bytes, name) => openMelody(app, bytes, name);
}

/**
 * Put the melody of a MIDI file on the page, with its tempo.
 * @param {Object} app see main.js
 * @param {Uint8Array} bytes
 * @param {string} name of the file
 * @throws {Error} with a sentence, where there is no melody in it; the page stays as it is
 */
function openMelody(app, bytes, name) {
  const { tokens, qpm, remarks } = melodyClip(bytes, name, { steps: MELODY_STEPS, name: "the page" });
  const [slowest, fastest] = TEMPO_RANGE, tempo = Math.round(10 * Math.min(fastest, Math.max(slowest, qpm))) / 10;
  app.store.change(`open ${name}`, (doc) => ({ ...doc, tempo, melody: { ...doc.melody, tokens: tidied(tokens) } }));
  app.say([`Opened ${name} at ${tempo} BPM.`, ...remarks.map(capitalized)].join(" "));
}

function capitalized(text) {
  return text[0].toUpperCase() + text.slice(1);
}
