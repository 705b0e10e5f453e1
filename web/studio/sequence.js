// What plays bars one behind the other: a recorded path, or an arrangement.

import { STEPS_PER_BAR, eventsOfStep, sliced } from "../music/beat.js";

/**
 * The bars of a beat, each a beat of its own.
 * @param {import("../music/beat.js").Beat} beat whole bars
 * @returns {import("../music/beat.js").Beat[]}
 */
export function barsOf(beat) {
  return Array.from({ length: beat.steps / STEPS_PER_BAR },
    (_, i) => sliced(beat, i * STEPS_PER_BAR, (i + 1) * STEPS_PER_BAR));
}

/**
 * A source for the player that plays a list of bars and ends, or begins again.
 * @param {object} options
 * @param {() => import("../music/beat.js").Beat[]} options.bars asked for anew before each bar, so that what is changed
 *   while it plays is heard from the next bar on
 * @param {() => boolean} options.loops whether it begins again at its end
 * @param {(bar: number) => void} options.heard told which bar of the list begins to sound
 * @returns {{step: (n: number) => (object[] | null), heard: (n: number) => void}}
 */
export function barsSource({ bars, loops, heard }) {
  let now = null, first = 0;
  const numbers = new Map();  // the bar of the list that each bar since the start is, until it is heard
  return {
    step(n) {
      if (n % STEPS_PER_BAR === 0) {
        const all = bars();
        let at = n / STEPS_PER_BAR - first;
        if (at >= all.length && all.length && loops()) {
          first += at;
          at = 0;
        }
        now = at < all.length ? all[at] : null;
        if (now) numbers.set(n, at);
      }
      return now && eventsOfStep(now, n % STEPS_PER_BAR);
    },
    heard(n) {
      if (!numbers.has(n)) return;
      heard(numbers.get(n));
      numbers.delete(n);
    },
  };
}
