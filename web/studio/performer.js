// Has the groove model play the beat, and keeps what it played: the grid shows what is written, this makes what is heard.

import { DRUM_COUNT, tokensOf } from "../music/beat.js";
import { played } from "../music/feel.js";

// A hand that draws into the grid or moves the tempo is waited for.
const PATIENCE = 150;

/** Performances of the beat on screen, asked for when it, the tempo or the feel changes. */
export class Performer {
  #app;
  #timer = null;
  #wanted = null;
  #shown = null;
  #heard = null;
  #waiting = [];
  #listeners = new Set();

  /** @param {Object} app the page (see main.js) */
  constructor(app) {
    this.#app = app;
    app.store.subscribe(() => this.#look());
    this.#look();
  }

  /** Whether the page has a model that plays. */
  get isThere() {
    return this.#app.engine.model("humanize") !== null;
  }

  /** Whether something of a performance is to be heard. */
  get isOn() {
    const { feel } = this.#app.store.doc;
    return this.isThere && (feel.timing > 0 || feel.velocity > 0);
  }

  /** Whether what is heard is still that of an earlier beat, tempo or feel. */
  get isBehind() {
    return this.isOn && !this.#matches(this.#shown);
  }

  /**
   * A beat as it is heard. Hits that the model has not played yet stay as written.
   *
   * @param {import("../music/beat.js").Beat} beat - the one on screen, or another one.
   * @returns {import("../music/beat.js").Beat}
   */
  heard(beat) {
    const { feel, swing } = this.#app.store.doc;
    const shown = this.#shown;
    if (!this.isOn || !shown) return beat;
    const last = this.#heard;
    if (last && last.of === beat && last.by === shown && last.feel === feel && last.swing === swing) return last.beat;
    const heard = played(beat, performanceOf(beat, shown), feel, swing);
    this.#heard = { of: beat, by: shown, feel, swing, beat: heard };
    return heard;
  }

  /**
   * Wait until what is heard is the performance of the beat on screen.
   * @returns {Promise<void>} it never rejects: where the model fails, a sentence has been said.
   */
  async ready() {
    if (!this.isBehind) return;
    await new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#ask();
    });
  }

  /** @param {() => void} listener - is called when a performance has come. */
  onPlayed(listener) {
    this.#listeners.add(listener);
  }

  #look() {
    if (!this.isOn) return this.#done();
    if (this.#matches(this.#shown)) return this.#done();
    if (this.#matches(this.#wanted)) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), PATIENCE);
  }

  #matches(request) {
    const { beat, tempo, feel } = this.#app.store.doc;
    return request !== null && request.tempo === tempo && request.style === feel.style && request.take === feel.take
      && (!feel.take || request.freedom === feel.freedom) && isOf(request, beat);
  }

  async #ask() {
    clearTimeout(this.#timer);
    const { beat, tempo, feel } = this.#app.store.doc;
    if (this.#matches(this.#wanted)) return;
    const wanted = { tokens: tokensOf(beat), tempo, style: feel.style, take: feel.take, freedom: feel.freedom };
    this.#wanted = wanted;
    let performance;
    try {
      performance = await this.#performed(wanted);
    } catch (error) {
      if (this.#wanted !== wanted) return;
      performance = unplayed(wanted.tokens);
      this.#app.say(error.message, "error");
    }
    if (this.#wanted !== wanted) return;
    this.#shown = { ...wanted, ...performance };
    this.#wanted = null;
    for (const listener of this.#listeners) listener();
    this.#look();
  }

  async #performed({ tokens, tempo, style, take, freedom }) {
    if (!tokens.some(Boolean)) return unplayed(tokens);
    const temperature = take ? freedom : 0;
    return this.#app.engine.humanize({ tokens, qpm: tempo, style, temperature, seed: take, tag: "performer" });
  }

  #done() {
    clearTimeout(this.#timer);
    this.#wanted = null;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** Whether a performance is of the very hits of a beat, whatever their velocities. */
function isOf({ tokens }, beat) {
  return tokens.length === beat.steps && tokensOf(beat).every((token, step) => token === tokens[step]);
}

/** What is known of how a beat's hits are played: NaN where the performed beat has no such hit. */
function performanceOf(beat, { tokens, velocities, offsets }) {
  const known = new Float32Array(beat.velocities.length).fill(NaN);
  for (let cell = 0; cell < Math.min(known.length, velocities.length); cell++) {
    if ((tokens[Math.floor(cell / DRUM_COUNT)] >> cell % DRUM_COUNT) & 1) known[cell] = velocities[cell];
  }
  return { velocities: known, offsets };
}

/** The performance of a model that does not play: every hit stays as it is written. */
function unplayed(tokens) {
  const cells = tokens.length * DRUM_COUNT;
  return { velocities: new Float32Array(cells).fill(NaN), offsets: new Float32Array(cells) };
}
