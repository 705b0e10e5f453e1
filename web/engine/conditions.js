// What a drum beat should be like, as preprocess/drums/{conditions,rhythm,windows}.py: rows of conditions, and measures.

/** Groove's primary styles, in the order of a row. */
export const STYLES = [
  "afrobeat", "afrocuban", "blues", "country", "dance", "funk", "gospel", "highlife", "hiphop", "jazz",
  "latin", "middleeastern", "neworleans", "pop", "punk", "reggae", "rock", "soul",
];

const VALUES = ["tempo", "fill", "intensity", "density", "syncopation"];

/** Numbers of a row of conditions. */
const CONDITION_WIDTH = STYLES.length + 2 * VALUES.length;

const DRUMS = 9;
const SNARE_AND_TOMS = 0b1110010;
const KICK_AND_SNARE = 0b11;
const STEPS_PER_BAR = 16;

/** Quantiles 0, 0.05 ... 1 of Groove's training clips; `QUANTILES` of preprocess/drums/conditions.py. */
export const QUANTILES = {
  tempo: [50, 81, 88, 90, 93, 95, 96, 100, 102, 105, 110, 112, 115, 120, 120, 124, 127, 130, 140, 180, 290.001],
  intensity: [
    29, 44.866, 49.268, 52.529, 55.013, 57.442, 59.628, 61.882, 64.126, 66.611, 68.927, 71.408, 73.921, 76.558,
    79.531, 82.5, 85.605, 89.268, 93.647, 99.878, 127,
  ],
  density: [
    3, 10.75, 12.25, 13.25, 14.25, 15, 15.75, 16.5, 17.25, 18, 18.75, 19.5, 20.25, 21, 22, 23, 24, 25.25, 26.75,
    28.25, 36.75,
  ],
  syncopation: [
    0, 0, 0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 2.75, 3, 3.25, 3.75, 4, 4.5, 5.25, 6.75, 13.75,
  ],
};

/**
 * Where a value stands among Groove's training clips.
 * @param {"tempo"|"intensity"|"density"|"syncopation"} name
 * @param {number} value quarter notes a minute, mean velocity, hits a bar, or weights a bar.
 * @returns {number} 0 to 1; where several quantiles have the value, the middle of them.
 */
export function quantileOf(name, value) {
  const table = QUANTILES[name];
  const level = (i) => i / (table.length - 1);
  const first = table.findIndex((known) => known >= value);
  if (first < 0) {
    return middle(table, table[table.length - 1], level);
  }
  if (table[first] === value || first === 0) {
    return middle(table, table[first], level);
  }
  const below = table[first - 1];
  const way = (value - below) / (table[first] - below);
  const from = middle(table, below, level);
  return from + way * (middle(table, table[first], level) - from);
}

/** The mean level of all places of a table that have one value. */
function middle(table, value, level) {
  const places = table.flatMap((known, i) => (known === value ? [level(i)] : []));
  return places.reduce((a, b) => a + b, 0) / places.length;
}

/**
 * Conditions of a beat; what is missing or null is any.
 * @typedef {object} Conditions
 * @property {string|null} [style] one of `STYLES`.
 * @property {number|null} [tempo] quarter notes a minute.
 * @property {boolean|null} [fill] whether the last bar is a fill.
 * @property {number|null} [intensity] a quantile, 0 to 1.
 * @property {number|null} [density] a quantile, 0 to 1.
 * @property {number|null} [syncopation] a quantile, 0 to 1.
 */

/**
 * The row that a model reads: styles one-hot, then of each value itself and whether it is known.
 * @param {Conditions} conditions
 * @returns {Float32Array} `[CONDITION_WIDTH]`.
 * @throws {Error} for a style that is not one of `STYLES`.
 */
export function conditionRow(conditions) {
  const row = new Float32Array(CONDITION_WIDTH);
  if (isKnown(conditions.style)) {
    const style = STYLES.indexOf(conditions.style);
    if (style < 0) {
      throw new Error(`The style is '${conditions.style}'; expected one of ${STYLES.join(", ")}.`);
    }
    row[style] = 1;
  }
  VALUES.forEach((name, i) => {
    const value = conditions[name];
    if (isKnown(value)) {
      row[STYLES.length + 2 * i] = name === "tempo" ? quantileOf("tempo", value) : Number(value);
      row[STYLES.length + 2 * i + 1] = 1;
    }
  });
  return row;
}

/**
 * Whether a beat has to meet any conditions.
 * @param {Conditions|null|undefined} conditions
 * @returns {boolean}
 */
export function hasConditions(conditions) {
  return Boolean(conditions) && ["style", ...VALUES].some((name) => isKnown(conditions[name]));
}

/**
 * Whether one of the conditions can be measured on tokens.
 * @param {Conditions} conditions
 * @returns {boolean}
 */
export function isMeasurable(conditions) {
  return ["density", "syncopation", "fill"].some((name) => isKnown(conditions[name]));
}

function isKnown(value) {
  return value !== null && value !== undefined;
}

/** How much a fill that is missing or unwanted counts: as much as the whole range of densities. */
const WRONG_FILL = 1;

/**
 * How far a clip is from its conditions: a sum of absolute differences of quantiles.
 * @param {ArrayLike<number>} tokens whole bars of 4/4 on sixteenths.
 * @param {Conditions} wanted
 * @returns {number} from 0.
 */
export function missOf(tokens, wanted) {
  let miss = 0;
  if (isKnown(wanted.density)) {
    miss += Math.abs(quantileOf("density", density(tokens)) - wanted.density);
  }
  if (isKnown(wanted.syncopation)) {
    miss += Math.abs(quantileOf("syncopation", syncopation(tokens)) - wanted.syncopation);
  }
  if (isKnown(wanted.fill) && wanted.fill !== endsInAFill(tokens)) {
    miss += WRONG_FILL;
  }
  return miss;
}

/**
 * Hits a bar.
 * @param {ArrayLike<number>} tokens a step each.
 * @returns {number}
 */
export function density(tokens) {
  let hits = 0;
  for (let i = 0; i < tokens.length; i += 1) {
    hits += countBits(tokens[i], (1 << DRUMS) - 1);
  }
  return (hits * STEPS_PER_BAR) / tokens.length;
}

const METRICAL_WEIGHTS = [0, -4, -3, -4, -2, -4, -3, -4, -1, -4, -3, -4, -2, -4, -3, -4];

/**
 * Syncopation a bar of kick and snare together, in Longuet-Higgins and Lee's weights.
 * @param {ArrayLike<number>} tokens whole bars of 4/4 on sixteenths, heard as a loop.
 * @returns {number} from 0.
 */
export function syncopation(tokens) {
  const steps = tokens.length;
  const onsets = [];
  for (let step = 0; step < steps; step += 1) {
    if (tokens[step] & KICK_AND_SNARE) {
      onsets.push(step);
    }
  }
  let score = 0;
  onsets.forEach((onset, i) => {
    const next = i + 1 < onsets.length ? onsets[i + 1] : onsets[0] + steps;
    let greatest = -Infinity;
    for (let rest = onset + 1; rest < next; rest += 1) {
      greatest = Math.max(greatest, METRICAL_WEIGHTS[rest % STEPS_PER_BAR]);
    }
    score += Math.max(0, greatest - METRICAL_WEIGHTS[onset % STEPS_PER_BAR]);
  });
  return score / (steps / STEPS_PER_BAR);
}

const FILL_HITS = 2;

/**
 * Whether the last bar is a fill: snare and toms have two hits more in its second half than in that of any other bar.
 * @param {ArrayLike<number>} tokens whole bars of 4/4 on sixteenths.
 * @returns {boolean} false for a single bar.
 */
export function endsInAFill(tokens) {
  const bars = tokens.length / STEPS_PER_BAR;
  const busy = new Array(bars).fill(0);
  for (let step = 0; step < tokens.length; step += 1) {
    if (step % STEPS_PER_BAR >= STEPS_PER_BAR / 2) {
      busy[Math.floor(step / STEPS_PER_BAR)] += countBits(tokens[step], SNARE_AND_TOMS);
    }
  }
  return bars > 1 && busy[bars - 1] >= Math.max(...busy.slice(0, -1)) + FILL_HITS;
}

function countBits(token, mask) {
  let count = 0;
  for (let rest = token & mask; rest > 0; rest &= rest - 1) {
    count += 1;
  }
  return count;
}
