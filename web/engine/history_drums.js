// The drum decoder that reads its own past, as models/numpy_engine/history_drums.py: drawing clips and scoring them.

import { Stack } from "./lstm.js";
import { drawToken, IMPOSSIBLE, NO_TOKEN } from "./outputs.js";
import { addProduct, dense, fillRows, relu } from "./tensors.js";

const CELLS = "decoder/multi_rnn_cell/cell_";
const LEAST_PROBABILITY = 1e-9;

/**
 * What clips are drawn from, beside their random numbers.
 * @typedef {object} Given
 * @property {number} n clips.
 * @property {Float32Array|null} z `[n, zSize]`; null for none.
 * @property {boolean} usesZ whether z is used at all.
 * @property {Uint16Array|null} known tokens `[n, steps]`, read where the mask is set; null where nothing is known.
 * @property {Uint16Array|null} mask `[n, steps]`, bit i set where it is known whether drum i is struck.
 * @property {Int16Array|null} past tokens `[n, steps]` before the clip, NO_TOKEN where there are none.
 * @property {Float32Array|null} conditions `[n, conditions]`.
 */

/** The weights and sizes of a history decoder. */
export class HistoryPlayer {
  /**
   * @param {import("./tensors.js").Weights} weights
   * @param {object} config `config` of a packaged model.
   */
  constructor(weights, config) {
    const { decoder } = config;
    this.drums = decoder.drums;
    this.depth = 2 ** decoder.drums;
    this.everyDrum = this.depth - 1;
    this.steps = config.steps;
    this.stepsPerBar = decoder.steps_per_bar;
    this.bars = decoder.length / decoder.steps_per_bar;
    this.length = decoder.length;
    this.lags = decoder.lags;
    this.copyLags = decoder.copy_lags;
    this.leads = decoder.leads;
    this.conditions = decoder.conditions || 0;
    this.zSize = config.z_size;
    this.slices = decoder.z_slices || 1;
    this.stack = new Stack(weights, CELLS);
    this.start = weights.layer("decoder/z_to_initial_state");
    this.hidden = weights.layer("decoder/hidden");
    this.copying = weights.layer("decoder/copy_weights");
    this.unrolled = weights.has("decoder/unrolled/kernel") ? weights.layer("decoder/unrolled") : null;
    this.zWidth = this.unrolled
      ? this.unrolled.bias.length / (this.steps / this.slices)
      : this.zSize / this.slices;
    this.logitBias = weights.get("decoder/output_projection/bias").data;
    this.logitKernel = this.#logitKernel(weights);
  }

  /** One product gives the logits of whole tokens and those that they share drum by drum. */
  #logitKernel(weights) {
    const whole = weights.get("decoder/output_projection/kernel");
    const shared = weights.get("decoder/drum_projection/kernel").data;
    const data = new Float32Array(whole.data);
    for (let row = 0; row < whole.shape[0]; row += 1) {
      for (let token = 0; token < this.depth; token += 1) {
        for (let drum = 0; drum < this.drums; drum += 1) {
          if ((token >> drum) & 1) {
            data[row * this.depth + token] += shared[row * this.drums + drum];
          }
        }
      }
    }
    return { shape: whole.shape, data };
  }

  /**
   * Tokens of clips.
   * @param {Given} given
   * @param {object} [options]
   * @param {Float32Array|null} [options.uniforms] `[n, steps]` in [0, 1); null takes the likeliest token at every step.
   * @param {number} [options.temperature] divides the logits, above 0.
   * @param {number} [options.guidance] strength of the conditions: 1 as trained, more exaggerates them, 0 ignores them.
   * @param {number} [options.candidates] draw this many of one clip, with `uniforms` `[candidates, steps]`.
   * @returns {Uint16Array} `[n or candidates, steps]`.
   */
  decode(given, { uniforms = null, temperature = 1, guidance = 1, candidates = 1 } = {}) {
    const voices = [{ player: this, given, weight: guidance }];
    if (guidance !== 1) {
      voices.push({ player: this, given: { ...given, conditions: null }, weight: 1 - guidance });
    }
    return decodeTogether(voices, { uniforms, temperature, candidates });
  }

  /**
   * Log probabilities of all tokens at all steps of given music, for tests.
   * @param {Given} given
   * @param {Uint16Array} tokens `[n, steps]`.
   * @returns {Float32Array} `[n, steps, depth]`.
   */
  logProbabilities(given, tokens) {
    const run = new Run(this, given);
    const { n } = given;
    const found = new Float32Array(n * this.steps * this.depth);
    for (let step = 0; step < this.steps; step += 1) {
      const logits = run.logProbabilities(step);
      for (let clip = 0; clip < n; clip += 1) {
        const row = logits.subarray(clip * this.depth, (clip + 1) * this.depth);
        found.set(row, (clip * this.steps + step) * this.depth);
        run.hear(clip, step, tokens[clip * this.steps + step]);
      }
    }
    return found;
  }
}

/**
 * Tokens on which several voices agree: drawn by the weighted sum of their log probabilities.
 *
 * Of several candidates of one clip, all steps up to the first that is to be drawn are the same, and are run once.
 * @param {{player: HistoryPlayer, given: Given, weight: number}[]} voices of as many clips, steps and tokens each.
 * @param {{uniforms: Float32Array|null, temperature: number, candidates?: number}} options as for `decode`.
 * @returns {Uint16Array} `[clips or candidates, steps]`.
 */
function decodeTogether(voices, { uniforms, temperature, candidates = 1 }) {
  const heard = voices.filter(({ weight }) => weight !== 0);
  const { player, given } = heard[0];
  const { steps, depth } = player;
  let runs = heard.map((voice) => new Run(voice.player, voice.given));
  let n = given.n;
  const total = candidates > 1 ? candidates : n;
  const fixed = candidates > 1 ? knownAtFirst(player, given) : 0;
  const played = new Uint16Array(total * steps);
  let sums = new Float32Array(n * depth);
  for (let step = 0; step < steps; step += 1) {
    if (step === fixed && total !== n) {
      runs = runs.map((run) => run.repeated(total));
      n = total;
      sums = new Float32Array(n * depth);
    }
    const logits = weighted(heard, runs, step, sums);
    for (let clip = 0; clip < n; clip += 1) {
      const uniform = uniforms && uniforms[clip * steps + step];
      const token = drawToken(logits, clip * depth, depth, uniform, temperature);
      runs.forEach((run) => run.hear(clip, step, token));
      for (let copy = clip; copy < total; copy += n) {
        played[copy * steps + step] = token;
      }
    }
  }
  return played;
}

/** Steps at the beginning of the only clip of which everything is known. */
function knownAtFirst(player, given) {
  let step = 0;
  while (given.mask && step < player.steps && given.mask[step] === player.everyDrum) {
    step += 1;
  }
  return step;
}

/** The weighted sum of what all voices say of a step, `[n, depth]`. */
function weighted(voices, runs, step, sums) {
  if (runs.length === 1) {
    return runs[0].logProbabilities(step);
  }
  sums.fill(0);
  runs.forEach((run, i) => {
    const logits = run.logProbabilities(step);
    const { weight } = voices[i];
    for (let j = 0; j < sums.length; j += 1) {
      sums[j] += weight * logits[j];
    }
  });
  for (let j = 0; j < sums.length; j += 1) {
    sums[j] = Math.max(sums[j], IMPOSSIBLE);
  }
  return sums;
}

/** One pass over some clips: what was heard so far, and the LSTM's states. */
class Run {
  /**
   * @param {HistoryPlayer} player
   * @param {Given} given
   * @param {Run|null} former a run of one clip that goes on as the `given.n` clips.
   */
  constructor(player, given, former = null) {
    this.player = player;
    this.given = given;
    this.n = given.n;
    // What was heard, from one clip length and a step before the clip on.
    this.before = player.length + 1;
    this.line = this.before + player.steps;
    if (former) {
      this.states = former.states.map((state) => state.repeated(this.n));
      this.z = repeated(former.z, this.n);
      this.heard = repeated(former.heard, this.n);
    } else {
      this.#start();
    }
    this.#makeBuffers();
  }

  #start() {
    const { player, given, n } = this;
    const { steps } = player;
    const z = given.usesZ && given.z ? given.z : new Float32Array(n * player.zSize);
    this.states = player.stack.started(player.start, z, n);
    // What of z each step reads, [n, steps, zWidth]; or [n, slices, zWidth] where all steps of a slice read the same.
    this.z = player.unrolled ? dense(player.unrolled, z, n * player.slices) : z;
    this.heard = new Int16Array(n * this.line).fill(NO_TOKEN);
    for (let clip = 0; given.past && clip < n; clip += 1) {
      const past = given.past.subarray(clip * steps, (clip + 1) * steps);
      this.heard.set(past, clip * this.line + this.before - steps);
    }
  }

  #makeBuffers() {
    const { player, n } = this;
    this.readWidth = player.hidden.kernel.shape[0];
    this.read = new Float32Array(n * this.readWidth);
    this.hidden = new Float32Array(n * player.hidden.bias.length);
    this.gates = new Float32Array(n * player.stack.lowest.bias.length);
    this.zHere = new Float32Array(n * player.zWidth);
    this.logits = new Float32Array(n * player.depth);
    this.gate = new Float32Array(n * player.copying.bias.length);
  }

  /** This run of one clip as that of `count` clips which have been the same so far. */
  repeated(count) {
    const given = { ...this.given, n: count };
    for (const name of ["known", "mask", "conditions"]) {
      given[name] = given[name] && repeated(given[name], count);
    }
    return new Run(this.player, given, this);
  }

  /**
   * Of every token at a step.
   * @param {number} step
   * @returns {Float32Array} `[n, depth]`, overwritten by the next step.
   */
  logProbabilities(step) {
    const { player, n } = this;
    const { hidden: layer, stack, zWidth } = player;
    const units = layer.bias.length;
    this.#readStep(step);
    fillRows(this.hidden, layer.bias, n);
    addProduct(this.hidden, this.read, n, this.readWidth, 0, this.readWidth, layer.kernel, 0);
    relu(this.hidden);
    fillRows(this.gates, stack.lowest.bias, n);
    addProduct(this.gates, this.hidden, n, units, 0, units, stack.lowest.kernel, 0);
    addProduct(this.gates, this.zHere, n, zWidth, 0, zWidth, stack.lowest.kernel, units);
    const output = stack.step(this.gates, this.states, n);
    fillRows(this.logits, player.logitBias, n);
    addProduct(this.logits, output, n, stack.units, 0, stack.units, player.logitKernel, 0);
    addProduct(this.logits, this.hidden, n, units, 0, units, player.logitKernel, stack.units);
    fillRows(this.gate, player.copying.bias, n);
    addProduct(this.gate, output, n, stack.units, 0, stack.units, player.copying.kernel, 0);
    for (let clip = 0; clip < n; clip += 1) {
      this.#mix(clip, step);
    }
    return this.logits;
  }

  /** Go on after a token. */
  hear(clip, step, token) {
    this.heard[clip * this.line + this.before + step] = token;
  }

  /** Fill `read` and `zHere`: the past, what is equal in it, the place, what is known ahead, conditions, z. */
  #readStep(step) {
    const { player, given, n } = this;
    const { drums, steps, stepsPerBar, zWidth } = player;
    const { read } = this;
    read.fill(0);
    const row = player.unrolled ? step : Math.floor((step * player.slices) / steps);
    const rows = player.unrolled ? steps : player.slices;
    for (let clip = 0; clip < n; clip += 1) {
      const now = clip * this.line + this.before + step;
      let at = clip * this.readWidth;
      for (const lag of player.lags) {
        const token = this.heard[now - lag];
        setBits(read, at, token);
        read[at + drums] = token >= 0 ? 1 : 0;
        at += drums + 1;
      }
      const last = this.heard[now - 1];
      for (const lag of player.copyLags) {
        read[at] = last >= 0 && last === this.heard[now - lag - 1] ? 1 : 0;
        at += 1;
      }
      read[at + (step % stepsPerBar)] = 1;
      read[at + stepsPerBar + Math.floor(step / stepsPerBar)] = 1;
      at += stepsPerBar + player.bars;
      for (const lead of player.leads) {
        if (given.mask && step + lead < steps) {
          const mask = given.mask[clip * steps + step + lead];
          setBits(read, at, given.known[clip * steps + step + lead] & mask);
          setBits(read, at + drums, mask);
        }
        at += 2 * drums;
      }
      if (given.conditions) {
        const wanted = player.conditions;
        read.set(given.conditions.subarray(clip * wanted, (clip + 1) * wanted), at);
      }
      at += player.conditions;
      read[at] = given.usesZ ? 1 : 0;
      const from = (clip * rows + row) * zWidth;
      const here = this.z.subarray(from, from + zWidth);
      read.set(here, at + 1);
      this.zHere.set(here, clip * zWidth);
    }
  }

  /** Drawing and copying mixed, in the logits of a clip. */
  #mix(clip, step) {
    const { player, given, logits, gate } = this;
    const { depth, copyLags } = player;
    const start = clip * depth;
    const place = clip * player.steps + step;
    const mask = given.mask ? given.mask[place] : 0;
    const known = mask ? given.known[place] & mask : 0;
    const agrees = (token) => (token & mask) === known;
    const now = clip * this.line + this.before + step;
    const gates = gate.subarray(clip * (copyLags.length + 1), (clip + 1) * (copyLags.length + 1));
    copyLags.forEach((lag, i) => {
      const token = this.heard[now - lag];
      if (token < 0 || !agrees(token)) {
        gates[i + 1] = IMPOSSIBLE;
      }
    });
    softmax(gates, 0, gates.length);
    if (mask) {
      for (let token = 0; token < depth; token += 1) {
        if (!agrees(token)) {
          logits[start + token] = IMPOSSIBLE;
        }
      }
    }
    softmax(logits, start, depth);
    for (let token = 0; token < depth; token += 1) {
      logits[start + token] *= gates[0];
    }
    copyLags.forEach((lag, i) => {
      logits[start + Math.max(this.heard[now - lag], 0)] += gates[i + 1];
    });
    for (let token = 0; token < depth; token += 1) {
      logits[start + token] = agrees(token)
        ? Math.log(Math.max(logits[start + token], LEAST_PROBABILITY))
        : IMPOSSIBLE;
    }
  }
}

/** A row of values `count` times. */
function repeated(values, count) {
  const found = new values.constructor(values.length * count);
  fillRows(found, values, count);
  return found;
}

function setBits(values, start, token) {
  for (let rest = token, bit = 0; rest > 0; rest >>= 1, bit += 1) {
    if (rest & 1) {
      values[start + bit] = 1;
    }
  }
}

/** Softmax in place. */
function softmax(values, start, count) {
  let highest = -Infinity;
  for (let i = 0; i < count; i += 1) {
    highest = Math.max(highest, values[start + i]);
  }
  let sum = 0;
  for (let i = 0; i < count; i += 1) {
    values[start + i] = Math.exp(values[start + i] - highest);
    sum += values[start + i];
  }
  for (let i = 0; i < count; i += 1) {
    values[start + i] /= sum;
  }
}
