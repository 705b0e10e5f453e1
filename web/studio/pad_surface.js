// A pad between four corners: a square with a dot that mouse, touch and arrow keys move, a card for each corner, and
// the line of a path. It knows nothing of what lies in the corners; whoever makes it passes names and pictures.

import { element } from "./elements.js";

/** Where the corners are, in the order in which they are numbered everywhere. */
export const CORNERS = ["top left", "top right", "bottom left", "bottom right"];

const SNAP = 0.03;
const FINE = 0.02;
const COARSE = 0.1;
const SVG = "http://www.w3.org/2000/svg";

/**
 * @typedef {object} Corner
 * @property {string} name what lies in it, for people.
 * @property {Element|null} picture a small picture of it, or null where it is empty.
 * @property {Element} chooser the control that fills it.
 */

/** The pad; `root` is its element, to be put into the page. */
export class PadSurface {
  /**
   * @param {object} options
   * @param {string} options.label the accessible name of the dot, such as "Mix of four beats".
   * @param {string} options.empty what stands in the square while a corner is empty.
   * @param {(x: number, y: number, starts: boolean) => void} options.onMove the dot was moved; 0 to 1 from left to
   *   right and from top to bottom; `starts` is false while a drag goes on.
   */
  constructor({ label, empty, onMove }) {
    this.onMove = onMove;
    this.x = 0;
    this.y = 0;
    this.enabled = false;
    this.names = ["", "", "", ""];
    this.dot = element("div", { class: "pad-dot", role: "slider", tabindex: "0", "aria-label": label,
      "aria-valuemin": "0", "aria-valuemax": "100" });
    this.line = document.createElementNS(SVG, "svg");
    this.line.setAttribute("viewBox", "0 0 1 1");
    this.line.setAttribute("preserveAspectRatio", "none");
    this.line.setAttribute("aria-hidden", "true");
    this.note = element("p", { class: "pad-note" }, empty);
    this.square = element("div", { class: "pad-square" }, this.line, this.note, this.dot);
    this.cards = CORNERS.map((where, i) => this._card(where, i));
    this.root = element("div", { class: "pad-box" }, element("div", { class: "pad" }, this.cards[0].root,
      this.cards[1].root, this.square, this.cards[2].root, this.cards[3].root));
    this._listen();
    this.setEnabled(false);
  }

  /**
   * Shows what lies in the corners.
   * @param {Corner[]} corners four of them.
   */
  setCorners(corners) {
    corners.forEach((corner, i) => {
      const card = this.cards[i];
      this.names[i] = corner.name;
      card.go.replaceChildren(...(corner.picture ? [corner.picture] : []));
      card.go.disabled = !corner.picture;
      card.go.setAttribute("aria-label", corner.picture ? `Move the dot to the ${CORNERS[i]} corner, ${corner.name}`
        : `The ${CORNERS[i]} corner is empty`);
      if (card.chooser.firstChild !== corner.chooser) card.chooser.replaceChildren(corner.chooser);
    });
    this._describe();
  }

  /**
   * Moves the dot without telling anyone.
   * @param {number} x 0 to 1, from left to right.
   * @param {number} y 0 to 1, from top to bottom.
   */
  setDot(x, y) {
    this.x = x;
    this.y = y;
    this.dot.style.left = `${100 * x}%`;
    this.dot.style.top = `${100 * y}%`;
    this._describe();
  }

  /**
   * Shows whether what the dot stands for is still to come.
   * @param {boolean} waiting
   */
  setWaiting(waiting) {
    this.dot.classList.toggle("waiting", waiting);
  }

  /**
   * Whether the dot can be moved.
   * @param {boolean} enabled
   */
  setEnabled(enabled) {
    this.enabled = enabled;
    this.square.classList.toggle("empty", !enabled);
    this.note.hidden = enabled;
    this.dot.setAttribute("aria-disabled", String(!enabled));
    this.dot.hidden = !enabled;
  }

  /**
   * Shows a path, or none.
   * @param {{x: number, y: number}[]} points where the dot was, bar by bar.
   * @param {number} [now] the point that is played, -1 for none.
   */
  setPath(points, now = -1) {
    const line = document.createElementNS(SVG, "polyline");
    line.setAttribute("points", points.map(({ x, y }) => `${x},${y}`).join(" "));
    line.setAttribute("class", "pad-line");
    const marks = points.map(({ x, y }, i) => mark(x, y, i === now ? "pad-mark now" : "pad-mark"));
    this.line.replaceChildren(...(points.length ? [line, ...marks] : []));
  }

  _card(where, corner) {
    const go = element("button", { type: "button", class: "pad-go" });
    go.addEventListener("click", () => this._move(corner % 2, corner >> 1, true));
    const chooser = element("div", { class: "pad-chooser" });
    const kind = `pad-corner corner-${corner}`;
    const root = element("div", { class: kind, role: "group", "aria-label": `${where} corner` }, go, chooser);
    return { root, go, chooser };
  }

  _listen() {
    let dragged = false;
    const follow = (event, starts) => {
      const box = this.square.getBoundingClientRect();
      this._move((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, starts);
    };
    this.square.addEventListener("pointerdown", (event) => {
      if (!this.enabled || event.button !== 0) return;
      event.preventDefault();  // no text is selected; the dot takes the focus instead
      dragged = true;
      this.square.setPointerCapture(event.pointerId);
      this.dot.focus({ preventScroll: true });
      follow(event, true);
    });
    this.square.addEventListener("pointermove", (event) => {
      if (dragged) follow(event, false);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      this.square.addEventListener(end, () => {
        dragged = false;
      });
    }
    this.dot.addEventListener("keydown", (event) => this._key(event));
  }

  _key(event) {
    if (!this.enabled || event.ctrlKey || event.altKey || event.metaKey) return;
    const size = event.shiftKey ? FINE / 2 : COARSE / 2;
    const moves = { ArrowLeft: [this.x - size, this.y], ArrowRight: [this.x + size, this.y],
      ArrowUp: [this.x, this.y - size], ArrowDown: [this.x, this.y + size], Home: [0, this.y], End: [1, this.y],
      PageUp: [this.x, 0], PageDown: [this.x, 1] };
    const to = moves[event.key];
    if (!to) return;
    event.preventDefault();
    event.stopPropagation();
    this._move(to[0], to[1], !event.repeat, false);
  }

  // The corners attract the dot of a pointer, which could hardly hit them; keys reach them as they are.
  _move(x, y, starts, snap = true) {
    if (!this.enabled) return;
    let [toX, toY] = [x, y].map((value) => Math.round(1000 * Math.min(1, Math.max(0, value))) / 1000);
    if (snap && Math.abs(toX - Math.round(toX)) < SNAP && Math.abs(toY - Math.round(toY)) < SNAP) {
      [toX, toY] = [Math.round(toX), Math.round(toY)];
    }
    this.setDot(toX, toY);
    this.onMove(toX, toY, starts);
  }

  _describe() {
    const right = Math.round(100 * this.x), down = Math.round(100 * this.y);
    const corner = cornerAt(this.x, this.y);
    const text = corner >= 0 ? `${CORNERS[corner]} corner, ${this.names[corner]}`
      : `${right}% from left to right, ${down}% from top to bottom`;
    this.dot.setAttribute("aria-valuenow", String(right));
    this.dot.setAttribute("aria-valuetext", text);
  }
}

/**
 * The corner that a place is exactly at.
 * @param {number} x 0 to 1.
 * @param {number} y 0 to 1.
 * @returns {number} 0 to 3, or -1.
 */
export function cornerAt(x, y) {
  return (x === 0 || x === 1) && (y === 0 || y === 1) ? x + 2 * y : -1;
}

/**
 * How much each corner counts at a place.
 * @param {number} x 0 to 1.
 * @param {number} y 0 to 1.
 * @returns {number[]} four weights that sum to 1.
 */
export function cornerWeights(x, y) {
  return [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y];
}

// A dot whose size doesn't stretch with the square: a line of no length with a round end.
function mark(x, y, kind) {
  const dot = document.createElementNS(SVG, "path");
  dot.setAttribute("d", `M${x} ${y}h0`);
  dot.setAttribute("class", kind);
  return dot;
}
