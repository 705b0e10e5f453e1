// The Melody tab: a piano roll of two bars, new melodies from the model, and what plays and saves them.

import { eventsOfStep } from "../music/beat.js";
import { MELODY_VELOCITY, emptyMelody, lockedMelody, mergedMelody, notesOf, transposed } from "../music/melody.js";
import { button, choice, element, slider, toggle } from "./elements.js";
import { drawnAround, drawnMelodies } from "./melody_draws.js";
import { mountMelodyFiles } from "./melody_files.js";
import { mountMelodyKeys } from "./melody_keys.js";
import { mountMelodyPad } from "./melody_pad.js";
import { MelodyRoll } from "./melody_roll.js";
import { TEMPERATURE, VOICES, notesOfStep } from "./melody_state.js";

const MELODY_ROLE = "melody";
const HEARD_SECONDS = 0.3;

/**
 * Build the tab.
 * @param {HTMLElement} root an empty element
 * @param {Object} app see main.js
 */
export function mountMelody(root, app) {
  const melody = () => app.store.doc.melody;
  const set = (label, changed, options) =>
    app.store.change(label, (doc) => ({ ...doc, melody: { ...doc.melody, ...changed } }), options);
  const spoken = element("p", { class: "spoken", role: "status" });
  const roll = new MelodyRoll({
    tokens: melody().tokens,
    change: (label, tokens, merge) => set(label, { tokens }, { merge }),
    hear: (pitch) => hear(app, pitch),
    say: (text) => { spoken.textContent = text; },
  });
  const panel = { app, melody, set, roll };
  const pad = element("section", { class: "panel", "aria-labelledby": "melody-pad-title" });
  const files = element("section", { class: "panel", "aria-labelledby": "melody-files-title" });
  root.append(
    element("section", { class: "panel", "aria-labelledby": "melody-title" },
      element("h2", { id: "melody-title" }, "Melody"), drawing(panel), roll.root, spoken, editing(panel),
      mountMelodyKeys(panel)),
    pad, files);
  mountMelodyPad(pad, panel);
  mountMelodyFiles(files, panel);
  play(panel);
  requestAnimationFrame(() => roll.reveal());  // the tab is shown only then
}

// A note that was touched sounds, unless the melody plays anyway.
function hear(app, pitch) {
  if (app.player.isPlaying) return;
  const { part } = VOICES[app.store.doc.melody.voice];
  app.player.audition({ pitch, velocity: MELODY_VELOCITY, length: 1, offset: 0, part }, HEARD_SECONDS);
}

function drawing({ app, melody, set }) {
  const model = app.engine.model(MELODY_ROLE);
  const draw = button("New melody", () => newMelody({ app, melody, set }), {
    id: "new-melody", class: "primary", disabled: !model, title: model ? "N" : "This page has no model of melodies.",
  });
  if (model) app.newMelody = () => newMelody({ app, melody, set });
  const warmth = slider({
    label: "Temperature", min: TEMPERATURE.least, max: TEMPERATURE.most, step: 0.05, value: melody().temperature,
    text: (value) => value.toFixed(2), id: "melody-temperature", hint: "Low is likely, high is adventurous",
    oninput: (temperature) => set("temperature", { temperature }, { merge: "melody temperature" }),
    onchange: () => app.store.settle(),
  });
  const voice = choice({
    label: "Voice", id: "melody-voice", value: String(melody().voice),
    choices: VOICES.map(({ name }, i) => ({ value: String(i), text: name })),
    onchange: (value) => set("voice", { voice: Number(value) }),
  });
  const beat = toggle("Play the beat too", melody().withBeat, (withBeat) => set("the beat", { withBeat }));
  const locks = [0, 1].map((bar) => toggle(`Lock bar ${bar + 1}`, melody().locks[bar], (on) => {
    set(on ? "lock" : "unlock", { locks: melody().locks.map((lock, i) => (i === bar ? on : lock)) });
  }, { title: "What is locked stays when a melody is drawn or mixed" }));
  app.store.subscribe((doc) => {
    doc.melody.locks.forEach((on, bar) => locks[bar].set(on));
    warmth.set(doc.melody.temperature);
    voice.set(String(doc.melody.voice));
    beat.set(doc.melody.withBeat);
  });
  const lockButtons = locks.map((lock) => lock.root);
  return element("div", { class: "row-of" }, draw, warmth.root, ...lockButtons, voice.root, beat.root);
}

function editing({ app, melody, set, roll }) {
  const shift = (semitones, label) => set(label, { tokens: transposed(melody().tokens, semitones) });
  const remove = button("Delete note", () => roll.remove(), { id: "delete-note" });
  const clear = button("Clear", () => set("clear the melody", { tokens: emptyMelody() }), { id: "clear-melody" });
  const show = (doc) => {
    roll.show(doc.melody.tokens);
    clear.disabled = notesOf(doc.melody.tokens).length === 0;
  };
  app.store.subscribe((doc, before) => {
    roll.lock(doc.melody.locks);
    if (doc.melody.tokens === before.melody.tokens) return;
    show(doc);
    if (!roll.isEditing) roll.lookFor();
  });
  show(app.store.doc);
  roll.lock(app.store.doc.melody.locks);
  return element("div", { class: "row-of" },
    button("Add note", () => roll.add(), { id: "add-note" }), remove,
    button("Lower", () => shift(-1, "lower the melody"), { title: "A semitone down" }),
    button("Higher", () => shift(1, "raise the melody"), { title: "A semitone up" }),
    button("Octave down", () => shift(-12, "lower the melody")),
    button("Octave up", () => shift(12, "raise the melody")),
    clear);
}

async function newMelody({ app, melody, set }) {
  const { tokens: before, locks, temperature } = melody();
  if (locks.every(Boolean)) {
    app.say("Both bars are locked, so there is nothing to draw; unlock one.", "error");
    return;
  }
  try {
    const { seed, tokens } = locks.some(Boolean) ? await drawnAround(app.engine, before, locks, temperature)
      : (await drawnMelodies(app.engine, 1, temperature))[0];
    // What was changed or locked meanwhile stays.
    const now = melody();
    set("new melody", { tokens: mergedMelody(lockedMelody(now.tokens, now.locks), tokens), seed });
  } catch (error) {
    app.say(error.message, "error");
  }
}

function play({ app, melody, roll }) {
  app.melodySource = {
    step: (n) => {
      const { tokens, voice, withBeat } = melody(), notes = notesOfStep(tokens, n, voice);
      if (!withBeat) return notes;
      const beat = app.playedBeat();
      return [...notes, ...eventsOfStep(beat, n % beat.steps)];
    },
    heard: (n) => roll.playhead(n % melody().tokens.length),
  };
  app.player.onChange(() => {
    if (!app.player.isPlaying || app.player.source !== "beat") roll.playhead(null);
  });
}
