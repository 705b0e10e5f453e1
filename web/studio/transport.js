// What plays, and when: the beat on the grid in a loop, or another source such as an arrangement in its place.

import { eventsOfStep } from "../music/beat.js";
import { Player } from "../sound/player.js";
import { Synth } from "../sound/synth.js";
import { synthSink } from "../sound/synth_sink.js";

const NO_SOUND = "This browser has no Web Audio, so that nothing is heard; everything else works.";

/**
 * @typedef {import("../sound/sequencer.js").Source} Source
 * @typedef {import("../sound/sequencer.js").Sink} Sink
 */

/** Plays. Sound begins with the first start or hit, as browsers want a click or a key before it. */
export class Transport {
  #options;
  #player = null;
  #synth = null;
  #synthSink = null;
  #sinks = new Set();
  #isSounding = true;
  #isPlaying = false;
  #source = "beat";
  #title = "";
  #ownSwing = null;
  #tempo;
  #swing;
  #volume;
  #listeners = { bar: new Set(), step: new Set(), asked: new Set(), change: new Set() };

  /**
   * @param {{beat: () => import("../music/beat.js").Beat, inPlace: () => Source | null, tempo: number, swing: number,
   *   volume: number, onproblem: (sentence: string) => void}} options `beat`: what is heard of the grid, asked for
   *   at each step; `inPlace`: what plays in place of the beat where another tab is open; `volume` 0 to 1
   */
  constructor(options) {
    this.#options = options;
    this.#tempo = options.tempo;
    this.#swing = options.swing;
    this.#volume = options.volume;
  }

  get isPlaying() {
    return this.#isPlaying;
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
    return this.#player?.position ?? 0;
  }

  /**
   * @param {number} milliseconds of performance.now(), as in an event's timeStamp
   * @returns {number | null} steps since the start of what was heard then; null where nothing plays
   */
  positionAt(milliseconds) {
    return this.#player?.positionAt(milliseconds) ?? null;
  }

  /** Quarter notes a minute. */
  get tempo() {
    return this.#tempo;
  }

  set tempo(tempo) {
    this.#tempo = tempo;
    if (this.#player) this.#player.tempo = tempo;
  }

  /** How late every second sixteenth is, 0 to 0.5; a source may have one of its own. */
  get swing() {
    return this.#swing;
  }

  set swing(swing) {
    this.#swing = swing;
    if (this.#player) this.#player.swing = this.#ownSwing ?? swing;
  }

  /** 0 to 1. */
  get volume() {
    return this.#volume;
  }

  set volume(volume) {
    this.#volume = volume;
    if (this.#synth) this.#synth.volume = volume;
  }

  /** Whether this page itself sounds, besides other sinks. */
  get sound() {
    return this.#isSounding;
  }

  set sound(on) {
    this.#isSounding = on;
    if (!this.#player) return;
    if (on) this.#player.addSink(this.#synthSink);
    else this.#player.removeSink(this.#synthSink);
  }

  /** @param {Sink} sink such as a MIDI port, which plays along */
  addSink(sink) {
    this.#sinks.add(sink);
    this.#player?.addSink(sink);
  }

  /** @param {Sink} sink */
  removeSink(sink) {
    this.#sinks.delete(sink);
    this.#player?.removeSink(sink);
  }

  /** Play the grid's beat from its start. */
  start() {
    this.#begin("beat", "", null);
  }

  stop() {
    this.#player?.stop();
    this.#end();
  }

  toggle() {
    if (this.isPlaying) this.stop();
    else this.start();
  }

  /**
   * Play another source, from its start, instead of what plays.
   * @param {Source} source null from its `step` ends it
   * @param {{title: string, swing?: number}} options `swing` in place of the page's
   */
  playSource(source, { title, swing = null }) {
    this.#begin(source, title, swing);
  }

  /**
   * Sound a drum at once.
   * @param {number} drum
   * @param {number} [velocity]
   */
  hit(drum, velocity = 100) {
    this.audition({ drum, velocity, offset: 0 });
  }

  /**
   * Sound an event at once.
   * @param {import("../sound/sequencer.js").SoundEvent} event
   * @param {number} [seconds] how long a pitched note is held
   */
  audition(event, seconds) {
    if (this.#open()) this.#player.audition(event, seconds).catch((error) => this.#options.onproblem(error.message));
  }

  /**
   * Be told of a bar before its first step is asked for, so that what is changed then is heard in it.
   * @param {(bar: number) => void} listener
   * @returns {() => void} which ends it
   */
  onBar(listener) {
    return listened(this.#listeners.bar, listener);
  }

  /**
   * Be told of each step as it sounds.
   * @param {(step: number) => void} listener
   * @returns {() => void} which ends it
   */
  onStep(listener) {
    return listened(this.#listeners.step, listener);
  }

  /**
   * Be told what the grid's beat has just given the player for a step.
   * @param {(step: number, events: Object[]) => void} listener
   * @returns {() => void} which ends it
   */
  onAsked(listener) {
    return listened(this.#listeners.asked, listener);
  }

  /**
   * Be told when playing starts or stops, or another source plays.
   * @param {() => void} listener
   * @returns {() => void} which ends it
   */
  onChange(listener) {
    return listened(this.#listeners.change, listener);
  }

  // Makes what sounds; whether the browser can.
  #open() {
    if (this.#player) return true;
    if (typeof AudioContext === "undefined") {
      this.#options.onproblem(NO_SOUND);
      return false;
    }
    const context = new AudioContext({ latencyHint: "interactive" });
    this.#synth = new Synth(context, this.#volume);
    this.#synthSink = synthSink(this.#synth);
    const sinks = this.#isSounding ? [this.#synthSink, ...this.#sinks] : [...this.#sinks];
    this.#player = new Player({ source: this.#loop(), sinks, context, tempo: this.#tempo, swing: this.#swing });
    this.#player.onended = () => this.#end();
    return true;
  }

  #begin(source, title, swing) {
    if (!this.#open()) return;
    this.#player.stop();
    this.#source = source;
    this.#title = title;
    this.#ownSwing = swing;
    this.#isPlaying = true;
    this.#player.swing = swing ?? this.#swing;
    this.#player.source = source === "beat" ? this.#loop() : this.#watched(source);
    this.#player.start().catch((error) => {
      this.#options.onproblem(error.message);
      this.#end();
    });
    this.#tell("change");
  }

  #end() {
    if (!this.#isPlaying) return;
    this.#isPlaying = false;
    this.#source = "beat";
    this.#title = "";
    this.#ownSwing = null;
    this.#tell("change");
  }

  // The beat on the grid again and again, or what plays in its place on another tab.
  #loop() {
    const { beat, inPlace } = this.#options;
    return this.#watched({
      step: (n) => {
        const other = inPlace();
        if (other) return other.step(n);
        const now = beat(), events = eventsOfStep(now, n % now.steps);
        this.#tell("asked", n, events);
        return events;
      },
      bar: (n) => inPlace()?.bar?.(n),
      heard: (n) => inPlace()?.heard?.(n),
    });
  }

  // A source whose bars and steps the page's listeners hear of, too.
  #watched(source) {
    return {
      stepsPerBar: source.stepsPerBar,
      step: (n) => source.step(n),
      bar: (n) => {
        this.#tell("bar", n);
        source.bar?.(n);
      },
      heard: (n) => {
        this.#tell("step", n);
        source.heard?.(n);
      },
    };
  }

  #tell(what, ...values) {
    for (const listener of [...this.#listeners[what]]) listener(...values);
  }
}

function listened(set, listener) {
  set.add(listener);
  return () => set.delete(listener);
}
