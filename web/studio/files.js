// The panel of files: opening MIDI, saving and dragging out MIDI and WAV, the drum map, and MIDI to other programs.

import { DRUM_MAPS } from "../music/drum_maps.js";
import { MIDI_TYPE, WAV_TYPE, saveFile } from "./downloads.js";
import { dragLink } from "./drag_link.js";
import { button, choice, element } from "./elements.js";
import { mountMidiPanel } from "./midi_panel.js";
import { openFile, takeDrops } from "./opening.js";
import { beatMidi, beatWav, fileName } from "./saving.js";

/**
 * Build the panel, put buttons for saving into the transport's row, and take files dropped anywhere. Sets
 * `app.openFile(file)`, `app.saveMidi()` and `app.saveWav()`, which return promises.
 * @param {HTMLElement} root
 * @param {Object} app see main.js
 */
export function mountFiles(root, app) {
  app.openFile = (file) => openFile(app, file);
  app.saveMidi = () => saveMidi(app);
  app.saveWav = () => saveWav(app);
  takeDrops(app);
  app.slots.save?.append(
    button("Save MIDI", () => app.saveMidi(), { id: "save-midi" }),
    button("Save WAV", () => app.saveWav(), { id: "save-wav" }),
  );
  const files = element("div", {},
    element("h2", {}, "Files"),
    element("p", {}, "Drop a MIDI file anywhere on the page, or open one: its first bars of drums come onto the grid."),
    element("div", { class: "row-of" }, ...openingOf(app), mapOf(app)),
    element("p", { class: "drag-out" }, "Drag ", linkOf(app), " into your DAW or a folder, or click it to save it."));
  const midi = element("div", {});
  root.append(files, midi);
  mountMidiPanel(midi, app);
}

function openingOf(app) {
  const input = element("input", { type: "file", accept: ".mid,.midi,.kar,audio/midi", id: "open-file", hidden: true });
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (file) await openFile(app, file);
    // So that the same file can be chosen again.
    input.value = "";
  });
  return [button("Open MIDI file", () => input.click(), { id: "open-midi" }), input];
}

function mapOf(app) {
  const { root, set } = choice({
    label: "Drum map", value: app.store.doc.drumMap, id: "drum-map",
    choices: Object.entries(DRUM_MAPS).map(([value, { label }]) => ({ value, text: label })),
    onchange: (value) => app.store.change("drum map", (doc) => ({ ...doc, drumMap: value })),
  });
  app.store.subscribe((doc) => set(doc.drumMap));
  return root;
}

function linkOf(app) {
  const { link, renew } = dragLink(() => ({ name: fileName(app, "mid"), bytes: beatMidi(app) }), { id: "drag-midi" });
  app.store.subscribe(renew);
  app.onPerformed(renew);
  return link;
}

async function saveMidi(app) {
  if (app.store.doc.tab === "drums") await app.performed();
  const isMelody = app.store.doc.tab === "melody";
  const { name, bytes } = isMelody ? app.melodyMidi() : { name: fileName(app, "mid"), bytes: beatMidi(app) };
  saveFile(name, MIDI_TYPE, bytes);
  app.say(`Saved ${name}.`);
}

async function saveWav(app) {
  await app.performed();
  try {
    const isMelody = app.store.doc.tab === "melody";
    const { name, bytes } = isMelody ? await app.melodyWav()
      : { name: fileName(app, "wav"), bytes: await beatWav(app) };
    saveFile(name, WAV_TYPE, bytes);
    app.say(`Saved ${name}.`);
  } catch (error) {
    app.say(`The sound can't be saved (${error.message}).`, "error");
  }
}
