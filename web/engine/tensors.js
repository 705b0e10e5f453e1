// Weights of a packaged model (models/formats/browser.py), and the one product that all layers are made of.

/** @typedef {{shape: number[], data: Float32Array}} Tensor */
/** @typedef {{kernel: Tensor, bias: Float32Array}} Layer */

/** The weights of a model by their names in a checkpoint. */
export class Weights {
  /**
   * @param {Map<string, Tensor>} tensors by name.
   * @param {string} model its name, for messages.
   */
  constructor(tensors, model) {
    this.tensors = tensors;
    this.model = model;
  }

  /**
   * @param {string} name
   * @returns {boolean} whether there is a weight of this name.
   */
  has(name) {
    return this.tensors.has(name);
  }

  /**
   * @param {string} name
   * @returns {Tensor}
   * @throws {Error} where there is no such weight.
   */
  get(name) {
    const found = this.tensors.get(name);
    if (!found) {
      throw new Error(`The model ${this.model} has no weight ${name}; export the page again.`);
    }
    return found;
  }

  /**
   * A dense layer's kernel and bias.
   * @param {string} scope what both names begin with.
   * @returns {Layer}
   */
  layer(scope) {
    return { kernel: this.get(`${scope}/kernel`), bias: this.get(`${scope}/bias`).data };
  }

  /**
   * The dense layers `scope`_0, `scope`_1 and so on.
   * @param {string} scope
   * @returns {Layer[]} none where there is not even the first.
   */
  layers(scope) {
    const found = [];
    while (this.has(`${scope}_${found.length}/kernel`)) {
      found.push(this.layer(`${scope}_${found.length}`));
    }
    return found;
  }
}

/**
 * The weights of a packaged model.
 * @param {{name: string, tensors: [string, number[]][], data: string}} model as `packaged` makes it.
 * @returns {Promise<Weights>}
 * @throws {Error} where the data is damaged.
 */
export async function unpacked(model) {
  const sizes = model.tensors.map(([, shape]) => shape.reduce((a, b) => a * b, 1));
  const total = sizes.reduce((a, b) => a + b, 0);
  const planes = await inflated(bytesOfBase64(model.data)).catch(() => new Uint8Array(0));
  if (planes.length !== 2 * total) {
    throw new Error(`The model ${model.name} is damaged; export the page again.`);
  }
  const table = halfTable();
  const values = new Float32Array(total);
  for (let i = 0; i < total; i += 1) {
    values[i] = table[planes[i] | (planes[total + i] << 8)];
  }
  const tensors = new Map();
  let start = 0;
  model.tensors.forEach(([name, shape], i) => {
    tensors.set(name, { shape, data: values.subarray(start, start + sizes[i]) });
    start += sizes[i];
  });
  return new Weights(tensors, model.name);
}

/**
 * The bytes of base64 text.
 * @param {string} text
 * @returns {Uint8Array}
 */
export function bytesOfBase64(text) {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < characters.length; i += 1) {
    bytes[i] = characters.charCodeAt(i);
  }
  return bytes;
}

async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The values of all 65,536 float16 patterns: looking a weight up is faster than computing it. */
function halfTable() {
  const table = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits += 1) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    let size = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : (fraction / 1024) * 2 ** -14;
    if (exponent === 31) {
      size = fraction ? NaN : Infinity;
    }
    table[bits] = bits & 32768 ? -size : size;
  }
  return table;
}

// Rows of a kernel that are used for one example before it is the next one's turn: few enough to stay in the cache.
const ROWS_AT_ONCE = 64;

const rowStarts = new Int32Array(4096);
const rowFactors = new Float64Array(4096);

/**
 * Add the product of inputs and some rows of a kernel to sums: `sums[e, :] += inputs[e, start:start + count] @ kernel`.
 *
 * Inputs that are 0 cost nothing, and most are: hits that are not struck, and half of what a ReLU lets through. Eight rows
 * are added at a time, so that the sums are read and written an eighth as often.
 * @param {Float32Array} sums `[n, kernel width]`.
 * @param {Float32Array} inputs `[n, stride]`.
 * @param {number} n examples.
 * @param {number} stride inputs of an example.
 * @param {number} start first column of the inputs.
 * @param {number} count columns, each with a row of the kernel.
 * @param {Tensor} kernel `[rows, width]`.
 * @param {number} firstRow the kernel's row that belongs to the first column.
 */
export function addProduct(sums, inputs, n, stride, start, count, kernel, firstRow) {
  const width = kernel.shape[1];
  const block = n === 1 ? rowStarts.length - 8 : ROWS_AT_ONCE;
  for (let first = 0; first < count; first += block) {
    const last = Math.min(count, first + block);
    for (let example = 0; example < n; example += 1) {
      const from = example * stride + start;
      let found = 0;
      for (let i = first; i < last; i += 1) {
        const input = inputs[from + i];
        if (input !== 0) {
          rowStarts[found] = (firstRow + i) * width;
          rowFactors[found] = input;
          found += 1;
        }
      }
      if (found) {
        addRows(sums, example * width, width, kernel.data, found);
      }
    }
  }
}

/** Add the first `found` rows of `rowStarts`, times `rowFactors`, to `width` sums. */
function addRows(sums, to, width, kernel, found) {
  while (found % 8) {
    rowStarts[found] = rowStarts[found - 1];
    rowFactors[found] = 0;
    found += 1;
  }
  for (let i = 0; i < found; i += 8) {
    const f0 = rowFactors[i];
    const f1 = rowFactors[i + 1];
    const f2 = rowFactors[i + 2];
    const f3 = rowFactors[i + 3];
    const f4 = rowFactors[i + 4];
    const f5 = rowFactors[i + 5];
    const f6 = rowFactors[i + 6];
    const f7 = rowFactors[i + 7];
    const r0 = rowStarts[i];
    const r1 = rowStarts[i + 1];
    const r2 = rowStarts[i + 2];
    const r3 = rowStarts[i + 3];
    const r4 = rowStarts[i + 4];
    const r5 = rowStarts[i + 5];
    const r6 = rowStarts[i + 6];
    const r7 = rowStarts[i + 7];
    for (let j = 0; j < width; j += 1) {
      sums[to + j] +=
        f0 * kernel[r0 + j] + f1 * kernel[r1 + j] + f2 * kernel[r2 + j] + f3 * kernel[r3 + j] +
        f4 * kernel[r4 + j] + f5 * kernel[r5 + j] + f6 * kernel[r6 + j] + f7 * kernel[r7 + j];
    }
  }
}

/**
 * Put a row of values into each example's row.
 * @param {Float32Array} rows `[n, values.length]`, overwritten.
 * @param {Float32Array} values
 * @param {number} n examples.
 */
export function fillRows(rows, values, n) {
  for (let example = 0; example < n; example += 1) {
    rows.set(values, example * values.length);
  }
}

/**
 * A dense layer: `inputs @ kernel + bias`.
 * @param {Layer} layer
 * @param {Float32Array} inputs `[n, kernel rows]`.
 * @param {number} n examples.
 * @returns {Float32Array} `[n, units]`.
 */
export function dense(layer, inputs, n) {
  const [rows, width] = layer.kernel.shape;
  const found = new Float32Array(n * width);
  fillRows(found, layer.bias, n);
  addProduct(found, inputs, n, rows, 0, rows, layer.kernel, 0);
  return found;
}

/**
 * Negative values become 0.
 * @param {Float32Array} values changed in place.
 * @returns {Float32Array} the same array.
 */
export function relu(values) {
  for (let i = 0; i < values.length; i += 1) {
    if (values[i] < 0) {
      values[i] = 0;
    }
  }
  return values;
}

/**
 * `log(1 + exp(x))` without overflow.
 * @param {number} x
 * @returns {number}
 */
export function softplus(x) {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/**
 * `1 / (1 + exp(-x))`: exp is faster than tanh, and where it is infinite the quotient is 0, as it should be.
 * @param {number} x
 * @returns {number}
 */
export function sigmoid(x) {
  return 1 / (1 + Math.exp(-x));
}
