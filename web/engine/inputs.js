// What encoders read of tokens, as models/numpy_engine/representations.py.

/**
 * @param {ArrayLike<number>} tokens any number of them, 0 or more.
 * @param {string} form "one_hot"; or a roll, the bits of each token and a last value that is 1 where there is none.
 * @param {number} depth width of a step.
 * @returns {Float32Array} `[tokens, depth]`.
 */
export function encoderInputs(tokens, form, depth) {
  const found = new Float32Array(tokens.length * depth);
  for (let i = 0; i < tokens.length; i += 1) {
    const token = tokens[i];
    if (form === "one_hot") {
      found[i * depth + token] = 1;
      continue;
    }
    for (let bit = 0; bit < depth - 1; bit += 1) {
      found[i * depth + bit] = (token >> bit) & 1;
    }
    found[(i + 1) * depth - 1] = token === 0 ? 1 : 0;
  }
  return found;
}
