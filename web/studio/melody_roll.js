// The piano roll: a melody of two bars, note by note a button, edited with the pointer or with keys.
//
// A click on an empty place adds a note and a drag makes it longer; a note is moved by dragging it, lengthened at its
// right end, and deleted by a double click. With keys: arrows move the selected note (with Shift: its length, and
// octaves), Enter adds one behind it, Delete removes it, Page Up and Page Down, Home and End go from note to note.
// A melody has one voice, so a note ends where the next begins. While one is moved, all is reckoned from the melody
// as it was before: what it passes over comes back.

import {
  HIGHEST, LOWEST, MELODY_STEPS_PER_BAR, equalMelodies, isBlackKey, noteAt, notesOf, pitchName, withNote, within,
  withoutNote,
} from "../music/melody.js";
import { element } from "./elements.js";

const TWICE = 350;  // milliseconds between the clicks of a double click
const FIRST_LENGTH = 2;

/** The piano roll; `root` is its element. */
export class MelodyRoll {
  /**
   * @param {{tokens: Int16Array, change: (label: string, tokens: Int16Array, merge: string|null) => void,
   *   hear: (pitch: number) => void, say: (text: string) => void}} options `change` is called with the new melody, and
   *   has it shown by `show`; `hear` sounds a pitch that was touched
   */
  constructor({ tokens, change, hear, say }) {
    Object.assign(this, { tokens, change, hear, say });
    this.selected = null;
    this.gesture = null;
    this.drag = null;
    this.tap = null;
    this.gestures = 0;
    this.length = FIRST_LENGTH;
    this.clicked = { start: -1, time: 0 };
    this.buttons = [];
    this.head = element("div", { class: "roll-head", hidden: true });
    this.layer = element("div", { class: "roll-notes" }, this.head);
    this.root = this.#frame();
    this.layer.addEventListener("pointerdown", (event) => this.#press(event));
    this.layer.addEventListener("pointermove", (event) => this.#drag(event));
    this.layer.addEventListener("pointerup", (event) => this.#release(event));
    this.layer.addEventListener("pointercancel", () => this.#end());
    this.root.addEventListener("keydown", (event) => this.#key(event));
    this.show(tokens);
  }

  /**
   * Show a melody.
   * @param {Int16Array} tokens
   */
  show(tokens) {
    if (this.gesture && !equalMelodies(tokens, this.gesture.made)) this.gesture = null;
    this.tokens = tokens;
    const notes = notesOf(tokens), hadFocus = this.buttons.includes(document.activeElement);
    if (!notes.some((note) => note.start === this.selected)) this.selected = null;
    while (this.buttons.length > notes.length) this.buttons.pop().remove();
    while (this.buttons.length < notes.length) {
      const button = element("button", { type: "button", class: "roll-note", "data-space": "plays" });
      button.addEventListener("focus", () => this.#select(Number(button.dataset.start)));
      this.buttons.push(button);
      this.layer.append(button);
    }
    notes.forEach((note, i) => this.#place(this.buttons[i], note));
    this.#mark();
    if (!hadFocus) return;
    const next = this.#button(this.selected) ?? this.root;
    if (next !== document.activeElement) next.focus({ preventScroll: true });
  }

  /** Whether the melody is being changed by a drag or by keys. */
  get isEditing() {
    return this.gesture !== null || this.drag !== null;
  }

  /** Scroll to the melody where a note of it is out of sight. */
  lookFor() {
    const { top, bottom } = this.root.getBoundingClientRect();
    const boxes = this.buttons.map((button) => button.getBoundingClientRect());
    if (!boxes.every((box) => box.top >= top && box.bottom <= bottom)) this.reveal();
  }

  /** Scroll so that the melody is in the middle; without notes, the octaves around middle C. */
  reveal() {
    const pitches = notesOf(this.tokens).map((note) => note.pitch);
    const middle = pitches.length ? (Math.min(...pitches) + Math.max(...pitches)) / 2 : 66;
    const row = this.layer.clientHeight / (HIGHEST - LOWEST + 1);
    this.root.scrollTop = (HIGHEST - middle + 0.5) * row - this.root.clientHeight / 2;
  }

  /**
   * Where the melody is heard.
   * @param {number|null} step null for nowhere
   */
  playhead(step) {
    this.head.hidden = step === null;
    if (step !== null) this.head.style.setProperty("--start", String(step));
  }

  /**
   * Shade what is locked.
   * @param {boolean[]} locks of the bars
   */
  lock(locks) {
    locks.forEach((on, bar) => this.layer.classList.toggle(`locked-${bar + 1}`, on));
  }

  /** Add a note behind the selected one, or at the first free step, and select it. */
  add() {
    const notes = notesOf(this.tokens), from = notes.find((note) => note.start === this.selected);
    const start = this.#freeStep(from ? from.start + from.length : 0);
    if (start === null) {
      this.say("There is no free step left: shorten or delete a note first.");
      return;
    }
    const before = from ?? notes.filter((note) => note.start < start).at(-1) ?? notes[0];
    this.#make("add a note", { pitch: before?.pitch ?? 60, start, length: this.length });
    this.#button(start)?.focus();
    this.#announce();
  }

  /** Delete the selected note; the next one, or the one before it, is selected then. */
  remove() {
    if (this.selected === null) {
      this.say("Select a note first.");
      return;
    }
    const starts = notesOf(this.tokens).map((note) => note.start), at = starts.indexOf(this.selected);
    const made = withoutNote(this.tokens, this.selected);
    this.selected = starts[at + 1] ?? starts[at - 1] ?? null;
    this.gesture = null;
    this.change("delete a note", made, null);
    this.#mark();
    this.say("Note deleted.");
  }

  #frame() {
    const keys = element("div", { class: "roll-keys", "aria-hidden": "true" });
    const rows = element("div", { class: "roll-rows", "aria-hidden": "true" });
    for (let pitch = HIGHEST; pitch >= LOWEST; pitch--) {
      const kind = isBlackKey(pitch) ? "black" : pitch % 12 === 0 ? "white c" : "white";
      const key = element("div", { class: kind }, pitch % 12 === 0 ? pitchName(pitch) : "");
      key.addEventListener("pointerdown", () => this.hear(pitch));
      keys.append(key);
      rows.append(element("div", { class: kind }));
    }
    const field = element("div", { class: "roll-field" }, rows, this.layer);
    const help = element("p", { hidden: true, id: "roll-help" },
      "Arrows move the selected note, with Shift they change its length and octave; Enter adds a note, Delete " +
      "removes it; Page Up and Page Down go from note to note.");
    return element("div", {
      class: "roll", tabindex: "0", role: "group", "aria-label": "Piano roll, two bars",
      "aria-describedby": "roll-help",
    }, help, keys, field);
  }

  #place(button, note) {
    button.dataset.start = String(note.start);
    button.dataset.pitch = String(note.pitch);
    button.dataset.length = String(note.length);
    button.style.setProperty("--start", String(note.start));
    button.style.setProperty("--length", String(note.length));
    button.style.setProperty("--down", String(HIGHEST - note.pitch));
    button.textContent = note.length > 1 ? pitchName(note.pitch) : "";
    button.setAttribute("aria-label", described(note));
  }

  /** One note is in the tab order: the selected one, or else the first. */
  #mark() {
    this.buttons.forEach((button, i) => {
      const isSelected = Number(button.dataset.start) === this.selected;
      button.tabIndex = isSelected || (this.selected === null && i === 0) ? 0 : -1;
      button.setAttribute("aria-pressed", String(isSelected));
    });
  }

  #select(start) {
    if (start === this.selected) return;
    this.selected = start;
    this.gesture = null;
    this.#mark();
  }

  #button(start) {
    return this.buttons.find((button) => Number(button.dataset.start) === start);
  }

  #freeStep(from) {
    for (let i = 0; i < this.tokens.length; i++) {
      const step = (from + i) % this.tokens.length;
      if (!noteAt(this.tokens, step)) return step;
    }
    return null;
  }

  #announce() {
    const note = notesOf(this.tokens).find((one) => one.start === this.selected);
    if (note) this.say(described(note));
  }

  /** Put a note into a melody; `base` is the melody without it, `wanted` the note before its length was cut. */
  #make(label, wanted, base = this.tokens, merge = null) {
    const note = within(wanted, base.length), made = withNote(base, note);
    this.selected = note.start;
    if (!equalMelodies(made, this.tokens)) this.change(label, made, merge);
    return made;
  }

  #begin(note) {
    this.gestures += 1;
    this.gesture = {
      base: withoutNote(this.tokens, note.start), note, wanted: note, made: this.tokens, key: `melody ${this.gestures}`,
    };
  }

  /** Change the note of the gesture; what is not named stays as it is wanted. */
  #alter(label, changed) {
    const gesture = this.gesture, before = gesture.wanted;
    const wanted = within({ ...before, ...changed }, this.tokens.length);
    if (changed.start !== undefined) wanted.start = Math.min(wanted.start, this.tokens.length - before.length);
    if (changed.length === undefined) wanted.length = before.length;
    gesture.wanted = wanted;
    gesture.made = withNote(gesture.base, wanted);
    if (wanted.pitch !== before.pitch) this.hear(wanted.pitch);
    this.#make(label, wanted, gesture.base, gesture.key);
    this.#mark();
  }

  #cell(event) {
    const box = this.layer.getBoundingClientRect();
    const step = Math.floor((event.clientX - box.left) / box.width * this.tokens.length);
    const row = Math.floor((event.clientY - box.top) / box.height * (HIGHEST - LOWEST + 1));
    return { step: Math.min(this.tokens.length - 1, Math.max(0, step)), pitch: HIGHEST - row };
  }

  #press(event) {
    if (event.button !== 0) return;
    const button = event.target.closest(".roll-note"), cell = this.#cell(event);
    if (!button) {
      // A finger may be about to scroll: its note is added when it is lifted.
      if (event.pointerType === "touch") this.tap = { x: event.clientX, y: event.clientY };
      else this.#addAt(cell, event);
      return;
    }
    const note = notesOf(this.tokens).find((one) => one.start === Number(button.dataset.start));
    const box = button.getBoundingClientRect(), edge = Math.min(12, box.width / 3);
    button.focus({ preventScroll: true });
    this.#select(note.start);
    this.#begin(note);
    this.hear(note.pitch);
    const way = event.clientX > box.right - edge ? "length" : "move";
    this.drag = { way, cell, from: note, moved: false, added: false };
    this.layer.setPointerCapture(event.pointerId);
    event.preventDefault();
  }

  #addAt(cell, event) {
    const wanted = within({ pitch: cell.pitch, start: cell.step, length: this.length }, this.tokens.length);
    this.#begin(wanted);
    this.gesture.made = withNote(this.gesture.base, wanted);
    this.#make("add a note", wanted, this.gesture.base, this.gesture.key);
    this.#button(cell.step)?.focus({ preventScroll: true });
    this.#mark();
    this.hear(cell.pitch);
    if (event.pointerType === "touch") return;
    this.drag = { way: "length", cell, from: wanted, moved: false, added: true };
    this.layer.setPointerCapture(event.pointerId);
    event.preventDefault();
  }

  #drag(event) {
    const drag = this.drag;
    if (!drag || !this.gesture) return;
    const cell = this.#cell(event);
    drag.moved ||= cell.step !== drag.cell.step || cell.pitch !== drag.cell.pitch;
    if (!drag.moved) return;
    if (drag.way === "length") this.#alter("change a note's length", { length: cell.step - drag.from.start + 1 });
    else {
      this.#alter("move a note", {
        start: drag.from.start + cell.step - drag.cell.step, pitch: drag.from.pitch + cell.pitch - drag.cell.pitch,
      });
    }
  }

  #release(event) {
    if (this.tap && Math.hypot(event.clientX - this.tap.x, event.clientY - this.tap.y) < 8) {
      this.#addAt(this.#cell(event), event);
    }
    const drag = this.drag;
    if (drag && !drag.moved && !drag.added) this.#click(drag.from);
    if (drag && drag.way === "length" && drag.moved) this.length = this.gesture?.wanted.length ?? this.length;
    this.#end();
  }

  #click(note) {
    const now = performance.now(), isSecond = this.clicked.start === note.start && now - this.clicked.time < TWICE;
    this.clicked = { start: isSecond ? -1 : note.start, time: now };
    if (isSecond) this.remove();
  }

  #end() {
    this.drag = null;
    this.tap = null;
    this.gesture = null;
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const note = notesOf(this.tokens).find((one) => one.start === this.selected);
    const focused = document.activeElement === this.root ? null : note;
    if (event.key === "Enter") this.add();
    else if (!focused) return;
    else if (event.key === "Delete" || event.key === "Backspace") this.remove();
    else if (!this.#go(event.key) && !this.#move(event, focused)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  #move(event, note) {
    const way = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!way) return false;
    if (!this.gesture) this.#begin(note);
    const { start, pitch } = this.gesture.wanted;
    const isTime = event.key === "ArrowLeft" || event.key === "ArrowRight";
    if (isTime && event.shiftKey) {
      this.#alter("change a note's length", { length: note.length + way });
      this.length = Math.max(1, note.length + way);
    } else if (isTime) this.#alter("move a note", { start: start + way });
    else {
      const next = pitch + (event.shiftKey ? 12 : 1) * way;
      if (next >= LOWEST && next <= HIGHEST) this.#alter("move a note", { pitch: next });
    }
    this.#button(this.selected)?.focus();
    this.#announce();
    return true;
  }

  #go(key) {
    const at = this.buttons.findIndex((button) => Number(button.dataset.start) === this.selected);
    const next = { PageUp: at - 1, PageDown: at + 1, Home: 0, End: this.buttons.length - 1 }[key];
    if (next === undefined) return false;
    this.buttons[Math.min(this.buttons.length - 1, Math.max(0, next))]?.focus();
    return true;
  }
}

/** A note as a screen reader says it. */
function described({ pitch, start, length }) {
  const bar = Math.floor(start / MELODY_STEPS_PER_BAR) + 1, step = start % MELODY_STEPS_PER_BAR + 1;
  return `${pitchName(pitch, true)}, bar ${bar} step ${step}, ${length} step${length === 1 ? "" : "s"} long`;
}
