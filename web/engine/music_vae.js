// MusicVAE's decoders, flat and hierarchical, as models/numpy_engine/decoding.py: from z to a token a step.

import { sideBySide, Stack } from "./lstm.js";
import { Bits, Categorical, Nade, NO_TOKEN } from "./outputs.js";
import { addProduct, fillRows } from "./tensors.js";

/**
 * How the values of a clip are decided.
 * @typedef {object} Decisions
 * @property {Float32Array|null} [uniforms] `[n, steps, uniforms a step]` in [0, 1); null takes the likeliest.
 * @property {number} [temperature] divides the logits, above 0.
 * @property {Uint16Array|null} [known] tokens `[n, steps]`, read where the mask is set.
 * @property {Uint16Array|null} [mask] `[n, steps]`: which bits of a token are known.
 * @property {ArrayLike<number>|null} [truth] tokens `[n, steps]` that are heard instead of drawing any.
 */

/** A decoder of tokens. */
export class MusicVaeDecoder {
  /**
   * @param {import("./tensors.js").Weights} weights
   * @param {object} config `config` of a packaged model.
   */
  constructor(weights, config) {
    const { decoder } = config;
    const isHierarchical = "core" in decoder;
    const name = isHierarchical ? decoder.core : decoder.name;
    const scope = isHierarchical ? "core_decoder/decoder" : "decoder";
    this.steps = config.steps;
    this.output = outputOf(name, weights, scope, config);
    this.core = {
      stack: new Stack(weights, `${scope}/multi_rnn_cell/cell_`),
      start: weights.layer(`${scope}/z_to_initial_state`),
      projection: weights.layer(`${scope}/output_projection`),
    };
    this.lengths = isHierarchical ? decoder.level_lengths : [config.steps];
    const disabled = decoder.disable_autoregression || false;
    this.levels = this.lengths.slice(0, -1).map((length, i) => ({
      length,
      stack: new Stack(weights, `decoder/hierarchical_level_${i}/cell_`),
      start: weights.layer(`decoder/hierarchical_level_${i}/initial_state`),
      hearsItself: disabled !== true && !(disabled || []).includes(i),
    }));
  }

  /**
   * Tokens for latent vectors.
   * @param {Float32Array} z `[n, zSize]`.
   * @param {number} n clips.
   * @param {Decisions} [decisions]
   * @returns {Int16Array} `[n, steps]`.
   */
  decode(z, n, decisions = {}) {
    return new Pass(this, n, decisions).decode(z);
  }

  /**
   * The parameters of all steps of given music, for tests.
   * @param {Float32Array} z `[n, zSize]`.
   * @param {number} n clips.
   * @param {ArrayLike<number>} truth tokens `[n, steps]`.
   * @returns {Float32Array} `[n, steps, parameters]`: logits of a categorical output.
   */
  parameters(z, n, truth) {
    const pass = new Pass(this, n, { truth });
    pass.seen = new Float32Array(n * this.steps * this.output.parameterDepth);
    pass.decode(z);
    return pass.seen;
  }
}

function outputOf(name, weights, scope, config) {
  if (name === "nade_lstm") {
    return new Nade(weights, scope);
  }
  return name === "boolean_lstm" ? new Bits(config.output_depth) : new Categorical(config.output_depth);
}

/** One pass over some clips. */
class Pass {
  constructor(model, n, decisions) {
    this.model = model;
    this.n = n;
    this.decisions = { uniforms: null, temperature: 1, known: null, mask: null, truth: null, ...decisions };
    this.played = new Int16Array(n * model.steps);
    this.last = new Int16Array(n).fill(NO_TOKEN);
    this.at = 0;
    this.seen = null;
  }

  decode(z) {
    this.#conduct(0, z);
    return this.played;
  }

  /** Play a level of the hierarchy; returns its last state, side by side. */
  #conduct(level, embedding) {
    const { model, n } = this;
    if (level === model.levels.length) {
      return this.#play(embedding);
    }
    const { length, stack, start, hearsItself } = model.levels[level];
    const states = stack.started(start, embedding, n);
    const width = embedding.length / n;
    const feedbackWidth = stack.lowest.kernel.shape[0] - width - stack.lowest.units;
    const gates = new Float32Array(n * stack.lowest.bias.length);
    let feedback = null;
    for (let i = 0; i < length; i += 1) {
      fillRows(gates, stack.lowest.bias, n);
      // Without autoregression the only input is a 0.
      if (hearsItself) {
        if (feedback) {
          addProduct(gates, feedback, n, feedbackWidth, 0, feedbackWidth, stack.lowest.kernel, 0);
        }
        addProduct(gates, embedding, n, width, 0, width, stack.lowest.kernel, feedbackWidth);
      }
      feedback = this.#conduct(level + 1, stack.step(gates, states, n).slice());
    }
    return sideBySide(states, n);
  }

  /** Play a segment after what was played before; returns the last state, side by side. */
  #play(embedding) {
    const { model, n } = this;
    const { output } = model;
    const { stack, start, projection } = model.core;
    const { kernel, bias } = stack.lowest;
    const width = embedding.length / n;
    const states = stack.started(start, embedding, n);
    const constant = new Float32Array(n * bias.length);
    fillRows(constant, bias, n);
    addProduct(constant, embedding, n, width, 0, width, kernel, output.depth);
    const gates = new Float32Array(constant.length);
    const parameters = new Float32Array(n * projection.bias.length);
    for (let i = 0; i < model.lengths[model.lengths.length - 1]; i += 1) {
      gates.set(constant);
      this.#hearLast(gates, kernel);
      const hidden = stack.step(gates, states, n);
      fillRows(parameters, projection.bias, n);
      addProduct(parameters, hidden, n, stack.units, 0, stack.units, projection.kernel, 0);
      this.#decide(parameters);
    }
    return sideBySide(states, n);
  }

  /** Add the kernel's rows of the tokens before. */
  #hearLast(gates, kernel) {
    const width = kernel.shape[1];
    for (let clip = 0; clip < this.n; clip += 1) {
      this.model.output.eachRow(this.last[clip], (row) => {
        for (let j = 0; j < width; j += 1) {
          gates[clip * width + j] += kernel.data[row * width + j];
        }
      });
    }
  }

  /** The tokens of a step. */
  #decide(parameters) {
    const { model, n, at } = this;
    const { uniforms, temperature, known, mask, truth } = this.decisions;
    const { output, steps } = model;
    for (let clip = 0; clip < n; clip += 1) {
      const place = clip * steps + at;
      if (this.seen) {
        const width = output.parameterDepth;
        this.seen.set(parameters.subarray(clip * width, (clip + 1) * width), place * width);
      }
      if (truth) {
        this.last[clip] = truth[place];
      } else {
        const draws = uniforms && uniforms.subarray(place * output.uniforms, (place + 1) * output.uniforms);
        const bits = mask ? mask[place] : 0;
        this.last[clip] = output.draw(parameters, clip, draws, temperature, bits ? known[place] : 0, bits);
      }
      this.played[place] = this.last[clip];
    }
    this.at += 1;
  }
}
