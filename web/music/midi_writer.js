// MIDI files that loop in a DAW: the bytes that render/midi.py writes for the same notes.
//
// Tempo and time signature are at tick 0, no note is before it or after the clip, drums are on channel 10, and the
// track ends exactly on a bar line. Files have one track (format 0), which every DAW imports as one clip.

import { DRUM_CLASSES } from "./drum_classes.js";
import { drumNotes } from "./drum_maps.js";
import { notesOfBeats } from "./midi_notes.js";
import { roundHalfEven } from "./rounding.js";

const TICKS_PER_QUARTER = 480;
export const DRUM_CHANNEL = 9;

const SIXTEENTH = TICKS_PER_QUARTER / 4;
const MICROSECONDS_A_MINUTE = 6e7;
const SLOWEST_TEMPO = 2 ** 24 - 1;
const NOTE_OFF = 0x80;
const NOTE_ON = 0x90;
const PROGRAM_CHANGE = 0xc0;
const PITCHED_CHANNELS = [...Array(16).keys()].filter((channel) => channel !== DRUM_CHANNEL);

/**
 * @typedef {object} Style
 * @property {number} [qpm] quarter notes a minute, 120 by default.
 * @property {number} [swing] delay of every second sixteenth as a share of a sixteenth, 0 (default) to 0.5.
 * @property {string|number[]} [drumMap] a name of `DRUM_MAPS`, or nine MIDI notes; General MIDI by default.
 * @property {[number, number]} [meter] numerator (1 to 255) and denominator (1, 2, 4, ... 32); 4/4 by default.
 * @property {Array<{bar: number, name: string}>} [markers] of sections, by the bar at which they begin, from 0.
 * @property {number} [bars] length of the clip; by default that of the beats, or up to the bar line after the last
 *   note: after the onset of drums, and after the end of pitched notes.
 */

/**
 * The bytes of a MIDI file.
 * @param {Style} style how the music is played.
 * @param {Array} music beats that follow each other (`beat.js`), or notes (`midi_notes.js`).
 * @returns {Uint8Array}
 * @throws {RangeError} where a value of the style is out of its range, or a marker is not within the clip.
 */
export function midiBytes(style, music) {
  const { qpm = 120, swing = 0, drumMap = "general_midi", meter = [4, 4], markers = [] } = style;
  checkStyle(qpm, swing, meter);
  const bar = roundHalfEven(((4 * meter[0]) / meter[1]) * TICKS_PER_QUARTER);
  const areBeats = music.length > 0 && "velocities" in music[0];
  const notes = areBeats ? notesOfBeats(music) : music;
  const bars = style.bars ?? (areBeats ? barsOfBeats(music, bar) : barsOfNotes(notes, bar));
  if (!(bars >= 1)) throw new RangeError(`A clip of ${bars} bars can't be written; expected at least 1.`);
  const end = bar * bars;
  if (!markers.every((marker) => marker.bar >= 0 && marker.bar < bars)) {
    throw new RangeError(`Markers must lie within the ${bars} bars of the clip.`);
  }
  const channels = channelsOf(notes);
  const pitches = typeof drumMap === "string" ? drumNotes(drumMap) : drumMap;
  const events = noteEvents(notes, swing, pitches, channels, end);
  return fileOf(trackBytes({ qpm, meter, markers, bar, end, events, programs: programsOf(notes), channels }));
}

function checkStyle(qpm, swing, meter) {
  if (!(qpm >= MICROSECONDS_A_MINUTE / 2 ** 24 && qpm <= MICROSECONDS_A_MINUTE)) {
    throw new RangeError(`The tempo is ${qpm}; expected 3.57628 to 6e+07 quarter notes a minute.`);
  }
  if (!(swing >= 0 && swing <= 0.5)) {
    throw new RangeError(`The swing is ${swing}; expected 0 to 0.5 of a sixteenth.`);
  }
  if (!(meter[0] >= 1 && meter[0] <= 255) || ![1, 2, 4, 8, 16, 32].includes(meter[1])) {
    throw new RangeError(`The time signature is ${meter.join("/")}; expected 1 to 255 over 1, 2, 4, ... 32.`);
  }
}

function barsOfBeats(beats, bar) {
  const steps = beats.reduce((sum, beat) => sum + beat.steps, 0);
  return Math.max(1, Math.ceil((steps * SIXTEENTH) / bar));
}

function barsOfNotes(notes, bar) {
  let needed = 1;
  for (const note of notes) {
    needed = Math.max(needed, Math.floor(nearestTick(note.start) / bar) + 1);
    if (note.drum === undefined) needed = Math.max(needed, Math.ceil(nearestTick(note.end) / bar));
  }
  return needed;
}

function nearestTick(quarters) {
  return Math.floor(quarters * TICKS_PER_QUARTER + 0.5);
}

/** A MIDI channel for each pitched instrument, leaving out channel 10. */
function channelsOf(notes) {
  const pitched = notes.filter((note) => note.drum === undefined);
  const instruments = [...new Set(pitched.map((note) => note.instrument ?? 0))].sort((a, b) => a - b);
  return new Map(instruments.map((instrument, i) => [instrument, PITCHED_CHANNELS[i % PITCHED_CHANNELS.length]]));
}

/** The program of each pitched instrument, in their order. */
function programsOf(notes) {
  const programs = new Map();
  for (const note of notes) {
    if (note.drum === undefined) programs.set(note.instrument ?? 0, note.program ?? 0);
  }
  return [...programs].sort((a, b) => a[0] - b[0]);
}

/**
 * Beginnings and ends of notes, as [tick, 1 or 0, channel, pitch, velocity]; a note ends where the same one is struck
 * again, and of two at once the louder stays.
 */
function noteEvents(notes, swing, drumPitches, channels, end) {
  const events = [];
  const struck = new Map();
  const inOrder = notes.map((note) => ({ note, pitch: note.pitch ?? DRUM_CLASSES[note.drum].pitches[0] }));
  inOrder.sort((a, b) => a.note.start - b.note.start || a.pitch - b.pitch);
  for (const { note, pitch: own } of inOrder) {
    if (note.start < 0 && note.end <= 0) continue;
    const isDrum = note.drum !== undefined;
    const start = swung(Math.max(0, roundHalfEven(note.start * TICKS_PER_QUARTER)), swing);
    const stop = Math.min(Math.max(start + 1, roundHalfEven(note.end * TICKS_PER_QUARTER)), end);
    if (start >= end) continue;
    const channel = isDrum ? DRUM_CHANNEL : channels.get(note.instrument ?? 0);
    const pitch = isDrum ? drumPitches[note.drum] : own;
    const key = channel * 128 + pitch;
    const before = struck.get(key);
    if (before !== undefined && events[before][0] === start) {
      events[before][4] = Math.max(note.velocity, events[before][4]);
      events[before + 1][0] = Math.max(stop, events[before + 1][0]);
      continue;
    }
    if (before !== undefined && events[before + 1][0] > start) events[before + 1][0] = start;
    struck.set(key, events.length);
    events.push([start, 1, channel, pitch, Math.min(127, Math.max(1, note.velocity))]);
    events.push([stop, 0, channel, pitch, 0]);
  }
  return events.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2] || a[3] - b[3] || a[4] - b[4]);
}

/** The tick with swing: the second sixteenth of each pair is delayed, and what is around it in proportion. */
function swung(tick, swing) {
  if (!swing) return tick;
  const inside = tick % (2 * SIXTEENTH);
  const pair = tick - inside;
  const middle = roundHalfEven(SIXTEENTH * (1 + swing));
  if (inside <= SIXTEENTH) return pair + roundHalfEven((inside * middle) / SIXTEENTH);
  // Rounding must not carry the last ticks into the next pair, or over the end of the clip.
  const late = middle + roundHalfEven(((inside - SIXTEENTH) * (2 * SIXTEENTH - middle)) / SIXTEENTH);
  return pair + Math.min(late, 2 * SIXTEENTH - 1);
}

/** The events of the track with running status, as mido writes them. */
function trackBytes({ qpm, meter, markers, bar, end, events, programs, channels }) {
  const out = [];
  let now = 0;
  let running = 0;
  const timed = (tick) => {
    pushQuantity(out, tick - now);
    now = tick;
  };
  const meta = (tick, kind, data) => {
    timed(tick);
    out.push(0xff, kind);
    pushQuantity(out, data.length);
    for (const byte of data) out.push(byte);
    running = 0;
  };
  const message = (tick, status, ...data) => {
    timed(tick);
    if (status !== running) out.push(status);
    running = status;
    out.push(...data);
  };
  meta(0, 0x58, [meter[0], Math.log2(meter[1]), 24, 8]);
  const microseconds = Math.min(SLOWEST_TEMPO, roundHalfEven(MICROSECONDS_A_MINUTE / qpm));
  meta(0, 0x51, [microseconds >> 16, (microseconds >> 8) & 0xff, microseconds & 0xff]);
  for (const [instrument, program] of programs) message(0, PROGRAM_CHANGE | channels.get(instrument), program);
  const waiting = markers.map(({ bar: at, name }) => ({ tick: at * bar, name: new TextEncoder().encode(name) }));
  waiting.sort((a, b) => a.tick - b.tick || compareBytes(a.name, b.name));
  for (const [tick, isOn, channel, pitch, velocity] of events) {
    while (waiting.length && waiting[0].tick <= tick) meta(waiting[0].tick, 0x06, waiting.shift().name);
    message(tick, (isOn ? NOTE_ON : NOTE_OFF) | channel, pitch, velocity);
  }
  for (const { tick, name } of waiting) meta(tick, 0x06, name);
  meta(end, 0x2f, []);
  return out;
}

/** Order of UTF-8 texts by their characters' numbers. */
function compareBytes(a, b) {
  for (let i = 0; i < Math.min(a.length, b.length); i += 1) {
    if (a[i] !== b[i]) return a[i] - b[i];
  }
  return a.length - b.length;
}

function pushQuantity(out, value) {
  const bytes = [value & 0x7f];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) bytes.push((rest & 0x7f) | 0x80);
  out.push(...bytes.reverse());
}

function fileOf(track) {
  const file = new Uint8Array(22 + track.length);
  const view = new DataView(file.buffer);
  file.set([0x4d, 0x54, 0x68, 0x64], 0); // MThd
  view.setUint32(4, 6);
  view.setUint16(10, 1);
  view.setUint16(12, TICKS_PER_QUARTER);
  file.set([0x4d, 0x54, 0x72, 0x6b], 14); // MTrk
  view.setUint32(18, track.length);
  file.set(track, 22);
  return file;
}
