// A small picture of a beat: a row for each drum, the kick at the bottom, a mark for each hit.

import { DRUM_COUNT, hits } from "../music/beat.js";
import { element } from "./elements.js";

const ROW = 4;

/**
 * A picture of a beat that says nothing to a screen reader; it fills its place.
 * @param {import("../music/beat.js").Beat} beat
 * @param {number[]} [shown] first bar and the one behind the last that are drawn in full; others are faint
 * @returns {SVGElement}
 */
export function beatPicture(beat, shown = [0, beat.steps]) {
  const height = DRUM_COUNT * ROW;
  const picture = element("svg:svg", { viewBox: `0 0 ${beat.steps} ${height}`, preserveAspectRatio: "none",
    "aria-hidden": "true", class: "beat-picture" });
  for (let step = 16; step < beat.steps; step += 16) {
    picture.append(element("svg:path", { d: `M${step} 0V${height}`, class: "beat-bar" }));
  }
  for (const { step, drum, velocity } of hits(beat)) {
    const bar = Math.floor(step / 16), faint = bar < shown[0] || bar >= shown[1];
    const opacity = (0.35 + 0.65 * velocity / 127) * (faint ? 0.35 : 1);
    picture.append(element("svg:rect", { x: step, y: (DRUM_COUNT - 1 - drum) * ROW + 0.5, width: 0.9,
      height: ROW - 1, style: `fill: var(--drum-${drum}, currentColor)`, opacity: opacity.toFixed(2) }));
  }
  return picture;
}
