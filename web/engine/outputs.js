// What a decoder draws at a step, as models/numpy_engine/outputs.py: a token, or the bits of a token one after the other.

import { sigmoid } from "./tensors.js";

/** What stands where no token is: before the first step, and where there is no music. */
export const NO_TOKEN = -1;

/** The logit of a token that must not be drawn. */
export const IMPOSSIBLE = -1e9;

const cumulative = new Float32Array(8192);

/**
 * A token for some logits, by the inverse of the cumulative distribution.
 * @param {Float32Array} logits
 * @param {number} start where those of this example begin.
 * @param {number} depth how many there are, at most 8192.
 * @param {number|null} uniform in [0, 1); null takes the likeliest token, the first of equally likely ones.
 * @param {number} temperature divides the logits, above 0.
 * @returns {number} 0 to depth - 1.
 */
export function drawToken(logits, start, depth, uniform, temperature) {
  let best = 0;
  for (let token = 1; token < depth; token += 1) {
    if (logits[start + token] > logits[start + best]) {
      best = token;
    }
  }
  if (uniform === null) {
    return best;
  }
  const highest = logits[start + best] / temperature;
  let sum = 0;
  for (let token = 0; token < depth; token += 1) {
    sum = Math.fround(sum + Math.exp(logits[start + token] / temperature - highest));
    cumulative[token] = sum;
  }
  const threshold = Math.fround(uniform * sum);
  let token = 0;
  while (token < depth - 1 && cumulative[token] <= threshold) {
    token += 1;
  }
  return token;
}

/** A token a step, drawn from logits. */
export class Categorical {
  /** @param {number} depth number of tokens. */
  constructor(depth) {
    this.depth = depth;
    this.parameterDepth = depth;
    this.uniforms = 1;
  }

  /** Rows of the decoder's kernel that a token is read by: `add(row)` is called for each. */
  eachRow(token, add) {
    if (token >= 0) {
      add(token);
    }
  }

  /**
   * A token of one example.
   * @param {Float32Array} parameters `[n, parameterDepth]`; those of tokens that do not agree are overwritten.
   * @param {number} example
   * @param {Float32Array|null} uniforms of this step and example; null takes the likeliest.
   * @param {number} temperature above 0.
   * @param {number} known bits that are known.
   * @param {number} mask which bits are known; -1 where the whole token is, 0 where nothing is.
   * @returns {number}
   */
  draw(parameters, example, uniforms, temperature, known, mask) {
    if (mask === -1) {
      return known;
    }
    const start = example * this.depth;
    if (mask) {
      for (let token = 0; token < this.depth; token += 1) {
        if ((token ^ known) & mask) {
          parameters[start + token] = IMPOSSIBLE;
        }
      }
    }
    return drawToken(parameters, start, this.depth, uniforms && uniforms[0], temperature);
  }
}

/** Bits that are independent of one another; a value is the token that they make. */
export class Bits {
  /** @param {number} depth number of bits. */
  constructor(depth) {
    this.depth = depth;
    this.parameterDepth = depth;
    this.uniforms = depth;
  }

  /** As for `Categorical`: a row for each bit that is 1. */
  eachRow(token, add) {
    for (let bit = 0; token > 0 && bit < this.depth; bit += 1) {
      if ((token >> bit) & 1) {
        add(bit);
      }
    }
  }

  /** As for `Categorical`. */
  draw(parameters, example, uniforms, temperature, known, mask) {
    if (mask === -1) {
      return known;
    }
    this.begin(parameters, example);
    let token = 0;
    for (let bit = 0; bit < this.depth; bit += 1) {
      const logit = this.logit(parameters, example, bit);
      let value = uniforms ? uniforms[bit] < sigmoid(logit / temperature) : logit >= 0;
      if ((mask >> bit) & 1) {
        value = ((known >> bit) & 1) === 1;
      }
      if (value) {
        token |= 1 << bit;
        this.hear(bit);
      }
    }
    return token;
  }

  /** Begin a step of an example. */
  begin() {}

  /** The logit of a bit given those before. */
  logit(parameters, example, bit) {
    return parameters[example * this.parameterDepth + bit];
  }

  /** Go on after a bit that is 1. */
  hear() {}
}

/** Bits each of which depends on those before (Larochelle and Murray, "The Neural Autoregressive Distribution Estimator"). */
export class Nade extends Bits {
  /**
   * @param {import("./tensors.js").Weights} weights
   * @param {string} scope of the decoder.
   */
  constructor(weights, scope) {
    const encoder = weights.get(`${scope}/nade/w_enc`);
    super(encoder.shape[0]);
    this.encoder = encoder.data;
    this.decoder = weights.get(`${scope}/nade/w_dec_t`).data;
    this.size = this.encoder.length / this.depth;
    this.parameterDepth = this.size + this.depth;
    this.hidden = new Float32Array(this.size);
  }

  begin(parameters, example) {
    const start = example * this.parameterDepth;
    this.hidden.set(parameters.subarray(start, start + this.size));
  }

  logit(parameters, example, bit) {
    let sum = parameters[example * this.parameterDepth + this.size + bit];
    for (let i = 0; i < this.size; i += 1) {
      sum += sigmoid(this.hidden[i]) * this.decoder[bit * this.size + i];
    }
    return sum;
  }

  hear(bit) {
    for (let i = 0; i < this.size; i += 1) {
      this.hidden[i] += this.encoder[bit * this.size + i];
    }
  }
}
