// The bytes of a MIDI file as tracks of events, read as forgivingly as preprocess/midi/file.py reads them.
//
// What breaks the standard and still has one meaning is read with a warning; what can't be trusted is refused.
// Nothing here knows about notes; see midi_reader.js for those.

import { latin1 } from "./latin1.js";
import { MidiError } from "./midi_error.js";
import { TEMPO, TrackReader, microseconds } from "./midi_events.js";
import { roundHalfEven } from "./rounding.js";

/** What a file may hold; whatever exceeds it is refused before it is built. */
export const LIMITS = { bytes: 16 * 2 ** 20, tracks: 1024, events: 1_000_000, seconds: 4 * 3600 };

const LEADING_BYTES = 1024;
const HEADER = [0x4d, 0x54, 0x68, 0x64]; // MThd
const TRACK = [0x4d, 0x54, 0x72, 0x6b]; // MTrk

/**
 * @typedef {object} MidiFile
 * @property {number} format 0 and 1 where the tracks sound together, 2 where each is a piece of its own.
 * @property {number} ticksPerQuarter at the file's first tempo where `secondsPerTick` is set.
 * @property {Array<import("./midi_events.js").Track>} tracks at least one.
 * @property {Map<string, string>} warnings sentences by code, about what was read in another way than it is written.
 * @property {number|null} secondsPerTick of files that count time in SMPTE frames.
 */

/**
 * The tracks and events of a MIDI file.
 * @param {Uint8Array} bytes of the file; a RIFF file around them (.rmi) is taken off.
 * @returns {MidiFile}
 * @throws {MidiError}
 */
export function parseMidi(bytes) {
  if (bytes.length > LIMITS.bytes) {
    throw new MidiError(`The file is larger than ${LIMITS.bytes} bytes.`, "file_too_large");
  }
  const warnings = new Map();
  const data = unwrapped(bytes, warnings);
  if (data.length < 14) throw new MidiError("The MIDI header is cut off.", "truncated");
  const size = number(data, 4, 4);
  const [form, count, division] = [8, 10, 12].map((at) => number(data, at, 2));
  if (size < 6) throw new MidiError("The MIDI header is too short.", "bad_header");
  if (count > LIMITS.tracks) {
    throw new MidiError(`The file has ${count} tracks, more than ${LIMITS.tracks}.`, "too_many_tracks");
  }
  let begin = 8 + size;
  if (!beginsTrack(data, begin) && stands(TRACK, data, 14)) {
    warnings.set("header_length", "The header's length is wrong; the tracks were found behind its six bytes.");
    begin = 14;
  }
  const tracks = readTracks(data, begin, warnings);
  if (!tracks.length) throw new MidiError("The file has no track.", "bad_header");
  if (tracks.length !== count) {
    warnings.set("track_count", `The header counts ${count} tracks; the file has ${tracks.length}.`);
  }
  if (form > 2) {
    const message = `The file is of format ${form}, which does not exist; it was read as format 1.`;
    warnings.set("unknown_format", message);
  }
  return { format: form > 2 ? 1 : form, tracks, warnings, ...timeOf(division, tracks) };
}

/** The file from its header on, without a RIFF file around it or bytes before it. */
function unwrapped(data, warnings) {
  if (stands(HEADER, data, 0)) return data;
  const begin = find(HEADER, data.subarray(0, LEADING_BYTES), 0);
  if (text(data, 0) === "RIFF" && text(data, 8) === "RMID" && begin > 0) {
    const size = begin >= 8 && text(data, begin - 8) === "data" ? littleEndian(data, begin - 4) : 0;
    return size >= 14 && size <= data.length - begin ? data.subarray(begin, begin + size) : data.subarray(begin);
  }
  if (begin < 0 || begin + 8 > data.length || number(data, begin + 4, 4) !== 6) {
    throw new MidiError("The file does not begin as a MIDI file does (MThd).", "not_midi");
  }
  warnings.set("leading_bytes", `${begin} bytes stand before the header; they were skipped.`);
  return data.subarray(begin);
}

/** Ticks of a quarter note, and seconds of a tick where the file counts in SMPTE frames. */
function timeOf(division, tracks) {
  if (division === 0) throw new MidiError("The MIDI header has no ticks per quarter note.", "bad_header");
  if (!(division & 0x8000)) return { ticksPerQuarter: division, secondsPerTick: null };
  const frames = 256 - (division >> 8);
  const ticks = division & 0xff;
  if (![24, 25, 29, 30].includes(frames) || !ticks) {
    throw new MidiError(`The MIDI header has ${frames} frames of ${ticks} ticks a second.`, "bad_header");
  }
  // 29 stands for the 29.97 frames of NTSC.
  const secondsPerTick = frames === 29 ? 1.001 / (30 * ticks) : 1.0 / (frames * ticks);
  const tempos = tracks.flatMap((track) => track.conductor.filter((e) => e.kind === TEMPO && e.tick === 0));
  const quarter = tempos.length ? microseconds(tempos[tempos.length - 1]) * 1e-6 : 0.5;
  return { ticksPerQuarter: Math.max(1, roundHalfEven(quarter / secondsPerTick)), secondsPerTick };
}

/** Whether the file ends at `at`, or a track begins there, perhaps after a few chunks of other kinds. */
function beginsTrack(data, at) {
  for (let i = 0; i < 8; i += 1) {
    if (at === data.length || stands(TRACK, data, at)) return true;
    if (at + 8 > data.length) return false;
    for (let i = at; i < at + 4; i += 1) if (data[i] < 0x20 || data[i] > 0x7e) return false;
    at += 8 + number(data, at + 4, 4);
  }
  return at <= data.length;
}

function readTracks(data, begin, warnings) {
  const tracks = [];
  let budget = LIMITS.events;
  let at = begin;
  let skipped = -1;
  while (at < data.length) {
    if (stands(TRACK, data, at) && at + 8 <= data.length) {
      if (tracks.length === LIMITS.tracks) {
        throw new MidiError(`The file has more than ${LIMITS.tracks} tracks.`, "too_many_tracks");
      }
      const [track, end] = readTrack(data, at + 8, number(data, at + 4, 4), budget, warnings);
      budget -= track.count;
      tracks.push(track);
      at = end;
      continue;
    }
    let end = at + 8 + (at + 8 <= data.length ? number(data, at + 4, 4) : 0);
    if (end <= data.length && beginsTrack(data, at)) {
      skipped = at;
      warnings.set("unknown_chunk", "");
    } else {
      end = find(TRACK, data, at + 1);
      if (end < 0) end = data.length;
      warnings.set("stray_bytes", `${end - at} bytes that belong to no track were skipped.`);
    }
    at = end;
  }
  if (skipped >= 0) {
    // The last of them is named, as there may be millions.
    const message = `The file holds a chunk of kind '${text(data, skipped)}', which was skipped.`;
    warnings.set("unknown_chunk", message);
  }
  return tracks;
}

/** The track whose events begin at `start`, and where it ends: at its end of track, whatever its length says. */
function readTrack(data, start, length, budget, warnings) {
  const declared = start + length;
  const whole = declared <= data.length;
  const chunk = data.subarray(start, declared);
  let reader = new TrackReader(chunk, budget);
  const problem = reader.read();
  if (problem?.reason === "too_many_events") throw problem;
  if (reader.ended && reader.doubtful) {
    const other = new TrackReader(chunk, budget, true);
    if (!other.read() && other.ended && other.at === reader.at) reader = other;
  }
  let end = start + reader.at;
  const wrongLength = "A track's length is wrong; it was read up to its end of track.";
  if (reader.ended) {
    if (end !== declared && whole && !stands(TRACK, data, end) && beginsTrack(data, declared)) {
      warnings.set("bytes_after_end", `${declared - end} bytes behind the end of a track were skipped.`);
      end = declared;
    } else if (end !== declared) {
      warnings.set("track_length", wrongLength);
    }
  } else if (!problem && whole && beginsTrack(data, declared)) {
    warnings.set("no_end_of_track", "A track has no end; it was read up to its last event.");
  } else {
    const following = find(TRACK, data, start);
    const found = readOtherwise(data.subarray(start, following < 0 ? undefined : following), budget, following >= 0);
    if (found) {
      end = start + found.at;
      if (end !== declared) warnings.set("track_length", wrongLength);
      reader = found;
    } else if (problem || !whole) {
      throw problem ?? new MidiError("The file ends inside a track.", "truncated");
    }
  }
  for (const [code, message] of reader.warnings) warnings.set(code, message);
  return [reader.track, end];
}

/** A track that its length does not bound, or with real-time bytes between its events; null where it is neither. */
function readOtherwise(data, budget, whole) {
  for (const realTime of [false, true]) {
    const reader = new TrackReader(data, budget, realTime);
    if (!reader.read() && (reader.ended || whole)) return reader;
  }
  return null;
}

/** Whether four bytes stand at a place. */
function stands(bytes, data, at) {
  for (let i = 0; i < bytes.length; i += 1) if (data[at + i] !== bytes[i]) return false;
  return true;
}

/** The first place from `from` on at which four bytes stand; -1 where there is none. */
function find(bytes, data, from) {
  const [first] = bytes;
  for (let at = from; at < data.length; at += 1) {
    if (data[at] === first && stands(bytes, data, at)) return at;
  }
  return -1;
}

function text(data, at) {
  return latin1(data.subarray(at, at + 4));
}

function number(data, at, size) {
  let value = 0;
  for (let i = at; i < at + size; i += 1) value = value * 256 + data[i];
  return value;
}

function littleEndian(data, at) {
  return number(data.slice(at, at + 4).reverse(), 0, 4);
}
