// Latent vectors from which clips are decoded as they are, as `refined` of models/history_drums/editing.py.

const ROUNDS = 8;
const RATE = 0.7;

/**
 * The latent vector that gives a clip back as exactly as the decoder can, at temperature 0.
 *
 * What is decoded from a guess is encoded in turn, and the difference is added: `z + RATE (mu(clip) - mu(decoded(z)))`, a
 * few times; the vector is kept whose music differs in the fewest hits.
 * @param {(tokens: Uint16Array) => Float32Array} encode the mean of the posterior of a clip.
 * @param {(z: Float32Array) => Uint16Array} decode the likeliest tokens of a clip.
 * @param {Uint16Array} tokens of the clip.
 * @returns {Float32Array} z.
 */
export function refined(encode, decode, tokens) {
  const mu = encode(tokens);
  let z = mu;
  let best = mu;
  let fewest = Infinity;
  for (let round = 0; round < ROUNDS; round += 1) {
    const played = decode(z);
    const wrong = differences(played, tokens);
    if (wrong < fewest) {
      best = z;
      fewest = wrong;
    }
    if (!fewest) {
      break;
    }
    const again = encode(played);
    z = z.map((value, i) => value + Math.fround(RATE) * (mu[i] - again[i]));
  }
  return best;
}

/**
 * In how many hits two clips differ.
 * @param {ArrayLike<number>} a tokens.
 * @param {ArrayLike<number>} b as many tokens.
 * @returns {number}
 */
export function differences(a, b) {
  let count = 0;
  for (let i = 0; i < a.length; i += 1) {
    for (let rest = a[i] ^ b[i]; rest; rest &= rest - 1) {
      count += 1;
    }
  }
  return count;
}
