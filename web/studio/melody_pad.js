// The pad between four melodies. In a corner lies a melody, exactly; between them the model says what is heard, and it
// remembers melodies only roughly: the corners' latent vectors are the posterior means of their melodies.

import { lockedMelody, mergedMelody, notesOf, tidied } from "../music/melody.js";
import { drawnMelodies } from "./melody_draws.js";
import { button, element } from "./elements.js";
import { CORNERS, PadSurface, cornerAt } from "./pad_surface.js";

const ROLE = "melody";
const MERGE = "melody pad";

/**
 * Build the pad.
 * @param {HTMLElement} root
 * @param {{app: Object, melody: () => Object, set: Function}} panel see melody_panel.js
 */
export function mountMelodyPad(root, panel) {
  root.append(element("h2", { id: "melody-pad-title" }, "Pad"), new MelodyPad(panel).root);
}

class MelodyPad {
  constructor({ app, melody, set }) {
    Object.assign(this, { app, melody, set });
    this.codes = new WeakMap();  // melody -> promise of its latent vector
    this.pending = null;
    this.surface = new PadSurface({
      label: "Place between the four melodies",
      empty: "Put a melody into each corner. Then move the dot between them.",
      onMove: (x, y, starts) => this.#move(x, y, starts),
    });
    this.choosers = CORNERS.map((where, corner) => chooser(where, (source) => void this.#fill(corner, source)));
    this.fillRest = button("Fill the empty corners", () => void this.#fillEmpty(), { id: "melody-fill" });
    this.root = element("div", {},
      element("p", {},
        "In a corner you hear its melody exactly. In between you hear what the model makes of the four; it remembers " +
        "melodies only roughly, so the notes can change abruptly beside a corner. While it plays, the melody changes " +
        "at the next bar."),
      this.surface.root, element("div", { class: "pad-actions" }, this.fillRest));
    app.player.onBar(() => this.#apply());
    app.store.subscribe((doc, before) => {
      if (doc.melody.pad !== before.melody.pad) this.#show(before.melody.pad);
    });
    this.#show(null);
  }

  #show(before) {
    const { corners, x, y } = this.melody().pad;
    this.surface.setEnabled(corners.every(Boolean));
    this.surface.setDot(x, y);
    if (corners === before?.corners) return;
    this.surface.setCorners(corners.map((tokens, i) => ({
      name: tokens ? counted(tokens) : "empty", picture: tokens ? picture(tokens) : null,
      chooser: this.choosers[i].root,
    })));
    this.choosers.forEach((one, i) => one.show(corners[i]));
    this.fillRest.hidden = corners.every(Boolean);
    for (const tokens of corners) if (tokens) this.#code(tokens).catch(() => {});
  }

  // As soon as a melody lies in a corner, so that its vector is there when the dot moves.
  #code(tokens) {
    if (!this.codes.has(tokens)) this.codes.set(tokens, this.app.engine.encode({ role: ROLE, tokens }));
    return this.codes.get(tokens);
  }

  #move(x, y, starts) {
    const { store } = this.app;
    if (starts) store.settle();
    this.set("dot of the pad", { pad: { ...this.melody().pad, x, y } }, { merge: MERGE });
    const { pad } = this.melody();
    this.pending = null;
    this.#mix(pad).then((tokens) => {
      // Another move, an undo or other corners made this one void.
      if (this.melody().pad !== pad) return;
      this.pending = { pad, tokens: tidied(tokens) };
      if (!this.app.player.isPlaying || store.doc.tab !== "melody") this.#apply();
    }).catch((error) => {
      if (!error.dropped) this.app.say(error.message, "error");
    });
  }

  async #mix({ corners, x, y }) {
    const at = cornerAt(x, y);
    if (at >= 0) return corners[at];
    const codes = await Promise.all(corners.map((tokens) => this.#code(tokens)));
    return (await this.app.engine.mix({ role: ROLE, corners: codes, x, y, exact: corners, tag: MERGE })).tokens;
  }

  #apply() {
    const { pending } = this;
    this.pending = null;
    if (!pending || pending.pad !== this.melody().pad) return;
    const { tokens, locks } = this.melody(), made = mergedMelody(lockedMelody(tokens, locks), pending.tokens);
    this.set("dot of the pad", { tokens: made }, { merge: MERGE });
  }

  #put(label, corners, place = {}) {
    this.set(label, { pad: { ...this.melody().pad, ...place, corners } });
  }

  async #fill(corner, source) {
    const { corners } = this.melody().pad;
    try {
      const tokens = source === "clear" ? null : source === "current" ? this.#current() : await this.#drawn();
      if (this.melody().pad.corners !== corners) return;
      this.#put(`${CORNERS[corner]} corner`, corners.map((old, i) => (i === corner ? tokens : old)));
    } catch (error) {
      this.app.say(error.message, "error");
    }
  }

  // The melody on screen goes into the first empty corner, where the dot then is; new ones go into the others.
  async #fillEmpty() {
    const { corners } = this.melody().pad, empty = [0, 1, 2, 3].filter((i) => !corners[i]);
    this.fillRest.disabled = true;
    try {
      const made = new Map([[empty[0], this.#current()]]);
      for (const i of empty.slice(1)) made.set(i, await this.#drawn());
      if (this.melody().pad.corners !== corners) return;
      const place = { x: empty[0] % 2, y: empty[0] >> 1 };
      this.#put("corners of the pad", corners.map((old, i) => old ?? made.get(i)), place);
      this.app.say("The corners hold the melody on screen and new ones. Move the dot between them.");
    } catch (error) {
      this.app.say(error.message, "error");
    } finally {
      this.fillRest.disabled = false;
    }
  }

  #current() {
    return tidied(this.melody().tokens);
  }

  async #drawn() {
    return (await drawnMelodies(this.app.engine, 1, this.melody().temperature))[0].tokens;
  }
}

/** The list from which a corner is filled. */
function chooser(where, choose) {
  const root = element("select", { "aria-label": `Melody in the ${where} corner` });
  root.addEventListener("change", () => {
    const source = root.value;
    root.value = "";
    if (source) choose(source);
  });
  const show = (tokens) => {
    const choices = [["", tokens ? counted(tokens) : "Choose a melody"], ["current", "The melody on screen"],
      ["new", "A new melody"], ...(tokens ? [["clear", "Nothing"]] : [])];
    root.replaceChildren(...choices.map(([value, text]) => element("option", { value }, text)));
    root.value = "";
  };
  return { root, show };
}

function counted(tokens) {
  const { length } = notesOf(tokens);
  return `${length} note${length === 1 ? "" : "s"}`;
}

/** A small piano roll. */
function picture(tokens) {
  const notes = notesOf(tokens), pitches = notes.map((note) => note.pitch);
  const low = Math.min(...pitches), high = Math.max(...pitches), rows = Math.max(12, high - low + 1);
  const top = (rows - (high - low + 1)) / 2;
  const svg = element("svg:svg", { viewBox: `0 0 32 ${rows}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  for (const { pitch, start, length } of notes) {
    svg.append(element("svg:rect", {
      class: "roll-mini", x: start + 0.1, y: top + high - pitch + 0.05, width: length - 0.2, height: 0.9,
    }));
  }
  return svg;
}
