// The part of the document that the pad, the path and the arrangement own: what it is at first, and as bits.
//
// pad: {corners: [{name, beat} | null, four], x, y}
// path: null | {points: [{x, y}], bars: [Beat of one bar]}, a point and the bar that was played there for each bar
// parts: [{name, beat, played, bars: [first, end]}]: a beat as it is on the grid; as it was heard with its feel, null
//   where that is the same; and which of its bars the arrangement plays
// arrangement: [index of a part], in the order in which they play
// loop: whether the arrangement begins again at its end

import { STEPS_PER_BAR, emptyBeat, equalBeats, tokensOf } from "../music/beat.js";
import { BitsError } from "./bits.js";

/** The most parts, parts in an arrangement, and bars in a path. */
export const MOST_PARTS = 16;
export const MOST_IN_ARRANGEMENT = 64;
export const MOST_PATH_BARS = 64;

/** The longest name of a part or a corner, in characters. */
export const LONGEST_NAME = 40;

const PLACE_PARTS = 1000;
const HEARD_PARTS = 1024;

/** @returns {Object} the keys pad, path, parts, arrangement and loop */
export function padDefaults() {
  return {
    pad: { corners: [null, null, null, null], x: 0.5, y: 0.5 },
    path: null,
    parts: [],
    arrangement: [],
    loop: false,
  };
}

/**
 * A beat as it was heard, in the form that parts and paths keep: offsets of up to a whole step.
 * @param {import("../music/beat.js").Beat} beat
 * @returns {import("../music/beat.js").Beat}
 */
export function heardBeat(beat) {
  const made = emptyBeat(beat.steps);
  beat.velocities.forEach((velocity, index) => {
    if (!velocity) return;
    made.velocities[index] = Math.round(velocity);
    const offset = Math.min(1, Math.max(-1, beat.offsets[index]));
    made.offsets[index] = Math.round(offset * HEARD_PARTS) / HEARD_PARTS + 0;
  });
  return made;
}

/**
 * @param {import("./bits.js").BitWriter} writer
 * @param {Object} doc with the keys of padDefaults
 */
export function writePad(writer, doc) {
  for (const corner of doc.pad.corners) {
    writer.flag(corner !== null);
    if (corner) {
      writer.text(corner.name);
      writer.beat(corner.beat);
    }
  }
  writer.number(doc.pad.x, 0, 1, PLACE_PARTS);
  writer.number(doc.pad.y, 0, 1, PLACE_PARTS);
  writer.flag(doc.path !== null);
  if (doc.path) writePath(writer, doc.path);
  writer.bits(doc.parts.length, 5);
  doc.parts.forEach((part) => writePart(writer, part));
  writer.bits(doc.arrangement.length, 7);
  doc.arrangement.forEach((index) => writer.bits(index, 4));
  writer.flag(doc.loop);
}

/**
 * @param {import("./bits.js").BitReader} reader
 * @returns {Object} the keys of padDefaults
 * @throws {import("./bits.js").BitsError}
 */
export function readPad(reader) {
  const corners = [0, 1, 2, 3].map(() => (reader.flag() ? { name: reader.text(), beat: reader.beat() } : null));
  const pad = { corners, ...readPlace(reader) };
  const path = reader.flag() ? readPath(reader) : null;
  const parts = list(reader, 5, 0, MOST_PARTS, () => readPart(reader));
  const arrangement = list(reader, 7, 0, MOST_IN_ARRANGEMENT, () => reader.bits(4));
  if (arrangement.some((index) => index >= parts.length)) throw new BitsError("a part is missing");
  return { pad, path, parts, arrangement, loop: reader.flag() };
}

function readPlace(reader) {
  return { x: reader.number(0, 1, PLACE_PARTS), y: reader.number(0, 1, PLACE_PARTS) };
}

// Most bars of a path are played more than once, so each distinct one is written once.
function writePath(writer, { points, bars }) {
  const distinct = [];
  const numbers = bars.map((bar) => {
    const known = distinct.findIndex((other) => equalBeats(bar, other));
    return known >= 0 ? known : distinct.push(bar) - 1;
  });
  writer.bits(bars.length - 1, 6);
  writer.bits(distinct.length - 1, 6);
  distinct.forEach((bar) => {
    writer.beat(onGrid(bar));
    writeOffsets(writer, bar);
  });
  points.forEach(({ x, y }, i) => {
    writer.number(x, 0, 1, PLACE_PARTS);
    writer.number(y, 0, 1, PLACE_PARTS);
    writer.bits(numbers[i], 6);
  });
}

function readPath(reader) {
  const length = reader.bits(6) + 1;
  const distinct = list(reader, 6, 1, MOST_PATH_BARS, () => withOffsets(reader, bar(reader.beat())));
  const points = [], bars = [];
  for (let i = 0; i < length; i++) {
    points.push(readPlace(reader));
    const number = reader.bits(6);
    if (number >= distinct.length) throw new BitsError("a bar is missing");
    bars.push(distinct[number]);
  }
  return { points, bars };
}

function bar(beat) {
  if (beat.steps !== STEPS_PER_BAR) throw new BitsError("a bar of a path is too long");
  return beat;
}

function writePart(writer, { name, beat, played, bars }) {
  writer.text(name);
  writer.beat(beat);
  writer.bits(bars[0], 6);
  writer.bits(bars[1] - 1, 6);
  writer.flag(played !== null);
  if (!played) return;
  // As a rule the same hits with other velocities and offsets; the tokens say whether so.
  writer.beat(onGrid(played));
  writeOffsets(writer, played);
}

function readPart(reader) {
  const name = reader.text(), beat = reader.beat();
  const bars = [reader.bits(6), reader.bits(6) + 1];
  if (bars[0] >= bars[1] || bars[1] * STEPS_PER_BAR > beat.steps) throw new BitsError("a part has no such bars");
  const played = reader.flag() ? withOffsets(reader, reader.beat()) : null;
  if (played && !sameHits(played, beat)) throw new BitsError("a part is played with other hits than its own");
  return { name, beat, played, bars };
}

function sameHits(a, b) {
  const others = tokensOf(b);
  return a.steps === b.steps && tokensOf(a).every((token, step) => token === others[step]);
}

function onGrid(beat) {
  return { ...beat, offsets: new Float32Array(beat.offsets.length) };
}

function writeOffsets(writer, beat) {
  const has = beat.offsets.some((offset) => offset !== 0);
  writer.flag(has);
  if (!has) return;
  beat.velocities.forEach((velocity, index) => {
    if (velocity) writer.number(beat.offsets[index], -1, 1, HEARD_PARTS);
  });
}

function withOffsets(reader, beat) {
  if (!reader.flag()) return beat;
  beat.velocities.forEach((velocity, index) => {
    if (velocity) beat.offsets[index] = reader.number(-1, 1, HEARD_PARTS);
  });
  return beat;
}

function list(reader, width, least, most, read) {
  const length = reader.bits(width) + least;
  if (length > most) throw new BitsError("a list is too long");
  return Array.from({ length }, read);
}
