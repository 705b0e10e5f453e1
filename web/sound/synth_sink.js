// A player's events, sounded by the synthesizer.

import { PLUCKED } from "./synth.js";

/**
 * A sink that sounds events with a synthesizer.
 * @param {import("./synth.js").Synth} synth
 * @returns {import("./sequencer.js").Sink}
 */
export function synthSink(synth) {
  return {
    play(event, time, seconds) {
      if ("drum" in event) synth.drum(event.drum, time, event.velocity);
      else if ("click" in event) synth.click(time, event.click === "bar");
      else synth.key(event.part ?? PLUCKED, event.pitch, time, seconds, event.velocity);
    },
    stop(time, isEnd) {
      if (!isEnd) synth.release();
    },
  };
}
