// Tapping: a rhythm is tapped to a metronome, after a bar of count-in, and a model plays drums to it.

import { STEPS_PER_BAR, fitted, merged } from "../music/beat.js";
import { Metronome } from "../sound/metronome.js";
import { lockMask } from "./document.js";
import { button, choice, element, percent, slider } from "./elements.js";

const TAP_VELOCITY = 100;
// What is heard as one taps: the snare, softly.
const TAP_DRUM = 1;
const TAP_LOUDNESS = 60;
const MOST_SEEDS = 2 ** 31 - 1;

/**
 * A tap on the grid that the model reads.
 * @param {number} position - in steps from the first bar line behind the count-in.
 * @param {number} steps - that are recorded.
 * @returns {{step: number, offset: number, velocity: number}|null} the nearest step, and how much later than it the
 *   tap is, -0.5 to 0.5 of a step; null where no recorded step is the nearest.
 */
export function tapAt(position, steps) {
  const step = Math.floor(position + 0.5);
  if (step < 0 || step >= steps) return null;
  return { step, offset: position - step, velocity: TAP_VELOCITY };
}

/** Records taps while a metronome plays. */
class Recorder {
  #app;
  #onend;
  #oncount;
  #source = null;
  #steps = 0;
  #taps = [];

  /**
   * @param {Object} app see main.js
   * @param {{onend: (recorded: {taps: Object[], steps: number}|null) => void, oncount: (step: number) => void}} listeners
   *   `onend` gets null where recording was stopped; `oncount` each step as it sounds, below 0 in the count-in
   */
  constructor(app, { onend, oncount }) {
    this.#app = app;
    this.#onend = onend;
    this.#oncount = oncount;
    app.player.onChange(() => {
      if (this.isOn && app.player.source !== this.#source) this.#end(null);
    });
  }

  get isOn() {
    return this.#source !== null;
  }

  start(bars) {
    this.#steps = bars * STEPS_PER_BAR;
    this.#taps = [];
    // A step more than is recorded: when it sounds, taps on the last one, late ones too, have been made.
    const silence = { step: (n) => (n <= this.#steps ? [] : null), heard: (n) => this.#heard(n) };
    const source = new Metronome(silence, { countIn: 1 });
    this.#app.player.playSource(source, { title: "Tapping", swing: 0 });
    // Without sound there is no metronome; the player has said so.
    if (this.#app.player.isPlaying) this.#source = source;
  }

  stop() {
    this.#end(null);
    this.#app.player.stop();
    this.#app.say("Tapping was stopped; your beat is as it was.");
  }

  /**
   * @param {number} time of a tap, in ms of performance.now()
   * @returns {boolean} whether it is in the recording
   */
  tap(time) {
    const tap = tapAt(this.#app.player.positionAt(time) - STEPS_PER_BAR, this.#steps);
    if (tap && !this.#taps.some(({ step }) => step === tap.step)) this.#taps.push(tap);
    return tap !== null;
  }

  #heard(step) {
    if (!this.isOn) return;
    if (step < this.#steps) this.#oncount(step);
    else this.#end({ taps: this.#taps, steps: this.#steps });
  }

  #end(recorded) {
    if (!this.isOn) return;
    this.#source = null;
    this.#onend(recorded);
  }
}

/**
 * Build the panel.
 * @param {HTMLElement} root
 * @param {Object} app see main.js
 */
export function mountTaps(root, app) {
  if (!app.engine.model("tap")) {
    root.hidden = true;
    return;
  }
  new TapPanel(root, app);
}

class TapPanel {
  #app;
  #recorder;
  #recorded = null;
  #freedom = 0.5;
  #bars = 2;

  constructor(root, app) {
    this.#app = app;
    this.#recorder = new Recorder(app, { onend: (taps) => this.#ended(taps), oncount: (step) => this.#count(step) });
    this.start = button("Start tapping", () => this.#toggle(), { id: "taps-start" });
    this.counter = element("span", { class: "tap-count", "aria-hidden": "true" });
    this.pad = button("Tap here", (event) => this.#clicked(event), { id: "taps-pad", class: "tap-pad", disabled: true });
    this.pad.append(this.counter);
    this.again = button("Another take", () => this.#play(this.#freedom, randomSeed()), {
      id: "taps-again", disabled: true, "aria-label": "Another take on the taps",
    });
    const bars = choice({
      label: "Length", value: "2", id: "taps-bars",
      choices: [2, 4].filter((count) => count * STEPS_PER_BAR <= app.store.doc.beat.steps)
        .map((count) => ({ value: String(count), text: `${count} bars` })),
      onchange: (value) => { this.#bars = Number(value); },
    });
    const freedom = slider({
      label: "Variation", name: "Variation of the drums for taps", min: 0.05, max: 1, step: 0.05, value: this.#freedom,
      text: percent, id: "taps-freedom",
      hint: "How far other drums may be from the likeliest ones", oninput: (value) => { this.#freedom = value; },
    });
    root.append(
      element("h2", {}, "Tap a rhythm"),
      element("p", {}, "After a bar of count-in, tap on the space bar, a letter key or the pad: a model plays drums to "
        + "your rhythm. Undo brings your beat back."),
      element("div", { class: "row-of" }, bars.root, this.start),
      this.pad,
      freedom.root,
      element("div", { class: "row-of" }, this.again),
    );
    this.#listen();
    this.#show();
  }

  #listen() {
    this.pad.addEventListener("pointerdown", (event) => {
      if (!this.#recorder.isOn) return;
      event.preventDefault();
      this.#tap(event.timeStamp);
    });
    addEventListener("keydown", (event) => this.#key(event), { capture: true });
    // The space bar presses a button when it is let go.
    addEventListener("keyup", (event) => {
      if (this.#recorder.isOn && isTapKey(event)) event.preventDefault();
    }, { capture: true });
  }

  #key(event) {
    if (!this.#recorder.isOn || event.ctrlKey || event.metaKey || event.altKey) return;
    const isEscape = event.key === "Escape";
    if (!isEscape && !isTapKey(event)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (isEscape) this.#recorder.stop();
    else if (!event.repeat) this.#tap(event.timeStamp);
  }

  // A click without a pointer comes from a screen reader or a switch.
  #clicked(event) {
    if (event.detail === 0 && this.#recorder.isOn) this.#tap(event.timeStamp);
  }

  #tap(time) {
    this.#app.player.hit(TAP_DRUM, TAP_LOUDNESS);
    const counts = this.#recorder.tap(time);
    this.pad.classList.toggle("struck", counts);
    setTimeout(() => this.pad.classList.remove("struck"), 120);
  }

  #toggle() {
    if (this.#recorder.isOn) {
      this.#recorder.stop();
      return;
    }
    this.#recorder.start(this.#bars);
    if (!this.#recorder.isOn) return;
    this.#show();
    this.pad.focus({ preventScroll: true });
    this.#app.say("Tap along after one bar of count-in; Escape stops.");
  }

  #count(step) {
    if (step % 4) return;
    const bar = Math.floor(step / STEPS_PER_BAR) + 1;
    const beat = ((step + STEPS_PER_BAR) % STEPS_PER_BAR) / 4 + 1;
    this.counter.textContent = step < 0 ? `Count-in ${beat}` : `Bar ${bar}, beat ${beat}`;
  }

  async #ended(recorded) {
    this.counter.textContent = "";
    if (recorded && !recorded.taps.length) {
      this.#app.player.stop();
      this.#app.say("No taps were heard; your beat is as it was.");
    } else if (recorded) {
      this.#recorded = { ...recorded, tempo: this.#app.store.doc.tempo };
      await this.#play(0, 0);
      this.#app.player.start();
    }
    this.#show();
  }

  async #play(temperature, seed) {
    const { taps, steps, tempo } = this.#recorded;
    try {
      const beat = await this.#app.engine.tap({ taps, steps, qpm: tempo, temperature, seed, tag: "tap" });
      // The drums come with a drummer's swing, timing and velocities.
      const { doc } = this.#app.store, patch = { swing: 0, feel: { ...doc.feel, timing: 0, velocity: 0 } };
      const around = merged(doc.beat, fitted(beat, doc.beat.steps), lockMask(doc));
      this.#app.setBeat("drums for taps", around, { patch });
      this.#app.say(`Drums for ${taps.length === 1 ? "one tap" : `${taps.length} taps`}.`);
    } catch (error) {
      if (!error.dropped) this.#app.say(error.message, "error");
    }
  }

  #show() {
    const isOn = this.#recorder.isOn;
    this.start.textContent = isOn ? "Stop tapping" : "Start tapping";
    this.pad.disabled = !isOn;
    this.again.disabled = isOn || this.#recorded === null;
  }
}

function isTapKey(event) {
  return event.key === " " || event.key === "Enter" || /^[a-z0-9]$/i.test(event.key);
}

function randomSeed() {
  return 1 + Math.floor(Math.random() * MOST_SEEDS);
}
