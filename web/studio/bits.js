// Writes numbers, names and beats bit by bit, and reads them back with every length and range checked.

import { DRUM_COUNT, OFFSET_PARTS, STEPS_PER_BAR, emptyBeat } from "../music/beat.js";

const MOST_BARS = 4;

/** What is said of text that can't be read; the page makes a sentence of it. */
export class BitsError extends Error {}

/** Collects bits, highest first. */
export class BitWriter {
  #bytes = [];
  #free = 0;

  /**
   * @param {number} value 0 to 2**width - 1
   * @param {number} width 1 to 30
   */
  bits(value, width) {
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** width) {
      throw new RangeError(`${value} does not fit into ${width} bits.`);
    }
    for (let bit = width - 1; bit >= 0; bit--) {
      if (!this.#free) {
        this.#bytes.push(0);
        this.#free = 8;
      }
      this.#free -= 1;
      this.#bytes[this.#bytes.length - 1] |= ((value >> bit) & 1) << this.#free;
    }
  }

  /** @param {boolean} value */
  flag(value) {
    this.bits(value ? 1 : 0, 1);
  }

  /**
   * A number of a known range and resolution: `low + k / parts`.
   * @param {number} value
   * @param {number} low
   * @param {number} high
   * @param {number} parts resolution: so many in a unit
   */
  number(value, low, high, parts) {
    this.bits(Math.round((value - low) * parts), widthOf(low, high, parts));
  }

  /** @param {string} text at most 255 UTF-8 bytes; the rest is cut */
  text(text) {
    let bytes = new TextEncoder().encode(text);
    while (bytes.length > 255) {
      text = [...text].slice(0, -1).join("");
      bytes = new TextEncoder().encode(text);
    }
    this.bits(bytes.length, 8);
    for (const byte of bytes) this.bits(byte, 8);
  }

  /** @param {import("../music/beat.js").Beat} beat whole bars, 4 at most, as `settled` makes it */
  beat(beat) {
    this.bits(beat.steps / STEPS_PER_BAR - 1, 6);
    const hasOffsets = beat.offsets.some((offset) => offset !== 0);
    this.flag(hasOffsets);
    for (let drum = 0; drum < DRUM_COUNT; drum++) this.#drum(beat, drum, hasOffsets);
  }

  // Bars that repeat the one before, and velocities that repeat the last one, are one bit.
  #drum(beat, drum, hasOffsets) {
    let struck = false;
    for (let step = 0; step < beat.steps; step++) struck ||= beat.velocities[step * DRUM_COUNT + drum] > 0;
    this.flag(struck);
    if (!struck) return;
    let last = 0;
    for (let first = 0; first < beat.steps; first += STEPS_PER_BAR) {
      if (first) {
        const again = repeats(beat, drum, first);
        this.flag(again);
        if (again) continue;
      }
      for (let step = first; step < first + STEPS_PER_BAR; step++) {
        const index = step * DRUM_COUNT + drum, velocity = beat.velocities[index];
        this.flag(velocity > 0);
        if (!velocity) continue;
        this.flag(velocity === last);
        if (velocity !== last) this.bits(velocity, 7);
        last = velocity;
        if (hasOffsets) this.number(beat.offsets[index], -0.5, 0.5, OFFSET_PARTS);
      }
    }
  }

  /** @returns {Uint8Array} what was written, filled up with zeros to whole bytes */
  bytes() {
    return Uint8Array.from(this.#bytes);
  }
}

/** Reads what BitWriter wrote. Every method throws BitsError where the bits end or say what can't be. */
export class BitReader {
  #bytes;
  #at = 0;

  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.#bytes = bytes;
  }

  /**
   * @param {number} width 1 to 30
   * @returns {number}
   */
  bits(width) {
    if (this.#at + width > 8 * this.#bytes.length) throw new BitsError("it ends too soon");
    let value = 0;
    for (let bit = 0; bit < width; bit++, this.#at++) {
      value = 2 * value + ((this.#bytes[this.#at >> 3] >> (7 - (this.#at & 7))) & 1);
    }
    return value;
  }

  /** @returns {boolean} */
  flag() {
    return this.bits(1) === 1;
  }

  /**
   * @param {number} low
   * @param {number} high
   * @param {number} parts
   * @returns {number}
   */
  number(low, high, parts) {
    const steps = this.bits(widthOf(low, high, parts));
    if (steps > Math.round((high - low) * parts)) throw new BitsError("a number is out of range");
    return (Math.round(low * parts) + steps) / parts;  // the number that a slider has there, to the last bit
  }

  /** @returns {string} */
  text() {
    const bytes = Uint8Array.from({ length: this.bits(8) }, () => this.bits(8));
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw new BitsError("a name is not text");
    }
  }

  /** @returns {import("../music/beat.js").Beat} */
  beat() {
    const bars = this.bits(6) + 1;
    if (bars > MOST_BARS) throw new BitsError("a beat is too long");
    const beat = emptyBeat(bars * STEPS_PER_BAR);
    const hasOffsets = this.flag();
    for (let drum = 0; drum < DRUM_COUNT; drum++) if (this.flag()) this.#drum(beat, drum, hasOffsets);
    return beat;
  }

  #drum(beat, drum, hasOffsets) {
    let last = 0;
    for (let first = 0; first < beat.steps; first += STEPS_PER_BAR) {
      const again = first > 0 && this.flag();
      for (let step = first; step < first + STEPS_PER_BAR; step++) {
        const index = step * DRUM_COUNT + drum, before = index - STEPS_PER_BAR * DRUM_COUNT;
        if (again) {
          beat.velocities[index] = beat.velocities[before];
          beat.offsets[index] = beat.offsets[before];
        } else if (this.flag()) {
          if (!this.flag()) last = this.bits(7);
          if (!last) throw new BitsError("a hit has no velocity");
          beat.velocities[index] = last;
          if (hasOffsets) beat.offsets[index] = this.number(-0.5, 0.5, OFFSET_PARTS);
        }
      }
    }
  }

  /** Throws where more than the last byte's filling is left. */
  end() {
    if (8 * this.#bytes.length - this.#at >= 8) throw new BitsError("it goes on behind its end");
  }
}

function widthOf(low, high, parts) {
  return Math.max(1, Math.ceil(Math.log2(Math.round((high - low) * parts) + 1)));
}

function repeats(beat, drum, first) {
  for (let step = first; step < first + STEPS_PER_BAR; step++) {
    const index = step * DRUM_COUNT + drum, before = index - STEPS_PER_BAR * DRUM_COUNT;
    if (beat.velocities[index] !== beat.velocities[before] || beat.offsets[index] !== beat.offsets[before]) return false;
  }
  return true;
}
