// The part of the document that the pad, the path and the arrangement own: what it is at first, and as bits.

const MOST_PARTS = 16;
const MOST_IN_ARRANGEMENT = 64;
const MOST_POINTS = 255;
const PLACE_PARTS = 1000;

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
  if (doc.path) writeList(writer, doc.path.points, 8, (point) => {
    writer.number(point.x, 0, 1, PLACE_PARTS);
    writer.number(point.y, 0, 1, PLACE_PARTS);
  });
  if (doc.path) writeList(writer, doc.path.bars, 8, (beat) => writer.beat(beat));
  writeList(writer, doc.parts.slice(0, MOST_PARTS), 8, (part) => {
    writer.text(part.name);
    writer.beat(part.beat);
  });
  writeList(writer, doc.arrangement.slice(0, MOST_IN_ARRANGEMENT), 8, (index) => writer.bits(index, 8));
  writer.flag(doc.loop);
}

/**
 * @param {import("./bits.js").BitReader} reader
 * @returns {Object} the keys of padDefaults
 * @throws {import("./bits.js").BitsError}
 */
export function readPad(reader) {
  const place = () => reader.number(0, 1, PLACE_PARTS);
  const corners = [0, 1, 2, 3].map(() => (reader.flag() ? { name: reader.text(), beat: reader.beat() } : null));
  const pad = { corners, x: place(), y: place() };
  const path = reader.flag() ? {
    points: readList(reader, MOST_POINTS, () => ({ x: place(), y: place() })),
    bars: readList(reader, MOST_POINTS, () => reader.beat()),
  } : null;
  const parts = readList(reader, MOST_PARTS, () => ({ name: reader.text(), beat: reader.beat() }));
  const arrangement = readList(reader, MOST_IN_ARRANGEMENT, () => reader.bits(8)).filter((index) => parts[index]);
  return { pad, path, parts, arrangement, loop: reader.flag() };
}

function writeList(writer, list, width, write) {
  writer.bits(list.length, width);
  list.forEach(write);
}

function readList(reader, most, read) {
  const length = Math.min(reader.bits(8), most);
  return Array.from({ length }, read);
}
