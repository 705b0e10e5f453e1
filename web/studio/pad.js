// The pad between four beats: moving the dot changes the beat, at the next bar while it plays.

import { fitted, merged, tokensOf } from "../music/beat.js";
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
    this.applied = app.store.doc.pad;
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
      this.surface.setWaiting(false);
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
    store.change("dot of the pad", (doc) => ({ ...doc, pad: { ...doc.pad, x, y } }), { merge: "pad" });
    const { pad } = store.doc;
    this.pending = null;
    this.surface.setWaiting(true);
    this.mix(pad).then((beat) => {
      // Another move, an undo or other corners made this one void.
      if (store.doc.pad !== pad) return;
      this.pending = { pad, beat };
      this.applyUnheard();
    }).catch((error) => {
      if (error.dropped) return;
      this.surface.setWaiting(false);
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

  // Where the beat doesn't play, there is no bar line to wait for.
  applyUnheard() {
    const { player } = this.app;
    if (!player.isPlaying || player.source !== "beat") this.applyPending();
  }

  applyPending() {
    const { pending } = this, { store } = this.app;
    this.pending = null;
    if (pending) this.surface.setWaiting(false);
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
    this.app.store.change(`${CORNERS[i]} corner`, (doc) => ({
      ...doc, pad: { ...doc.pad, corners: doc.pad.corners.map((old, j) => (i === j ? corner : old)) },
    }), { merge: `corner ${i}` });
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

  // The beat on the grid goes into the first empty corner, where the dot then is; new beats go into the others.
  async fillEmpty() {
    const { store } = this.app, { pad } = store.doc;
    const empty = [0, 1, 2, 3].filter((i) => !pad.corners[i]);
    this.fillRest.disabled = true;
    try {
      const made = [];
      for (const i of empty) made.push(await this.cornerOf(i === empty[0] ? "current" : "new"));
      if (store.doc.pad !== pad) return;
      const corners = pad.corners.map((corner, i) => corner ?? made[empty.indexOf(i)]);
      const place = { x: empty[0] % 2, y: empty[0] >> 1 };
      store.change("corners of the pad", (doc) => ({ ...doc, pad: { corners, ...place } }));
      this.applied = store.doc.pad;
      this.app.say("The corners hold the beat on the grid and new beats. Move the dot between them.");
    } catch (error) {
      this.app.say(error.message, "error");
    } finally {
      this.fillRest.disabled = false;
    }
  }
}
