// The page that plays the model: opens what is packed into it, makes `app`, and mounts the panels.
//
// Each panel is a module with `mountX(root, app)`, where root is its <section>. Panels know one another only through
// `app`, which is also the page's one global, window.studio, for tests:
//
//   app.engine         the models in their worker (web/engine/client.js); noEngine() where there is none
//   app.store          the document and its history (store.js; document.js says what a document is)
//   app.player         the transport (transport.js): toggle, playSource, onBar, onStep, hit ...
//   app.patterns       [{name, style, qpm, swing, beat}] of patterns/
//   app.say(text, kind)            a line of status; kind "error" is announced at once
//   app.currentBeat()              the beat on the grid, as written
//   app.performer                  (beat) => the beat as it is to be heard; the humanize panel sets it
//   app.playedBeat(beat?)          the beat through the performer
//   app.setBeat(label, beat, {merge, patch}?)  puts a beat on the grid (as long as the grid's, settled); `patch` are
//                                  other keys of the document that change with it
//   app.hit(drum, velocity?)       sounds a drum at once and tells whom onHit has listed
//   app.onHit(({drum, velocity, time}) => void)  time in ms of performance.now()
//   app.showTab("drums" | "melody")
//   app.undo(), app.redo()         with a line of status
//   app.newBeat(seed?)             draws a beat around what is locked (draw.js); app.newMelody() likewise
//   app.openAddress(text)          opens the part of a link behind "#"
//   app.melodySource               what plays on the Melody tab in place of the beat (melody_panel.js sets it)
//   app.writeAddress()             brings the address up to date at once; returns the link
//   app.slots.save                 a place in the transport's row for the buttons that save files

import { startEngine } from "../engine/client.js";
import { fitted, settled } from "../music/beat.js";
import { AddressError, docOfAddress } from "./address.js";
import { mountArrangement } from "./arrangement.js";
import { defaultDoc, fittedDoc } from "./document.js";
import { mountDraw } from "./draw.js";
import { mountFiles } from "./files.js";
import { mountGrid } from "./grid.js";
import { mountHint } from "./hint.js";
import { mountHumanize } from "./humanize.js";
import { mountKeys } from "./keys.js";
import { keepAddress } from "./links.js";
import { mountMelody } from "./melody_panel.js";
import { noEngine } from "./no_engine.js";
import { mountPad } from "./pad.js";
import { readPatterns } from "./patterns.js";
import { mountShape } from "./shape.js";
import { Store } from "./store.js";
import { mountTabs } from "./tabs.js";
import { mountTaps } from "./taps.js";
import { Transport } from "./transport.js";
import { mountTransport } from "./transport_row.js";

const MESSAGE_MS = 8000;
const MOST_STEPS = 64;
const FIRST_VOLUME = 0.8;

function packed(id) {
  try {
    return JSON.parse(document.getElementById(id).textContent);
  } catch {
    return [];
  }
}

function openEngine() {
  const models = packed("models");
  return models.length ? startEngine(models, document.getElementById("worker").textContent) : noEngine();
}

// A document as this page can show it: a link may come from a page with other models.
function onPage(engine, doc, steps) {
  const fitted = fittedDoc(doc, steps);
  return engine.model("melody") ? fitted : { ...fitted, tab: "drums" };
}

// The document of the address, or the first one; and what is to be said about it.
function openDoc(engine) {
  const text = location.hash.slice(1), model = engine.model("draw");
  const steps = Math.min(MOST_STEPS, model?.steps ?? MOST_STEPS), first = fittedDoc(defaultDoc(), steps);
  first.temperature = model?.temperature ?? first.temperature;
  if (!text) return { doc: first, problem: null };
  try {
    return { doc: onPage(engine, docOfAddress(text), steps), problem: null };
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    return { doc: first, problem: error.message };
  }
}

function messages() {
  const lines = { info: document.getElementById("status"), error: document.getElementById("alert") };
  let timer = 0;
  return (text, kind = "info") => {
    clearTimeout(timer);
    lines.info.textContent = kind === "error" ? "" : text;
    lines.error.textContent = kind === "error" ? text : "";
    if (kind !== "error") timer = setTimeout(() => { lines.info.textContent = ""; }, MESSAGE_MS);
  };
}

function makeApp(engine, doc) {
  const store = new Store(doc, ["tab"]), hitListeners = new Set();
  const app = {
    engine,
    store,
    patterns: readPatterns(packed("patterns")),
    say: messages(),
    performer: (beat) => beat,
    slots: { save: null },
    currentBeat: () => store.doc.beat,
    playedBeat: (beat = store.doc.beat) => app.performer(beat),
    setBeat(label, beat, { merge = null, patch = {} } = {}) {
      const made = settled(fitted(beat, store.doc.beat.steps));
      store.change(label, (before) => ({ ...before, ...patch, beat: made }), { merge });
    },
    hit(drum, velocity = 100) {
      const time = performance.now();
      app.player.hit(drum, velocity);
      for (const listener of hitListeners) listener({ drum, velocity, time });
    },
    onHit(listener) {
      hitListeners.add(listener);
      return () => hitListeners.delete(listener);
    },
    undo() {
      const label = store.undoLabel;
      app.say(store.undo() ? `Undid: ${label}.` : "There is nothing to undo.");
    },
    redo() {
      const label = store.redoLabel;
      app.say(store.redo() ? `Redid: ${label}.` : "There is nothing to redo.");
    },
    openAddress(text) {
      try {
        const opened = onPage(engine, docOfAddress(text), store.doc.beat.steps);
        store.change("open link", () => opened);
        app.say("Opened the link.");
      } catch (error) {
        if (!(error instanceof AddressError)) throw error;
        app.say(error.message, "error");
      }
    },
  };
  app.player = new Transport({
    beat: () => app.playedBeat(), inPlace: () => (store.doc.tab === "melody" ? app.melodySource ?? null : null),
    tempo: doc.tempo, swing: doc.swing, volume: FIRST_VOLUME, onproblem: (sentence) => app.say(sentence, "error"),
  });
  return app;
}

function main() {
  const engine = openEngine(), { doc, problem } = openDoc(engine), app = makeApp(engine, doc);
  window.studio = app;
  keepAddress(app);
  app.store.subscribe((now) => {
    app.player.tempo = now.tempo;
    app.player.swing = now.swing;
  });
  const mounts = {
    hint: mountHint, transport: mountTransport, grid: mountGrid, draw: mountDraw, shape: mountShape, pad: mountPad,
    humanize: mountHumanize, taps: mountTaps, arrangement: mountArrangement, files: mountFiles,
  };
  for (const [id, mount] of Object.entries(mounts)) mount(document.getElementById(id), app);
  mountTabs(app, mountMelody);
  mountKeys(app);
  app.onPerformed?.(app.redrawGrid);
  if (problem) app.say(problem, "error");
}

try {
  main();
} finally {
  document.body.classList.remove("opening");
}
