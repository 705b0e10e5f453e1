// The notes of a MIDI file in seconds, with its tempos and meters: what preprocess/midi/reader.py makes of one.

import { Clock, checkKeys, metersOf } from "./midi_clock.js";
import { MidiError } from "./midi_error.js";
import { SYSTEM, lastTick } from "./midi_events.js";
import { LIMITS, parseMidi } from "./midi_file.js";
import { endUnended, instrumentsOf } from "./midi_instruments.js";
import { drumParts, drumPitches, partKey } from "./drum_tracks.js";

/**
 * @typedef {object} PlayedNote
 * @property {number} startTime seconds.
 * @property {number} endTime seconds.
 * @property {number} pitch 0 to 127.
 * @property {number} velocity 1 to 127.
 */

/**
 * @typedef {object} Piece
 * @property {number} ticksPerQuarter
 * @property {Array<{index: number, name: string, program: number, isDrum: boolean, notes: PlayedNote[]}>} instruments
 * @property {Array<{place: number, value: number}>} tempos seconds, and quarter notes a minute from there on.
 * @property {Array<{place: number, value: [number, number]}>} meters seconds, numerator and denominator from there on.
 */

/**
 * A MIDI file: of one whose format is 2, the first pattern with notes.
 * @param {Uint8Array} bytes of the file.
 * @returns {{file: import("./midi_file.js").MidiFile, piece: Piece}} `file.warnings` says what was read in another way
 *   than it is written, and what was taken as drums.
 * @throws {MidiError} whose sentence begins with "The file", "A track" or the like, and does not name the file.
 */
export function readMidi(bytes) {
  const file = parseMidi(bytes);
  const { parts, sentence } = drumParts(file);
  if (sentence) file.warnings.set("drums_elsewhere", sentence);
  const drums = { parts, pitches: drumPitches(file, parts) };
  if (file.format !== 2 || file.tracks.length === 1) return { file, piece: pieceOf(file, file.tracks, 0, drums) };
  let found = null;
  // Every pattern is read, as what is wrong with one of them is wrong with the file.
  file.tracks.forEach((track, index) => {
    const piece = pieceOf(file, [patternOf(track, file.tracks[0])], index, drums);
    if (piece.instruments.some(({ notes }) => notes.length)) found ??= piece;
  });
  return { file, piece: found ?? pieceOf(file, file.tracks.slice(0, 1), 0, drums) };
}

/** A pattern, at the first one's tempo and meter where it has none of its own. */
function patternOf(track, first) {
  const own = new Set(track.conductor.map((event) => event.kind));
  const inherited = first.conductor.filter((event) => event.tick === 0 && !own.has(event.kind));
  return { ...track, conductor: [...inherited, ...track.conductor] };
}

/** Tracks that sound together: all of a file's, or one of them, whose index is `first`. */
function pieceOf(file, tracks, first, drums) {
  const { ticksPerQuarter, warnings } = file;
  const clock = new Clock(tracks, ticksPerQuarter, file.secondsPerTick);
  // A bare end of track may be late; what counts is the last thing that is played.
  const last = Math.max(...tracks.map(lastPlayed));
  if (clock.time(last) > LIMITS.seconds) {
    throw new MidiError(`The music lasts longer than ${LIMITS.seconds} seconds.`, "too_long");
  }
  const meters = metersOf(tracks, warnings).map(({ tick, meter }) => ({ place: clock.time(tick), value: meter }));
  checkKeys(tracks, warnings);
  const instruments = instrumentsOf(tracks).map((instrument, index) => {
    const key = partKey(instrument.track + first, instrument.channel);
    const isDrum = drums.parts.has(key);
    if (drums.pitches.has(key)) {
      for (const note of instrument.notes) note.pitch = drums.pitches.get(key);
    }
    if (instrument.unended.length) {
      const isLate = clock.time(lastTick(tracks[instrument.track])) > LIMITS.seconds;
      endUnended(instrument, isDrum, Math.max(1, Math.floor(ticksPerQuarter / 4)), isLate ? last : Infinity);
    }
    const notes = instrument.notes.map(({ start, end, pitch, velocity }) => ({
      startTime: clock.time(start), endTime: clock.time(end), pitch, velocity,
    }));
    return { index, name: instrument.name, program: instrument.program, isDrum, notes };
  });
  return { ticksPerQuarter, instruments, tempos: clock.tempos, meters };
}

function lastPlayed(track) {
  for (let i = track.count - 1; i >= 0; i -= 1) {
    if ((track.words[i] & 0xff) < SYSTEM) return track.ticks[i];
  }
  return 0;
}

/**
 * Whether a track has events of channels: notes, programs, controls.
 * @param {import("./midi_events.js").Track} track
 * @returns {boolean}
 */
export function isPlayed(track) {
  return track.words.subarray(0, track.count).some((word) => (word & 0xff) < SYSTEM);
}
