// The beat grid: nine drums by the steps of the beat, kick at the bottom; locks per bar and per drum.
//
// The cells are made once; a change of the document touches only those that look different. On narrow screens the
// lanes show `--shown` bars at a time, of which studio.css allows `--most`; `--first` is the first of them.

import { DRUM_COUNT, DRUM_NAMES, STEPS_PER_BAR } from "../music/beat.js";
import { mountBars } from "./bars.js";
import { lockMask } from "./document.js";
import { button, element } from "./elements.js";
import { listenToKeys } from "./grid_keys.js";
import { listenToPointer } from "./grid_pointer.js";
import { mountHitLine } from "./hit_line.js";
import { lockButton } from "./locks.js";
import { DRUM_KEYS } from "./keys.js";

const FLASH_MS = 140;

/** Names as short as a phone's first column needs. */
const SHORT_NAMES = ["Kick", "Snare", "Hat", "Open", "Low", "Mid", "High", "Crash", "Ride"];

/**
 * @param {HTMLElement} root
 * @param {Object} app see main.js; gets `grid`, what the grid's other modules share
 */
export function mountGrid(root, app) {
  const { steps } = app.store.doc.beat;
  const cells = new Array(steps * DRUM_COUNT), head = element("div", { class: "playhead", hidden: true });
  const board = element("div", {
    class: "board", role: "grid", "aria-label": "Beat", "aria-rowcount": DRUM_COUNT, "aria-colcount": steps + 1,
  });
  for (let drum = DRUM_COUNT - 1; drum >= 0; drum--) board.append(makeRow(app, drum, steps, cells));
  const lanes = element("div", { class: "lanes" }, board,
    element("div", { class: "over", "aria-hidden": "true" }, element("div", { class: "cells" }, head)));
  const grid = app.grid = makeGrid(app, root, board, cells);
  root.append(mountBars(app), lanes, mountHitLine(app));
  listenToPointer(app, lanes);
  listenToKeys(app, board);
  let shown = null;
  const show = () => { shown = drawn(app, cells, shown); };
  app.store.subscribe(show);
  app.redrawGrid = show;
  show();
  grid.select(0, 0);
  followPlayer(app, head, cells);
}

function makeRow(app, drum, steps, cells) {
  const name = DRUM_NAMES[drum], key = DRUM_KEYS[drum].toUpperCase();
  const sound = button("", () => app.hit(drum), {
    class: "drum", "aria-label": `Hear the ${name}`, title: `${name}, key ${key}`,
  });
  sound.append(element("span", { class: "long" }, name), element("span", { class: "short" }, SHORT_NAMES[drum]),
    element("kbd", { "aria-hidden": "true" }, key));
  const lane = element("div", { class: "cells", role: "presentation" });
  for (let step = 0; step < steps; step++) {
    const cell = element("div", {
      role: "gridcell", class: step % 4 ? "cell" : "cell on-beat", tabindex: -1, "aria-colindex": step + 2,
    });
    cells[step * DRUM_COUNT + drum] = cell;
    lane.append(cell);
  }
  const header = element("div", { class: "row-head", role: "rowheader" }, sound, lockButton(app, "drums", drum, name));
  return element("div", { class: "row", role: "row", style: `--drum: var(--drum-${drum})`, "data-drum": drum },
    header, element("div", { class: "lane", role: "presentation" }, lane));
}

// What the pointer, the keys, the bars and the line of the chosen hit share.
function makeGrid(app, root, board, cells) {
  const steps = cells.length / DRUM_COUNT, bars = steps / STEPS_PER_BAR, listeners = new Set();
  const grid = {
    steps, bars, board, step: 0, drum: 0, firstBar: 0,
    /** How many bars are in view. */
    shownBars: bars,
    /** Choose a cell: it is the one that Tab reaches. */
    select(step, drum, focus = false) {
      cells[grid.step * DRUM_COUNT + grid.drum].tabIndex = -1;
      grid.step = step;
      grid.drum = drum;
      const cell = cells[step * DRUM_COUNT + drum];
      cell.tabIndex = 0;
      if (focus) {
        grid.reveal(Math.floor(step / STEPS_PER_BAR));
        cell.focus({ preventScroll: true });
        // The page's own scrolling must not move what `overflow: clip` hides.
        cell.closest(".row").scrollIntoView({ block: "nearest" });
      }
      grid.changed();
    },
    /** Bring a bar into view. */
    reveal(bar) {
      const shown = grid.shownBars;
      const first = Math.min(bars - shown, Math.floor(bar / shown) * shown);
      if (first === grid.firstBar) return;
      grid.firstBar = first;
      root.style.setProperty("--first", String(first));
      grid.changed();
    },
    /** Be told when another cell is chosen or other bars come into view. */
    onChange(listener) {
      listeners.add(listener);
    },
    changed() {
      for (const listener of listeners) listener();
    },
    /** Set a hit's velocity, 0 to take it away; hear it where nothing plays. */
    set(label, step, drum, velocity, { merge = null, hear = true } = {}) {
      app.store.change(label, (doc) => withVelocity(doc, step, drum, velocity), { merge });
      if (velocity && hear && !app.player.isPlaying) app.player.hit(drum, velocity);
    },
  };
  root.style.setProperty("--bars", String(bars));
  const fit = () => {
    const bar = grid.firstBar;
    grid.shownBars = Math.min(bars, Number(getComputedStyle(root).getPropertyValue("--most")) || bars);
    root.style.setProperty("--shown", String(grid.shownBars));
    grid.firstBar = -1;
    grid.reveal(bar);
  };
  addEventListener("resize", fit);
  fit();
  return grid;
}

function withVelocity(doc, step, drum, velocity) {
  const index = step * DRUM_COUNT + drum;
  if (doc.beat.velocities[index] === velocity) return doc;
  const velocities = doc.beat.velocities.slice(), offsets = doc.beat.offsets.slice();
  velocities[index] = velocity;
  if (!velocity) offsets[index] = 0;
  return { ...doc, beat: { steps: doc.beat.steps, velocities, offsets } };
}

// Brings the cells up to date; returns what they show, for the next time.
function drawn(app, cells, shown) {
  const { doc } = app.store, heard = app.playedBeat(), mask = lockMask(doc);
  const { velocities } = doc.beat, { offsets } = heard;
  const struckThere = (index) => (heard.velocities[index] ? offsets[index] : doc.beat.offsets[index]);
  const now = { velocities, offsets: doc.beat.offsets.map((_, index) => struckThere(index)), mask };
  for (let index = 0; index < cells.length; index++) {
    if (shown && shown.velocities[index] === velocities[index] && shown.offsets[index] === now.offsets[index]
      && shown.mask[index] === mask[index]) continue;
    const cell = cells[index], velocity = velocities[index];
    cell.classList.toggle("struck", velocity > 0);
    cell.classList.toggle("locked", mask[index] === 1);
    cell.style.setProperty("--level", String(velocity / 127));
    cell.style.setProperty("--late", String(velocity ? now.offsets[index] : 0));
    cell.setAttribute("aria-label", nameOfCell(index, velocity, mask[index]));
  }
  return now;
}

function nameOfCell(index, velocity, locked) {
  const step = Math.floor(index / DRUM_COUNT);
  const where = `bar ${Math.floor(step / STEPS_PER_BAR) + 1} step ${step % STEPS_PER_BAR + 1}`;
  const struck = velocity ? `struck, velocity ${velocity}` : "empty";
  return `${DRUM_NAMES[index % DRUM_COUNT]}, ${where}, ${struck}${locked ? ", locked" : ""}`;
}

function followPlayer(app, head, cells) {
  const { grid } = app;
  app.player.onStep((step) => {
    if (app.player.source !== "beat") return;
    const at = step % grid.steps;
    head.style.transform = `translateX(${100 * at}%)`;
    head.hidden = false;
    if (app.followsBars) grid.reveal(Math.floor(at / STEPS_PER_BAR));
    for (let drum = 0; drum < DRUM_COUNT; drum++) {
      const index = at * DRUM_COUNT + drum;
      if (app.store.doc.beat.velocities[index]) flash(cells[index]);
    }
  });
  app.player.onChange(() => {
    if (!app.player.isPlaying || app.player.source !== "beat") head.hidden = true;
  });
}

function flash(cell) {
  cell.classList.add("sounding");
  setTimeout(() => cell.classList.remove("sounding"), FLASH_MS);
}
