// Sliders that move the beat along the attribute vectors of the latent space. They start from the beat as it is when
// the first of them is moved; all at 0 is exactly that beat again.

import { DEFAULT_VELOCITY, DRUM_COUNT, beatOfTokens, merged, tokensOf } from "../music/beat.js";
import { MOST_AMOUNT, lockMask } from "./document.js";
import { element, slider } from "./elements.js";

const LABELS = { hits: "Density", hihat: "Hi-hat", syncopation: "Syncopation" };

/**
 * @param {HTMLElement} root
 * @param {Object} app see main.js
 */
export function mountShape(root, app) {
  const model = app.engine.model("edit");
  if (!model?.attributes || model.steps !== app.store.doc.beat.steps) {
    root.hidden = true;
    return;
  }
  const { store } = app, names = Object.keys(model.attributes);
  const mover = makeMover(app, names, () => show(store.doc));
  const sliders = names.map((name) => slider({
    label: labelOf(name), name: `${labelOf(name)} of this beat`, min: -MOST_AMOUNT, max: MOST_AMOUNT, step: 0.05, value: 0, text: signed,
    hint: "1 is as far as from the lowest quarter of beats to the highest",
    oninput: (value) => mover.move(name, value),
    onchange: () => mover.settle(),
  }));
  const show = (doc) => {
    const amounts = mover.waitsFor() ?? currentShape(doc)?.amounts;
    names.forEach((name, i) => sliders[i].set(amounts?.[name] ?? 0));
  };
  store.subscribe(show);
  show(store.doc);
  root.append(element("h2", {}, "Shape"),
    element("p", {}, "Moves the beat towards more or less of each of these. At 0 it is exactly as it was."),
    ...sliders.map((one) => one.root));
  sliders.forEach((one) => one.enable(false));
  app.engine.ready.then(() => sliders.forEach((one) => one.enable(true)), () => {});
}

// The sliders' state, where the beat is still the one that they made.
function currentShape(doc) {
  return doc.shape && doc.shape.result === doc.beat ? doc.shape : null;
}

// Asks for one move at a time: the newest amounts wait, and older ones that wait are dropped. All moves of one drag
// are one level of undo, though their beats come later than the slider moves.
function makeMover(app, names, ended) {
  const { store } = app;
  let waiting = null, isMoving = false, drag = 0;
  const run = async ({ base, amounts, merge }) => {
    const isHome = Object.values(amounts).every((amount) => amount === 0);
    const moved = isHome ? base : await shaped(app, base, amounts, lockMask(store.doc));
    store.change("shape", (doc) => {
      // Where the beat was changed in another way meanwhile, that change stays.
      if (doc.beat !== base && currentShape(doc)?.base !== base) return doc;
      return { ...doc, beat: moved, shape: isHome ? null : { base, result: moved, amounts } };
    }, { merge });
  };
  const runAll = async () => {
    isMoving = true;
    try {
      while (waiting) {
        const next = waiting;
        await run(next);
        if (waiting === next) waiting = null;
      }
    } catch (error) {
      waiting = null;
      app.say(error.message, "error");
    }
    isMoving = false;
    ended();
  };
  return {
    waitsFor: () => waiting?.amounts,
    settle: () => { drag += 1; },
    move(name, value) {
      const from = waiting ?? currentShape(store.doc), base = from?.base ?? store.doc.beat;
      // A link may hold attributes of another page's model.
      const known = Object.entries(from?.amounts ?? {}).filter(([attribute]) => names.includes(attribute));
      waiting = { base, amounts: { ...Object.fromEntries(known), [name]: value }, merge: `shape ${drag}` };
      if (!isMoving) runAll();
    },
  };
}

async function shaped(app, base, amounts, mask) {
  const tokens = await app.engine.move({ tokens: tokensOf(base), amounts });
  return merged(base, dressed(tokens, base), mask);
}

// Hits that stay keep their velocity and offset; new ones are as loud as their drum is on average.
function dressed(tokens, base) {
  const made = beatOfTokens(tokens), sums = new Float64Array(DRUM_COUNT), counts = new Float64Array(DRUM_COUNT);
  base.velocities.forEach((velocity, index) => {
    sums[index % DRUM_COUNT] += velocity;
    counts[index % DRUM_COUNT] += velocity ? 1 : 0;
  });
  made.velocities.forEach((velocity, index) => {
    if (!velocity) return;
    const drum = index % DRUM_COUNT;
    const mean = counts[drum] ? Math.round(sums[drum] / counts[drum]) : DEFAULT_VELOCITY;
    made.velocities[index] = base.velocities[index] || mean;
    made.offsets[index] = base.offsets[index];
  });
  return made;
}

function signed(value) {
  return (value > 0 ? "+" : value < 0 ? "\u2212" : "") + Math.abs(value).toFixed(2);
}

function labelOf(name) {
  if (Object.hasOwn(LABELS, name)) return LABELS[name];
  const text = name.replaceAll("_", " ");
  return text[0].toUpperCase() + text.slice(1);
}
