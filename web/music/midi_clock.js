// What the tracks of a MIDI file say of tempo, meter and key, and on which track it counts, as in
// preprocess/midi/timeline.py.
//
// Times are computed in the very order of the Python code, so that what lies half-way between two steps goes to the
// same one.

import { MidiError } from "./midi_error.js";
import { KEY, METER, TEMPO, microseconds } from "./midi_events.js";

const MICROSECONDS_A_MINUTE = 6e7;

/**
 * How many numbers of a sorted list are at most `x`.
 * @param {ArrayLike<number>} sorted
 * @param {number} x
 * @returns {number}
 */
export function countUpTo(sorted, x) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * How many numbers of a sorted list are below `x`.
 * @param {ArrayLike<number>} sorted
 * @param {number} x
 * @returns {number}
 */
export function countBelow(sorted, x) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Ticks as seconds. */
export class Clock {
  /**
   * @param {Array<import("./midi_events.js").Track>} tracks that sound together; their tempos count.
   * @param {number} ticksPerQuarter of the file.
   * @param {number|null} secondsPerTick of a file that counts time in SMPTE frames: its tempos only say where the
   *   quarter notes are.
   * @throws {MidiError} for a tempo that is none.
   */
  constructor(tracks, ticksPerQuarter, secondsPerTick) {
    const changes = tempoChanges(tracks, ticksPerQuarter);
    const ticks = changes.map((change) => change.tick);
    const scales = changes.map((change) => change.scale);
    let times = [0];
    if (secondsPerTick === null) {
      for (let i = 1; i < ticks.length; i += 1) times.push(times[i - 1] + scales[i - 1] * (ticks[i] - ticks[i - 1]));
      Object.assign(this, { ticks, times, scales });
    } else {
      times = ticks.map((tick) => tick * secondsPerTick);
      Object.assign(this, { ticks: [0], times: [0], scales: [secondsPerTick] });
    }
    /** Seconds, and quarter notes a minute from there on. @type {Array<{place: number, value: number}>} */
    this.tempos = times.map((place, i) => ({ place, value: 60 / (scales[i] * ticksPerQuarter) }));
  }

  /** Seconds at a tick. */
  time(tick) {
    const i = this.ticks.length > 1 ? countUpTo(this.ticks, tick) - 1 : 0;
    return this.times[i] + this.scales[i] * (tick - this.ticks[i]);
  }
}

/** Where each tempo begins, from tick 0 on, and the seconds of a tick from there on. */
function tempoChanges(tracks, ticksPerQuarter) {
  let changes = [{ tick: 0, scale: 60 / (120 * ticksPerQuarter) }];
  for (const { index, event } of conductorEvents(tracks, TEMPO)) {
    const { tick } = event;
    const scale = 60 / ((MICROSECONDS_A_MINUTE / microseconds(event)) * ticksPerQuarter);
    if (tick === 0) {
      changes = [{ tick, scale }];
      continue;
    }
    // Of several tracks' tempos at one tick the last one stays, as it does where they are played.
    if (index && tick === changes[changes.length - 1].tick) changes.pop();
    if (scale !== changes[changes.length - 1].scale) changes.push({ tick, scale });
  }
  return changes;
}

/**
 * All meters of the first track, and those of others that change something; at one tick the last one stays.
 * @param {Array<import("./midi_events.js").Track>} tracks that sound together.
 * @param {Map<string, string>} warnings to add to.
 * @returns {Array<{tick: number, meter: [number, number]}>} numerator and denominator from a tick on.
 * @throws {MidiError} for a time signature that is none.
 */
export function metersOf(tracks, warnings) {
  const found = [];
  for (const { index, event } of conductorEvents(tracks, METER)) {
    const { tick, size, data } = event;
    const [beats, power] = [data >> 16, (data >> 8) & 0xff];
    if (size < 2 || power > 30) {
      throw new MidiError("A time signature is cut off or has no such denominator.", "bad_time_signature");
    }
    if (beats === 0) {
      warnOnce(warnings, "time_signature", "A time signature has no beats; it was left out.");
      continue;
    }
    const meter = [beats, 2 ** power];
    if (index && found.length && found[found.length - 1].tick === tick) found.pop();
    const last = found[found.length - 1]?.meter;
    if (!index || !last || last[0] !== meter[0] || last[1] !== meter[1]) found.push({ tick, meter });
  }
  return found;
}

/**
 * Warn where a key signature names no key.
 * @param {Array<import("./midi_events.js").Track>} tracks that sound together.
 * @param {Map<string, string>} warnings to add to.
 */
export function checkKeys(tracks, warnings) {
  for (const { event } of conductorEvents(tracks, KEY)) {
    const sharps = (event.data << 8) >> 24; // a signed byte
    const mode = (event.data >> 8) & 0xff;
    if (event.size < 2 || sharps < -7 || sharps > 7 || mode > 1) {
      warnOnce(warnings, "key_signature", "A key signature names no key; it was left out.");
    }
  }
}

/** The events of a kind on all tracks in order of time, with the index of each one's track. */
function conductorEvents(tracks, wanted) {
  const found = tracks.flatMap((track, index) =>
    track.conductor.filter(({ kind }) => kind === wanted).map((event) => ({ index, event })),
  );
  return tracks.length === 1 ? found : found.sort((a, b) => a.event.tick - b.event.tick || a.index - b.index);
}

function warnOnce(warnings, code, message) {
  if (!warnings.has(code)) warnings.set(code, message);
}
