// The arrangement: beats stored as parts, put into an order such as A A B fill, played through and saved as one file.

import { DRUM_COUNT, STEPS_PER_BAR, fitted, merged, tokensOf } from "../music/beat.js";
import { played } from "../music/feel.js";
import { MIDI_TYPE, WAV_TYPE, saveFile } from "./downloads.js";
import { dragLink } from "./drag_link.js";
import { drawnBeat } from "./draw.js";
import { button, element, toggle } from "./elements.js";
import { OrderList } from "./order_list.js";
import { MOST_IN_ARRANGEMENT, MOST_PARTS } from "./pad_state.js";
import { partCard } from "./part_card.js";
import { arranged, duration, freeName, moved, partOf, replaced, tidyName, withoutPart } from "./parts.js";
import { barsSource } from "./sequence.js";
import { sequenceMidi, sequenceName, sequenceWav } from "./sequence_files.js";

const EMPTY = "Store the beat on the grid as part A, change the beat, store it as B, and put the parts into an order.";
const NO_ORDER = "Add parts to the order, such as A A B fill, and play it through.";

/**
 * @param {HTMLElement} root
 * @param {Object} app see main.js
 */
export function mountArrangement(root, app) {
  const panel = new ArrangementPanel(app);
  root.append(element("h2", {}, "Arrangement"), panel.root);
}

class ArrangementPanel {
  constructor(app) {
    this.app = app;
    this.source = null;
    this.store = button("Store as a part", () => void this.storePart());
    this.note = element("p", { class: "soft" });
    this.parts = element("ul", { class: "parts", "aria-label": "Parts" });
    this.order = new OrderList({
      onMove: (from, to) => this.setOrder("move part", (list) => moved(list, from, to)),
      onRemove: (at) => this.setOrder("remove part", (list) => list.filter((_, i) => i !== at)),
      onRepeat: (at) => this.setOrder("repeat part", (list) => [...list.slice(0, at + 1), ...list.slice(at)]),
    });
    this.play = button("Play the arrangement", () => this.playOrStop(), { class: "arrangement-play" });
    this.loop = toggle("Loop", false, (on) => app.store.change("loop", (doc) => ({ ...doc, loop: on })));
    this.save = button("Save as MIDI", () => this.saveMidi());
    this.saveSound = button("Save as WAV", () => void this.saveWav());
    this.link = dragLink(() => this.midiFile()).link;
    this.drag = element("p", { class: "drag-out" }, "Or drag ", this.link, " into your DAW or a folder.");
    this.where = element("p", { class: "order-where" });
    this.root = element("div", {}, this.note, element("div", { class: "row-of" }, this.store), this.parts,
      this.order.root, element("div", { class: "row-of" }, this.play, this.loop.root, this.save, this.saveSound),
      this.drag, this.where);
    app.store.subscribe((doc, before) => this.show(doc, before));
    app.player.onChange(() => this.playerChanged());
    this.show(app.store.doc, null);
  }

  show(doc, before) {
    if (doc.parts !== before?.parts) this.showParts(doc);
    if (doc.parts !== before?.parts || doc.arrangement !== before?.arrangement) {
      this.order.show(doc.arrangement.map((index) => doc.parts[index].name),
        doc.arrangement.length >= MOST_IN_ARRANGEMENT);
      for (const control of [this.play, this.save, this.saveSound]) control.disabled = !doc.arrangement.length;
      this.drag.hidden = !doc.arrangement.length;
    }
    this.loop.set(doc.loop);
    if (["parts", "arrangement", "tempo"].some((key) => doc[key] !== before?.[key])) this.showLength();
  }

  // The cards are rebuilt; what has the focus keeps it.
  showParts(doc) {
    const focused = document.activeElement, card = focused?.closest?.(".part");
    const place = card && this.parts.contains(card)
      ? [[...this.parts.children].indexOf(card), [...card.querySelectorAll("button, input, select")].indexOf(focused)]
      : null;
    this.parts.replaceChildren(...doc.parts.map((part, i) => partCard(part, this.actions(i))));
    this.store.textContent = `Store as part ${freeName(doc.parts)}`;
    this.store.disabled = doc.parts.length >= MOST_PARTS;
    this.parts.hidden = !doc.parts.length;
    if (!place) return;
    const again = this.parts.children[Math.min(place[0], doc.parts.length - 1)];
    (again ? again.querySelectorAll("button, input, select")[place[1]] : this.store)?.focus();
  }

  showLength() {
    const { doc } = this.app.store, { bars } = arranged(doc);
    if (this.source && bars.length) return;
    this.note.textContent = doc.parts.length ? NO_ORDER : EMPTY;
    this.note.hidden = doc.arrangement.length > 0;
    this.where.textContent = bars.length
      ? `${bars.length} ${bars.length === 1 ? "bar" : "bars"}, ${duration(bars.length, doc.tempo)}` : "";
  }

  actions(i) {
    const change = (label, make) => this.app.store.change(label, make);
    const set = (label, keys) => change(label, (doc) => ({
      ...doc, parts: replaced(doc.parts, i, { ...doc.parts[i], ...keys }),
    }));
    const part = () => this.app.store.doc.parts[i];
    return {
      add: () => this.addToOrder(i),
      recall: () => {
        this.app.setBeat(`part ${part().name}`, part().beat, { patch: { shape: null } });
        this.app.say(`Part ${part().name} is on the grid.`);
      },
      replace: () => void this.replacePart(part()),
      fillsAreFills: Boolean(this.app.engine.model("draw")?.conditions),
      fill: this.app.engine.model("draw") ? () => void this.drawFill(i) : null,
      remove: () => {
        const { name } = part();
        change("delete part", (doc) => withoutPart(doc, i));
        this.app.say(`Deleted part ${name}.`);
      },
      rename: (name) => set("rename part", { name }),
      setBars: (bars) => set("bars of part", { bars }),
    };
  }

  async storePart() {
    await this.app.performed();
    const { store } = this.app, name = freeName(store.doc.parts);
    if (store.doc.parts.length >= MOST_PARTS) return;
    const part = partOf(name, store.doc.beat, this.app.playedBeat());
    store.change(`store part ${name}`, (doc) => ({ ...doc, parts: [...doc.parts, part] }));
    this.app.say(`Stored the beat as part ${name}.`);
  }

  async replacePart(part) {
    await this.app.performed();
    const { store } = this.app, at = store.doc.parts.indexOf(part);
    if (at < 0) return;
    const next = partOf(part.name, store.doc.beat, this.app.playedBeat());
    store.change("replace part", (doc) => ({ ...doc, parts: replaced(doc.parts, at, next) }));
    this.app.say(`Part ${part.name} is now the beat on the grid.`);
  }

  addToOrder(i) {
    const { doc } = this.app.store;
    if (doc.arrangement.length >= MOST_IN_ARRANGEMENT) {
      this.app.say(`An arrangement holds ${MOST_IN_ARRANGEMENT} parts; remove one first.`, "error");
      return;
    }
    this.setOrder("add part", (list) => [...list, i]);
    this.app.say(`Added ${doc.parts[i].name}.`);
  }

  setOrder(label, make) {
    this.app.store.change(label, (doc) => ({ ...doc, arrangement: make(doc.arrangement) }));
  }

  // A part's own bars but the last one, which the model draws to what comes before it.
  async drawFill(i) {
    const { store, engine } = this.app, { doc } = store, part = doc.parts[i], model = engine.model("draw");
    if (doc.parts.length >= MOST_PARTS) {
      this.app.say(`There is room for ${MOST_PARTS} parts; delete one first.`, "error");
      return;
    }
    try {
      const beat = fitted(part.beat, model.steps), mask = allButLastBar(model.steps);
      const drawn = await drawnBeat(this.app, { known: beat, mask, conditions: { fill: true } });
      const written = merged(beat, drawn, mask);
      const heard = merged(fitted(part.played ?? part.beat, model.steps), await performedBeat(this.app, written), mask);
      const what = model.conditions ? "fill" : "ending";
      const name = freeName(store.doc.parts, tidyName(`${part.name} ${what}`));
      store.change("draw fill", (now) => ({ ...now, parts: [...now.parts, partOf(name, written, heard)] }));
      this.app.say(`Drew ${name}: part ${part.name} with ${model.conditions ? "a fill as its" : "a new"} last bar.`);
    } catch (error) {
      this.app.say(error.message, "error");
    }
  }

  playOrStop() {
    const { player, store } = this.app;
    if (this.source) {
      player.stop();
      return;
    }
    let places = [];
    this.source = barsSource({
      bars: () => {
        const now = arranged(store.doc);
        places = now.places;
        return now.bars;
      },
      loops: () => store.doc.loop,
      heard: (bar) => this.showPlace(places[bar]),
    });
    this.play.textContent = "Stop the arrangement";
    player.playSource(this.source, { title: "the arrangement" });
    this.playerChanged();
  }

  showPlace(place) {
    if (!place) return;
    const { doc } = this.app.store;
    this.order.playing(place.item);
    const part = doc.parts[doc.arrangement[place.item]];
    if (part) this.where.textContent = `${part.name}, bar ${place.bar + 1} of ${place.of}`;
  }

  playerChanged() {
    const { player } = this.app;
    if (!this.source || (player.isPlaying && player.source === this.source)) return;
    this.source = null;
    this.play.textContent = "Play the arrangement";
    this.order.playing(-1);
    this.showLength();
  }

  midiFile() {
    const { bars, markers } = arranged(this.app.store.doc);
    return { name: sequenceName(this.app, "arrangement", "mid"), bytes: sequenceMidi(this.app, bars, markers) };
  }

  saveMidi() {
    const { name, bytes } = this.midiFile();
    saveFile(name, MIDI_TYPE, bytes);
    this.app.say(`Saved ${name}.`);
  }

  async saveWav() {
    const { doc } = this.app.store, name = sequenceName(this.app, "arrangement", "wav");
    this.saveSound.disabled = true;
    this.app.say("Rendering the arrangement.");
    try {
      saveFile(name, WAV_TYPE, await sequenceWav(this.app, arranged(doc).bars, doc.loop));
      this.app.say(`Saved ${name}.`);
    } catch (error) {
      this.app.say(`The sound can't be rendered (${error.message}).`, "error");
    } finally {
      this.saveSound.disabled = !this.app.store.doc.arrangement.length;
    }
  }
}

// A beat that is not on the grid as the groove model plays it, with the document's feel.
async function performedBeat(app, beat) {
  const { feel, tempo, swing } = app.store.doc, { style, take, freedom } = feel;
  if (!app.engine.model("humanize") || (!feel.timing && !feel.velocity)) return beat;
  const performance = await app.engine.humanize({
    tokens: tokensOf(beat), qpm: tempo, style, temperature: take ? freedom : 0, seed: take,
  });
  return played(beat, performance, feel, swing);
}

function allButLastBar(steps) {
  const mask = new Uint8Array(steps * DRUM_COUNT);
  mask.fill(1, 0, (steps - STEPS_PER_BAR) * DRUM_COUNT);
  return mask;
}
