// Which bars of a file are its clip, and what is said where there is none: workflows/midi_clips/clip.py.
//
// By default a clip begins where there is music; bars of it may be silent, even the last one if the file is long
// enough. Music that is shorter than a clip, and fits into it a whole number of times, is repeated.

import { isWhole, quartersOf } from "./bars.js";
import { MidiError } from "./midi_error.js";
import { roundHalfEven } from "./rounding.js";

/** Places at which a clip is looked for, at most, before a file is refused. */
const MOST_TRIES = 256;
/** Notes of a clip at most, and the fastest tempo in quarter notes a minute: preprocess/note_sequence.py. */
const MOST_NOTES = 1_000_000;
const MOST_QPM = 6e7;
/** What lies so near to a tick, in ticks, lies on it: times in seconds are rounded, ticks are not. */
const ON_A_TICK = 1e-4;

/** Why there is no clip, as the end of a sentence: preprocess/drop_reasons.py. */
const WHY = {
  empty: "it has no notes",
  other_meter: "its meter is not 4/4",
  bad_tempo: "its tempo is not valid",
  no_drums: "it has no drums; a drum track is on MIDI channel 10",
  no_melody: "it has no melody",
  too_short: "it is shorter than the model's clip",
  too_many_events: "one of its instruments plays too many notes",
};

/**
 * @typedef {object} Window a part of a file in whole bars.
 * @property {Array<import("./clip_source.js").SourceNote>} notes in ticks from its beginning; those that are played
 *   early at a negative time.
 * @property {number} qpm the tempo at its beginning.
 * @property {number} ticksPerQuarter
 * @property {number} steps its length in sixteenths.
 */

/**
 * @typedef {object} Wanted what a clip is for.
 * @property {string} name of the model, for messages.
 * @property {number} bars of a clip, in 4/4.
 * @property {boolean} shorterBars whether bars are taken, too, of which several make one of 4/4.
 * @property {string} lacking the reason where a file has notes, but none that count: "no_drums" or "no_melody".
 * @property {(window: Window) => {found: object, remarks: string[]}|string[]} take what is made of a window, or the
 *   reasons why nothing is.
 */

/**
 * The clip of a file.
 * @param {import("./clip_source.js").Source} source
 * @param {string} fileName for messages.
 * @param {Wanted} wanted
 * @param {number|null} [bar] where it begins, from 1; null for where there is music.
 * @returns {{found: object, qpm: number, remarks: string[]}} what `take` made of it.
 * @throws {MidiError} that says why there is none.
 */
export function findClip(source, fileName, wanted, bar = null) {
  if (bar !== null && bar > source.bars.length) {
    const { length } = source.bars;
    const message = `${fileName}: has ${length} bar${length === 1 ? "" : "s"}, so no clip begins at bar ${bar}.`;
    throw new MidiError(message, "bad_flag");
  }
  const finder = new Finder(source, wanted);
  const clip = bar === null ? finder.first() : finder.at(bar - 1);
  if (clip) return clip;
  const where = bar === null ? "can't be encoded" : `no clip begins at bar ${bar}`;
  const why = [...finder.reasons].map((reason) => WHY[reason]).join(" and ") || "it is empty";
  const bars = `${wanted.bars} bar${wanted.bars > 1 ? "s" : ""} in 4/4 that ${wanted.name} can play`;
  const message = `${fileName}: ${where}, as ${why}; it takes ${bars}, or a part of them to repeat.`;
  throw new MidiError(message, "no_examples");
}

class Finder {
  constructor(source, wanted) {
    this.source = source;
    this.wanted = wanted;
    /** Why no clip was found so far, in order. */
    this.reasons = new Set();
    /** Runs of whole bars in a meter that is taken, as indices. @type {Array<{first: number, end: number}>} */
    this.runs = this.runsOf(source.bars);
  }

  runsOf(bars) {
    const runs = [];
    for (let first = 0, end = 0; first < bars.length; first = Math.max(end, first + 1)) {
      end = first;
      while (end < bars.length && this.fits(bars[end]) && bars[end].length === bars[first].length) end += 1;
      if (end > first) runs.push({ first, end });
    }
    return runs;
  }

  fits(bar) {
    const length = quartersOf(bar.meter);
    return isWhole(bar) && (length === 4 || (this.wanted.shorterBars && 4 % length === 0));
  }

  /** How many of the file's bars make a clip: as many as are wanted, or more where they are shorter. */
  barsAt(first) {
    return roundHalfEven((this.wanted.bars * 4) / quartersOf(this.source.bars[first].meter));
  }

  /** The ticks between which notes belong to the steps of some bars: from half a step before each line. */
  ticksOf({ begin, end }) {
    const { ticksPerQuarter } = this.source;
    const half = ticksPerQuarter / 4 / 2;
    return [begin, end].map((quarter) => {
      // A bar line is read from seconds: it is on a tick where that is all that it lacks.
      const tick = quarter * ticksPerQuarter;
      const nearest = roundHalfEven(tick);
      return (Math.abs(tick - nearest) < ON_A_TICK ? nearest : tick) - half;
    });
  }

  isPlayed(index) {
    const bar = this.source.bars[index];
    return this.source.anyBetween(...this.ticksOf({ begin: bar.start, end: bar.start + bar.length }));
  }

  /** The whole file if it is one clip; else the first clip that begins with music; else music repeated to a clip. */
  first() {
    const played = new Set();
    for (const { first, end } of this.runs) {
      for (let i = first; i < end; i += 1) if (this.isPlayed(i)) played.add(i);
    }
    if (!played.size) {
      this.reasons.add(this.nothing());
      return null;
    }
    const exact = this.runs.filter(({ first, end }) => end - first === this.barsAt(first)).map(({ first }) => first);
    const whole = [];
    const begun = [];
    for (const { first, end } of this.runs) {
      for (let i = first; i <= end - this.barsAt(first); i += 1) whole.push(i);
      for (let i = first; i < end; i += 1) {
        if (!played.has(i)) continue;
        begun.push(i);
        break;
      }
    }
    const withMusic = whole.filter((i) => played.has(i));
    const silent = whole.filter((i) => !played.has(i)).reverse();
    for (const i of [...exact, ...withMusic, ...begun, ...silent].slice(0, MOST_TRIES)) {
      const found = this.at(i);
      if (found) return found;
    }
    return null;
  }

  /** The clip that begins at a bar, counted from 0. */
  at(first) {
    const run = this.runs.find((run) => run.first <= first && first < run.end);
    if (!run) {
      this.reasons.add("other_meter");
      return null;
    }
    const wanted = this.barsAt(first);
    const there = run.end - first;
    if (there < wanted && wanted % there) {
      this.reasons.add("too_short");
      return null;
    }
    const bars = this.source.bars.slice(first, first + Math.min(wanted, there));
    const repeats = Math.max(1, Math.floor(wanted / there));
    const clip = this.take(bars, repeats);
    if (clip) clip.remarks.push(...this.remarksOn(first, bars.length, repeats));
    return clip;
  }

  remarksOn(first, length, repeats) {
    const remarks = [];
    if (repeats > 1) {
      const its = length === 1 ? "its bar is" : `its ${length} bars are`;
      remarks.push(`${its} repeated to the ${length * repeats} that ${this.wanted.name} plays.`);
    }
    if (length < this.source.bars.length) {
      const which = length === 1 ? `bar ${first + 1} is` : `bars ${first + 1} to ${first + length} are`;
      remarks.push(`${which} the clip, of ${this.source.bars.length}.`);
    }
    return remarks;
  }

  nothing() {
    if (!this.source.hasNotes) return "empty";
    return this.source.notes.length ? "other_meter" : this.wanted.lacking;
  }

  /** What is made of some bars, repeated; null, with the reasons noted, where nothing is. */
  take(bars, repeats) {
    const { source } = this;
    const begin = bars[0].start;
    const length = bars.reduce((sum, bar) => sum + bar.length, 0);
    const tick = roundHalfEven(begin * source.ticksPerQuarter);
    const heard = source.between(...this.ticksOf({ begin, end: begin + length }));
    const qpm = source.tempoMap.qpmAt(begin);
    const refused = heard.length * repeats > MOST_NOTES ? "too_many_events" : qpm > MOST_QPM ? "bad_tempo" : "";
    if (refused) {
      this.reasons.add(refused);
      return null;
    }
    const notes = [];
    for (let i = 0; i < repeats; i += 1) {
      const moved = i * roundHalfEven(length * source.ticksPerQuarter) - tick;
      for (const { start, end, pitch, velocity, instrument, program } of heard) {
        notes.push({ start: start + moved, end: end + moved, pitch, velocity, instrument, program });
      }
    }
    const steps = roundHalfEven(repeats * length * 4);
    const taken = this.wanted.take({ notes, qpm, ticksPerQuarter: source.ticksPerQuarter, steps });
    if (Array.isArray(taken)) {
      for (const reason of taken) this.reasons.add(reason);
      return null;
    }
    return { found: taken.found, qpm, remarks: [...taken.remarks] };
  }
}

/**
 * The beginning and end of a note of a window in sixteenths, rounded as the models' converters round them, from
 * seconds.
 * @param {import("./clip_source.js").SourceNote} note
 * @param {Window} window
 * @returns {{start: number, end: number}} whole steps; the end is at least one after the start.
 */
export function stepsOf(note, { qpm, ticksPerQuarter, steps }) {
  const seconds = 60 / (qpm * ticksPerQuarter);
  const stepsPerSecond = (4 * qpm) / 60;
  const last = roundHalfEven((steps / 4) * ticksPerQuarter);
  const start = Math.floor(Math.max(0, note.start) * seconds * stepsPerSecond + 0.5);
  const end = Math.floor(Math.min(Math.max(note.end, 1), last) * seconds * stepsPerSecond + 0.5);
  return { start, end: end === start ? start + 1 : end };
}
