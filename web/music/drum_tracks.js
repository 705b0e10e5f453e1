// Which notes of a file are drums, where it does not say so by MIDI channel 10: preprocess/drums/tracks.py.
//
// Where channel 10 has no notes, a track that is named as drums are, or whose notes no pitched instrument would play,
// is taken as drums.

import { readName } from "./drum_names.js";
import { readable } from "./latin1.js";
import { NOTE_ON, PROGRAM_CHANGE } from "./midi_events.js";

/** Channel 10 of General MIDI, counted from 0. */
const DRUM_CHANNEL = 9;
const LOWEST_DRUM = 22;
const HIGHEST_DRUM = 87;
const KICKS = new Set([35, 36]);
const SNARES = new Set([37, 38, 39, 40]);
const CYMBALS = new Set([22, 26, 42, 44, 46, 49, 51, 52, 53, 55, 57, 59]);
const TOMS = new Set([41, 43, 45, 47, 48, 50, 58]);
/** Quarter notes within which drums are struck at once. */
const TOGETHER = 1 / 12;
/** General MIDI's programs from tinkle bell to reverse cymbal: percussion that is played at pitches. */
const FIRST_PITCHED_DRUM = 112;
const LAST_PITCHED_DRUM = 119;
/** The most pitches that a track of one drum may have: its articulations, or two toms. */
const SINGLE_DRUM_PITCHES = 4;
/** Characters of a name in a sentence. */
const LONGEST_NAME = 60;

/**
 * @typedef {object} Part the notes of one channel on one track, or of one instrument.
 * @property {number} track its index.
 * @property {number} channel 0 to 15.
 * @property {string} names what track and instrument are called.
 * @property {ReturnType<typeof readName>} says what that says of drums.
 * @property {number} program the last one that was chosen, 0 where none was.
 * @property {Array<{time: number, pitch: number}>} notes where each begins, in quarter notes.
 */

/**
 * The key of a track's channel among the parts that are drums.
 * @param {number} track its index.
 * @param {number} channel 0 to 15.
 * @returns {number}
 */
export function partKey(track, channel) {
  return track * 16 + channel;
}

/**
 * The parts of a file that are drums, and a sentence that says what was taken for them where that was not channel 10.
 * @param {import("./midi_file.js").MidiFile} file
 * @returns {{parts: Set<number>, sentence: string}} keys of `partKey`; "" where nothing was searched for.
 */
export function drumParts(file) {
  const played = new Set();
  file.tracks.forEach((track, index) => {
    for (let i = 0; i < track.count; i += 1) {
      if ((track.words[i] & 0xf0) === NOTE_ON) played.add(partKey(index, track.words[i] & 0x0f));
    }
  });
  const standard = new Set([...played].filter((key) => key % 16 === DRUM_CHANNEL));
  if (standard.size || !played.size) return { parts: standard, sentence: "" };
  const [found, why] = lookLikeDrums(partsOf(file));
  const parts = new Set(found.map((part) => partKey(part.track, part.channel)));
  return { parts, sentence: found.length ? sentenceOf(found, why) : "" };
}

/**
 * Mark the drums of music that something wants drums of, where no note is one: what is named or played as drums are,
 * or else the only instrument.
 * @param {import("./midi_reader.js").Piece} piece changed in place.
 * @returns {string} the sentence that says what was taken; "" where nothing was changed.
 */
export function takeDrums(piece) {
  const playing = piece.instruments.filter((instrument) => instrument.notes.length);
  if (!playing.length || playing.some((instrument) => instrument.isDrum)) return "";
  const quarters = piece.tempos[0].value / 60;
  const parts = playing.map((instrument) => ({
    track: instrument.index,
    channel: 0,
    names: instrument.name,
    says: readName(instrument.name),
    program: instrument.program,
    notes: instrument.notes.map(({ startTime, pitch }) => ({ time: startTime * quarters, pitch })),
  }));
  let [found, why] = lookLikeDrums(parts);
  if (!found.length) {
    if (parts.length > 1) return "";
    [found, why] = [parts, "is the only one"];
  }
  const taken = new Set(found.map((part) => part.track));
  for (const instrument of playing) instrument.isDrum = taken.has(instrument.index);
  return sentenceOf(found, why);
}

/**
 * The pitches of parts whose own do not say which drum they are. FL Studio writes a track for each drum with the same
 * note, C5, in all of them; where at least two named parts have that in common, their names say what they are.
 * @param {import("./midi_file.js").MidiFile} file
 * @param {Set<number>} drums keys of the parts that are drums.
 * @returns {Map<number, number>} pitch by `partKey`.
 */
export function drumPitches(file, drums) {
  const found = new Map();
  if (!drums.size || [...drums].some((key) => key % 16 === DRUM_CHANNEL)) return found;
  const meanings = new Map();
  for (const part of partsOf(file)) {
    const pitch = part.says.drum;
    const own = part.notes[0].pitch;
    const key = partKey(part.track, part.channel);
    if (!drums.has(key) || pitch === null || part.notes.some((note) => note.pitch !== own)) continue;
    found.set(key, pitch);
    meanings.set(own, (meanings.get(own) ?? new Set()).add(pitch));
  }
  return [...meanings.values()].some((pitches) => pitches.size > 1) ? found : new Map();
}

/** The parts of a file that have notes. */
function partsOf(file) {
  const parts = new Map();
  file.tracks.forEach((track, index) => {
    const programs = new Uint8Array(16);
    const names = stripped(`${readable(track.name)} / ${readable(track.instrument)}`);
    const says = readName(names);
    for (let i = 0; i < track.count; i += 1) {
      const word = track.words[i];
      const kind = word & 0xf0;
      const channel = word & 0x0f;
      const data = (word >> 8) & 0x7f;
      if (kind === PROGRAM_CHANGE) programs[channel] = data;
      if (kind !== NOTE_ON || !(word >> 16)) continue;
      const key = partKey(index, channel);
      if (!parts.has(key)) parts.set(key, { track: index, channel, names, says, program: 0, notes: [] });
      const part = parts.get(key);
      part.program = programs[channel];
      part.notes.push({ time: track.ticks[i] / file.ticksPerQuarter, pitch: data });
    }
  });
  return [...parts.values()];
}

/** A text without spaces and slashes around it; a regular expression would take long for thousands of them. */
function stripped(text) {
  const isEdge = (at) => text[at] === " " || text[at] === "/";
  let begin = 0;
  let end = text.length;
  while (begin < end && isEdge(begin)) begin += 1;
  while (end > begin && isEdge(end - 1)) end -= 1;
  return text.slice(begin, end);
}

/** Those of a file's parts that are drums by their names or their notes, and which of the two says so. */
function lookLikeDrums(parts) {
  const pitches = new Map(parts.map((part) => [part, new Set(part.notes.map((note) => note.pitch))]));
  const isPitchedDrum = ({ program }) => program >= FIRST_PITCHED_DRUM && program <= LAST_PITCHED_DRUM;
  const candidates = parts.filter((part) => !isPitchedDrum(part) && inRange(pitches.get(part)));
  const perTrack = new Map();
  for (const part of parts) perTrack.set(part.track, (perTrack.get(part.track) ?? 0) + 1);
  // A name is of all that its track holds, so it decides nothing where several channels share a track.
  const isAlone = (part) => perTrack.get(part.track) === 1;
  const named = candidates.filter((part) => isAlone(part) && namedAsDrums(part, pitches.get(part)));
  if (named.length) return [named, named.length === 1 ? "is named as drums are" : "are named as drums are"];
  const unnamed = candidates.filter((part) => !part.says.isPitched);
  const played = unnamed.filter((part) => playsDrums(part.notes));
  if (played.length) return [played, played.length === 1 ? "plays as drums do" : "play as drums do"];
  // A track for each drum, none of them named.
  const single = unnamed.filter((part) => pitches.get(part).size <= 2);
  if (single.length > 1 && playsDrums(single.flatMap((part) => part.notes))) return [single, "play as drums do"];
  return [[], ""];
}

function inRange(pitches) {
  return [...pitches].every((pitch) => pitch >= LOWEST_DRUM && pitch <= HIGHEST_DRUM);
}

/**
 * Whether a part's name says that it holds drums, and its notes do not say otherwise. A kit's name is believed where
 * it says nothing else; a title such as "The Little Drum" only where most notes lie where kits have theirs. A single
 * drum's track has few pitches; "Ch 1" or "Tom" may be anything else.
 */
function namedAsDrums(part, pitches) {
  const { drum, kit } = part.says;
  if (drum !== null) return pitches.size <= SINGLE_DRUM_PITCHES;
  if (kit !== "as part of a title") return kit === "alone";
  const usual = count(part.notes, ({ pitch }) => [KICKS, SNARES, CYMBALS, TOMS].some((kind) => kind.has(pitch)));
  return usual >= 0.6 * part.notes.length;
}

/** Whether notes are those of a drum kit: mostly kick, snare and cymbals, and those struck together. */
function playsDrums(notes) {
  const played = new Set(notes.map((note) => note.pitch));
  if (![...KICKS, ...SNARES].some((pitch) => played.has(pitch)) || !inRange(played)) return false;
  const shares = [KICKS, SNARES, CYMBALS, TOMS].map((kind) => count(notes, ({ pitch }) => kind.has(pitch)));
  const [kicks, snares, cymbals, toms] = shares;
  const beside = kicks + snares + cymbals;
  if (beside < 0.6 * notes.length || beside + toms < 0.9 * notes.length) return false;
  if (count(shares.slice(0, 3), (share) => share === 0) > 1) return false;
  const ordered = [...notes].sort((a, b) => a.time - b.time || a.pitch - b.pitch);
  let struck = 0;
  let together = 0;
  ordered.forEach(({ time, pitch }, i) => {
    const isKick = KICKS.has(pitch);
    if (!isKick && !SNARES.has(pitch)) return;
    struck += 1;
    const near = ordered.slice(Math.max(0, i - 6), i + 7).filter((other) => Math.abs(other.time - time) <= TOGETHER);
    together += near.some((other) => CYMBALS.has(other.pitch) || (isKick && SNARES.has(other.pitch)));
  });
  return together >= 2 && together >= 0.15 * struck;
}

function count(list, holds) {
  return list.reduce((sum, value) => sum + (holds(value) ? 1 : 0), 0);
}

function sentenceOf(parts, why) {
  const was = parts.length === 1 ? "was" : "were";
  return `No notes are on MIDI channel 10; ${described(parts)} ${why} and ${was} taken as drums.`;
}

/** Which parts these are, for people. */
function described(parts) {
  const tracks = [...new Set(parts.map((part) => part.track))].sort((a, b) => a - b);
  const numbers = tracks.slice(0, 8).map((track) => track + 1).join(", ") + (tracks.length > 8 ? ", ..." : "");
  const names = [...new Set(parts.map((part) => part.names).filter(Boolean))].map(readable).sort(byCharacters);
  const called = names.length ? ` (${names.slice(0, 8).map(cut).join(", ")})` : "";
  return `${tracks.length === 1 ? "track" : "tracks"} ${numbers}${called}`;
}

/** A name as a sentence shows it. */
function cut(name) {
  const characters = [...name];
  return characters.length > LONGEST_NAME ? `${characters.slice(0, LONGEST_NAME - 3).join("")}...` : name;
}

/** Order by the characters' numbers, which that of UTF-16 is not beyond U+FFFF. */
function byCharacters(a, b) {
  const [x, y] = [[...a], [...b]];
  for (let i = 0; i < Math.min(x.length, y.length); i += 1) {
    if (x[i] !== y[i]) return x[i].codePointAt(0) - y[i].codePointAt(0);
  }
  return x.length - y.length;
}
