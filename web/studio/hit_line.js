// The line below the grid: the chosen cell, its velocity and its timing, for those who don't drag.

import { DRUM_COUNT, DRUM_NAMES, STEPS_PER_BAR, emptyBeat, withHit } from "../music/beat.js";
import { button, element, slider } from "./elements.js";

/**
 * @param {Object} app with `grid`
 * @returns {HTMLElement}
 */
export function mountHitLine(app) {
  const { grid, store } = app;
  const name = element("span", { class: "hit-name" });
  const velocity = slider({
    label: "Velocity", min: 1, max: 127, step: 1, value: 100, hint: "How hard the chosen hit is struck",
    oninput: (value) => grid.set("velocity", grid.step, grid.drum, value, { merge: mergeKey("velocity") }),
    onchange: () => store.settle(),
  });
  const timing = slider({
    label: "Timing", min: -0.5, max: 0.5, step: 0.01, value: 0, hint: "How late the chosen hit is, in sixteenths",
    text: (value) => (Math.round(value * 100) > 0 ? "+" : "") + Math.round(value * 100) + " %",
    oninput: (value) => store.change("timing", (doc) => {
      const struck = doc.beat.velocities[grid.step * DRUM_COUNT + grid.drum];
      return { ...doc, beat: withHit(doc.beat, grid.step, grid.drum, struck, value) };
    }, { merge: mergeKey("timing") }),
    onchange: () => store.settle(),
  });
  const mergeKey = (what) => `${what} ${grid.step} ${grid.drum}`;
  const clear = button("Clear", () => app.setBeat("clear", emptyBeat(grid.steps)), {
    class: "quiet", title: "Take all hits away",
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
    name, velocity.root, timing.root, clear);
}
