// The line below the grid: the chosen cell, its velocity and its timing, for those who don't drag; written beats to
// begin with, and an empty grid.

import { DRUM_COUNT, DRUM_NAMES, STEPS_PER_BAR, emptyBeat, fitted, merged, withHit } from "../music/beat.js";
import { patternGroups } from "./corner_chooser.js";
import { MOST_SWING, TEMPO_RANGE, lockMask } from "./document.js";
import { button, element, slider } from "./elements.js";

/**
 * @param {Object} app with `grid`
 * @returns {HTMLElement}
 */
export function mountHitLine(app) {
  const { grid, store } = app;
  const name = element("span", { class: "hit-name" });
  const velocity = slider({
    label: "Velocity", name: "Velocity of the chosen hit", min: 1, max: 127, step: 1, value: 100,
    hint: "How hard the chosen hit is struck",
    oninput: (value) => grid.set("velocity", grid.step, grid.drum, value, { merge: mergeKey("velocity") }),
    onchange: () => store.settle(),
  });
  const timing = slider({
    label: "Timing", name: "Timing of the chosen hit", min: -0.5, max: 0.5, step: 0.01, value: 0,
    hint: "How late the chosen hit is, in sixteenths",
    text: (value) => (Math.round(value * 100) > 0 ? "+" : "") + Math.round(value * 100) + "%",
    oninput: (value) => store.change("timing", (doc) => {
      const struck = doc.beat.velocities[grid.step * DRUM_COUNT + grid.drum];
      return { ...doc, beat: withHit(doc.beat, grid.step, grid.drum, struck, value) };
    }, { merge: mergeKey("timing") }),
    onchange: () => store.settle(),
  });
  const mergeKey = (what) => `${what} ${grid.step} ${grid.drum}`;
  const clear = button("Clear", () => putBeat(app, "clear", emptyBeat(grid.steps)), {
    class: "quiet", title: "Take away all hits that are not locked",
  });
  const show = () => {
    const { beat } = store.doc, index = grid.step * DRUM_COUNT + grid.drum, struck = beat.velocities[index];
    const bar = Math.floor(grid.step / STEPS_PER_BAR) + 1, step = grid.step % STEPS_PER_BAR + 1;
    name.textContent = `${DRUM_NAMES[grid.drum]}, bar ${bar} step ${step}`;
    velocity.enable(struck > 0);
    timing.enable(struck > 0);
    velocity.set(struck || 100);
    timing.set(struck ? Math.round(beat.offsets[index] * 100) / 100 : 0);
  };
  grid.onChange(show);
  store.subscribe((doc, before) => { if (doc.beat !== before.beat) show(); });
  return element("div", { class: "hit-line", role: "group", "aria-label": "Chosen step" },
    name, velocity.root, timing.root, element("span", { class: "buttons" }, beatChooser(app), clear));
}

// A beat around what is locked.
function putBeat(app, label, beat, patch = {}) {
  const { doc } = app.store;
  app.setBeat(label, merged(doc.beat, fitted(beat, doc.beat.steps), lockMask(doc)), { patch });
}

function beatChooser(app) {
  if (!app.patterns.length) return null;
  const root = element("select", { "aria-label": "Written beats", title: "Written beats, with their tempo and swing" },
    element("option", { value: "" }, "Written beats"), ...patternGroups(app.patterns));
  root.addEventListener("change", () => {
    const { name, beat, qpm, swing } = app.patterns[Number(root.value.split(" ")[1])];
    const tempo = Math.min(TEMPO_RANGE[1], Math.max(TEMPO_RANGE[0], qpm));
    root.value = "";
    putBeat(app, "written beat", beat, { tempo, swing: Math.round(100 * Math.min(MOST_SWING, swing)) / 100 });
    app.say(`${name}, ${tempo} BPM.`);
  });
  return root;
}
