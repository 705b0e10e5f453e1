// Drum beats as data: what is struck, how hard, and how far off the grid; and the plain operations on them.
//
// A Beat is {steps, velocities, offsets}. `velocities` is a Uint8Array and `offsets` a Float32Array, both of
// steps * DRUM_COUNT, at step * DRUM_COUNT + drum. Velocity 0 means not struck, else 1 to 127. Offsets are in steps
// (sixteenths), -0.5 to 0.5, positive is late. Beats are never changed once made: every operation makes a new one.

import { DRUM_CLASSES } from "./drum_classes.js";

/**
 * @typedef {{steps: number, velocities: Uint8Array, offsets: Float32Array}} Beat
 * @typedef {{step: number, drum: number, velocity: number, offset: number}} Hit
 */

/** What the drums are called, in the order of a token's bits. */
export const DRUM_NAMES = Object.freeze(DRUM_CLASSES.map(({ name }) => name));

export const DRUM_COUNT = 9;

export const STEPS_PER_BAR = 16;

/** The velocity of what has none of its own, as in preprocess/converters/drums.py. */
export const DEFAULT_VELOCITY = 80;

/** Offsets are rounded to this many parts of a step (0.12 ms at 120 BPM), so that an address can hold them exactly. */
export const OFFSET_PARTS = 1024;

/**
 * A beat with nothing struck.
 * @param {number} steps
 * @returns {Beat}
 */
export function emptyBeat(steps) {
  return {
    steps,
    velocities: new Uint8Array(steps * DRUM_COUNT),
    offsets: new Float32Array(steps * DRUM_COUNT),
  };
}

/**
 * The token of each step as models read it: bit `drum` is set where the drum is struck.
 * @param {Beat} beat
 * @returns {Uint16Array} [steps], 0 to 511
 */
export function tokensOf(beat) {
  const tokens = new Uint16Array(beat.steps);
  for (let index = 0; index < beat.velocities.length; index++) {
    if (beat.velocities[index]) tokens[Math.floor(index / DRUM_COUNT)] |= 1 << index % DRUM_COUNT;
  }
  return tokens;
}

/**
 * The beat that tokens stand for, exactly on the grid.
 * @param {ArrayLike<number>} tokens [steps], 0 to 511
 * @param {ArrayLike<number>} [velocities] [steps * DRUM_COUNT]: those of the hits; where 0 or missing,
 *   DEFAULT_VELOCITY
 * @returns {Beat}
 */
export function beatOfTokens(tokens, velocities) {
  const beat = emptyBeat(tokens.length);
  for (let index = 0; index < beat.velocities.length; index++) {
    if ((tokens[Math.floor(index / DRUM_COUNT)] >> index % DRUM_COUNT) & 1) {
      beat.velocities[index] = (velocities && velocities[index]) || DEFAULT_VELOCITY;
    }
  }
  return beat;
}

/**
 * The beat of a list of hits; of two in one place the louder stays.
 * @param {number} steps
 * @param {Iterable<Hit>} hits
 * @returns {Beat}
 */
export function beatOfHits(steps, hits) {
  const beat = emptyBeat(steps);
  for (const { step, drum, velocity, offset } of hits) {
    const index = step * DRUM_COUNT + drum;
    if (velocity > beat.velocities[index]) {
      beat.velocities[index] = velocity;
      beat.offsets[index] = settledOffset(offset || 0);
    }
  }
  return beat;
}

/**
 * What is struck, in the order of the steps.
 * @param {Beat} beat
 * @returns {Hit[]}
 */
export function hits(beat) {
  const found = [];
  for (let index = 0; index < beat.velocities.length; index++) {
    if (!beat.velocities[index]) continue;
    found.push({
      step: Math.floor(index / DRUM_COUNT), drum: index % DRUM_COUNT,
      velocity: beat.velocities[index], offset: beat.offsets[index],
    });
  }
  return found;
}

/**
 * What the player sounds at one step (see web/sound/player.js).
 * @param {Beat} beat
 * @param {number} step 0 to beat.steps - 1
 * @returns {{drum: number, velocity: number, offset: number}[]}
 */
export function eventsOfStep(beat, step) {
  const events = [];
  for (let drum = 0; drum < DRUM_COUNT; drum++) {
    const index = step * DRUM_COUNT + drum;
    if (beat.velocities[index]) {
      events.push({ drum, velocity: beat.velocities[index], offset: beat.offsets[index] });
    }
  }
  return events;
}

/**
 * The beat with one hit set, changed or (velocity 0) taken away.
 * @param {Beat} beat
 * @param {number} step
 * @param {number} drum
 * @param {number} velocity 0 to 127
 * @param {number} [offset] in steps; without it the place keeps its own while it stays struck, else 0
 * @returns {Beat}
 */
export function withHit(beat, step, drum, velocity, offset) {
  const made = copied(beat), index = step * DRUM_COUNT + drum;
  const kept = beat.velocities[index] ? beat.offsets[index] : 0;
  made.velocities[index] = velocity;
  made.offsets[index] = velocity ? settledOffset(offset === undefined ? kept : offset) : 0;
  return made;
}

/**
 * Some steps of a beat as a beat of its own.
 * @param {Beat} beat
 * @param {number} first
 * @param {number} end the step behind the last
 * @returns {Beat}
 */
export function sliced(beat, first, end) {
  return {
    steps: end - first,
    velocities: beat.velocities.slice(first * DRUM_COUNT, end * DRUM_COUNT),
    offsets: beat.offsets.slice(first * DRUM_COUNT, end * DRUM_COUNT),
  };
}

/**
 * The beat with another's steps from `first` on in the place of its own.
 * @param {Beat} beat
 * @param {number} first
 * @param {Beat} other no longer than what is left behind `first`
 * @returns {Beat}
 */
export function withSteps(beat, first, other) {
  const made = copied(beat);
  made.velocities.set(other.velocities, first * DRUM_COUNT);
  made.offsets.set(other.offsets, first * DRUM_COUNT);
  return made;
}

/**
 * The beat as long as asked: its end cut, or repeated from its start.
 * @param {Beat} beat with at least one step
 * @param {number} steps
 * @returns {Beat}
 */
export function fitted(beat, steps) {
  if (beat.steps === steps) return beat;
  let made = emptyBeat(steps);
  for (let first = 0; first < steps; first += beat.steps) {
    made = withSteps(made, first, sliced(beat, 0, Math.min(beat.steps, steps - first)));
  }
  return made;
}

/**
 * One beat where the mask is 1 (hits and silences, velocities and offsets), another elsewhere.
 * @param {Beat} kept
 * @param {Beat} drawn as long as `kept`
 * @param {ArrayLike<number>} mask [steps * DRUM_COUNT]
 * @returns {Beat}
 */
export function merged(kept, drawn, mask) {
  const made = copied(drawn);
  for (let index = 0; index < made.velocities.length; index++) {
    if (!mask[index]) continue;
    made.velocities[index] = kept.velocities[index];
    made.offsets[index] = kept.offsets[index];
  }
  return made;
}

/**
 * Whether two beats have the same hits with the same velocities and offsets.
 * @param {Beat} a
 * @param {Beat} b
 * @returns {boolean}
 */
export function equalBeats(a, b) {
  if (a === b) return true;
  if (a.steps !== b.steps) return false;
  return a.velocities.every((velocity, index) => velocity === b.velocities[index])
    && a.offsets.every((offset, index) => offset === b.offsets[index]);
}

/**
 * A beat from elsewhere in the form that the page keeps: velocities within 0 to 127, offsets within half a step and
 * rounded to OFFSET_PARTS, none where nothing is struck.
 * @param {Beat} beat
 * @returns {Beat}
 */
export function settled(beat) {
  const made = emptyBeat(beat.steps);
  for (let index = 0; index < made.velocities.length; index++) {
    const velocity = Math.round(Math.min(127, Math.max(0, beat.velocities[index] || 0)));
    made.velocities[index] = velocity;
    if (velocity) made.offsets[index] = settledOffset(beat.offsets[index] || 0);
  }
  return made;
}

function settledOffset(offset) {
  // + 0 makes a zero of a negative zero, which would not be equal to it in every comparison.
  return Math.round(Math.min(0.5, Math.max(-0.5, offset)) * OFFSET_PARTS) / OFFSET_PARTS + 0;
}

function copied(beat) {
  return { steps: beat.steps, velocities: beat.velocities.slice(), offsets: beat.offsets.slice() };
}
