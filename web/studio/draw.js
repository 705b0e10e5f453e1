// New beat: the model draws all that is not locked, as the temperature and the conditions ask.

import { DRUM_COUNT, beatOfTokens, fitted, merged, tokensOf } from "../music/beat.js";
import { STYLES } from "../music/styles.js";
import { TEMPERATURE_RANGE, lockMask } from "./document.js";
import { button, choice, element, slider } from "./elements.js";

const MOST_SEED = 2 ** 30;
const ANY = -5;

/**
 * @param {HTMLElement} root
 * @param {Object} app see main.js; gets `newBeat`
 */
export function mountDraw(root, app) {
  const { store } = app;
  const draw = button("New beat", () => app.newBeat(), { class: "primary", title: "N" });
  const state = element("span", { class: "state" });
  const temperature = slider({
    label: "Temperature", min: TEMPERATURE_RANGE[0], max: TEMPERATURE_RANGE[1], step: 0.01,
    value: store.doc.temperature, text: (value) => value.toFixed(2), hint: "Low is likely, high is adventurous",
    oninput: (value) => store.change("temperature", (doc) => ({ ...doc, temperature: value }),
      { merge: "temperature" }),
    onchange: () => store.settle(),
  });
  store.subscribe((doc) => temperature.set(doc.temperature));
  root.append(element("h2", {}, "New beat"), element("div", { class: "row-of" }, draw, state), temperature.root,
    ...conditionControls(app));
  makeNewBeat(app, draw, state);
}

function makeNewBeat(app, draw, state) {
  const isLoaded = { value: false };
  let isWanted = false, isDrawing = false;
  const show = (text) => { state.textContent = text; };
  if (!app.engine.model("draw")) {
    draw.disabled = true;
    show("This page has no model that draws.");
    app.newBeat = async () => app.say("This page has no model that draws beats.", "error");
    return;
  }
  show("The models are loading.");
  app.newBeat = async (seed = newSeed()) => {
    if (!isLoaded.value) {
      isWanted = true;
      show("Drawn once the models are loaded.");
      return;
    }
    if (isDrawing) return;
    if (lockMask(app.store.doc).every((locked) => locked)) {
      app.say("Everything is locked, so there is nothing to draw; unlock a bar or a drum.", "error");
      return;
    }
    isDrawing = true;
    show("Drawing ...");
    try {
      await drawBeat(app, seed);
    } catch (error) {
      app.say(error.message, "error");
    } finally {
      isDrawing = false;
      show("");
    }
  };
  app.engine.ready.then(() => {
    isLoaded.value = true;
    show("");
    if (isWanted) app.newBeat();
  }, (error) => {
    draw.disabled = true;
    show("");
    app.say(error.message, "error");
  });
}

async function drawBeat(app, seed) {
  const { doc } = app.store, mask = lockMask(doc);
  const drawn = await drawnBeat(app, { seed, known: doc.beat, mask });
  app.store.change("new beat", (now) => {
    // What was locked meanwhile stays, too.
    const kept = lockMask(now).map((locked, index) => locked | mask[index]);
    return { ...now, beat: merged(now.beat, drawn, kept), seed };
  });
}

/** @returns {number} a seed that was not there before */
function newSeed() {
  return Math.floor(Math.random() * MOST_SEED);
}

/**
 * A beat of the page's model, at the document's temperature and with its conditions.
 * @param {Object} app see main.js
 * @param {{seed?: number, known?: import("../music/beat.js").Beat, mask?: Uint8Array, conditions?: Object}} [options]
 *   the hits and rests where the mask is 1 are those of `known`; `conditions` beside the document's
 * @returns {Promise<import("../music/beat.js").Beat>} as long as the grid's
 */
export async function drawnBeat(app, { seed = newSeed(), known, mask, conditions = {} } = {}) {
  const { doc } = app.store, { steps } = app.engine.model("draw"), all = new Uint8Array(steps * DRUM_COUNT);
  if (mask) all.set(mask);
  const drawn = await app.engine.draw({
    seed, temperature: doc.temperature, conditions: asked(app, doc, conditions),
    known: known && tokensOf(fitted(known, steps)), mask: mask && all,
  });
  const tokens = drawn.slice(0, doc.beat.steps);
  return beatOfTokens(tokens, await dynamics(app, doc, tokens, seed));
}

// Models draw which drums are struck; how hard is what the groove model plays, where the page has one.
async function dynamics(app, doc, tokens, seed) {
  if (!app.engine.model("humanize")) return undefined;
  try {
    const beat = beatOfTokens(tokens);
    const { velocities } = await app.engine.humanize({
      tokens, velocities: beat.velocities, offsets: beat.offsets, qpm: doc.tempo, style: doc.conditions.style ?? null,
      temperature: 0, seed,
    });
    return velocities.map((velocity) => Math.round(Math.min(127, Math.max(1, velocity))));
  } catch {
    return undefined;
  }
}

function asked(app, doc, conditions) {
  if (!app.engine.model("draw").conditions) return undefined;
  return { tempo: doc.tempo, style: null, fill: null, intensity: null, density: null, syncopation: null,
    ...doc.conditions, ...conditions };
}

function conditionControls(app) {
  if (!app.engine.model("draw")?.conditions) return [];
  const { store } = app;
  const change = (name, value, merge = null) => store.change(name, (doc) => {
    const { [name]: _, ...conditions } = doc.conditions;
    return { ...doc, conditions: value === null ? conditions : { ...conditions, [name]: value } };
  }, { merge });
  const style = choice({
    label: "Style", name: "Style of the new beat", value: "", onchange: (value) => change("style", value || null),
    choices: [{ value: "", text: "Any" }, ...Object.entries(STYLES).map(([value, text]) => ({ value, text }))],
  });
  const fill = choice({
    label: "Last bar", value: "", onchange: (value) => change("fill", value ? value === "fill" : null),
    choices: [{ value: "", text: "Any" }, { value: "fill", text: "Fill" }, { value: "beat", text: "No fill" }],
  });
  const parts = [["intensity", "Intensity"], ["density", "Density"], ["syncopation", "Syncopation"]];
  const sliders = parts.map(([name, label]) => slider({
    label, name: `${label} of the new beat`, min: ANY, max: 100, step: 5, value: ANY, text: (value) => (value < 0 ? "any" : `${value}%`),
    hint: "Compared with the beats that the model learned from; any, all the way left",
    oninput: (value) => change(name, value < 0 ? null : value / 100, name),
    onchange: () => store.settle(),
  }));
  const show = ({ conditions }) => {
    style.set(conditions.style ?? "");
    fill.set(conditions.fill === undefined ? "" : conditions.fill ? "fill" : "beat");
    parts.forEach(([name], i) => sliders[i].set(conditions[name] === undefined ? ANY
      : Math.round(conditions[name] * 100)));
  };
  store.subscribe(show);
  show(store.doc);
  return [style.root, fill.root, ...sliders.map((one) => one.root)];
}
