// New beats, under conditions and around what is known, as workflows/history_drums/{sampling,playing}.py.

import { conditionRow, hasConditions, isMeasurable, missOf } from "./conditions.js";
import { normals, uniforms } from "./random.js";

/** Candidates of a clip that has a measurable condition. */
export const CANDIDATES = 8;
/** Strength of the conditions, as in `sample.py`. */
export const GUIDANCE = 2;
/** Candidates, temperature and guidance of a last bar that is to be a fill, at least; see sampling.py. */
export const FILL = { candidates: 24, temperature: 1, guidance: 3 };

/**
 * What a beat is drawn by.
 * @typedef {object} DrawOptions
 * @property {number} seed whole number; the same one gives the same beat.
 * @property {number} temperature 0 takes the likeliest tokens.
 * @property {import("./conditions.js").Conditions} [conditions] where the model heeds them.
 * @property {Uint16Array} [known] tokens of the beat that exists, read where the mask is 1.
 * @property {Uint8Array} [mask] `[steps, drums]`, 1 where a hit, or that there is none, is to stay.
 * @property {Int16Array} [past] tokens right before the beat, -1 where there are none.
 * @property {number} [guidance] strength of the conditions.
 * @property {number} [candidates] of which the nearest to the conditions is taken.
 * @property {Float32Array} [z] instead of one that is drawn from the prior; it counts where nothing else is given.
 * @property {Float32Array} [uniforms] instead of those of the seed: `[candidates, steps]`.
 */

/**
 * A beat of a history drum model.
 * @param {import("./history_drums.js").HistoryPlayer} player
 * @param {object} config `config` of the packaged model.
 * @param {DrawOptions} options
 * @returns {Uint16Array} tokens `[steps]`.
 */
export function drawBeat(player, config, options) {
  const wanted = config.heeds_conditions && hasConditions(options.conditions) ? options.conditions : null;
  const known = options.known && options.mask ? Uint16Array.from(options.known) : null;
  const mask = known && maskTokens(options.mask, player.drums);
  const past = config.fills_in && options.past ? Int16Array.from(options.past) : null;
  const isGiven = mask !== null && mask.some((bits) => bits > 0);
  // A random latent vector would contradict the conditions, the music before, and what is known.
  const byItself = config.fills_in && (wanted !== null || past !== null || isGiven);
  const z = byItself ? null : options.z || normals(options.seed, player.zSize);
  const clip = { player, wanted, z, past, known: isGiven ? known : null, mask: isGiven ? mask : null };
  const guidance = options.guidance ?? (wanted ? GUIDANCE : 1);
  const candidates = options.candidates ?? CANDIDATES;
  if (!wanted || wanted.fill !== true) {
    return nearest(clip, options, options.temperature, guidance, candidates);
  }
  const ending = player.steps - player.stepsPerBar;
  const isBeforeKnown = clip.mask !== null && clip.mask.subarray(0, ending).every((bits) => bits === player.everyDrum);
  const before = isBeforeKnown ? clip.known : nearest(clip, options, options.temperature, guidance, candidates);
  // The last bar is drawn separately, given the bars before it.
  const stays = clip.mask ? clip.mask.slice() : new Uint16Array(player.steps);
  stays.fill(player.everyDrum, 0, ending);
  const heat = options.temperature > 0 ? Math.max(options.temperature, FILL.temperature) : 0;
  const strength = Math.max(guidance, FILL.guidance);
  const filled = { ...clip, z: null, known: before, mask: stays };
  return nearest(filled, options, heat, strength, Math.max(candidates, FILL.candidates));
}

/** The candidate that is nearest to its conditions. */
function nearest({ player, wanted, z, past, known, mask }, options, temperature, guidance, candidates) {
  const count = temperature > 0 && wanted && isMeasurable(wanted) ? candidates : 1;
  const given = {
    n: 1,
    z,
    usesZ: z !== null,
    known,
    mask,
    past,
    conditions: wanted && conditionRow(wanted),
  };
  const draws = temperature > 0 ? options.uniforms || uniforms(options.seed, count * player.steps) : null;
  const played = player.decode(given, {
    uniforms: draws,
    temperature: temperature || 1,
    guidance: wanted ? guidance : 1,
    candidates: count,
  });
  let best = played.subarray(0, player.steps);
  for (let i = 1; i < count; i += 1) {
    const candidate = played.subarray(i * player.steps, (i + 1) * player.steps);
    if (missOf(candidate, wanted) < missOf(best, wanted)) {
      best = candidate;
    }
  }
  return best.slice();
}

/**
 * Masks of single hits as bits of each step.
 * @param {Uint8Array} mask `[steps, drums]`.
 * @param {number} drums
 * @returns {Uint16Array} `[steps]`, bit i set where drum i is known.
 */
export function maskTokens(mask, drums) {
  const found = new Uint16Array(mask.length / drums);
  for (let i = 0; i < mask.length; i += 1) {
    if (mask[i]) {
      found[Math.floor(i / drums)] |= 1 << i % drums;
    }
  }
  return found;
}
