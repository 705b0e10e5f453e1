// Music as samples, without a sound card and faster than it sounds, through the same scheduling as the player's.

import { Sequencer } from "./sequencer.js";
import { Synth } from "./synth.js";
import { synthSink } from "./synth_sink.js";
import { Timeline } from "./timeline.js";

const BLOCK = 10; // seconds rendered at once: a context slows down with the number of events that wait in it
const LONGEST = 1.4; // seconds of a drum, the crash
const RELEASE = 0.1; // seconds, at most, that a pitched note goes on after its end

/**
 * The sound of a source.
 * @param {import("./sequencer.js").Source} source asked for the steps 0 to `steps` - 1, or up to its end
 * @param {{tempo: number, swing?: number, steps: number, sampleRate?: number, volume?: number, isLoop?: boolean}} options
 *   `tempo` in quarter notes a minute; `swing` 0 to 0.5; `isLoop`: exactly as long as its steps, with what sounds beyond
 *   the end, or before the beginning, at the other end, so that it loops without a seam
 * @returns {Promise<Float32Array>} mono, up to the end of the last sound; it may go beyond -1 to 1, see `levelled`
 */
export async function renderOffline(
  source, { tempo, swing = 0, steps, sampleRate = 44100, volume = 0.8, isLoop = false },
) {
  const timeline = new Timeline({ tempo, swing });
  const events = [];
  const sink = { play: (event, time, seconds) => events.push({ event, time, seconds }) };
  const sequencer = new Sequencer({ source, sinks: [sink], timeline, clamp: !isLoop });
  while (sequencer.next < steps && sequencer.end === null) sequencer.advance();
  const length = Math.round(timeline.timeOf(sequencer.end ?? steps) * sampleRate);
  const total = isLoop ? length : Math.max(length, Math.ceil(endOf(events) * sampleRate));
  const samples = new Float32Array(total);
  for (const block of blocksOf(events)) {
    const from = Math.floor(block[0].time * sampleRate);
    const part = await rendered(block, from, sampleRate, volume);
    for (let i = 0; i < part.length; i++) {
      const at = from + i;
      if (isLoop) samples[((at % length) + length) % length] += part[i];
      else if (at < total) samples[at] += part[i];
    }
  }
  return samples;
}

/**
 * Samples that keep within -1 to 1: softer where they are too loud, else as they are.
 * @param {Float32Array} samples
 * @returns {Float32Array}
 */
export function levelled(samples) {
  const peak = samples.reduce((highest, value) => Math.max(highest, Math.abs(value)), 0);
  return peak > 1 ? samples.map((value) => value / peak) : samples;
}

/**
 * A WAV file of 16 bits.
 * @param {Float32Array} samples mono; what is beyond -1 to 1 is clipped
 * @param {number} rate samples a second
 * @returns {Uint8Array}
 */
export function wavBytes(samples, rate) {
  const size = samples.length * 2;
  const view = new DataView(new ArrayBuffer(44 + size));
  const text = (at, word) => [...word].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + size, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); // bytes of what follows up to "data"
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * 2, true); // bytes a second
  view.setUint16(32, 2, true); // bytes a sample
  view.setUint16(34, 16, true); // bits a sample
  text(36, "data");
  view.setUint32(40, size, true);
  for (let i = 0; i < samples.length; i++) {
    view.setInt16(44 + 2 * i, Math.round(Math.max(-1, Math.min(1, samples[i])) * 32767), true);
  }
  return new Uint8Array(view.buffer);
}

/** When the last of some events is silent, in seconds. */
function endOf(events) {
  const ringing = ({ event, seconds }) => ("pitch" in event ? seconds + RELEASE : LONGEST);
  return events.reduce((end, event) => Math.max(end, event.time + ringing(event)), 0);
}

/** Events in order of time, those of ten seconds together. */
function blocksOf(events) {
  const blocks = [];
  for (const event of [...events].sort((a, b) => a.time - b.time)) {
    const block = blocks.at(-1);
    if (block && event.time < block[0].time + BLOCK) block.push(event);
    else blocks.push([event]);
  }
  return blocks;
}

/** What the events of a block sound like, from the sample `from` of the whole on. */
async function rendered(block, from, sampleRate, volume) {
  const start = from / sampleRate;
  const context = new OfflineAudioContext(1, Math.ceil((endOf(block) - start) * sampleRate), sampleRate);
  const sink = synthSink(new Synth(context, volume));
  for (const { event, time, seconds: held } of block) sink.play(event, Math.max(0, time - start), held);
  return (await context.startRendering()).getChannelData(0);
}
