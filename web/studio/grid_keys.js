// The keyboard in the grid: arrows move, Enter strikes, plus and minus change the velocity.

import { DRUM_COUNT, STEPS_PER_BAR } from "../music/beat.js";
import { element } from "./elements.js";

const NEW_VELOCITY = 100;
const SMALL = 5;
const LARGE = 20;

/**
 * @param {Object} app with `grid`
 * @param {HTMLElement} board
 */
export function listenToKeys(app, board) {
  const { grid } = app;
  // Screen readers say a cell's name when it gets the focus, not when the name changes.
  const spoken = element("p", { class: "spoken", role: "status" });
  board.after(spoken);
  board.addEventListener("keydown", (event) => {
    if (event.target.getAttribute("role") !== "gridcell" || event.altKey || event.metaKey) return;
    const moved = moves(event, grid);
    if (moved) grid.select(...moved, true);
    else if (changes(event, app)) spoken.textContent = event.target.getAttribute("aria-label");
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  board.addEventListener("focusin", (event) => {
    const drum = event.target.closest(".row")?.dataset.drum;
    if (drum === undefined || event.target.getAttribute("role") !== "gridcell") return;
    const step = [...event.target.parentElement.children].indexOf(event.target);
    if (step !== grid.step || Number(drum) !== grid.drum) grid.select(step, Number(drum));
    grid.reveal(Math.floor(step / STEPS_PER_BAR));
  });
}

// The cell that a key moves to, as [step, drum], or null.
function moves({ key, ctrlKey }, { step, drum, steps }) {
  const along = ctrlKey ? 4 : 1, bar = Math.floor(step / STEPS_PER_BAR) * STEPS_PER_BAR;
  switch (key) {
    case "ArrowLeft": return [Math.max(0, step - along), drum];
    case "ArrowRight": return [Math.min(steps - 1, step + along), drum];
    case "ArrowUp": return [step, Math.min(DRUM_COUNT - 1, drum + 1)];
    case "ArrowDown": return [step, Math.max(0, drum - 1)];
    case "Home": return [ctrlKey ? 0 : bar, drum];
    case "End": return [ctrlKey ? steps - 1 : bar + STEPS_PER_BAR - 1, drum];
    default: return null;
  }
}

// Changes the chosen cell; whether the key means that.
function changes({ key, ctrlKey }, { grid, store }) {
  if (ctrlKey) return false;
  const { step, drum } = grid, velocity = store.doc.beat.velocities[step * DRUM_COUNT + drum];
  const by = { "+": SMALL, "=": SMALL, "-": -SMALL, PageUp: LARGE, PageDown: -LARGE }[key];
  if (key === "Enter") grid.set(velocity ? "take hit away" : "hit", step, drum, velocity ? 0 : NEW_VELOCITY);
  else if (key === "Delete" || key === "Backspace") grid.set("take hit away", step, drum, 0);
  else if (by) {
    const next = Math.min(127, Math.max(1, velocity + by));
    if (velocity) grid.set("velocity", step, drum, next, { merge: `key velocity ${step} ${drum}` });
  } else return false;
  return true;
}
