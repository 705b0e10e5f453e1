// Three clocks in one: the seconds of an AudioContext, in which sound is scheduled; the same seconds as they are heard,
// which is later; and the milliseconds of performance.now(), in which the browser stamps key presses and MIDI messages.

/**
 * `now`: seconds in which sound is scheduled; `heardAt`: the second that is heard at a time of performance.now() (by
 * default now); `performanceOf`: when a second is heard, in milliseconds of performance.now(); `resume`: rejects with a
 * sentence where there is no sound; `settle`: waits until the times agree; `tick`: to be called often while music
 * plays.
 * @typedef {{now: () => number, heardAt: (milliseconds?: number) => number, performanceOf: (time: number) => number,
 *   resume?: () => Promise<void>, settle?: () => Promise<void>, tick?: () => void}} Clock
 */

const PATIENCE = 1000; // milliseconds until a context that does not resume counts as blocked
const KEPT = 31; // measurements
const FAR = 100; // milliseconds: not drift, but another output, or a computer that slept
const TOLERATED = 1.5; // milliseconds of drift
const CORRECTION = 0.02; // milliseconds at each tick, a change of tempo by less than a thousandth

/**
 * The clock of an AudioContext. The difference between its seconds and performance.now() is measured again and again,
 * and corrected so slowly that the pulses of a MIDI clock stay even.
 * @implements {Clock}
 */
export class AudioClock {
  #context;
  #measured = [];
  #difference = 0; // milliseconds
  #isCorrecting = false;

  /** @param {AudioContext} context */
  constructor(context) {
    this.#context = context;
  }

  /** @returns {number} seconds of the context */
  now() {
    return this.#context.currentTime;
  }

  /**
   * @param {number} milliseconds a time of performance.now(), such as an event's timeStamp
   * @returns {number} the second of the context that was heard then; none that is still to come
   */
  heardAt(milliseconds = performance.now()) {
    return Math.min((milliseconds - this.#difference) / 1000, this.#context.currentTime);
  }

  /**
   * @param {number} time seconds of the context
   * @returns {number} when it is heard, in milliseconds of performance.now()
   */
  performanceOf(time) {
    return time * 1000 + this.#difference;
  }

  /**
   * Lets the context run. Browsers allow it from within a click or a key press.
   * @returns {Promise<void>}
   * @throws {Error} with a sentence where the browser plays no sound
   */
  async resume() {
    const context = this.#context;
    if (context.state !== "running") await inTime(context.resume());
    if (context.state !== "running") {
      throw new Error("The browser does not play sound for this page yet: try once more, and if it stays silent, " +
        "allow sound in the page's settings or check the computer's sound output.");
    }
  }

  /**
   * Waits until the difference between the clocks is known: the first measurements of a context that has just begun are
   * wrong.
   * @returns {Promise<void>} within a fifth of a second
   */
  async settle() {
    for (let i = 0; i < 12 && !this.#isSettled(); i++) {
      await new Promise((done) => setTimeout(done, 12));
      this.tick();
    }
  }

  /** Measures the difference between the two clocks. */
  tick() {
    if (this.#context.state !== "running") return;
    const difference = this.#measure();
    if (Math.abs(difference - median(this.#measured)) > FAR) this.#measured = [];
    this.#measured = [...this.#measured, difference].slice(-KEPT);
    const error = median(this.#measured) - this.#difference;
    if (!this.#isSettled() || Math.abs(error) > FAR) {
      this.#difference += error;
      return;
    }
    this.#isCorrecting = Math.abs(error) > (this.#isCorrecting ? TOLERATED / 4 : TOLERATED);
    if (this.#isCorrecting) this.#difference += Math.sign(error) * CORRECTION;
  }

  #isSettled() {
    return this.#measured.length >= 5;
  }

  #measure() {
    const context = this.#context;
    const now = performance.now();
    const { contextTime = 0, performanceTime = 0 } = context.getOutputTimestamp?.() ?? {};
    const difference = performanceTime - contextTime * 1000;
    const behind = (now - difference) / 1000 - context.currentTime;
    if (contextTime > 0 && performanceTime > 0 && Math.abs(behind) < 1) return difference;
    // Older browsers: from what is scheduled now, and how long that takes to the loudspeaker.
    return now - (context.currentTime - (context.outputLatency || context.baseLatency || 0)) * 1000;
  }
}

/** A promise, or as long as one should wait for it. */
function inTime(promise) {
  return Promise.race([promise.catch(() => {}), new Promise((done) => setTimeout(done, PATIENCE))]);
}

function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;
}
