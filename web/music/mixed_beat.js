// A beat between four: which hits it has a model says; how hard and how late they are comes from the four.

import { DRUM_COUNT, STEPS_PER_BAR, beatOfTokens, settled } from "./beat.js";

/**
 * The beat of a model's tokens at a place between four corners. Each hit takes the mean velocity and offset of the
 * corners that have it, weighted by how near they are; one that none has, those of its drum's other hits, first at the
 * same place of other bars.
 * @param {ArrayLike<number>} tokens [steps]
 * @param {import("./beat.js").Beat[]} corners four, as long as the tokens
 * @param {ArrayLike<number>} weights how much each corner counts, from 0; where one counts alone and has the very hits
 *   of the tokens, the result is that corner
 * @returns {import("./beat.js").Beat}
 */
export function mixedBeat(tokens, corners, weights) {
  const beat = beatOfTokens(tokens);
  for (let index = 0; index < beat.velocities.length; index++) {
    if (!beat.velocities[index]) continue;
    const found = mean(corners, weights, [index])
      ?? mean(corners, weights, sameInOtherBars(index, beat.steps))
      ?? mean(corners, weights, allOfDrum(index, beat.steps));
    if (!found) continue;
    beat.velocities[index] = Math.min(127, Math.max(1, Math.round(found.velocity)));
    beat.offsets[index] = found.offset;
  }
  return settled(beat);
}

function mean(corners, weights, indices) {
  let sum = 0, velocity = 0, offset = 0;
  corners.forEach((corner, i) => {
    if (!weights[i]) return;
    for (const index of indices) {
      if (!corner.velocities[index]) continue;
      sum += weights[i];
      velocity += weights[i] * corner.velocities[index];
      offset += weights[i] * corner.offsets[index];
    }
  });
  return sum > 0 ? { velocity: velocity / sum, offset: offset / sum } : null;
}

function sameInOtherBars(index, steps) {
  const bar = STEPS_PER_BAR * DRUM_COUNT;
  return Array.from({ length: steps / STEPS_PER_BAR }, (_, i) => i * bar + index % bar);
}

function allOfDrum(index, steps) {
  return Array.from({ length: steps }, (_, step) => step * DRUM_COUNT + index % DRUM_COUNT);
}
