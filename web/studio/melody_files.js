// A melody as a MIDI file: what is saved, and what is read from one.

import { MELODY_STEPS, MELODY_STEPS_PER_BAR, MELODY_VELOCITY, tidied } from "../music/melody.js";
import { melodyClip } from "../music/melody_clip.js";
import { notesOfMelody } from "../music/midi_notes.js";
import { midiBytes } from "../music/midi_writer.js";
import { dragLink } from "./drag_link.js";
import { button, element } from "./elements.js";
import { VOICES } from "./melody_state.js";
import { opened } from "./opening.js";
import { loopWav } from "./saving.js";

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
 * Build the panel of files, and give the page what it needs to save and open melodies.
 * @param {HTMLElement} root
 * @param {{app: Object}} panel see melody_panel.js
 */
export function mountMelodyFiles(root, { app }) {
  app.melodyMidi = () => ({ bytes: melodyMidi(app.store.doc), name: fileName(app, "mid") });
  app.melodyWav = async () => ({ bytes: await melodyWav(app), name: fileName(app, "wav") });
  app.openMelody = (bytes, name) => openMelody(app, bytes, name);
  const { link, renew } = dragLink(app.melodyMidi, { id: "drag-melody" });
  app.store.subscribe(renew);
  root.append(
    element("h2", { id: "melody-files-title" }, "Files"),
    element("p", {}, "Drop a MIDI file anywhere on the page, or open one: its first two bars of melody come here."),
    element("div", { class: "row-of" }, ...opening(app)),
    element("p", {}, "Drag ", link, " into your DAW or a folder, or click it to save it."),
  );
}

function fileName(app, suffix) {
  return `melody_${Math.round(app.store.doc.tempo)}bpm.${suffix}`;
}

// With the beat, where it plays along; then as long as the longer of them.
function melodyWav(app) {
  const { doc } = app.store, steps = doc.melody.withBeat ? Math.max(MELODY_STEPS, doc.beat.steps) : MELODY_STEPS;
  const inside = (event) => ({ ...event, offset: Math.max(0, event.offset) });
  const source = { step: (n) => (n ? app.melodySource.step(n) : app.melodySource.step(n).map(inside)) };
  return loopWav(doc, source, steps);
}

function opening(app) {
  const input = element("input", {
    type: "file", accept: ".mid,.midi,.kar,audio/midi", id: "open-melody", hidden: true,
  });
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (file) await app.openFile(file);
    // So that the same file can be chosen again.
    input.value = "";
  });
  return [button("Open MIDI file", () => input.click()), input];
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
  const { tempo, sentences } = opened(name, qpm, remarks);
  app.store.change(`open ${name}`, (doc) => ({ ...doc, tempo, melody: { ...doc.melody, tokens: tidied(tokens) } }));
  app.say(sentences);
}
