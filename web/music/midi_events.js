// The events of one track of a MIDI file, read as forgivingly as preprocess/midi/events.py reads them.
//
// A file may hold a million events, so they are kept as numbers in typed arrays and not as objects.

import { latin1 } from "./latin1.js";
import { MidiError } from "./midi_error.js";

export const NOTE_OFF = 0x80;
export const NOTE_ON = 0x90;
export const PROGRAM_CHANGE = 0xc0;
export const SYSTEM = 0xf0;
const TRACK_NAME = 0x03;
export const TEMPO = 0x51;
export const METER = 0x58;
export const KEY = 0x59;

const CHANNEL_PRESSURE = 0xd0;
const REAL_TIME = 0xf8;
const META = 0xff;
const INSTRUMENT_NAME = 0x04;
const END_OF_TRACK = 0x2f;
const SYSTEM_COMMON_DATA = new Map([[0xf1, 1], [0xf2, 2], [0xf3, 1], [0xf6, 0]]);
/** Bytes of a name that are kept: far more than names have. */
const LONGEST_NAME = 8192;

/**
 * @typedef {object} Track
 * @property {number} count of its events.
 * @property {Float64Array} ticks when each event is, from the start of the file; never less than the one before.
 * @property {Int32Array} words each event's status | data << 8 | data << 16; of a meta event 0xff | kind << 8.
 * @property {ConductorEvent[]} conductor its tempos, meters and keys.
 * @property {Array<{place: number, name: string}>} names the names that it gives itself, by the event's place.
 * @property {string} name the first name that is not empty, as Latin-1; "" where there is none.
 * @property {string} instrument the same, of the instrument that plays it.
 */

/**
 * @typedef {object} ConductorEvent a tempo, meter or key.
 * @property {number} tick
 * @property {number} kind `TEMPO`, `METER` or `KEY`.
 * @property {number} size bytes of its data.
 * @property {number} data its first three bytes as one number, zeros in place of those that it lacks.
 */

/** The end of a track's bytes inside an event. */
class CutOff extends MidiError {
  constructor() {
    super("A track ends inside an event.", "truncated");
  }
}

/** Reads the events of one track. */
export class TrackReader {
  /**
   * @param {Uint8Array} chunk the track's bytes, or more.
   * @param {number} budget the most events that it may have.
   * @param {boolean} [realTime] take real-time bytes where a time is due as bytes that were sent between events.
   */
  constructor(chunk, budget, realTime = false) {
    /** Where reading stopped. */
    this.at = 0;
    /** Whether it stopped at an end of track. */
    this.ended = false;
    /** Whether a time of three or more bytes begins as a real-time byte would. */
    this.doubtful = false;
    /** Sentences by code. @type {Map<string, string>} */
    this.warnings = new Map();
    this.chunk = chunk;
    this.budget = budget;
    this.realTime = realTime;
    this.tick = 0;
    this.running = 0;
    this.cancelled = false;
    /** @type {Track} */
    this.track = { count: 0, ticks: new Float64Array(64), words: new Int32Array(64), conductor: [], names: [] };
    Object.assign(this.track, { name: "", instrument: "" });
  }

  /**
   * Read up to the end of the track or of the bytes.
   * @returns {MidiError|null} what is wrong, if anything.
   */
  read() {
    try {
      this.readEvents();
    } catch (error) {
      if (error instanceof MidiError) return error;
      throw error;
    }
    return null;
  }

  readEvents() {
    const end = this.chunk.length;
    let at = 0;
    while (at < end && !this.ended) {
      const delta = this.chunk[at];
      if (delta & 0x80) {
        if (this.realTime && delta >= REAL_TIME && delta < META) {
          this.warnRealTime();
          at += 1;
          continue;
        }
        at = this.longTime(at);
      } else {
        this.tick += delta;
        at += 1;
      }
      const status = this.byte(at);
      at = status >= SYSTEM ? this.systemEvent(status, at) : this.channelEvent(status, at);
      if (this.track.count > this.budget) throw new MidiError("The file holds too many events.", "too_many_events");
    }
    this.at = at;
  }

  /** The byte at a place. */
  byte(at) {
    if (at >= this.chunk.length) throw new CutOff();
    return this.chunk[at];
  }

  add(word) {
    const { track } = this;
    if (track.count === track.ticks.length) {
      track.ticks = grown(track.ticks);
      track.words = grown(track.words);
    }
    track.ticks[track.count] = this.tick;
    track.words[track.count] = word;
    track.count += 1;
  }

  /** Count a time of several bytes; where it ends. */
  longTime(at) {
    const [delta, end] = this.quantity(at);
    this.doubtful = this.doubtful || (this.chunk[at] >= REAL_TIME && this.chunk[at] < META && end - at > 2);
    this.tick += delta;
    return end;
  }

  /** A variable-length quantity of at most four bytes, and where it ends. */
  quantity(at) {
    let value = 0;
    for (let i = 0; i < 4; i += 1) {
      const byte = this.byte(at + i);
      value = (value << 7) | (byte & 0x7f);
      if (!(byte & 0x80)) return [value, at + i + 1];
    }
    throw new MidiError("A length or time takes more than four bytes.", "bad_event");
  }

  /** An event of a channel, whose status stands at `at` or is the one before; where it ends. */
  channelEvent(status, at) {
    let begin = at;
    if (status & 0x80) {
      this.running = status;
      this.cancelled = false;
      begin += 1;
    } else if (!this.running) {
      throw new MidiError("An event has no status byte.", "bad_event");
    } else if (this.cancelled) {
      this.warnings.set("running_status", "An event without a status byte follows a system message.");
    }
    const kind = this.running & 0xf0;
    const size = kind === PROGRAM_CHANGE || kind === CHANNEL_PRESSURE ? 1 : 2;
    const { chunk } = this;
    const first = this.byte(begin);
    const second = size === 2 && begin + 1 < chunk.length ? chunk[begin + 1] : 0;
    if ((first | second) & 0x80) return this.withoutRealTime(begin, size);
    if (begin + size > chunk.length) throw new CutOff();
    this.add(this.running | (first << 8) | (second << 16));
    return begin + size;
  }

  /** Add an event whose data begin at `at`, without the real-time bytes among them; where they end. */
  withoutRealTime(at, size) {
    const data = [];
    let end = at;
    while (data.length < size) {
      const byte = this.byte(end);
      end += 1;
      if (byte < 0x80) data.push(byte);
      else if (byte >= REAL_TIME && byte < META) this.warnRealTime();
      else throw new MidiError("An event has a data byte above 127.", "bad_event");
    }
    this.add(this.running | (data[0] << 8) | ((data[1] ?? 0) << 16));
    return end;
  }

  /** A system or meta event whose status stands at `at`; where it ends. */
  systemEvent(status, at) {
    let end = at + 1;
    let word = status;
    if (status === META) {
      word |= this.byte(at + 1) << 8;
      end = this.metaEvent(at);
    } else if (status === 0xf0 || status === 0xf7) {
      const [length, begin] = this.quantity(at + 1);
      end = begin + length;
    } else if (status >= REAL_TIME) {
      this.warnRealTime();
    } else if (SYSTEM_COMMON_DATA.has(status)) {
      const message = `A track holds status byte 0x${status.toString(16)}, which no file should.`;
      this.warnings.set("system_message", message);
      end += SYSTEM_COMMON_DATA.get(status);
    } else {
      const shown = `0x${status.toString(16)}`;
      throw new MidiError(`The file holds status byte ${shown}, which no MIDI file has.`, "bad_event");
    }
    if (end > this.chunk.length) throw new CutOff();
    this.cancelled = this.cancelled || status < REAL_TIME;
    this.add(word);
    return end;
  }

  /** Where a meta event ends; what a track has of its own is kept in the track. */
  metaEvent(at) {
    const { chunk, track } = this;
    const kind = chunk[at + 1];
    const [length, begin] = this.quantity(at + 2);
    const end = begin + length;
    const data = chunk.subarray(begin, end);
    if (kind === TEMPO || kind === METER || kind === KEY) {
      const [first = 0, second = 0, third = 0] = data;
      track.conductor.push({ tick: this.tick, kind, size: length, data: (first << 16) | (second << 8) | third });
    }
    if (kind === TRACK_NAME || kind === INSTRUMENT_NAME) {
      const name = latin1(data.subarray(0, LONGEST_NAME));
      if (kind === INSTRUMENT_NAME) track.instrument = track.instrument || name;
      else {
        track.name = track.name || name;
        track.names.push({ place: track.count, name });
      }
    }
    this.ended = kind === END_OF_TRACK && end <= chunk.length;
    return end;
  }

  warnRealTime() {
    this.warnings.set("real_time", "A track holds real-time bytes, which belong on a cable; they were skipped.");
  }
}

/**
 * A tempo event's length of a quarter note.
 * @param {ConductorEvent} event
 * @returns {number} microseconds.
 * @throws {MidiError} where it is not three bytes or zero.
 */
export function microseconds({ size, data }) {
  if (size !== 3 || data === 0) throw new MidiError("A tempo is not a positive number of microseconds.", "bad_tempo");
  return data;
}

/**
 * The tick of a track's last event; 0 where it has none.
 * @param {Track} track
 * @returns {number}
 */
export function lastTick(track) {
  return track.count ? track.ticks[track.count - 1] : 0;
}

function grown(array) {
  const longer = new array.constructor(2 * array.length);
  longer.set(array);
  return longer;
}
