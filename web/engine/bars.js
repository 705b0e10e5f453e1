// The encoder of bars, as models/numpy_engine/bars.py.

import { dense, relu, softplus } from "./tensors.js";

/** Reads each bar by dense layers, and all of them together where the model has layers for it. */
export class BarEncoder {
  /**
   * @param {import("./tensors.js").Weights} weights
   * @param {object} config `config` of a packaged model.
   */
  constructor(weights, config) {
    this.bars = config.encoder.bars;
    this.zSize = config.z_size;
    this.each = weights.layers("encoder/bar");
    this.joint = weights.layers("encoder/joint");
    this.mu = weights.layer("encoder/mu");
    this.sigma = weights.layer("encoder/sigma");
  }

  /**
   * The posterior.
   * @param {Float32Array} sequence what is read, `[n, steps, depth]`.
   * @param {number} n clips.
   * @param {boolean} [needsSigma] whether the standard deviations are wanted.
   * @returns {{mu: Float32Array, sigma: Float32Array|null}} `[n, zSize]` each.
   */
  encode(sequence, n, needsSigma = true) {
    let read = sequence;
    let rows = n * this.bars;
    for (const layer of this.each) {
      read = relu(dense(layer, read, rows));
    }
    if (this.joint.length) {
      rows = n;
    }
    for (const layer of this.joint) {
      read = relu(dense(layer, read, rows));
    }
    const sigma = needsSigma ? dense(this.sigma, read, rows).map(softplus) : null;
    return { mu: dense(this.mu, read, rows), sigma };
  }
}
