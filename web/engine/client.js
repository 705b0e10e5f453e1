// The page's side of the engine: methods that return promises, answered by a worker so that sound never waits for a model.

/**
 * What a model can do.
 * @typedef {object} ModelFacts
 * @property {string} name
 * @property {string} kind "history_drums", "music_vae" or "groove".
 * @property {number} steps of a clip.
 * @property {number} stepsPerBar
 * @property {number} zSize 0 where it has no latent vector.
 * @property {boolean} conditions whether it heeds style, fill, intensity, density, syncopation and tempo.
 * @property {boolean} fillsIn whether it was trained to play around known hits.
 * @property {boolean} encodes whether clips can be encoded.
 * @property {Record<string, {unit: string, mean: number, standardDeviation: number}>|null} attributes that can be moved.
 * @property {number} temperature at which it is played where none is chosen.
 */

/**
 * Start a worker and open the models in it.
 * @param {object[]} models packaged models with their `roles`; the first is opened first.
 * @param {string} workerSource the script that engine/worker.js and its imports make.
 * @returns {Engine} its `ready` is rejected where the browser allows no worker or the first model is damaged.
 */
export function startEngine(models, workerSource) {
  return new Engine(models, workerSource);
}

/** The error of a call that a newer one with the same tag has replaced. */
class Dropped extends Error {
  constructor() {
    super("A newer request has replaced this one.");
    this.dropped = true;
  }
}

/** Models in a worker; the calls are done in their order. */
class Engine {
  constructor(models, workerSource) {
    this.models = models;
    this.waiting = [];
    this.running = null;
    this.worker = null;
    try {
      this.url = URL.createObjectURL(new Blob([workerSource], { type: "text/javascript" }));
      this.worker = new Worker(this.url);
      this.worker.addEventListener("message", ({ data }) => this.#answered(data));
      this.worker.addEventListener("error", (event) => this.#broken(event));
    } catch (error) {
      this.failure = `This browser runs no models in a page that is opened from a file (${error.message}).`;
    }
    /** @type {Promise<void>} */
    this.ready = this.#call("open", { models });
    // Who does not wait for it learns of the failure from the first call.
    this.ready.catch(() => null);
  }

  /**
   * The facts of the model of a role.
   * @param {string} role "draw", "edit", "humanize", "tap" or "melody".
   * @returns {ModelFacts|null} null where the page has none.
   */
  model(role) {
    const found = this.models.find(({ roles }) => roles.includes(role));
    if (!found) {
      return null;
    }
    const { config, attributes } = found;
    return {
      name: found.name,
      kind: found.kind,
      steps: config.steps,
      stepsPerBar: config.steps_per_bar,
      zSize: config.z_size,
      conditions: Boolean(config.heeds_conditions),
      fillsIn: Boolean(config.fills_in),
      encodes: config.z_size > 0,
      attributes: attributes && attributeFacts(attributes),
      temperature: found.temperature,
    };
  }

  /**
   * A new beat of the role "draw".
   * @param {import("./drawing.js").DrawOptions & {tag?: string}} options
   * @returns {Promise<Uint16Array>} tokens `[steps]`; where the mask is 1 they agree with the known ones.
   */
  draw(options) {
    return this.#call("draw", options);
  }

  /**
   * The latent vector that stands for a clip: the one that is decoded to it as exactly as the model can.
   * @param {{role: string, tokens: Uint16Array|Int16Array, tag?: string}} options tokens `[steps]`.
   * @returns {Promise<Float32Array>} `[zSize]`.
   */
  encode(options) {
    return this.#call("encode", options);
  }

  /**
   * Tokens for latent vectors.
   * @param {{role: string, z: Float32Array, n: number, temperature: number|null, seed?: number, uniforms?: Float32Array,
   *   tag?: string}} options z `[n, zSize]`; a temperature of null or 0 takes the likeliest tokens.
   * @returns {Promise<Uint16Array|Int16Array>} `[n, steps]`.
   */
  decode(options) {
    return this.#call("decode", options);
  }

  /**
   * A clip with some steps drawn again so that they fit the others, which stay. For models of one token a step.
   * @param {{role: string, tokens: Int16Array, hole: Uint8Array, temperature: number, seed: number, tag?: string}} options
   *   tokens and hole `[steps]`; the hole is 1 where tokens are to be drawn.
   * @returns {Promise<Int16Array>} `[steps]`.
   */
  infill(options) {
    return this.#call("infill", options);
  }

  /**
   * What lies between four clips.
   * @param {{role: string, corners: Float32Array[], x: number, y: number, exact?: (Uint16Array|Int16Array)[],
   *   tag?: string}} options latent vectors of top left, top right, bottom left and bottom right; x and y from 0 to 1;
   *   the clips themselves, which come back as they are at their corners.
   * @returns {Promise<{z: Float32Array, tokens: Uint16Array|Int16Array}>}
   */
  mix(options) {
    return this.#call("mix", options);
  }

  /**
   * A clip moved along attribute vectors, at temperature 0.
   * @param {{role?: string, tokens: Uint16Array, amounts: Record<string, number>, tag?: string}} options how much of each
   *   vector is added, as `explore.py vary --amount`: 1 is the way from the lowest quarter of all clips to the highest.
   *   Without amounts the clip stays as it is. The role is "edit" by default.
   * @returns {Promise<Uint16Array>} tokens `[steps]`.
   */
  move(options) {
    return this.#call("move", options);
  }

  /**
   * How a drummer plays the hits of a beat.
   * @param {{tokens: Uint16Array, tag?: string} & import("./performing.js").Manner} options tokens of any number of steps.
   *   How the hits were played before is not read.
   * @returns {Promise<{velocities: Float32Array, offsets: Float32Array}>} `[steps, drums]` each: MIDI velocities, and
   *   offsets in steps, late ones positive; 0 where nothing is struck.
   */
  humanize(options) {
    return this.#call("humanize", options);
  }

  /**
   * Drums for a tapped rhythm.
   * @param {{taps: {step: number, offset: number, velocity: number}[], steps: number, tag?: string} &
   *   import("./performing.js").Manner} options offsets in steps, late ones positive.
   * @returns {Promise<{velocities: Uint8Array, offsets: Float32Array, steps: number}>} a beat.
   */
  tap(options) {
    return this.#call("tap", options);
  }

  /**
   * A function of engine/testing.js, for tests.
   * @param {string} name
   * @param {object} args
   * @returns {Promise<any>}
   */
  debug(name, args) {
    return this.#call("debug", { name, args });
  }

  /** Stop the worker; what waits is rejected. */
  close() {
    this.worker?.terminate();
    URL.revokeObjectURL(this.url);
    this.#fail("The engine was closed.");
  }

  #call(method, options) {
    if (this.failure) {
      return Promise.reject(new Error(this.failure));
    }
    const { tag = null, ...args } = options;
    if (tag !== null) {
      this.waiting.filter((call) => call.tag === tag).forEach((call) => call.reject(new Dropped()));
      this.waiting = this.waiting.filter((call) => call.tag !== tag);
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ method, args, tag, resolve, reject });
      this.#next();
    });
  }

  #next() {
    if (this.running || !this.waiting.length) {
      return;
    }
    this.running = this.waiting.shift();
    const { method, args } = this.running;
    try {
      this.worker.postMessage({ method, args });
    } catch (error) {
      this.#answered({ error: error.message });
    }
  }

  #answered({ result, error }) {
    const { resolve, reject } = this.running;
    this.running = null;
    if (error === undefined) {
      resolve(result);
    } else {
      reject(new Error(error));
    }
    this.#next();
  }

  #broken(event) {
    event.preventDefault();
    this.#fail(`The models have stopped (${event.message || "the worker could not start"}); reload the page.`);
  }

  #fail(sentence) {
    this.failure = sentence;
    const calls = this.running ? [this.running, ...this.waiting] : this.waiting;
    this.running = null;
    this.waiting = [];
    calls.forEach((call) => call.reject(new Error(sentence)));
  }
}

function attributeFacts(attributes) {
  const facts = {};
  for (const [name, { unit, mean, standard_deviation: standardDeviation }] of Object.entries(attributes)) {
    facts[name] = { unit, mean, standardDeviation };
  }
  return facts;
}
