// New beats, under conditions and around what is known, as workflows/history_drums/{sampling,playing}.py.

import { conditionRow, hasConditions, isMeasurable, missOf } from "./conditions.js";
import { normals, uniforms } from "./random.js";

/** Candidates of a clip that has a measurable condition, at most. */
const CANDIDATES = 8;
/** Candidates that are drawn together before they are measured. */
const AT_ONCE = 4;
/**
 * How far from its conditions a candidate may be, for no more to be drawn: past a tenth of all beats. Python
 * draws all candidates, which takes this page a second.
 */
const NEAR_ENOUGH = 0.1;
/** Strength of the conditions, as in `sample.py`. */
const GUIDANCE = 2;
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
 * @property {number} [enough] instead of `NEAR_ENOUGH`; below 0 all candidates are drawn, as in Python.
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
  const effort = {
    temperature: options.temperature,
    guidance: options.guidance ?? (wanted ? GUIDANCE : 1),
    candidates: options.candidates ?? CANDIDATES,
  };
  if (!wanted || wanted.fill !== true) {
    return nearest(clip, options, effort);
  }
  const ending = player.steps - player.stepsPerBar;
  const isBeforeKnown = clip.mask !== null && clip.mask.subarray(0, ending).every((bits) => bits === player.everyDrum);
  const before = isBeforeKnown ? clip.known : nearest(clip, options, effort, true);
  // The last bar is drawn separately, given the bars before it.
  const stays = clip.mask ? clip.mask.slice() : new Uint16Array(player.steps);
  stays.fill(player.everyDrum, 0, ending);
  const filled = { ...clip, z: null, known: before, mask: stays };
  return nearest(filled, options, {
    temperature: effort.temperature > 0 ? Math.max(effort.temperature, FILL.temperature) : 0,
    guidance: Math.max(effort.guidance, FILL.guidance),
    candidates: Math.max(effort.candidates, FILL.candidates),
  });
}

/**
 * The candidate that is nearest to its conditions; one that is near enough is the last to be drawn.
 * @param {object} clip the player, and what the clip is drawn from.
 * @param {DrawOptions} options
 * @param {{temperature: number, guidance: number, candidates: number}} effort
 * @param {boolean} [isFillToCome] whether the last bar is drawn again, so that a fill need not be there yet.
 * @returns {Uint16Array} tokens `[steps]`.
 */
function nearest(clip, options, { temperature, guidance, candidates }, isFillToCome = false) {
  const { player, wanted, z, past, known, mask } = clip;
  const { steps } = player;
  const count = temperature > 0 && wanted && isMeasurable(wanted) ? candidates : 1;
  const conditions = wanted && conditionRow(wanted);
  const given = { n: 1, z, usesZ: z !== null, known, mask, past, conditions };
  const draws = temperature > 0 ? options.uniforms || uniforms(options.seed, count * steps) : null;
  const enough = options.enough ?? NEAR_ENOUGH;
  const asked = isFillToCome ? { ...wanted, fill: null } : wanted;
  let best = null;
  let least = Infinity;
  for (let first = 0; first < count; first += AT_ONCE) {
    const some = Math.min(AT_ONCE, count - first);
    const played = player.decode(given, {
      uniforms: draws && draws.subarray(first * steps, (first + some) * steps),
      temperature: temperature || 1,
      guidance: wanted ? guidance : 1,
      candidates: some,
    });
    let isNear = false;
    for (let i = 0; i < some; i += 1) {
      const candidate = played.slice(i * steps, (i + 1) * steps);
      const miss = count > 1 ? missOf(candidate, wanted) : 0;
      if (miss < least) {
        best = candidate;
        least = miss;
      }
      isNear ||= count > 1 && missOf(candidate, asked) <= enough;
    }
    if (isNear) {
      break;
    }
  }
  return best;
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
