// The document as the address's `#...`, and back: a version, bits (see bits.js) and a check sum, in base64url.
//
// What is read comes from anywhere, so that every length and range is checked, and a text that was cut or changed on
// its way is refused by its check sum.

import { DRUM_COUNT, STEPS_PER_BAR } from "../music/beat.js";
import { DRUM_MAPS } from "../music/drum_maps.js";
import { STYLES } from "../music/styles.js";
import { BitReader, BitWriter, BitsError } from "./bits.js";
import { MOST_AMOUNT, MOST_SWING, TEMPERATURE_RANGE, TEMPO_RANGE, defaultDoc } from "./document.js";
import { readMelody, writeMelody } from "./melody_state.js";
import { readPad, writePad } from "./pad_state.js";

const VERSION = "1";

/** Longer than any link of a page: 16 parts as written and as played, 64 bars of a path, and five beats, each cell
 * struck otherwise than the one before, are 110,000 characters. */
const LONGEST = 200000;
const TABS = ["drums", "melody"];
const KINDS = ["number", "boolean", "string"];

/** What New beat can be asked for: shares of 0 to 1, a yes or no, and a style. */
const CONDITIONS = {
  style: "string", fill: "boolean", intensity: "number", density: "number", syncopation: "number",
};

/** A link that can't be opened; its message is a sentence for the reader of the page. */
export class AddressError extends Error {}

/**
 * @param {Object} doc
 * @returns {string} the address's part behind "#", characters of base64url
 */
export function addressOf(doc) {
  const writer = new BitWriter();
  writeDoc(writer, doc);
  const bytes = writer.bytes(), sum = checkSum(bytes);
  return VERSION + base64url(Uint8Array.of(sum >> 8, sum & 255, ...bytes));
}

/**
 * @param {string} text the part behind "#"
 * @returns {Object} a document
 * @throws {AddressError}
 */
export function docOfAddress(text) {
  if (text.length > LONGEST) throw new AddressError("This link is too long for a beat; nothing was opened.");
  if (/^[2-9]/.test(text)) {
    throw new AddressError("This link was made by a newer version of this page; open it with that one.");
  }
  const bytes = text.startsWith(VERSION) ? bytesOf(text.slice(1)) : null;
  if (!bytes || bytes.length < 3 || checkSum(bytes.subarray(2)) !== (bytes[0] << 8 | bytes[1])) {
    throw new AddressError("This link is damaged or incomplete; copy the whole of it and open it again.");
  }
  try {
    const reader = new BitReader(bytes.subarray(2));
    const doc = readDoc(reader);
    reader.end();
    return doc;
  } catch (error) {
    if (!(error instanceof BitsError)) throw error;
    throw new AddressError("This link doesn't hold a beat that this page can open; nothing was changed.");
  }
}

function writeDoc(writer, doc) {
  writer.bits(TABS.indexOf(doc.tab), 2);
  writer.beat(doc.beat);
  writer.number(doc.tempo, ...TEMPO_RANGE, 1000);
  writer.number(doc.swing, 0, MOST_SWING, 100);
  writer.number(doc.feel.timing, 0, 1, 100);
  writer.number(doc.feel.velocity, 0, 1, 100);
  writeOptional(writer, doc.feel.style, (style) => writer.text(style));
  writer.bits(Math.floor(doc.feel.take / 65536), 15);
  writer.bits(doc.feel.take % 65536, 16);
  writer.number(doc.feel.freedom, 0, 1, 100);
  doc.locks.bars.forEach((lock) => writer.flag(lock));
  doc.locks.drums.forEach((lock) => writer.flag(lock));
  writer.number(doc.temperature, ...TEMPERATURE_RANGE, 100);
  writeConditions(writer, doc.conditions);
  writer.bits(doc.seed, 30);
  writeOptional(writer, doc.shape && doc.shape.result === doc.beat ? doc.shape : null, (shape) => {
    writer.beat(shape.base);
    writeAmounts(writer, shape.amounts);
  });
  writer.text(doc.drumMap);
  writePad(writer, doc);
  writeMelody(writer, doc.melody);
}

function readDoc(reader) {
  const doc = defaultDoc();
  doc.tab = TABS[reader.bits(2)];
  if (!doc.tab) throw new BitsError("there is no such tab");
  doc.beat = reader.beat();
  doc.tempo = reader.number(...TEMPO_RANGE, 1000);
  doc.swing = reader.number(0, MOST_SWING, 100);
  const timing = reader.number(0, 1, 100), velocity = reader.number(0, 1, 100);
  const style = readOptional(reader, () => nameOf(reader, STYLES));
  const take = reader.bits(15) * 65536 + reader.bits(16);
  doc.feel = { timing, velocity, style, take, freedom: reader.number(0, 1, 100) };
  const flags = (length) => Array.from({ length }, () => reader.flag());
  doc.locks = { bars: flags(doc.beat.steps / STEPS_PER_BAR), drums: flags(DRUM_COUNT) };
  doc.temperature = reader.number(...TEMPERATURE_RANGE, 100);
  doc.conditions = readConditions(reader);
  doc.seed = reader.bits(30);
  doc.shape = readOptional(reader, () => readShape(reader, doc.beat));
  doc.drumMap = nameOf(reader, DRUM_MAPS);
  Object.assign(doc, readPad(reader));
  doc.melody = readMelody(reader);
  return doc;
}

function readShape(reader, beat) {
  const shape = { base: reader.beat(), result: beat, amounts: readAmounts(reader) };
  if (shape.base.steps !== beat.steps) throw new BitsError("a beat has another length");
  return shape;
}

function writeAmounts(writer, amounts) {
  const entries = Object.entries(amounts);
  writer.bits(entries.length, 4);
  for (const [name, amount] of entries) {
    writer.text(name);
    writer.number(amount, -MOST_AMOUNT, MOST_AMOUNT, 100);
  }
}

function readAmounts(reader) {
  const entries = Array.from({ length: reader.bits(4) }, () => [
    nameOf(reader), reader.number(-MOST_AMOUNT, MOST_AMOUNT, 100),
  ]);
  return Object.fromEntries(entries);
}

function writeConditions(writer, conditions) {
  const entries = Object.entries(conditions).filter(([, value]) => value !== null);
  writer.bits(entries.length, 4);
  for (const [name, value] of entries) {
    writer.text(name);
    writer.bits(KINDS.indexOf(typeof value), 2);
    if (typeof value === "number") writer.number(value, 0, 1, 100);
    else if (typeof value === "boolean") writer.flag(value);
    else writer.text(value);
  }
}

function readConditions(reader) {
  const entries = Array.from({ length: reader.bits(4) }, () => {
    const name = nameOf(reader, CONDITIONS), kind = KINDS[reader.bits(2)];
    if (kind !== CONDITIONS[name]) throw new BitsError("a condition is of another kind");
    if (kind === "number") return [name, reader.number(0, 1, 100)];
    return [name, kind === "boolean" ? reader.flag() : nameOf(reader, STYLES)];
  });
  return Object.fromEntries(entries);
}

// Names that programs give: no surprises such as "__proto__"; one of the keys of `known`, if that is given.
function nameOf(reader, known = null) {
  const name = reader.text();
  if (known && !Object.hasOwn(known, name)) throw new BitsError("there is no such name");
  if (!/^[a-z][a-z0-9 _-]{0,39}$/.test(name) || name === "constructor") throw new BitsError("a name is not one");
  return name;
}

function writeOptional(writer, value, write) {
  writer.flag(value !== null);
  if (value !== null) write(value);
}

function readOptional(reader, read) {
  return reader.flag() ? read() : null;
}

// Fletcher's sum of 16 bits.
function checkSum(bytes) {
  let low = 1, high = 0;
  for (const byte of bytes) {
    low = (low + byte) % 255;
    high = (high + low) % 255;
  }
  return high << 8 | low;
}

function base64url(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function bytesOf(text) {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return null;
  try {
    return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  } catch {
    return null;
  }
}
