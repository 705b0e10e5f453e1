// Plays a source in time: it asks for each step a moment before it sounds, so that what is changed is heard at once,
// and hands the events to a synthesizer, a MIDI port or whatever else.

import { AudioClock } from "./audio_clock.js";
import { Sequencer } from "./sequencer.js";
import { Ticker } from "./ticker.js";
import { Timeline } from "./timeline.js";

const LEAD = 0.08; // seconds from the start to the first step
const AHEAD = 0.12; // seconds for which events must be scheduled
const EARLIEST = 1; // steps by which an event may sound before its step
const STALLED = 0.2; // seconds by which a step is late when the page, or the computer, has slept
const PERIOD = 25; // milliseconds

/** Plays a source through sinks. */
export class Player {
  /** Called when the source has ended and its last step was heard; not by `stop`. */
  onended = () => {};
  #source;
  #sinks;
  #clock;
  #ticker;
  #tempo;
  #swing;
  #timeline = null;
  #sequencer = null;
  #heard = 0;
  #first = 0;
  #attempt = 0;

  /**
   * @param {{source: import("./sequencer.js").Source, sinks?: import("./sequencer.js").Sink[], context?: AudioContext,
   *   tempo?: number, swing?: number, clock?: import("./audio_clock.js").Clock,
   *   ticker?: {start: () => void, stop: () => void} | null}} options `tempo` in quarter notes a minute; `swing` 0 to
   *   0.5. Either the `context` that sounds or, for tests, a `clock` of one's own; with `ticker: null`, `tick` is to be
   *   called
   */
  constructor({ source, sinks = [], context, tempo = 120, swing = 0, clock, ticker }) {
    this.#source = source;
    this.#sinks = new Set(sinks);
    this.#tempo = tempo;
    this.#swing = swing;
    this.#clock = clock ?? new AudioClock(context);
    this.#ticker = ticker === undefined ? new Ticker(() => this.tick(), PERIOD) : ticker;
  }

  /**
   * Starts, or starts again from the beginning; to be called from a click or a key press the first time.
   * @param {number} first the step to begin with
   * @returns {Promise<void>} when it has started, or was stopped meanwhile
   * @throws {Error} with a sentence where the browser plays no sound
   */
  async start(first = 0) {
    this.stop();
    const attempt = this.#attempt;
    await this.#clock.resume?.();
    await this.#clock.settle?.();
    if (attempt !== this.#attempt) return;
    const time = this.#clock.now() + LEAD;
    this.#timeline = new Timeline({ tempo: this.#tempo, swing: this.#swing, time, step: first });
    this.#sequencer = new Sequencer({ source: this.#source, sinks: this.#sinks, timeline: this.#timeline, first });
    this.#first = this.#heard = first;
    for (const sink of this.#sinks) sink.start?.(this.#clock);
    this.#ticker?.start();
    this.tick();
  }

  /** Stops at once, and what sounds with it. */
  stop() {
    this.#attempt += 1;
    if (this.isPlaying) this.#halt(this.#clock.now(), false);
  }

  /** @returns {boolean} */
  get isPlaying() {
    return this.#sequencer !== null;
  }

  /** @returns {number} the position in steps of what is heard now, not before the first one; 0 where nothing plays */
  get position() {
    return this.isPlaying ? Math.max(this.#first, this.#timeline.stepAt(this.#clock.heardAt())) : 0;
  }

  /**
   * The position of what was heard at a time, such as that of a key press.
   * @param {number} milliseconds of performance.now(), as in an event's timeStamp
   * @returns {number | null} in steps, before the first one too; null where nothing plays
   */
  positionAt(milliseconds) {
    return this.isPlaying ? this.#timeline.stepAt(this.#clock.heardAt(milliseconds)) : null;
  }

  /** @returns {number} quarter notes a minute */
  get tempo() {
    return this.#tempo;
  }

  /** Holds from the next step on that has not been asked for. */
  set tempo(tempo) {
    if (tempo === this.#tempo) return;
    this.#tempo = tempo;
    this.#timeline?.setTempo(tempo, this.#sequencer.next);
  }

  /** @returns {number} the delay of every second sixteenth, 0 to 0.5 */
  get swing() {
    return this.#swing;
  }

  /** Holds from the next pair of sixteenths on that has not been asked for. */
  set swing(swing) {
    if (swing === this.#swing) return;
    this.#swing = swing;
    this.#timeline?.setSwing(swing, this.#sequencer.next);
  }

  /** @returns {import("./sequencer.js").Source} */
  get source() {
    return this.#source;
  }

  /** Asked from the next step on. */
  set source(source) {
    this.#source = source;
    if (this.#sequencer) this.#sequencer.source = source;
  }

  /**
   * Adds a sink, which joins what plays.
   * @param {import("./sequencer.js").Sink} sink
   */
  addSink(sink) {
    if (this.#sinks.has(sink)) return;
    this.#sinks.add(sink);
    if (this.isPlaying) sink.start?.(this.#clock);
  }

  /**
   * Removes a sink; what it sounds ends.
   * @param {import("./sequencer.js").Sink} sink
   */
  removeSink(sink) {
    if (this.#sinks.delete(sink) && this.isPlaying) sink.stop?.(this.#clock.now(), false);
  }

  /**
   * Lets an event sound at once, whether music plays or not; to be called from a click or a key press the first time.
   * @param {import("./sequencer.js").SoundEvent} event
   * @param {number} seconds how long a pitched note is held
   * @returns {Promise<void>}
   * @throws {Error} with a sentence where the browser plays no sound
   */
  async audition(event, seconds = 0.3) {
    await this.#clock.resume?.();
    const now = this.#clock.now();
    for (const sink of this.#sinks) (sink.audition ?? sink.play).call(sink, event, now, seconds);
  }

  /** Does what is due now; the player's timer calls it. */
  tick() {
    if (!this.isPlaying) return;
    this.#clock.tick?.();
    const now = this.#clock.now();
    const sequencer = this.#sequencer;
    // After a sleep the music goes on where it was, instead of making up for it in a burst.
    if (this.#timeline.timeOf(sequencer.next) < now - STALLED) this.#timeline.delay(sequencer.next, now + LEAD);
    while (sequencer.end === null && this.#timeline.timeOf(sequencer.next - EARLIEST) <= now + AHEAD) {
      sequencer.advance(now);
    }
    if (sequencer !== this.#sequencer) return; // the source has stopped the player
    for (const sink of this.#sinks) sink.tick?.();
    this.#tellHeard(sequencer);
  }

  #tellHeard(sequencer) {
    const last = sequencer.end ?? sequencer.next;
    const heard = this.#timeline.stepAt(this.#clock.heardAt());
    while (this.#heard < last && this.#heard <= heard) {
      const step = this.#heard++; // not in the call, which a source may lack
      this.#source.heard?.(step);
      if (sequencer !== this.#sequencer) return;
    }
    if (sequencer.end !== null && heard >= sequencer.end) {
      this.#halt(this.#timeline.timeOf(sequencer.end), true);
      this.onended();
    }
  }

  #halt(time, isEnd) {
    this.#ticker?.stop();
    this.#sequencer.close();
    this.#sequencer = this.#timeline = null;
    for (const sink of this.#sinks) sink.stop?.(time, isEnd);
  }
}
