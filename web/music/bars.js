// Where quarter notes and bars are in music that is timed in seconds: preprocess/midi/{tempo_map,bar_lines,changes}.py.

import { countUpTo } from "./midi_clock.js";
import { roundHalfEven } from "./rounding.js";

/** Quarter notes a minute, and the meter, where a file names none. */
const DEFAULT_QPM = 120;
const DEFAULT_METER = [4, 4];
/** Bars of a piece; a file of four hours has fewer, but in meters that nobody writes. */
const MOST_BARS = 100_000;
/** Quarter notes between what is the same place. */
const NEAR = 1e-6;

/**
 * @typedef {object} Bar
 * @property {number} start in quarter notes from the beginning.
 * @property {number} length in quarter notes; less than its meter says where a change of meter cuts it short.
 * @property {[number, number]} meter numerator and denominator.
 */

/** Seconds as quarter notes, by the tempos of a file. */
export class TempoMap {
  /** @param {Array<{place: number, value: number}>} tempos seconds, and quarter notes a minute from there on. */
  constructor(tempos) {
    const changes = distinctChanges(tempos, DEFAULT_QPM, 0, (a, b) => a === b);
    this.seconds = changes.map((change) => change.place);
    this.qpms = changes.map((change) => change.value);
    this.quarters = [0];
    for (let i = 1; i < changes.length; i += 1) {
      this.quarters.push(this.quarters[i - 1] + ((this.seconds[i] - this.seconds[i - 1]) * this.qpms[i - 1]) / 60);
    }
  }

  /**
   * Quarter notes from the beginning, rounded to a billionth, so that what lies half-way between two steps goes to the
   * same one at every tempo.
   */
  toQuarters(seconds) {
    const place = Math.max(countUpTo(this.seconds, seconds) - 1, 0);
    const quarters = this.quarters[place] + ((seconds - this.seconds[place]) * this.qpms[place]) / 60;
    return roundHalfEven(quarters * 1e9) / 1e9;
  }

  /** Quarter notes a minute at a quarter note from the beginning. */
  qpmAt(quarter) {
    // What is read from seconds may lie a rounding error before the change that it stands at.
    return this.qpms[Math.max(0, countUpTo(this.quarters, quarter + 1e-6) - 1)];
  }
}

/**
 * The quarter notes of a bar.
 * @param {[number, number]} meter
 * @returns {number}
 */
export function quartersOf(meter) {
  return (4 * meter[0]) / meter[1];
}

/**
 * Whether a bar is as long as its meter says.
 * @param {Bar} bar
 * @returns {boolean}
 */
export function isWhole(bar) {
  return Math.abs(bar.length - quartersOf(bar.meter)) < NEAR;
}

/**
 * The bars of a piece up to the one in which a quarter note lies: at least one. A meter begins a bar where it differs
 * from the one before; before the first it is 4/4.
 * @param {Array<{place: number, value: [number, number]}>} meters seconds, and the meter from there on.
 * @param {TempoMap} tempoMap of the piece.
 * @param {number} end quarter notes from the beginning; a bar that begins there is not among them.
 * @returns {Bar[]}
 */
export function barsUntil(meters, tempoMap, end) {
  const inQuarters = meters.map(({ place, value }) => ({ place: tempoMap.toQuarters(place), value }));
  const changes = distinctChanges(inQuarters, DEFAULT_METER, NEAR, (a, b) => a[0] === b[0] && a[1] === b[1]);
  const last = Math.max(end, NEAR);
  const bars = [];
  changes.forEach(({ place: start, value: meter }, i) => {
    const length = quartersOf(meter);
    const stop = i + 1 < changes.length ? changes[i + 1].place : Infinity;
    let begin = start;
    for (let count = 1; begin < Math.min(stop, last) - NEAR && bars.length < MOST_BARS; count += 1) {
      bars.push({ start: begin, length: Math.min(length, stop - begin), meter });
      begin = start + count * length;
    }
  });
  return bars.length ? bars : [{ start: 0, length: quartersOf(changes[0].value), meter: changes[0].value }];
}

/**
 * Changes in order, the first at 0, each to another value than the one before; of several that are near to each other
 * the last one counts.
 */
function distinctChanges(changes, start, near, areEqual) {
  const found = [{ place: 0, value: start }];
  for (const { place, value } of [...changes].sort((a, b) => a.place - b.place)) {
    if (place <= found[found.length - 1].place + near) found.pop();
    const last = found[found.length - 1];
    if (!last || !areEqual(value, last.value)) found.push({ place: Math.max(0, place), value });
  }
  return found;
}
