// Groove models on beats of any length, as workflows/grooves/performing.py: windows that lie end to end, silent ones left out.

import { roundHalfEven } from "../music/rounding.js";
import { STYLES } from "./conditions.js";
import { uniforms } from "./random.js";

const DRUMMERS = 10;
const REFERENCE_QPM = 120;
const SLOWEST = 50;
const FASTEST = 290;

/**
 * How the model is to play.
 * @typedef {object} Manner
 * @property {number} qpm quarter notes a minute, above 0.
 * @property {string|null} [style] one of `STYLES`; others count as not known.
 * @property {number} [temperature] 0 gives the typical performance, or the likeliest drums; above 0, they are drawn.
 * @property {number} [seed] of the draws.
 * @property {Float32Array} [uniforms] instead of those of the seed: `[windows that are not silent, window, uniforms]`.
 */

/**
 * A performance of the hits of a beat.
 * @param {import("./grooves.js").GroovePlayer} player one that plays given hits.
 * @param {Uint16Array} tokens of the beat, any number of steps.
 * @param {Manner} manner
 * @returns {{velocities: Float32Array, offsets: Float32Array}} MIDI velocities, whole numbers from 1, and offsets in steps,
 *   late ones positive: `[steps, drums]`, 0 where nothing is struck.
 */
export function humanized(player, tokens, manner) {
  const { drums } = player;
  const given = new Float32Array(tokens.length * drums);
  for (let i = 0; i < given.length; i += 1) {
    given[i] = (tokens[Math.floor(i / drums)] >> i % drums) & 1;
  }
  const { velocities, offsets } = played(player, given, tokens.length, manner);
  return { velocities, offsets };
}

/**
 * Drums for a tapped rhythm.
 * @param {import("./grooves.js").GroovePlayer} player one that takes taps.
 * @param {{step: number, offset: number, velocity: number}[]} taps any number; of those on one step the loudest counts. The
 *   offset is in steps, late ones positive; the velocity is MIDI's.
 * @param {number} steps of the result.
 * @param {Manner} manner
 * @returns {{velocities: Uint8Array, offsets: Float32Array, steps: number}} `[steps, drums]` each, as a beat.
 */
export function drumsOfTaps(player, taps, steps, manner) {
  const given = new Float32Array(2 * steps);
  const loudest = new Float32Array(steps);
  for (const { step, offset, velocity } of taps) {
    if (step >= 0 && step < steps && velocity > loudest[step]) {
      loudest[step] = velocity;
      given[2 * step] = 1;
      given[2 * step + 1] = -2 * offset;
    }
  }
  const { velocities, offsets } = played(player, given, steps, manner);
  return { velocities: Uint8Array.from(velocities), offsets, steps };
}

/** Performances of all windows that are not silent, laid end to end. */
function played(player, given, steps, { qpm, style = null, temperature = 0, seed = 0, uniforms: draws = null }) {
  const { steps: size, drums, given: width, controlWidth } = player;
  const row = conditionsOf(qpm, style);
  const isStruck = (i) => given.subarray(i * size * width, (i + 1) * size * width).some((x) => x !== 0);
  const windows = [...Array(Math.ceil(steps / size)).keys()].filter(isStruck);
  const controls = new Float32Array(windows.length * size * controlWidth);
  windows.forEach((window, i) => {
    for (let step = 0; step < size; step += 1) {
      const to = (i * size + step) * controlWidth;
      const from = (window * size + step) * width;
      controls.set(given.subarray(from, from + width), to);
      controls.set(row, to + width);
    }
  });
  const count = windows.length * size * player.uniforms;
  const values = player.perform(controls, windows.length, {
    uniforms: temperature > 0 ? draws || uniforms(seed, count) : null,
    temperature: temperature || 1,
  });
  const found = { velocities: new Float32Array(steps * drums), offsets: new Float32Array(steps * drums) };
  windows.forEach((window, i) => {
    for (let step = 0; step < size && window * size + step < steps; step += 1) {
      for (let drum = 0; drum < drums; drum += 1) {
        const from = (i * size + step) * 3 * drums + drum;
        const to = (window * size + step) * drums + drum;
        if (values[from]) {
          found.velocities[to] = roundHalfEven(values[from + drums] * 127);
          found.offsets[to] = -values[from + 2 * drums] / 2;
        }
      }
    }
  });
  return found;
}

/** Octaves above 120, then drummer and style one-hot, as `row` of preprocess/drums/groove_conditions.py. */
function conditionsOf(qpm, style) {
  const row = new Float32Array(1 + DRUMMERS + STYLES.length);
  row[0] = Math.log2(Math.min(FASTEST, Math.max(SLOWEST, qpm)) / REFERENCE_QPM);
  const which = STYLES.indexOf(style);
  if (which >= 0) {
    row[1 + DRUMMERS + which] = 1;
  }
  return row;
}
