// What plays, and when: the beat on the grid in a loop, or another source such as an arrangement in its place.

import { eventsOfStep } from "../music/beat.js";

/**
 * @typedef {{step: (n: number) => Object[] | null, bar?: (n: number) => void, heard?: (n: number) => void}} Source
 *   of a player's events, asked a moment before each absolute step sounds; null from `step` ends it
 */

/** Plays. */
export class Transport {
  #beat;
  #barListeners = new Set();
  #stepListeners = new Set();
  #changeListeners = new Set();
  #askedListeners = new Set();
  #source = "beat";
  #title = "";
  #timer = 0;
  #origin = 0;
  #step = 0;

  /** @param {{beat: () => import("../music/beat.js").Beat, tempo: number, swing: number, volume: number}} options */
  constructor({ beat, tempo, swing, volume }) {
    this.#beat = beat;
    this.tempo = tempo;
    this.swing = swing;
    this.volume = volume;
  }

  get isPlaying() {
    return this.#timer !== 0;
  }

  /** "beat" while the grid's beat plays (or would play), else the source that plays in its place. */
  get source() {
    return this.#source;
  }

  /** The title of the source that plays in place of the beat, or "". */
  get title() {
    return this.#title;
  }

  /** Steps since the start of what is heard now; 0 where nothing plays. */
  get position() {
    return this.isPlaying ? this.#step : 0;
  }

  /** Play the grid's beat from its start. */
  start() {
    this.#begin("beat", "");
  }

  stop() {
    if (!this.isPlaying) return;
    clearInterval(this.#timer);
    this.#timer = 0;
    this.#source = "beat";
    this.#title = "";
    this.#changed();
  }

  toggle() {
    if (this.isPlaying) this.stop();
    else this.start();
  }

  /**
   * Play another source, from its start, instead of what plays.
   * @param {Source} source
   * @param {{title: string, swing?: number}} options `swing` in place of the page's
   */
  playSource(source, { title }) {
    this.#begin(source, title);
  }

  /**
   * Sound a drum at once.
   * @param {number} drum
   * @param {number} [velocity]
   */
  hit(drum, velocity = 100) {
    void drum;
    void velocity;
  }

  /**
   * Be told of a bar before its first step is asked for, so that what is changed then is heard in it.
   * @param {(bar: number) => void} listener
   * @returns {() => void} which ends it
   */
  onBar(listener) {
    return listened(this.#barListeners, listener);
  }

  /**
   * Be told of each step as it sounds.
   * @param {(step: number) => void} listener
   * @returns {() => void} which ends it
   */
  onStep(listener) {
    return listened(this.#stepListeners, listener);
  }

  /**
   * Be told what the grid's beat has just given the player for a step.
   * @param {(step: number, events: Object[]) => void} listener
   * @returns {() => void} which ends it
   */
  onAsked(listener) {
    return listened(this.#askedListeners, listener);
  }

  /**
   * Be told when playing starts or stops, or another source plays.
   * @param {() => void} listener
   * @returns {() => void} which ends it
   */
  onChange(listener) {
    return listened(this.#changeListeners, listener);
  }

  #begin(source, title) {
    clearInterval(this.#timer);
    this.#source = source;
    this.#title = title;
    this.#step = 0;
    this.#origin = performance.now();
    this.#timer = setInterval(() => this.#advance(), 20);
    this.#changed();
  }

  #advance() {
    while (this.isPlaying && performance.now() >= this.#origin) {
      const step = this.#step, source = this.#source === "beat" ? this.#loop() : this.#source;
      if (step % 16 === 0) {
        for (const listener of this.#barListeners) listener(step / 16);
        source.bar?.(step / 16);
      }
      if (source.step(step) === null) {
        this.stop();
        return;
      }
      for (const listener of this.#stepListeners) listener(step);
      source.heard?.(step);
      this.#step += 1;
      this.#origin += 15000 / this.tempo;
    }
  }

  #loop() {
    return {
      step: (n) => {
        const beat = this.#beat(), events = eventsOfStep(beat, n % beat.steps);
        for (const listener of this.#askedListeners) listener(n, events);
        return events;
      },
    };
  }

  #changed() {
    for (const listener of this.#changeListeners) listener();
  }
}

function listened(set, listener) {
  set.add(listener);
  return () => set.delete(listener);
}
