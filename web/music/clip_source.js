// A MIDI file in ticks and bars, from which clips are taken: what workflows/midi_clips/source.py reads.

import { TempoMap, barsUntil } from "./bars.js";
import { takeDrums } from "./drum_tracks.js";
import { readable } from "./latin1.js";
import { countBelow } from "./midi_clock.js";
import { MidiError } from "./midi_error.js";
import { lastTick } from "./midi_events.js";
import { LIMITS } from "./midi_file.js";
import { isPlayed, readMidi } from "./midi_reader.js";
import { roundHalfEven } from "./rounding.js";

const LONGEST_TITLE = 60;
/** Quarter notes of silence after the last note that a file's end of track may add. */
const MOST_SILENCE = 256;
/** Quarter notes by which an end of track may lie after a bar line without adding another bar. */
const LATE_END = 0.25;

/**
 * @typedef {object} SourceNote
 * @property {number} start in ticks.
 * @property {number} end in ticks.
 * @property {number} pitch 0 to 127.
 * @property {number} velocity 1 to 127.
 * @property {number} instrument its index in the file.
 * @property {number} program of the instrument, 0 to 127.
 */

/** A file that was read: the notes that count in order of time, its bars and tempos. */
export class Source {
  /**
   * @param {Uint8Array} bytes of the file.
   * @param {string} fileName for messages, and for the title where the file has none.
   * @param {boolean} wantsDrums whether its drums count, or all but its drums.
   * @throws {MidiError} naming the file and why it can't be read.
   */
  constructor(bytes, fileName, wantsDrums) {
    checkSize(bytes.length, fileName);
    const { file, piece } = read(bytes, fileName);
    /** What was corrected while reading, and what was taken as drums. */
    this.remarks = [...file.warnings.values()];
    const taken = wantsDrums ? takeDrums(piece) : "";
    if (taken) this.remarks.push(taken);
    this.title = titleOf(file) || stem(fileName);
    this.tempoMap = new TempoMap(piece.tempos);
    this.ticksPerQuarter = piece.ticksPerQuarter;
    const every = piece.instruments.map((instrument) => notesOf(instrument, this.tempoMap, this.ticksPerQuarter));
    const counted = every.filter((_, i) => piece.instruments[i].isDrum === wantsDrums);
    /** Whether the file holds any note at all. */
    this.hasNotes = every.some((notes) => notes.length > 0);
    /** @type {SourceNote[]} */
    this.notes = counted.flat().sort((a, b) => a.start - b.start || a.pitch - b.pitch);
    this.starts = Float64Array.from(this.notes, (note) => note.start);
    this.bars = barsUntil(piece.meters, this.tempoMap, this.lastQuarter(every, endOf(file, this.tempoMap), wantsDrums));
  }

  /** The quarter note up to which the music has bars. */
  lastQuarter(every, end, wantsDrums) {
    let [struck, sounding] = [0, 0];
    for (const notes of every) {
      for (const note of notes) {
        struck = Math.max(struck, (note.start + 1) / this.ticksPerQuarter);
        sounding = Math.max(sounding, note.end / this.ticksPerQuarter);
      }
    }
    // The length of a drum note does not tell where the music ends; a later end of track does.
    const last = wantsDrums ? struck : sounding - LATE_END;
    return end > sounding + 1e-6 ? Math.max(last, Math.min(end, sounding + MOST_SILENCE) - LATE_END) : last;
  }

  /**
   * The notes that begin from one tick on and before another.
   * @param {number} first
   * @param {number} end
   * @returns {SourceNote[]}
   */
  between(first, end) {
    return this.notes.slice(countBelow(this.starts, first), countBelow(this.starts, end));
  }

  /** Whether any note begins from one tick on and before another. */
  anyBetween(first, end) {
    return countBelow(this.starts, first) < countBelow(this.starts, end);
  }
}

/**
 * Refuse a file that is larger than any that is read; its size is known before its bytes are.
 * @param {number} size in bytes.
 * @param {string} fileName
 * @throws {MidiError}
 */
export function checkSize(size, fileName) {
  if (size > LIMITS.bytes) throw new MidiError(`${fileName}: is larger than ${LIMITS.bytes} bytes.`, "file_too_large");
}

function read(bytes, fileName) {
  try {
    return readMidi(bytes);
  } catch (error) {
    throw error instanceof MidiError ? new MidiError(`${fileName}: ${error.message}`, error.reason) : error;
  }
}

/** A file's title: the name of a first track without notes; "" where there is none. */
function titleOf(file) {
  const first = file.tracks[0];
  if (file.format !== 1 || isPlayed(first)) return "";
  const printable = readable(first.name).replace(/[\p{C}\p{Z}]/gu, (character) => (character === " " ? " " : ""));
  return [...printable.trim()].slice(0, LONGEST_TITLE).join("");
}

/** A file's name without its last suffix. */
function stem(fileName) {
  const dot = fileName.lastIndexOf(".");
  return dot > 0 && dot < fileName.length - 1 ? fileName.slice(0, dot) : fileName;
}

/** The quarter note of a file's last end of track; 0 for files of independent patterns, where it means nothing. */
function endOf(file, tempoMap) {
  if (file.format === 2) return 0;
  const tick = Math.max(...file.tracks.map(lastTick));
  return file.secondsPerTick === null ? tick / file.ticksPerQuarter : tempoMap.toQuarters(tick * file.secondsPerTick);
}

/** The notes of an instrument on the file's ticks. */
function notesOf({ index, program, notes }, tempoMap, ticksPerQuarter) {
  const tick = (seconds) => roundHalfEven(tempoMap.toQuarters(seconds) * ticksPerQuarter);
  return notes.map(({ startTime, endTime, pitch, velocity }) => ({
    start: tick(startTime), end: tick(endTime), pitch, velocity, instrument: index, program,
  }));
}
