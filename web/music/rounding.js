// Rounding as Python and NumPy do it, so that both sides write the same ticks.

/**
 * The nearest integer; half-way between two, the even one.
 * @param {number} x below 2^52 in size.
 * @returns {number}
 */
export function roundHalfEven(x) {
  const below = Math.floor(x);
  const rest = x - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
}
