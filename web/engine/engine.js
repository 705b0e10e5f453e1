// What the page can ask the models for; it runs in the worker, and tests can run it anywhere.

import { between, cornerAt, moved } from "./interpolation.js";
import { opened } from "./models.js";
import { uniforms } from "./random.js";
import { TESTS } from "./testing.js";

/** The methods that `call` takes. */
const METHODS = ["open", "draw", "encode", "decode", "infill", "mix", "move", "humanize", "tap", "debug"];

/** Latent vectors that are remembered: those of the corners and of the beat that sliders move. */
const REMEMBERED = 16;

/** The models of a page by their roles. */
export class Engine {
  constructor() {
    this.opening = new Map();
    this.vectors = new Map();
  }

  /**
   * Call a method by its name.
   * @param {string} method one of `METHODS`.
   * @param {object} args its only argument.
   * @returns {Promise<any>} what can be sent to the page.
   * @throws {Error} with a sentence.
   */
  async call(method, args) {
    if (!METHODS.includes(method)) {
      throw new Error(`The engine has no method ${method}.`);
    }
    return this[method](args);
  }

  /**
   * Open models; done when the first one is.
   * @param {{models: object[]}} args packaged models with their `roles`.
   */
  async open({ models }) {
    let before = Promise.resolve();
    for (const packaged of models) {
      const model = before.then(() => opened(packaged));
      // A damaged model spoils what needs it, not those after it.
      before = model.catch(() => null);
      for (const role of packaged.roles) {
        this.opening.set(role, model);
      }
    }
    if (models.length) {
      await this.opening.get(models[0].roles[0]);
    }
  }

  /** The model of a role, once it is open. */
  async model(role) {
    if (!this.opening.has(role)) {
      throw new Error(`This page has no model to ${role} with.`);
    }
    return this.opening.get(role);
  }

  /** @param {import("./drawing.js").DrawOptions} options */
  async draw(options) {
    return (await this.model("draw")).draw(options);
  }

  /** @param {{role: string, tokens: Uint16Array}} args */
  async encode({ role, tokens }) {
    return this.#vector(role, await this.model(role), tokens);
  }

  /** The latent vector of a clip, computed once. */
  #vector(role, model, tokens) {
    const key = `${role} ${tokens.join(" ")}`;
    const z = this.vectors.get(key) || model.encode(tokens);
    // Deleted and set again, so that the one that was used longest ago comes first.
    this.vectors.delete(key);
    this.vectors.set(key, z);
    if (this.vectors.size > REMEMBERED) {
      this.vectors.delete(this.vectors.keys().next().value);
    }
    return z.slice();
  }

  /** @param {{role: string, z: Float32Array, n: number, temperature: number|null, seed?: number, uniforms?: Float32Array}} args */
  async decode({ role, z, n, temperature, seed = 0, uniforms: given }) {
    const model = await this.model(role);
    const isDrawn = temperature !== null && temperature > 0;
    const draws = isDrawn ? given || uniforms(seed, n * model.config.steps * model.draws) : null;
    return model.decode(z, n, { uniforms: draws, temperature: temperature || 1 });
  }

  /** @param {{role: string, tokens: Int16Array, hole: Uint8Array, temperature: number, seed: number}} args */
  async infill({ role, ...task }) {
    return (await this.model(role)).infill(task);
  }

  /** @param {{role: string, corners: Float32Array[], x: number, y: number, exact?: ArrayLike<number>[]}} args */
  async mix({ role, corners, x, y, exact }) {
    const model = await this.model(role);
    const corner = cornerAt(x, y);
    const z = corner < 0 ? between(corners, x, y) : corners[corner];
    const isExact = corner >= 0 && exact && exact[corner];
    return { z, tokens: isExact ? exact[corner].slice() : model.decode(z, 1) };
  }

  /** @param {{role?: string, tokens: Uint16Array, amounts: Record<string, number>}} args */
  async move({ role = "edit", tokens, amounts }) {
    const model = await this.model(role);
    if (Object.values(amounts).every((amount) => amount === 0)) {
      return tokens.slice();
    }
    const z = this.#vector(role, model, tokens);
    return model.decode(moved(z, model.attributes, amounts), 1);
  }

  /** @param {{tokens: Uint16Array} & import("./performing.js").Manner} args */
  async humanize(args) {
    return (await this.model("humanize")).humanize(args);
  }

  /** @param {{taps: object[], steps: number} & import("./performing.js").Manner} args */
  async tap(args) {
    return (await this.model("tap")).tap(args);
  }

  /** @param {{name: string, args: object}} call of a function of testing.js. */
  async debug({ name, args }) {
    const model = args.role ? await this.model(args.role) : null;
    return TESTS[name](args, model);
  }
}
