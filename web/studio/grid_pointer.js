// Mouse, pen and finger in the grid: a click strikes or takes away, dragging along a drum paints, dragging up and down
// sets the velocity. A finger that goes up or down scrolls the page, so that it holds a moment first for the velocity.

import { DRUM_COUNT } from "../music/beat.js";

const NEW_VELOCITY = 100;
const SLACK_PX = 6;
const HOLD_MS = 350;
const FULL_RANGE_PX = 130;

let gestures = 0;

/**
 * @param {Object} app with `grid`
 * @param {HTMLElement} lanes the area that is listened to
 */
export function listenToPointer(app, lanes) {
  let gesture = null;
  const end = (isKept) => {
    if (!gesture) return;
    const ended = gesture;
    gesture = null;
    clearTimeout(ended.timer);
    lanes.classList.remove("sets-velocity");
    ended.cell.classList.remove("held");
    if (isKept && ended.mode === "wait") tap(app, ended);
    else if (!isKept && ended.changed) app.store.undo();
    app.store.settle();
  };
  lanes.addEventListener("pointerdown", (event) => {
    const cell = event.target.closest(".cell");
    if (!cell || gesture || (event.button !== 0 && event.pointerType === "mouse")) return;
    gesture = begin(app, event, cell);
    app.grid.select(gesture.step, gesture.drum);
    cell.focus({ preventScroll: true });
    if (event.pointerType === "touch") {
      gesture.timer = setTimeout(() => {
        if (gesture?.mode === "wait") toVelocity(app, gesture, lanes);
      }, HOLD_MS);
    } else if (!gesture.velocity) {
      strike(app, gesture, gesture.step);  // heard as the button goes down
    }
    lanes.setPointerCapture(event.pointerId);
  });
  lanes.addEventListener("pointermove", (event) => {
    if (gesture?.id === event.pointerId) move(app, gesture, event, lanes);
  });
  lanes.addEventListener("pointerup", (event) => { if (gesture?.id === event.pointerId) end(true); });
  lanes.addEventListener("pointercancel", (event) => { if (gesture?.id === event.pointerId) end(false); });
  // `touch-action: pan-y` leaves vertical movement to the page; once a finger sets a velocity it is ours.
  lanes.addEventListener("touchmove", (event) => {
    if (event.cancelable && gesture && gesture.mode !== "wait") event.preventDefault();
  }, { passive: false });
  lanes.addEventListener("contextmenu", (event) => { if (gesture) event.preventDefault(); });
}

function begin(app, event, cell) {
  const drum = Number(cell.closest(".row").dataset.drum), step = [...cell.parentElement.children].indexOf(cell);
  const velocity = app.store.doc.beat.velocities[step * DRUM_COUNT + drum];
  gestures += 1;
  return {
    id: event.pointerId, touch: event.pointerType === "touch", cell, drum, step, velocity,
    x: event.clientX, y: event.clientY, box: cell.parentElement.getBoundingClientRect(),
    mode: "wait", last: step, merge: `pointer ${gestures}`, changed: false, struck: false, timer: 0,
  };
}

function strike(app, gesture, step, velocity = NEW_VELOCITY) {
  gesture.struck = true;
  change(app, gesture, velocity ? "hit" : "take hit away", step, velocity);
}

function change(app, gesture, label, step, velocity, hear = true) {
  const before = app.store.doc;
  app.grid.set(label, step, gesture.drum, velocity, { merge: gesture.merge, hear });
  gesture.changed ||= app.store.doc !== before;
}

// A press without movement: an empty cell is struck (by a mouse it already was), a struck one is emptied.
function tap(app, gesture) {
  if (!gesture.struck) change(app, gesture, gesture.velocity ? "take hit away" : "hit", gesture.step,
    gesture.velocity ? 0 : NEW_VELOCITY);
}

function toVelocity(app, gesture, lanes) {
  if (!gesture.velocity && !gesture.struck) strike(app, gesture, gesture.step);
  gesture.mode = "velocity";
  gesture.from = gesture.velocity || NEW_VELOCITY;
  gesture.cell.classList.add("held");
  lanes.classList.add("sets-velocity");
}

function move(app, gesture, event, lanes) {
  const right = event.clientX - gesture.x, up = gesture.y - event.clientY;
  if (gesture.mode === "wait") {
    if (Math.max(Math.abs(right), Math.abs(up)) < SLACK_PX) return;
    clearTimeout(gesture.timer);
    if (Math.abs(right) >= Math.abs(up)) {
      gesture.mode = "paint";
      if (!gesture.struck) strike(app, gesture, gesture.step, gesture.velocity ? 0 : NEW_VELOCITY);
    } else if (!gesture.touch) {
      toVelocity(app, gesture, lanes);
    }
  }
  if (gesture.mode === "paint") paint(app, gesture, event.clientX);
  if (gesture.mode === "velocity") {
    const velocity = Math.round(gesture.from + up * 127 / FULL_RANGE_PX);
    change(app, gesture, "velocity", gesture.step, Math.min(127, Math.max(1, velocity)), false);
  }
}

// All cells between the last place and this one, as a fast pointer jumps.
function paint(app, gesture, x) {
  const { steps } = app.grid, { left, width } = gesture.box;
  const to = Math.min(steps - 1, Math.max(0, Math.floor((x - left) / width * steps)));
  const by = Math.sign(to - gesture.last);
  while (gesture.last !== to) {
    gesture.last += by;
    strike(app, gesture, gesture.last, gesture.velocity ? 0 : NEW_VELOCITY);
  }
}
