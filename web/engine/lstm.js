// Stacks of LSTM layers, one step at a time, as models/numpy_engine/lstm.py.

import { addProduct, dense, fillRows, sigmoid } from "./tensors.js";

const FORGET_BIAS = 1;

/** The layers `cells`0, `cells`1, ... of a model. */
export class Stack {
  /**
   * @param {import("./tensors.js").Weights} weights
   * @param {string} cells what the layers' names begin with, such as "decoder/multi_rnn_cell/cell_".
   * @throws {Error} where there is not even the first layer.
   */
  constructor(weights, cells) {
    this.layers = [];
    do {
      const { kernel, bias } = weights.layer(`${cells}${this.layers.length}/lstm_cell`);
      this.layers.push({ kernel, bias, units: bias.length / 4 });
    } while (weights.has(`${cells}${this.layers.length}/lstm_cell/kernel`));
  }

  /** Kernel, bias and units of the lowest layer. */
  get lowest() {
    return this.layers[0];
  }

  /** Units of the highest layer. */
  get units() {
    return this.layers[this.layers.length - 1].units;
  }

  /**
   * States of zeros.
   * @param {number} n examples.
   * @returns {State[]} a layer each.
   */
  zeros(n) {
    return this.layers.map((layer) => new State(n, layer.units));
  }

  /**
   * The states that a stack starts from: tanh of a dense layer, split as c0, h0, c1, h1...
   * @param {import("./tensors.js").Layer} layer
   * @param {Float32Array} embedding `[n, kernel rows]`.
   * @param {number} n examples.
   * @returns {State[]} a layer each.
   */
  started(layer, embedding, n) {
    const flat = dense(layer, embedding, n).map(Math.tanh);
    const width = layer.bias.length;
    let start = 0;
    return this.layers.map(({ units }) => {
      const state = new State(n, units);
      for (let example = 0; example < n; example += 1) {
        const from = example * width + start;
        state.cell.set(flat.subarray(from, from + units), example * units);
        state.hidden.set(flat.subarray(from + units, from + 2 * units), example * units);
      }
      start += 2 * units;
      return state;
    });
  }

  /**
   * One step of all layers; the states are changed in place.
   * @param {Float32Array} gates the lowest layer's inputs times its kernel, plus its bias: `[n, 4 * units]`; overwritten.
   * @param {State[]} states
   * @param {number} n examples.
   * @returns {Float32Array} the hidden state of the highest layer, `[n, units]`.
   */
  step(gates, states, n) {
    this.layers.forEach((layer, i) => {
      const state = states[i];
      const { kernel, units } = layer;
      let sums = gates;
      if (i) {
        const below = states[i - 1];
        sums = state.gates;
        fillRows(sums, layer.bias, n);
        addProduct(sums, below.hidden, n, below.units, 0, below.units, kernel, 0);
      }
      addProduct(sums, state.hidden, n, units, 0, units, kernel, kernel.shape[0] - units);
      state.move(sums, n);
    });
    return states[states.length - 1].hidden;
  }
}

/** Cell and hidden state of a layer, `[n, units]` each. */
export class State {
  /**
   * @param {number} n examples.
   * @param {number} units
   */
  constructor(n, units) {
    this.units = units;
    this.cell = new Float32Array(n * units);
    this.hidden = new Float32Array(n * units);
    this.gates = new Float32Array(4 * n * units);
  }

  /**
   * The state of the only example for several.
   * @param {number} count examples.
   * @returns {State}
   */
  repeated(count) {
    const state = new State(count, this.units);
    fillRows(state.cell, this.cell, count);
    fillRows(state.hidden, this.hidden, count);
    return state;
  }

  /**
   * `c' = sigmoid(f + 1) c + sigmoid(i) tanh(g)`, `h' = sigmoid(o) tanh(c')`.
   * @param {Float32Array} gates the preactivations i, g, f and o side by side, `[n, 4 * units]`.
   * @param {number} n examples.
   */
  move(gates, n) {
    const { units, cell, hidden } = this;
    for (let example = 0; example < n; example += 1) {
      const at = 4 * units * example;
      const to = units * example;
      for (let j = 0; j < units; j += 1) {
        const input = sigmoid(gates[at + j]);
        const update = Math.tanh(gates[at + units + j]);
        const forget = sigmoid(gates[at + 2 * units + j] + FORGET_BIAS);
        const output = sigmoid(gates[at + 3 * units + j]);
        cell[to + j] = forget * cell[to + j] + input * update;
        hidden[to + j] = output * Math.tanh(cell[to + j]);
      }
    }
  }
}

/**
 * All states of a stack: c0, h0, c1, h1...
 * @param {State[]} states
 * @param {number} n examples.
 * @returns {Float32Array} `[n, 2 * all units]`.
 */
export function sideBySide(states, n) {
  const width = 2 * states.reduce((sum, state) => sum + state.units, 0);
  const flat = new Float32Array(n * width);
  for (let example = 0; example < n; example += 1) {
    let to = example * width;
    for (const { units, cell, hidden } of states) {
      for (const part of [cell, hidden]) {
        flat.set(part.subarray(example * units, (example + 1) * units), to);
        to += units;
      }
    }
  }
  return flat;
}
