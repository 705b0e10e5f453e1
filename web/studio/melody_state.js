// The part of the document that the Melody tab owns: what it is at first, and as bits.

/** @returns {null} */
export function melodyDefaults() {
  return null;
}

/**
 * @param {import("./bits.js").BitWriter} writer
 * @param {*} melody as melodyDefaults makes it
 */
export function writeMelody(writer, melody) {
  writer.flag(melody !== null);
}

/**
 * @param {import("./bits.js").BitReader} reader
 * @returns {*} as melodyDefaults makes it
 * @throws {import("./bits.js").BitsError}
 */
export function readMelody(reader) {
  reader.flag();
  return null;
}
