// Melodies that the model draws. No DOM.

import { normals } from "../engine/random.js";
import { equalMelodies, lockedMelody, mergedMelody, notesOf, tidied } from "../music/melody.js";
import { SEEDS } from "./melody_state.js";

const ROLE = "melody";
const TRIES = 4;
const FEWEST_NOTES = 2;

/**
 * A melody for a seed: a latent vector of the prior, decoded. The same seed and temperature give the same melody
 * everywhere.
 * @param {Object} engine
 * @param {number} seed
 * @param {number} temperature
 * @returns {Promise<Int16Array>}
 */
async function melodyOfSeed(engine, seed, temperature) {
  const z = normals(seed, engine.model(ROLE).zSize);
  return tidied(await engine.decode({ role: ROLE, z, n: 1, temperature, seed }));
}

/**
 * New melodies; what is nearly silent is drawn once more, a few times.
 * @param {Object} engine
 * @param {number} count
 * @param {number} temperature
 * @returns {Promise<{seed: number, tokens: Int16Array}[]>}
 */
export async function drawnMelodies(engine, count, temperature) {
  const found = [];
  for (let i = 0; i < count; i++) {
    let seed, tokens;
    for (let tries = 0; tries < TRIES; tries++) {
      seed = Math.floor(Math.random() * SEEDS);
      tokens = await melodyOfSeed(engine, seed, temperature);
      if (notesOf(tokens).length >= FEWEST_NOTES) break;
    }
    found.push({ seed, tokens });
  }
  return found;
}

/**
 * A melody drawn again around its locked bars: the model draws notes that fit those that stay; what is the same as
 * before is drawn once more, a few times.
 * @param {Object} engine
 * @param {Int16Array} tokens
 * @param {boolean[]} locks of the bars, one of them open
 * @param {number} temperature
 * @returns {Promise<{seed: number, tokens: Int16Array}>}
 */
export async function drawnAround(engine, tokens, locks, temperature) {
  const kept = lockedMelody(tokens, locks);
  if (!kept.hole.includes(1)) throw new Error("The locked notes fill both bars, so there is nothing to draw.");
  let seed, made;
  for (let tries = 0; tries < TRIES; tries++) {
    seed = Math.floor(Math.random() * SEEDS);
    const drawn = await engine.infill({ role: ROLE, tokens: kept.tokens, hole: kept.hole, temperature, seed });
    made = mergedMelody(kept, drawn);
    if (!equalMelodies(made, tidied(tokens))) break;
  }
  return { seed, tokens: made };
}
