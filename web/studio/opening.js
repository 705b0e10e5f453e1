// MIDI files that are dropped on the page or chosen: the clip in them comes onto the grid, or a sentence says why not.

import { checkSize } from "../music/clip_source.js";
import { drumClip } from "../music/drum_clip.js";
import { TEMPO_RANGE } from "./document.js";

/**
 * Open a MIDI file on the tab that is shown. What is on screen stays as it is where there is no clip in the file.
 * @param {Object} app see main.js
 * @param {File} file
 * @returns {Promise<boolean>} whether it was opened; it never rejects: what is wrong has been said
 */
export async function openFile(app, file) {
  try {
    checkSize(file.size, file.name);
    const bytes = await bytesOf(file);
    if (app.store.doc.tab === "melody") app.openMelody(bytes, file.name);
    else openBeat(app, bytes, file.name);
    return true;
  } catch (error) {
    const isFault = error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
    app.say(isFault ? `${file.name}: can't be opened (${error.message}).` : error.message, "error");
    return false;
  }
}

/**
 * Take files that are dropped anywhere on the page.
 * @param {Object} app see main.js
 */
export function takeDrops(app) {
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const mark = (on) => document.body.classList.toggle("dropping", on);
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    mark(true);
  });
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) mark(false);
  });
  addEventListener("drop", async (event) => {
    mark(false);
    if (!hasFiles(event)) return;
    // Without this the browser leaves the page for the file.
    event.preventDefault();
    const [file, ...others] = event.dataTransfer.files;
    if (!file) {
      app.say("There was no file in what you dropped; drop a MIDI file.", "error");
    } else if (others.length) {
      app.say(`You dropped ${1 + others.length} files; drop one MIDI file at a time.`, "error");
    } else {
      await openFile(app, file);
    }
  });
}

async function bytesOf(file) {
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch {
    throw new Error(`${file.name}: can't be read; it may be a folder, or have been moved.`);
  }
}

function openBeat(app, bytes, name) {
  const { beat, qpm, remarks } = drumClip(bytes, name, { steps: app.currentBeat().steps });
  const { tempo, sentences } = opened(name, qpm, remarks);
  // The file's own swing is in the offsets of its hits.
  app.setBeat(`open ${name}`, beat, { patch: { tempo, swing: 0 } });
  app.say(sentences);
}

/**
 * What a page takes of a file besides its clip, and says of it.
 * @param {string} name
 * @param {number} qpm of the file
 * @param {string[]} remarks as the commands print them behind the file's name
 * @returns {{tempo: number, sentences: string}} the tempo within the page's range, in tenths
 */
export function opened(name, qpm, remarks) {
  const [slowest, fastest] = TEMPO_RANGE;
  const tempo = Math.round(10 * Math.min(fastest, Math.max(slowest, qpm))) / 10;
  const isOutside = qpm < slowest - 0.05 || qpm > fastest + 0.05;
  const own = isOutside ? [`Its own tempo, ${Math.round(qpm)} BPM, is outside ${slowest} to ${fastest}.`] : [];
  const capitalized = remarks.map((remark) => remark[0].toUpperCase() + remark.slice(1));
  return { tempo, sentences: [`Opened ${name} at ${tempo} BPM.`, ...own, ...capitalized].join(" ") };
}
