// A metronome around a source: a count-in before it, and clicks along with it.

/**
 * A source that counts bars in before another one begins.
 * @implements {import("./sequencer.js").Source}
 */
export class Metronome {
  /** Whether it clicks: "always", in the "count-in" only, or "never". */
  clicks;
  stepsPerBar;
  /** Steps of the count-in: the other source's step 0 is this step of the whole. */
  lead;
  #source;
  #stepsPerQuarter;

  /**
   * @param {import("./sequencer.js").Source} source what is played after the count-in; its `heard` is told of the
   *   count-in as well, with steps below 0
   * @param {{countIn?: number, clicks?: "always" | "count-in" | "never", stepsPerBar?: number,
   *   stepsPerQuarter?: number}} options `countIn`: bars
   */
  constructor(source, { countIn = 1, clicks = "always", stepsPerBar = 16, stepsPerQuarter = 4 } = {}) {
    this.#source = source;
    this.clicks = clicks;
    this.stepsPerBar = stepsPerBar;
    this.lead = countIn * stepsPerBar;
    this.#stepsPerQuarter = stepsPerQuarter;
  }

  bar(number) {
    const inner = number - this.lead / this.stepsPerBar;
    if (inner >= 0) this.#source.bar?.(inner);
  }

  step(n) {
    const events = n < this.lead ? [] : this.#source.step(n - this.lead);
    const sounds = this.clicks === "always" || (this.clicks === "count-in" && n < this.lead);
    if (events === null || !sounds || n % this.#stepsPerQuarter !== 0) return events;
    return [{ click: n % this.stepsPerBar === 0 ? "bar" : "beat" }, ...events];
  }

  heard(n) {
    this.#source.heard?.(n - this.lead);
  }
}
