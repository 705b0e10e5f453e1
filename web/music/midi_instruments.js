// The notes of a MIDI file by instrument: by program, channel and track, as preprocess/midi/instruments.py groups them.

import { countUpTo } from "./midi_clock.js";
import { NOTE_OFF, NOTE_ON, PROGRAM_CHANGE, lastTick } from "./midi_events.js";

/**
 * @typedef {object} Instrument
 * @property {number} program 0 to 127.
 * @property {number} channel 0 to 15.
 * @property {number} track index among the tracks that sound together.
 * @property {string} name of the track so far, when the instrument first plays.
 * @property {Array<{start: number, end: number, pitch: number, velocity: number}>} notes in ticks.
 * @property {number[]} unended places in `notes` of those without end or length; their end is the latest that they can
 *   have.
 */

/**
 * The instruments of tracks that sound together, in the order of each one's first finished note.
 * @param {Array<import("./midi_events.js").Track>} tracks
 * @returns {Instrument[]}
 */
export function instrumentsOf(tracks) {
  const instruments = new Map();
  tracks.forEach((track, index) => readTrack(track, index, instruments));
  return [...instruments.values()];
}

function readTrack(track, index, instruments) {
  const programs = new Uint8Array(16);
  /** Notes that sound, by channel and pitch; a map keeps the order in which keys were set, as Python's do. */
  const sounding = new Map();
  let name = "";
  let nextName = 0;
  const playing = (channel) => {
    const program = programs[channel];
    const key = (index * 16 + channel) * 128 + program;
    if (!instruments.has(key)) instruments.set(key, { program, channel, track: index, name, notes: [], unended: [] });
    return instruments.get(key);
  };
  const endNotes = (key, tick) => {
    const started = sounding.get(key);
    if (!started) return;
    sounding.delete(key);
    const instrument = playing(key >> 7);
    if (started.every((note) => note.start === tick)) {
      addUnended(instrument, started, key & 127, tick);
      return;
    }
    const goOn = [];
    for (const { start, velocity } of started) {
      if (start === tick) goOn.push({ start, velocity });
      else instrument.notes.push({ start, end: tick, pitch: key & 127, velocity });
    }
    if (goOn.length) sounding.set(key, goOn);
  };
  for (let i = 0; i < track.count; i += 1) {
    const word = track.words[i];
    const kind = word & 0xf0;
    const channel = word & 0x0f;
    const data = (word >> 8) & 0x7f;
    const velocity = word >> 16;
    const key = (channel << 7) | data;
    if (kind === NOTE_ON && velocity) {
      if (!sounding.has(key)) sounding.set(key, []);
      sounding.get(key).push({ start: track.ticks[i], velocity });
    } else if (kind === NOTE_OFF || kind === NOTE_ON) {
      endNotes(key, track.ticks[i]);
    } else if (kind === PROGRAM_CHANGE) {
      programs[channel] = data;
    } else if (track.names[nextName]?.place === i) {
      name = track.names[nextName].name;
      nextName += 1;
    }
  }
  for (const [key, started] of sounding) addUnended(playing(key >> 7), started, key & 127, lastTick(track));
}

function addUnended(instrument, started, pitch, latest) {
  for (const { start, velocity } of started) {
    instrument.unended.push(instrument.notes.length);
    instrument.notes.push({ start, end: latest, pitch, velocity });
  }
}

/**
 * Give each note without end or length an end, at the latest where the next one of its pitch begins.
 * @param {Instrument} instrument changed in place.
 * @param {boolean} isDrum whether they are drums, which last no longer than `short`, as notes without length do.
 * @param {number} short ticks.
 * @param {number} latest ends no note later, in ticks; may be Infinity.
 */
export function endUnended(instrument, isDrum, short, latest) {
  const starts = new Map();
  for (const { start, pitch } of instrument.notes) {
    if (!starts.has(pitch)) starts.set(pitch, []);
    starts.get(pitch).push(start);
  }
  for (const ofPitch of starts.values()) ofPitch.sort((a, b) => a - b);
  for (const place of instrument.unended) {
    const note = instrument.notes[place];
    let end = Math.min(note.end, latest);
    if (isDrum || end <= note.start) end = end > note.start ? Math.min(end, note.start + short) : note.start + short;
    const ofPitch = starts.get(note.pitch);
    const following = countUpTo(ofPitch, note.start);
    if (following < ofPitch.length) end = Math.min(end, ofPitch[following]);
    note.end = end;
  }
}
