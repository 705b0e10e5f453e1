// The written beats of patterns/ that are packed into the page.

import { beatOfHits } from "../music/beat.js";

/**
 * @param {{name: string, style: string, qpm: number, swing?: number, steps: number, hits: number[][]}[]} list
 *   hits are [step, drum, velocity]
 * @returns {{name: string, style: string, qpm: number, swing: number, beat: import("../music/beat.js").Beat}[]}
 */
export function readPatterns(list) {
  return list.map(({ name, style, qpm, swing = 0, steps, hits }) => ({
    name, style, qpm, swing,
    beat: beatOfHits(steps, hits.map(([step, drum, velocity]) => ({ step, drum, velocity, offset: 0 }))),
  }));
}
