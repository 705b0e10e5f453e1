// Music as samples, without a sound card and faster than it sounds, through the same scheduling as the player's.

import { Sequencer } from "./sequencer.js";
import { Synth } from "./synth.js";
import { synthSink } from "./synth_sink.js";
import { Timeline } from "./timeline.js";

const BLOCK = 10; // seconds rendered at once: a context slows down with the number of sounds that wait in it
const BREATH = 10; // milliseconds of mixing after which the page may do something else, such as play
const LONGEST = 1.4; // seconds of a drum, the crash
const RELEASE = 0.1; // seconds, at most, that a pitched note goes on after its end

/**
 * The sound of a source.
 * @param {import("./sequencer.js").Source} source asked for the steps 0 to `steps` - 1, or up to its end
 * @param {{tempo: number, swing?: number, steps: number, sampleRate?: number, volume?: number, isLoop?: boolean}}
 *   options `tempo` in quarter notes a minute; `swing` 0 to 0.5; `isLoop`: exactly as long as its steps, with what
 *   sounds beyond the end, or before the beginning, at the other end, so that it loops without a seam
 * @returns {Promise<Float32Array>} mono, up to the end of the last sound or of the steps; it may go beyond -1 to 1, see
 *   `levelled`
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
  const sounds = await soundsOf(events, sampleRate, volume);
  const parts = events.map((event) => ({ from: Math.round(event.time * sampleRate), sound: sounds.get(keyOf(event)) }));
  const end = parts.reduce((latest, { from, sound }) => Math.max(latest, from + sound.length), length);
  const samples = new Float32Array(isLoop ? length : end);
  let began = performance.now();
  for (const { from, sound } of parts) {
    if (performance.now() - began > BREATH) {
      await new Promise((done) => setTimeout(done, 0));
      began = performance.now();
    }
    for (let i = 0, at = isLoop ? modulo(from, length) : from; i < sound.length; i++, at++) {
      if (at === length && isLoop) at = 0;
      samples[at] += sound[i];
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
  let peak = 0;
  for (const value of samples) peak = Math.max(peak, Math.abs(value));
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

/** What tells the sounds of two events apart. */
function keyOf({ event, seconds }) {
  const { drum, click, pitch, velocity, part } = event;
  return JSON.stringify([drum, click, pitch, velocity, part, Math.round(seconds * 1e4)]);
}

/** The samples of each different sound among some events: a beat has many hits, and few sounds. */
async function soundsOf(events, sampleRate, volume) {
  const different = [...new Map(events.map((event) => [keyOf(event), event]))];
  const sounds = new Map();
  while (different.length > 0) {
    const block = [];
    let end = 0; // in samples
    while (different.length > 0 && end < BLOCK * sampleRate) {
      const [key, { event, seconds }] = different.shift();
      const from = end;
      end += Math.ceil(("pitch" in event ? seconds + RELEASE : LONGEST) * sampleRate);
      block.push({ key, event, seconds, from, end });
    }
    const context = new OfflineAudioContext(1, end, sampleRate);
    const sink = synthSink(new Synth(context, volume, false));
    for (const { event, seconds, from } of block) sink.play(event, from / sampleRate, seconds);
    const samples = (await context.startRendering()).getChannelData(0);
    for (const { key, from, end: to } of block) sounds.set(key, withoutSilence(samples.slice(from, to)));
  }
  return sounds;
}

/** Samples up to the last that is not silent. */
function withoutSilence(samples) {
  let end = samples.length;
  while (end > 0 && samples[end - 1] === 0) end--;
  return samples.subarray(0, end);
}

function modulo(value, length) {
  return ((value % length) + length) % length;
}
