// How hits are played, as models/numpy_engine/grooves.py: velocities and offsets for a score, drums for taps.

import { Stack } from "./lstm.js";
import { addProduct, dense, fillRows, relu, sigmoid, softplus } from "./tensors.js";

const BEAT_STEPS = 16;
const LOCATION_UNIT = 0.3;
const FIRST_LOG_SCALE = -2;
const LOG_SCALES = [-5, 1];
const TEMPO_POWER = 1.5;
const BISECTIONS = 20;
// Of velocities and of offsets: centre of the locations, least value, largest value, distance of neighbours.
const PARTS = [
  { centre: 0.5, low: 0, high: 1, width: 1 / 127 },
  { centre: 0, low: -1, high: 1, width: 1 / 60 },
];

/** The weights and sizes of a groove model whose output is a mixture of logistics. */
export class GroovePlayer {
  /**
   * @param {import("./tensors.js").Weights} weights
   * @param {object} config `config` of a packaged model.
   */
  constructor(weights, config) {
    this.drums = config.drums;
    this.taps = config.taps;
    this.steps = config.steps;
    this.components = config.decoder.components;
    this.window = config.decoder.window;
    this.given = this.taps ? 2 : this.drums;
    this.parts = this.taps ? 1 : 2;
    this.uniforms = 3 * this.drums + 1;
    this.reader = weights.layers("decoder/reader");
    this.linear = weights.layer("decoder/linear");
    this.stack = new Stack(weights, "decoder/multi_rnn_cell/cell_");
    this.projection = weights.layer("decoder/output_projection");
    this.maps = ["velocity", "offset"].slice(0, this.parts).map((name) => weights.get(`decoder/maps/${name}`));
    this.centre = this.taps ? null : weights.get("decoder/maps/offset_centre").data;
    this.threshold = this.taps ? weights.get("decoder/hit_threshold").data[0] : 0;
    // Numbers of a step that are given beside hits or taps: octaves of tempo, drummer, style.
    this.others = this.linear.kernel.shape[0] - (2 * this.window + 1) * this.given - BEAT_STEPS;
    this.controlWidth = this.given + this.others;
  }

  /**
   * Performances.
   * @param {Float32Array} controls `[n, steps, controlWidth]`: hits, or whether there is a tap and its offset; then
   *   octaves above 120, drummer and style.
   * @param {number} n windows.
   * @param {{uniforms?: Float32Array|null, temperature?: number}} [options] uniforms `[n, steps, uniforms]` in [0, 1);
   *   null gives the typical performance. The temperature, above 0, widens what is drawn.
   * @returns {Float32Array} hits, velocities (0 to 1) and offsets (half steps, early ones positive): `[n, steps, 3 * drums]`.
   */
  perform(controls, n, { uniforms = null, temperature = 1 } = {}) {
    const { steps, drums } = this;
    const pass = new Pass(this, controls, n);
    const played = new Float32Array(n * steps * 3 * drums);
    const before = new Float32Array(n * 3 * drums);
    for (let step = 0; step < steps; step += 1) {
      const network = pass.network(step, before);
      for (let i = 0; i < n; i += 1) {
        const place = i * steps + step;
        const value = played.subarray(place * 3 * drums, (place + 1) * 3 * drums);
        const row = this.#row(pass, network, i, step);
        if (uniforms) {
          this.#draw(row, uniforms.subarray(place * this.uniforms, (place + 1) * this.uniforms), temperature, value);
          before.set(value, i * 3 * drums);
        } else {
          // The typical performance is what is said without history.
          this.#typical(row, value);
        }
      }
    }
    return played;
  }

  /** What is said of one step of one window. */
  #row(pass, network, i, step) {
    const { drums, components, taps, projection } = this;
    const place = i * this.steps + step;
    const start = place * this.controlWidth;
    const width = projection.bias.length;
    const said = network.subarray(i * width, (i + 1) * width);
    const hits = taps ? drums : 0;
    return {
      given: pass.controls.subarray(start, start + this.given),
      octaves: pass.controls[start + this.given],
      linear: pass.linear.subarray(place * this.parts * drums, (place + 1) * this.parts * drums),
      logits: said.subarray(0, hits),
      weights: logSoftmax(said.subarray(hits, hits + components)),
      rest: said.subarray(hits + components),
    };
  }

  /** Location and log scale of a drum's velocity (part 0) or offset (part 1) in a component. */
  #logistic({ linear, rest }, part, drum, component) {
    const { drums, components } = this;
    const at = (2 * part * drums + drum) * components + component;
    const scale = FIRST_LOG_SCALE + rest[at + drums * components];
    return [
      linear[part * drums + drum] + PARTS[part].centre + LOCATION_UNIT * rest[at],
      Math.min(LOG_SCALES[1], Math.max(LOG_SCALES[0], scale)),
    ];
  }

  #typical(row, value) {
    const { drums } = this;
    const hits = this.taps ? this.#likelyHits(row) : row.given;
    for (let drum = 0; drum < drums; drum += 1) {
      if (hits[drum]) {
        const found = this.maps.map((map, part) => {
          const median = this.#median(row, part, drum);
          const score = part ? (median - this.centre[drum]) * 2 ** (TEMPO_POWER * row.octaves) : median;
          return mapped(map, drum, score);
        });
        this.#put(row, value, drum, found);
      }
    }
  }

  #likelyHits({ logits, given }) {
    const highest = Math.max(...logits);
    const likely = givenOne(logits);
    return Array.from(logits, (logit, i) => Boolean(given[0]) && (likely[i] > this.threshold || logit >= highest));
  }

  /** The median of a drum's mixture, by bisection. */
  #median(row, part, drum) {
    const { low, high, width } = PARTS[part];
    const shares = row.weights.map(Math.exp);
    const logistics = Array.from(shares, (_, component) => this.#logistic(row, part, drum, component));
    let below = low - width / 2;
    let above = high + width / 2;
    for (let i = 0; i < BISECTIONS; i += 1) {
      const middle = (below + above) / 2;
      let share = 0;
      logistics.forEach(([location, scale], component) => {
        share += shares[component] * sigmoid((middle - location) * Math.exp(-scale));
      });
      if (share < 0.5) {
        below = middle;
      } else {
        above = middle;
      }
    }
    return Math.min(high, Math.max(low, (below + above) / 2));
  }

  #draw(row, uniforms, temperature, value) {
    const { drums } = this;
    const hits = this.taps ? drawSome(row.logits.map((x) => x / temperature), uniforms) : row.given;
    const isStruck = !this.taps || row.given[0];
    const component = oneOf(row.weights.map((x) => x / temperature), uniforms[drums]);
    for (let drum = 0; drum < drums; drum += 1) {
      if (isStruck && hits[drum]) {
        const found = this.maps.map((_, part) => {
          const own = Math.min(1 - 1e-6, Math.max(1e-6, uniforms[drums + 1 + part * drums + drum]));
          const [location, scale] = this.#logistic(row, part, drum, component);
          return location + Math.exp(scale) * temperature * (Math.log(own) - Math.log1p(-own));
        });
        this.#put(row, value, drum, found);
      }
    }
  }

  /** A hit with its velocity and its offset; a tap's drums keep the tap's own offset. */
  #put(row, value, drum, [velocity, offset = row.given[1]]) {
    const { drums } = this;
    value[drum] = 1;
    value[drums + drum] = Math.min(1, Math.max(PARTS[0].width, velocity));
    value[2 * drums + drum] = Math.min(1, Math.max(-1, offset));
  }
}

/** What the reader makes of all steps, and the LSTM's states. */
class Pass {
  constructor(player, controls, n) {
    this.player = player;
    this.controls = controls;
    this.n = n;
    const score = this.#score();
    const rows = n * player.steps;
    this.linear = dense(player.linear, score, rows);
    this.features = player.reader.reduce((read, layer) => relu(dense(layer, read, rows)), score);
    this.width = this.features.length / rows;
    this.states = player.stack.zeros(n);
    this.gates = new Float32Array(n * player.stack.lowest.bias.length);
    this.said = new Float32Array(n * player.projection.bias.length);
  }

  /** What is read of each step: what is given around it, the conditions, its place in the bar. */
  #score() {
    const { player, controls, n } = this;
    const { steps, window, given, others, controlWidth } = player;
    const width = player.linear.kernel.shape[0];
    const score = new Float32Array(n * steps * width);
    for (let i = 0; i < n; i += 1) {
      for (let step = 0; step < steps; step += 1) {
        let at = (i * steps + step) * width;
        for (let near = step - window; near <= step + window; near += 1) {
          if (near >= 0 && near < steps) {
            const from = (i * steps + near) * controlWidth;
            score.set(controls.subarray(from, from + given), at);
          }
          at += given;
        }
        const from = (i * steps + step) * controlWidth + given;
        score.set(controls.subarray(from, from + others), at);
        score[at + others + (step % BEAT_STEPS)] = 1;
      }
    }
    return score;
  }

  /** What the network says of a step after the values before it, `[n, width]`. */
  network(step, before) {
    const { player, n, width } = this;
    const { stack, projection } = player;
    const { kernel, bias } = stack.lowest;
    const values = 3 * player.drums;
    const stride = player.steps * width;
    fillRows(this.gates, bias, n);
    addProduct(this.gates, before, n, values, 0, values, kernel, 0);
    addProduct(this.gates, this.features, n, stride, step * width, width, kernel, values);
    const hidden = stack.step(this.gates, this.states, n);
    fillRows(this.said, projection.bias, n);
    addProduct(this.said, hidden, n, stack.units, 0, stack.units, projection.kernel, 0);
    addProduct(this.said, this.features, n, stride, step * width, width, projection.kernel, stack.units);
    return this.said;
  }
}

/** A value sent through a drum's piecewise linear map; the maps are `[drums, 2, knots]`. */
function mapped({ shape, data }, drum, value) {
  const knots = shape[2];
  const x = data.subarray(2 * drum * knots, (2 * drum + 1) * knots);
  const y = data.subarray((2 * drum + 1) * knots, (2 * drum + 2) * knots);
  let found = y[0];
  for (let i = 0; i + 1 < knots; i += 1) {
    const way = (value - x[i]) / Math.max(x[i + 1] - x[i], 1e-6);
    found += Math.min(1, Math.max(0, way)) * (y[i + 1] - y[i]);
  }
  return found;
}

function logSoftmax(logits) {
  const highest = Math.max(...logits);
  const sum = logits.reduce((total, x) => total + Math.exp(x - highest), 0);
  return logits.map((x) => x - highest - Math.log(sum));
}

/** Probabilities of independent bits given that one of them at least is 1. */
function givenOne(logits) {
  const some = -Math.expm1(-logits.reduce((total, x) => total + softplus(x), 0));
  return logits.map((x) => Math.min(1, sigmoid(x) / Math.max(some, 1e-7)));
}

/** Independent bits of which at least one is 1. */
function drawSome(logits, uniforms) {
  const bits = new Uint8Array(logits.length);
  let tail = logits.reduce((total, x) => total + softplus(x), 0);
  let isNone = true;
  for (let i = 0; i < logits.length; i += 1) {
    const p = sigmoid(logits[i]);
    const must = i === logits.length - 1 || uniforms[i] < p / -Math.expm1(-tail);
    bits[i] = (isNone ? must : uniforms[i] < p) ? 1 : 0;
    isNone &&= !bits[i];
    tail -= softplus(logits[i]);
  }
  return bits;
}

/** An index drawn from `softmax(logits)` by one uniform number. */
function oneOf(logits, uniform) {
  const highest = Math.max(...logits);
  const shares = logits.map((x) => Math.exp(x - highest));
  const threshold = uniform * shares.reduce((a, b) => a + b, 0);
  let sum = 0;
  for (let i = 0; i < shares.length - 1; i += 1) {
    sum += shares[i];
    if (sum > threshold) {
      return i;
    }
  }
  return shares.length - 1;
}
