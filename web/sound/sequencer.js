// Asks a source for its steps, one after the other, and hands each event with its time to the sinks: the one place
// where events are scheduled, live and offline.

const PULSES = 6; // of a MIDI clock, a sixteenth

/**
 * What a source lets sound: a drum, a pitched note (`length` in steps, `part` how it sounds) or a metronome's click.
 * `offset`: steps by which it is late, -1 to 1; 0 by default.
 * @typedef {{drum: number, velocity: number, offset?: number}
 *   | {pitch: number, velocity: number, length: number, part?: import("./synth.js").Timbre, offset?: number}
 *   | {click: "bar" | "beat", offset?: number}} SoundEvent
 */

/**
 * What is played: `step` is asked once for each step, in order, a moment before it sounds, and answers null behind the
 * end; `bar` is told before the first step of each bar (and of the start, within a bar); `heard` is told when a step
 * sounds. `stepsPerBar` is 16 by default.
 * @typedef {{step: (n: number) => SoundEvent[] | null, bar?: (number: number) => void, heard?: (n: number) => void,
 *   stepsPerBar?: number}} Source
 */

/**
 * What sounds it. Times are seconds of the player's clock. `play`: an event that lasts `seconds` (0 for drums);
 * `audition`: one that sounds at once, outside the music (by default as `play`); `start`: music begins, or the sink
 * joins it; `pulse`: of a MIDI clock, counted from step 0, six a sixteenth; `end`: told a moment before the source
 * ends; `tick`: often, while music plays; `stop`: nothing more comes, and what sounds ends at once, or by itself where
 * `isEnd`.
 * @typedef {{play: (event: SoundEvent, time: number, seconds: number) => void,
 *   audition?: (event: SoundEvent, time: number, seconds: number) => void,
 *   start?: (clock: import("./audio_clock.js").Clock) => void, pulse?: (number: number, time: number) => void,
 *   end?: (time: number) => void, tick?: () => void, stop?: (time: number, isEnd: boolean) => void}} Sink
 */

/** The way from a source through a timeline to the sinks. */
export class Sequencer {
  /** @type {Source} */
  source;
  /** The next step to ask for. */
  next;
  /** The first step that is not there, once the source has ended, else null. */
  end = null;
  #sinks;
  #timeline;
  #first;
  #earliest;

  /**
   * @param {{source: Source, sinks: Sink[] | Set<Sink>, timeline: import("./timeline.js").Timeline, first?: number,
   *   clamp?: boolean}} options `first`: the step to begin with; `clamp`: what would sound before it sounds with it
   */
  constructor({ source, sinks, timeline, first = 0, clamp = true }) {
    this.source = source;
    this.next = first;
    this.#first = first;
    this.#sinks = sinks;
    this.#timeline = timeline;
    this.#earliest = clamp ? timeline.timeOf(first) : -Infinity;
  }

  /**
   * Asks for a step and schedules its events and its share of clock pulses.
   * @param {number} now seconds; nothing is scheduled before
   */
  advance(now = -Infinity) {
    if (this.end !== null) return;
    const step = this.next++;
    const bar = this.source.stepsPerBar ?? 16;
    if (step === this.#first || step % bar === 0) this.source.bar?.(Math.floor(step / bar));
    const events = this.source.step(step);
    if (events === null && this.end === null) {
      this.end = step;
      for (const sink of this.#sinks) sink.end?.(this.#timeline.timeOf(step));
    }
    if (this.end !== null) return;
    for (let pulse = step * PULSES; pulse < (step + 1) * PULSES; pulse++) {
      const time = this.#timeline.timeOfStraight(pulse / PULSES);
      for (const sink of this.#sinks) sink.pulse?.(pulse, time);
    }
    for (const event of events) this.#schedule(step + (event.offset ?? 0), event, now);
  }

  /** Lets nothing more come, not even of the step that is being asked for. */
  close() {
    this.end ??= this.next;
  }

  #schedule(position, event, now) {
    const start = this.#timeline.timeOf(position);
    const seconds = event.length ? this.#timeline.timeOf(position + event.length) - start : 0;
    const time = Math.max(start, this.#earliest, now);
    for (const sink of this.#sinks) sink.play(event, time, seconds);
  }
}
