// Paths through the latent space, as models/music_vae/interpolation.py.

/**
 * Spherical interpolation, `(sin((1 - t) w) a + sin(t w) b) / sin w`; a straight line where w is 0 or half a turn.
 * @param {Float32Array} start z.
 * @param {Float32Array} end z.
 * @param {number} t 0 gives the start, 1 the end.
 * @returns {Float32Array} z.
 */
export function slerp(start, end, t) {
  let product = 0;
  let ofStart = 0;
  let ofEnd = 0;
  for (let i = 0; i < start.length; i += 1) {
    product += start[i] * end[i];
    ofStart += start[i] * start[i];
    ofEnd += end[i] * end[i];
  }
  const norms = Math.sqrt(ofStart) * Math.sqrt(ofEnd);
  const angle = Math.acos(norms > 0 ? Math.min(1, Math.max(-1, product / norms)) : 1);
  const sine = Math.sin(angle);
  const [a, b] = sine < 1e-6 ? [1 - t, t] : [Math.sin((1 - t) * angle) / sine, Math.sin(t * angle) / sine];
  return start.map((value, i) => a * value + b * end[i]);
}

/**
 * A point between four latent vectors: along the top and the bottom, then from top to bottom.
 * @param {Float32Array[]} corners top left, top right, bottom left, bottom right.
 * @param {number} x 0 is left, 1 right.
 * @param {number} y 0 is the top, 1 the bottom.
 * @returns {Float32Array} z.
 */
export function between(corners, x, y) {
  return slerp(slerp(corners[0], corners[1], x), slerp(corners[2], corners[3], x), y);
}

const AT_A_CORNER = 0.02;

/**
 * The corner at which a point is, within a fiftieth of the side.
 * @param {number} x as for `between`.
 * @param {number} y as for `between`.
 * @returns {number} 0 to 3 in the order of `between`; -1 where it is at none.
 */
export function cornerAt(x, y) {
  for (let corner = 0; corner < 4; corner += 1) {
    if (Math.hypot(x - (corner % 2), y - Math.floor(corner / 2)) < AT_A_CORNER) {
      return corner;
    }
  }
  return -1;
}

/**
 * A latent vector moved along attribute vectors.
 * @param {Float32Array} z
 * @param {Record<string, {vector: number[]}>} attributes of the packaged model.
 * @param {Record<string, number>} amounts how much of each vector is added.
 * @returns {Float32Array} z.
 * @throws {Error} for an attribute that the model has no vector of.
 */
export function moved(z, attributes, amounts) {
  const found = Float64Array.from(z);
  for (const [name, amount] of Object.entries(amounts)) {
    if (!attributes || !Object.hasOwn(attributes, name)) {
      throw new Error(`The model has no attribute vector of ${name}.`);
    }
    attributes[name].vector.forEach((value, i) => {
      found[i] += amount * Math.fround(value);
    });
  }
  return Float32Array.from(found);
}
