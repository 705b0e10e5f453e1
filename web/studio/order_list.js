// The order of an arrangement as a row of parts: one is chosen, arrows go from one to the next, and it is moved and
// removed with keys, with buttons, or (moved) by dragging it.

import { button, element } from "./elements.js";

/** The row and its buttons; `root` is its element. */
export class OrderList {
  /**
   * @param {object} options
   * @param {(from: number, to: number) => void} options.onMove
   * @param {(index: number) => void} options.onRemove
   * @param {(index: number) => void} options.onRepeat the item is wanted once more behind itself
   */
  constructor({ onMove, onRemove, onRepeat }) {
    this.onMove = onMove;
    this.onRemove = onRemove;
    this.onRepeat = onRepeat;
    this.names = [];
    this.chosen = 0;
    this.now = -1;
    this.dragged = -1;
    this.row = element("ol", { class: "order", role: "listbox", "aria-label": "Order of the parts",
      "aria-orientation": "horizontal" });
    this.row.addEventListener("keydown", (event) => this.key(event));
    this.earlier = button("Move earlier", () => this.move(-1));
    this.later = button("Move later", () => this.move(1));
    this.repeat = button("Repeat", () => this.again());
    this.remove = button("Remove", () => this.drop());
    this.buttons = element("div", { class: "row-of" }, this.earlier, this.later, this.repeat, this.remove);
    this.root = element("div", {}, this.row, this.buttons);
  }

  /**
   * @param {string[]} names of the parts in their order
   * @param {boolean} full whether nothing more can be added
   */
  show(names, full) {
    const hasFocus = this.row.contains(document.activeElement);
    this.names = names;
    this.full = full;
    this.chosen = Math.max(0, Math.min(this.chosen, names.length - 1));
    this.row.replaceChildren(...names.map((name, i) => this.item(name, i)));
    this.mark();
    if (hasFocus && names.length) this.row.children[this.chosen].focus();
  }

  /**
   * Shows which item plays.
   * @param {number} item -1 for none
   */
  playing(item) {
    if (item === this.now) return;
    this.now = item;
    this.mark();
  }

  item(name, i) {
    const item = element("li", { role: "option", class: "order-item", draggable: "true" }, name);
    item.addEventListener("click", () => this.choose(i));
    item.addEventListener("focus", () => this.choose(i));
    item.addEventListener("dragstart", (event) => {
      this.dragged = i;
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", name);
    });
    item.addEventListener("dragover", (event) => {
      if (this.dragged >= 0) event.preventDefault();
    });
    item.addEventListener("drop", (event) => {
      if (this.dragged < 0) return;
      event.preventDefault();
      event.stopPropagation();  // it is no file for the page
      const from = this.dragged;
      this.dragged = -1;
      this.chosen = i;
      if (from !== i) this.onMove(from, i);
    });
    item.addEventListener("dragend", () => { this.dragged = -1; });
    return item;
  }

  choose(i) {
    if (this.chosen === i) return;
    this.chosen = i;
    this.mark();
  }

  mark() {
    [...this.row.children].forEach((item, i) => {
      item.setAttribute("aria-selected", String(i === this.chosen));
      item.setAttribute("aria-label", `${this.names[i]}, ${i + 1} of ${this.names.length}`
        + (i === this.now ? ", playing" : ""));
      item.tabIndex = i === this.chosen ? 0 : -1;
      item.classList.toggle("now", i === this.now);
    });
    const { length } = this.names;
    this.buttons.hidden = !length;
    this.earlier.disabled = this.chosen === 0;
    this.later.disabled = this.chosen >= length - 1;
    this.repeat.disabled = this.full;
  }

  move(by) {
    const from = this.chosen, to = from + by;
    if (to < 0 || to >= this.names.length) return;
    this.chosen = to;
    this.onMove(from, to);
  }

  again() {
    if (this.full) return;
    this.chosen += 1;
    this.onRepeat(this.chosen - 1);
  }

  drop() {
    const at = this.chosen;
    this.chosen = Math.max(0, Math.min(at, this.names.length - 2));
    this.onRemove(at);
  }

  key(event) {
    if (!this.names.length || event.ctrlKey || event.metaKey) return;
    const last = this.names.length - 1;
    const steps = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };
    if (event.key in steps && event.altKey) this.move(steps[event.key]);
    else if (event.key in steps) this.go(Math.min(last, Math.max(0, this.chosen + steps[event.key])));
    else if (event.key === "Home") this.go(0);
    else if (event.key === "End") this.go(last);
    else if (event.key === "Delete" || event.key === "Backspace") this.drop();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  go(i) {
    this.choose(i);
    this.row.children[i].focus();
  }
}
