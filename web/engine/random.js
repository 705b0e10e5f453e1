// Random numbers that depend on a seed alone, so that a seed is the same beat on every machine.
//
// The generator is Chris Doty-Humphrey's sfc32 (Small Fast Counting, 2010), started from the seed by the mixing function of
// splitmix32. It is not NumPy's: a seed on the page is another beat than the same seed in Python.

/**
 * A generator of 32-bit integers.
 * @param {number} seed whole number, 0 to 2^53 - 1; others are made one.
 * @param {number} stream whole number; streams of one seed have nothing in common.
 * @returns {() => number} the next integer, 0 to 2^32 - 1.
 */
export function generator(seed, stream) {
  const whole = Number.isFinite(seed) ? Math.abs(Math.trunc(seed)) % 2 ** 53 : 0;
  let mixed = whole >>> 0;
  const splitmix = () => {
    mixed = (mixed + 0x9e3779b9) | 0;
    let x = mixed ^ (mixed >>> 16);
    x = Math.imul(x, 0x21f0aaad);
    x ^= x >>> 15;
    x = Math.imul(x, 0x735a2d97);
    return x ^ (x >>> 15);
  };
  let a = splitmix();
  let b = splitmix() ^ Math.floor(whole / 2 ** 32);
  let c = splitmix() ^ Math.imul(stream + 1, 0x85ebca77);
  let counter = 1;
  const next = () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return sum >>> 0;
  };
  // States that are alike give alike first numbers.
  for (let i = 0; i < 15; i += 1) {
    next();
  }
  return next;
}

/**
 * Uniform random numbers.
 * @param {number} seed as for `generator`.
 * @param {number} count how many.
 * @param {number} [stream] as for `generator`.
 * @returns {Float32Array} in [0, 1).
 */
export function uniforms(seed, count, stream = 0) {
  const next = generator(seed, stream);
  const found = new Float32Array(count);
  for (let i = 0; i < count; i += 1) {
    // 24 bits are what a float32 holds; more would round some numbers up to 1.
    found[i] = (next() >>> 8) / 2 ** 24;
  }
  return found;
}

/**
 * Random numbers from N(0, 1), by Box and Muller's transform.
 * @param {number} seed as for `generator`.
 * @param {number} count how many.
 * @param {number} [stream] as for `generator`.
 * @returns {Float32Array} finite numbers.
 */
export function normals(seed, count, stream = 1) {
  const drawn = uniforms(seed, count + (count % 2), stream);
  const found = new Float32Array(count);
  for (let i = 0; i < count; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - drawn[i]));
    const angle = 2 * Math.PI * drawn[i + 1];
    found[i] = radius * Math.cos(angle);
    if (i + 1 < count) {
      found[i + 1] = radius * Math.sin(angle);
    }
  }
  return found;
}
