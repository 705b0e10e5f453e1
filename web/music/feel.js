// How much of a drummer's performance is heard: a beat as written, a performance of it, and an amount for timing and
// one for velocity. The arithmetic is that of humanize.py (preprocess/midi/hits.py, preprocess/drums/played_hits.py):
// a hit keeps what was written between the steps and is moved by as much as the performance is off its step.

import { swung, unswung } from "./swing.js";

const DRUMS = 9;
// The resolution of the files that are saved: shifts are whole ticks, so that what is heard is what is saved.
const TICKS_PER_STEP = 120;
// Steps within which hits at the same place between steps share one swing: two bars, what a model reads at once.
const PHRASE = 32;
// Places within a step that are distinguished; thirds and quarters of a step are among them.
const PHASES = 12;

/**
 * A beat as it is heard.
 *
 * @param {{steps: number, velocities: Uint8Array, offsets: Float32Array}} beat - as written; it is not changed.
 * @param {{velocities: ArrayLike<number>, offsets: ArrayLike<number>}|null} performance - MIDI velocities and offsets
 *   in steps (late ones positive) of the hits, at step * 9 + drum. A hit whose velocity is NaN has not been performed:
 *   it stays as written. Null for no performance.
 * @param {{timing: number, velocity: number}} feel - from 0, as written, to 1, as performed.
 * @param {number} [swing] - by how much of a step odd steps are delayed in playback (swing.js), 0 to 0.5. As far as
 *   the performance swings by itself, that is left out, as the hits are swung already.
 * @returns {{steps: number, velocities: Uint8Array, offsets: Float32Array}} the same hits. Those that were written
 *   off their steps may end up to a whole step off.
 */
export function played(beat, performance, feel, swing = 0) {
  const velocities = beat.velocities.slice();
  const offsets = beat.offsets.slice();
  if (!performance || (!feel.timing && !feel.velocity)) return { steps: beat.steps, velocities, offsets };
  const hits = strokes(beat, performance, swing);
  const late = delays(hits, performance);
  const { back, ahead } = margins(hits);
  hits.cells.forEach((cell, i) => {
    const old = beat.velocities[cell];
    const factor = ((1 - feel.velocity) * old + feel.velocity * performance.velocities[cell]) / old;
    velocities[cell] = Math.min(127, Math.max(1, nearest(old * factor)));
    const shift = Math.min(ahead[i], Math.max(-back[i], nearest(feel.timing * late[i] * TICKS_PER_STEP)));
    if (shift) offsets[cell] = unswung((hits.ticks[i] + shift) / TICKS_PER_STEP, swing) - Math.floor(cell / DRUMS);
  });
  return { steps: beat.steps, velocities, offsets };
}

/**
 * A beat whose hits are all within half a step of their own: one that `played` moved further goes to the next step,
 * or as near to it as its own step reaches where that one is taken, or is beyond the beat.
 *
 * @param {{steps: number, velocities: Uint8Array, offsets: Float32Array}} beat - it is not changed.
 * @returns {{steps: number, velocities: Uint8Array, offsets: Float32Array}} offsets from -0.5 to 0.5.
 */
export function withinSteps(beat) {
  const velocities = beat.velocities.slice();
  const offsets = beat.offsets.slice();
  for (let cell = 0; cell < velocities.length; cell++) {
    const offset = offsets[cell];
    if (!velocities[cell] || Math.abs(offset) <= 0.5) continue;
    const way = Math.sign(offset);
    const next = cell + way * DRUMS;
    if (next >= 0 && next < velocities.length && !velocities[next]) {
      velocities[next] = velocities[cell];
      offsets[next] = offset - way;
      velocities[cell] = 0;
      offsets[cell] = 0;
    } else {
      offsets[cell] = way * 0.5;
    }
  }
  return { steps: beat.steps, velocities, offsets };
}

/** The performed hits, drum by drum, in order of time: their cells, ticks, and how far off their steps they are. */
function strokes(beat, performance, swing) {
  const cells = [];
  const ticks = [];
  const programmed = [];
  for (let drum = 0; drum < DRUMS; drum++) {
    for (let step = 0; step < beat.steps; step++) {
      const cell = step * DRUMS + drum;
      if (!beat.velocities[cell] || Number.isNaN(performance.velocities[cell])) continue;
      const tick = nearest(swung(step + beat.offsets[cell], swing) * TICKS_PER_STEP);
      cells.push(cell);
      ticks.push(tick);
      programmed.push(tick / TICKS_PER_STEP - step);
    }
  }
  return { cells, ticks, programmed };
}

/** How much later than written each hit is played, in steps. */
function delays({ cells, programmed }, performance) {
  const phases = programmed.map((off) => nearest(off * PHASES));
  const sums = new Map();
  const keys = cells.map((cell, i) => Math.floor(Math.floor(cell / DRUMS) / PHRASE) * 4 * PHASES + phases[i]);
  keys.forEach((key, i) => {
    const [sum, count] = sums.get(key) ?? [0, 0];
    sums.set(key, [sum + performance.offsets[cells[i]], count + 1]);
  });
  return cells.map((cell, i) => {
    const [sum, count] = sums.get(keys[i]);
    const mean = sum / count;
    // Where the performance is off in the direction that is written, its mean is the swing again.
    return performance.offsets[cell] - (mean * phases[i] > 0 ? mean : 0);
  });
}

/** How far each hit may move, in ticks: less than half a step, and less than half the way to its drum's next hit. */
function margins({ cells, ticks }) {
  const half = TICKS_PER_STEP / 2;
  const before = (i) => (i > 0 && cells[i - 1] % DRUMS === cells[i] % DRUMS ? (ticks[i] - ticks[i - 1]) / 2 : Infinity);
  const back = cells.map((_, i) => Math.max(0, Math.min(Math.ceil(before(i)) - 1, half)));
  const ahead = cells.map((_, i) => {
    const after = i + 1 < cells.length ? before(i + 1) : Infinity;
    return Math.max(0, Math.min(Math.ceil(after) - 1, half - 1));
  });
  return { back, ahead };
}

/** The nearest integer, half-way between two the even one, as NumPy rounds. */
function nearest(value) {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest === 0.5) return below % 2 ? below + 1 : below;
  return rest > 0.5 ? below + 1 : below;
}
