// Swing: every second sixteenth is late, as in render/midi.py.

/**
 * Where a position lies when every second sixteenth is late; what lies around it is shifted in proportion.
 * @param {number} step a position in sixteenths, whole or between two of them, negative ones too
 * @param {number} swing the delay of every second sixteenth as a share of a sixteenth, 0 to 0.5; 1/3 is a triplet feel
 * @returns {number} the position in straight sixteenths
 */
export function swung(step, swing) {
  const pair = Math.floor(step / 2) * 2;
  const inside = step - pair;
  return pair + (inside <= 1 ? inside * (1 + swing) : 1 + swing + (inside - 1) * (1 - swing));
}

/**
 * The inverse of `swung`: which step's place a position in straight sixteenths is.
 * @param {number} straight a position in straight sixteenths
 * @param {number} swing as in `swung`
 * @returns {number} a position in sixteenths
 */
export function unswung(straight, swing) {
  const pair = Math.floor(straight / 2) * 2;
  const inside = straight - pair;
  return pair + (inside <= 1 + swing ? inside / (1 + swing) : 1 + (inside - 1 - swing) / (1 - swing));
}
