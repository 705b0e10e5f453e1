// Live MIDI: which ports there are, which one is used, and what happens when it goes and comes back.

import { drumNotes } from "../music/drum_maps.js";
import { MidiSink } from "./midi_sink.js";

const INSTEAD = "save the beat as a MIDI file instead";

/** A connection to the MIDI ports of a computer. */
export class MidiOut {
  /**
   * Called when a port appears or disappears, with a sentence where it is the chosen one, else "".
   * @type {(sentence: string) => void}
   */
  onchange = () => {};
  #access;
  #sink;
  #drumMap = "general_midi";
  #chosen = null; // {id, name}, even while it is gone
  #output = null;
  #known = "";

  /**
   * Asks the browser, which asks the user, for the MIDI ports.
   * @param {{requestMIDIAccess?: Function}} navigator the browser's, or a stand-in
   * @param {() => number} now milliseconds of performance.now()
   * @returns {Promise<MidiOut>}
   * @throws {Error} with a sentence where the browser has no Web MIDI or access is refused
   */
  static async open(navigator = globalThis.navigator, now = () => performance.now()) {
    if (typeof navigator.requestMIDIAccess !== "function") {
      throw new Error(`This browser can't send MIDI: use Chrome, Edge or Firefox, or ${INSTEAD}.`);
    }
    let access;
    try {
      access = await navigator.requestMIDIAccess({ sysex: false });
    } catch {
      throw new Error(`The browser gave no access to MIDI: allow it in the settings of this page, or ${INSTEAD}.`);
    }
    return new MidiOut(access, now);
  }

  /**
   * @param {MIDIAccess} access what `open` was given
   * @param {() => number} now milliseconds of performance.now()
   */
  constructor(access, now) {
    this.#access = access;
    this.#sink = new MidiSink((bytes, time) => this.#send(bytes, time), drumNotes(this.#drumMap), now);
    this.#known = this.#list();
    access.onstatechange = () => this.#changed();
  }

  /** @returns {import("./sequencer.js").Sink} what a player is given */
  get sink() {
    return this.#sink;
  }

  /** @returns {{id: string, name: string}[]} the ports that there are, those of one name numbered */
  ports() {
    const outputs = [...this.#access.outputs.values()].filter((output) => output.state !== "disconnected");
    const counts = new Map();
    return outputs.map(({ id, name }) => {
      const label = name || "MIDI port";
      const count = (counts.get(label) ?? 0) + 1;
      counts.set(label, count);
      return { id, name: count > 1 ? `${label} (${count})` : label };
    });
  }

  /** @returns {string} a sentence about what is missing, or "" */
  get remark() {
    if (this.#chosen && !this.#output) return goneSentence(this.#chosen.name);
    if (this.ports().length > 0) return "";
    return "There is no MIDI port: connect an instrument, or make a virtual port (macOS: the IAC driver in Audio " +
      "MIDI Setup; Windows: loopMIDI; Linux: Midi Through).";
  }

  /** @returns {{id: string, name: string} | null} the port that is used */
  get port() {
    return this.#output ? { ...this.#chosen } : null;
  }

  /**
   * Uses a port from now on; all notes of the one before end.
   * @param {string | null} id of one of `ports()`; null for none
   * @throws {Error} with a sentence where it is not there
   */
  choose(id) {
    const port = id === null ? null : this.ports().find((other) => other.id === id);
    if (port === undefined) throw new Error("This MIDI port is gone: choose another one.");
    if (this.#output && this.#output.id === id) return;
    this.#sink.silence();
    this.#chosen = port;
    this.#output = port && this.#access.outputs.get(id);
  }

  /** @returns {string} the name of the drum map, one of `DRUM_MAPS` */
  get drumMap() {
    return this.#drumMap;
  }

  /** Throws an error for a map that does not exist. */
  set drumMap(name) {
    this.#sink.notes = drumNotes(name);
    this.#drumMap = name;
  }

  /** @returns {boolean} whether others can follow the tempo: clock, start, stop and position are sent */
  get sendClock() {
    return this.#sink.sendsClock;
  }

  set sendClock(sends) {
    this.#sink.sendsClock = sends;
  }

  /** Ends all notes and lets go of the ports. */
  close() {
    this.choose(null);
    this.#access.onstatechange = null;
  }

  #send(bytes, time) {
    try {
      this.#output?.send(bytes, time);
    } catch {
      // The port went a moment before the browser says so.
      this.#changed();
    }
  }

  /** Browsers tell of ports that are opened, too. */
  #changed() {
    const known = this.#list();
    const output = this.#chosen && this.#connected(this.#chosen.id);
    if (known === this.#known && Boolean(output) === Boolean(this.#output)) return;
    this.#known = known;
    let sentence = "";
    if (this.#output && !output) {
      this.#output = null;
      this.#sink.silence();
      sentence = goneSentence(this.#chosen.name);
    } else if (this.#chosen && !this.#output && output) {
      this.#sink.silence(); // so that a follower there is started, not taken for one that runs
      this.#output = output;
      sentence = `The MIDI port "${this.#chosen.name}" is back.`;
    }
    this.onchange(sentence);
  }

  #connected(id) {
    const output = this.#access.outputs.get(id);
    return output && output.state !== "disconnected" ? output : null;
  }

  #list() {
    return JSON.stringify(this.ports());
  }
}

function goneSentence(name) {
  return `The MIDI port "${name}" is gone: connect it again, or choose another one.`;
}
