// MusicVAE's encoders, as models/numpy_engine/encoding.py, for clips of full length.

import { Stack } from "./lstm.js";
import { addProduct, dense, fillRows, softplus } from "./tensors.js";

/** A posterior over latent vectors by bidirectional LSTMs, over the whole clip or level by level. */
export class LstmEncoder {
  /**
   * @param {import("./tensors.js").Weights} weights
   * @param {object} config `config` of a packaged model.
   */
  constructor(weights, config) {
    this.depth = config.input_depth;
    this.steps = config.steps;
    const lengths = config.encoder.level_lengths || null;
    this.levels = lengths
      ? lengths.map((steps, i) => ({ steps, layers: bothWays(weights, `encoder/hierarchical_level_${i}`) }))
      : [{ steps: config.steps, layers: bothWays(weights, "encoder") }];
    this.mu = weights.layer("encoder/mu");
    this.sigma = weights.layer("encoder/sigma");
  }

  /**
   * The posterior; arguments as for `BarEncoder.encode`.
   * @param {Float32Array} sequence `[n, steps, depth]`.
   * @param {number} n clips.
   * @param {boolean} [needsSigma]
   * @returns {{mu: Float32Array, sigma: Float32Array|null}} `[n, zSize]` each.
   */
  encode(sequence, n, needsSigma = true) {
    let read = sequence;
    let count = this.steps;
    for (const { steps, layers } of this.levels) {
      count /= steps;
      read = embedded(layers, read, n * count, steps);
    }
    const sigma = needsSigma ? dense(this.sigma, read, n).map(softplus) : null;
    return { mu: dense(this.mu, read, n), sigma };
  }
}

/** The layers of a level: a forward and a backward LSTM each. */
function bothWays(weights, scope) {
  const layers = [];
  const cell = (layer, way) => `${scope}/cell_${layer}/bidirectional_rnn/${way}/multi_rnn_cell/cell_`;
  do {
    layers.push(["fw", "bw"].map((way) => new Stack(weights, cell(layers.length, way))));
  } while (weights.has(`${cell(layers.length, "fw")}0/lstm_cell/kernel`));
  return layers;
}

/** The last forward beside the last backward hidden state: `[n, 2 * units]` of `[n, steps, depth]`. */
function embedded(layers, sequence, n, steps) {
  let read = sequence;
  let lasts = [];
  for (const ways of layers) {
    const passes = ways.map((stack, way) => onePass(stack, read, n, steps, way === 1));
    lasts = passes.map(({ last }) => last);
    read = columnsOf(passes.map(({ hiddens }) => hiddens), n * steps);
  }
  return columnsOf(lasts, n);
}

/** One layer in one direction: hidden states `[n, steps, units]`, and the last one. */
function onePass(stack, sequence, n, steps, isBackward) {
  const { kernel, bias, units } = stack.lowest;
  const depth = sequence.length / n / steps;
  const states = stack.zeros(n);
  const gates = new Float32Array(n * bias.length);
  const hiddens = new Float32Array(n * steps * units);
  for (let i = 0; i < steps; i += 1) {
    const step = isBackward ? steps - 1 - i : i;
    fillRows(gates, bias, n);
    addProduct(gates, sequence, n, steps * depth, step * depth, depth, kernel, 0);
    const hidden = stack.step(gates, states, n);
    for (let example = 0; example < n; example += 1) {
      const from = hidden.subarray(example * units, (example + 1) * units);
      hiddens.set(from, (example * steps + step) * units);
    }
  }
  return { hiddens, last: states[0].hidden };
}

/** Arrays `[n, width]` side by side. */
function columnsOf(parts, n) {
  const widths = parts.map((part) => part.length / n);
  const width = widths.reduce((a, b) => a + b, 0);
  const found = new Float32Array(n * width);
  let start = 0;
  parts.forEach((part, i) => {
    for (let row = 0; row < n; row += 1) {
      found.set(part.subarray(row * widths[i], (row + 1) * widths[i]), row * width + start);
    }
    start += widths[i];
  });
  return found;
}
