// The pad between four beats: moving the dot changes the beat, at the next bar while it plays.

import { equalBeats, fitted, merged, tokensOf } from "../music/beat.js";
import { mixedBeat } from "../music/mixed_beat.js";
import { beatPicture } from "./beat_picture.js";
import { cornerChooser } from "./corner_chooser.js";
import { lockMask } from "./document.js";
import { drawnBeat } from "./draw.js";
import { button, element } from "./elements.js";
import { CORNERS, PadSurface, cornerAt, cornerWeights } from "./pad_surface.js";
import { mountPath } from "./path.js";

const ROLE = "edit";

/**
 * @param {HTMLElement} root
 * @param {Object} app see main.js
 */
export function mountPad(root, app) {
  root.append(element("h2", {}, "Pad"));
  if (!app.engine.model(ROLE)) {
    root.append(element("p", {}, "The model of this page can't mix beats, so there is no pad."));
    return;
  }
  const panel = new PadPanel(app);
  root.append(panel.root);
}

class PadPanel {
  constructor(app) {
    this.app = app;
    this.codes = new WeakMap();  // beat -> promise of its latent vector
    this.pending = null;
    this.applied = app.store.doc.pad;  // where the dot was when the beat on the grid last changed with it
    this.isMoving = false;
    this.asked = [0, 0, 0, 0];
    this.surface = new PadSurface({
      label: "Place between the four beats",
      empty: "Put a beat into each corner. Then move the dot between them.",
      onMove: (x, y, starts) => this.move(x, y, starts),
    });
    this.choosers = CORNERS.map((where, i) => cornerChooser(where, (source) => void this.fill(i, source)));
    this.fillRest = button("Fill the empty corners", () => void this.fillEmpty());
    const path = mountPath(app, this.surface, () => this.applied);
    this.root = element("div", {},
      element("p", {}, "Four beats, and everything in between. While it plays, the beat changes at the next bar."),
      this.surface.root, element("div", { class: "row-of pad-actions" }, this.fillRest, ...path.controls), path.note);
    app.player.onBar((bar) => {
      if (app.player.source !== "beat") return;
      this.applyPending();
      path.atBar(bar);
    });
    app.player.onChange(() => this.applyUnheard());
    app.store.subscribe((doc, before) => this.show(doc, before));
    this.show(app.store.doc, null);
  }

  show(doc, before) {
    if (doc.pad !== before?.pad) {
      this.surface.setEnabled(doc.pad.corners.every(Boolean));
      this.surface.setDot(doc.pad.x, doc.pad.y);
      this.setWaiting(false);
      // Undo and links bring the place and its beat together.
      if (!this.isMoving) this.applied = doc.pad;
    }
    const cornersChanged = doc.pad.corners !== before?.pad.corners;
    if (cornersChanged || doc.parts !== before?.parts) {
      this.choosers.forEach((chooser, i) => chooser.show(doc.pad.corners[i], doc.parts, this.app.patterns));
    }
    if (!cornersChanged) return;
    this.surface.setCorners(doc.pad.corners.map((corner, i) => ({
      name: corner ? corner.name : "Empty",
      picture: corner ? beatPicture(corner.beat) : null,
      chooser: this.choosers[i].root,
    })));
    this.fillRest.hidden = doc.pad.corners.every(Boolean);
    for (const corner of doc.pad.corners) if (corner) this.code(corner.beat).catch(() => {});
  }

  // Latent vectors are asked for once, as soon as a beat lies in a corner, so that they are there when the dot moves.
  code(beat) {
    if (!this.codes.has(beat)) {
      const { steps } = this.app.engine.model(ROLE);
      const code = this.app.engine.encode({ role: ROLE, tokens: tokensOf(fitted(beat, steps)) });
      this.codes.set(beat, code);
      code.catch(() => this.codes.delete(beat));
    }
    return this.codes.get(beat);
  }

  move(x, y, starts) {
    const { store } = this.app;
    if (starts) store.settle();
    this.isMoving = true;
    store.change("dot of the pad", (doc) => ({ ...doc, pad: { ...doc.pad, x, y } }), { merge: "pad" });
    this.isMoving = false;
    this.request();
  }

  // Ask for the beat of the dot's place; it is put on the grid in time.
  request() {
    const { store } = this.app, { pad } = store.doc;
    this.pending = null;
    this.setWaiting(true);
    this.mix(pad).then((beat) => {
      // Another move, an undo or other corners made this one void.
      if (store.doc.pad !== pad) return;
      this.pending = { pad, beat };
      this.applyUnheard();
    }).catch((error) => {
      if (error.dropped) return;
      this.setWaiting(false);
      this.app.say(error.message, "error");
    });
  }

  async mix({ corners, x, y }) {
    const at = cornerAt(x, y);
    if (at >= 0) return corners[at].beat;
    const { engine } = this.app, { steps } = engine.model(ROLE);
    const beats = corners.map((corner) => fitted(corner.beat, steps));
    const codes = await Promise.all(corners.map((corner) => this.code(corner.beat)));
    const { tokens } = await engine.mix({ role: ROLE, corners: codes, x, y, exact: beats.map(tokensOf), tag: "pad" });
    return mixedBeat(tokens, beats, cornerWeights(x, y));
  }

  setWaiting(isWaiting) {
    this.isWaiting = isWaiting;
    this.surface.setWaiting(isWaiting);
  }

  // Where the beat doesn't play, there is no bar line to wait for.
  applyUnheard() {
    const { player } = this.app;
    if (!player.isPlaying || player.source !== "beat") this.applyPending();
  }

  applyPending() {
    const { pending } = this, { store } = this.app;
    this.pending = null;
    if (pending) this.setWaiting(false);
    if (!pending || store.doc.pad !== pending.pad) return;
    this.applied = pending.pad;
    const { doc } = store;
    const beat = merged(doc.beat, fitted(pending.beat, doc.beat.steps), lockMask(doc));
    this.app.setBeat("dot of the pad", beat, { merge: "pad", patch: { shape: null } });
  }

  async fill(i, source) {
    const number = ++this.asked[i];
    try {
      const corner = await this.cornerOf(source);
      if (number === this.asked[i]) this.setCorner(i, corner);
    } catch (error) {
      this.app.say(error.message, "error");
      this.show(this.app.store.doc, null);
    }
  }

  setCorner(i, corner) {
    const { isWaiting } = this;
    this.app.store.change(`${CORNERS[i]} corner`, (doc) => ({
      ...doc, pad: { ...doc.pad, corners: doc.pad.corners.map((old, j) => (i === j ? corner : old)) },
    }), { merge: `corner ${i}` });
    if (isWaiting && corner) this.request();
  }

  async cornerOf(source) {
    const { doc } = this.app.store;
    if (source === "clear") return null;
    if (source === "current") return { name: "From the grid", beat: doc.beat };
    if (source === "new") return { name: "New beat", beat: fitted(await drawnBeat(this.app), doc.beat.steps) };
    const [kind, number] = source.split(" ");
    if (kind === "part") return { name: doc.parts[number].name, beat: doc.parts[number].beat };
    const pattern = this.app.patterns[number];
    return { name: pattern.name, beat: fitted(pattern.beat, doc.beat.steps) };
  }

  // One corner holds the beat on the grid, and the dot is there; the empty ones get new beats.
  async fillEmpty() {
    const { store } = this.app, { pad, beat } = store.doc;
    const empty = [0, 1, 2, 3].filter((i) => !pad.corners[i]);
    const held = pad.corners.findIndex((corner) => corner && equalBeats(corner.beat, beat));
    this.fillRest.disabled = true;
    this.app.say("Drawing new beats for the corners.");
    try {
      const made = new Map();
      for (const i of empty) made.set(i, await this.cornerOf(held < 0 && i === empty[0] ? "current" : "new"));
      if (store.doc.pad !== pad) return;
      const corners = pad.corners.map((corner, i) => corner ?? made.get(i)), at = held < 0 ? empty[0] : held;
      store.change("corners of the pad", (doc) => ({ ...doc, pad: { corners, x: at % 2, y: at >> 1 } }));
      this.app.say("The corners are filled. Move the dot between them.");
    } catch (error) {
      this.app.say(error.message, "error");
    } finally {
      this.fillRest.disabled = false;
    }
  }
}
