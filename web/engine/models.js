// A packaged model, ready to play: what the worker's methods do, whatever kind it is of.

import { BarEncoder } from "./bars.js";
import { drawBeat, maskTokens } from "./drawing.js";
import { refined } from "./editing.js";
import { LstmEncoder } from "./encoders.js";
import { GroovePlayer } from "./grooves.js";
import { HistoryPlayer } from "./history_drums.js";
import { infilled } from "./infilling.js";
import { encoderInputs } from "./inputs.js";
import { MusicVaeDecoder } from "./music_vae.js";
import { drumsOfTaps, humanized } from "./performing.js";
import { normals, uniforms } from "./random.js";
import { unpacked } from "./tensors.js";

/**
 * The model of a packaged one.
 * @param {object} packaged as models/formats/browser.py makes it.
 * @returns {Promise<HistoryModel|MusicVaeModel|GrooveModel>}
 * @throws {Error} where it is damaged, or of a kind that is not played here.
 */
export async function opened(packaged) {
  const weights = await unpacked(packaged);
  if (packaged.kind === "history_drums") {
    return new HistoryModel(weights, packaged);
  }
  if (packaged.kind === "music_vae") {
    return new MusicVaeModel(weights, packaged);
  }
  if (packaged.kind === "groove") {
    return new GrooveModel(weights, packaged);
  }
  throw new Error(`The model ${packaged.name} is of the kind ${packaged.kind}, which this page does not play.`);
}

/** What models with a latent vector have in common. */
class LatentModel {
  constructor(packaged, encoder) {
    this.name = packaged.name;
    this.config = packaged.config;
    this.attributes = packaged.attributes;
    this.encoder = encoder;
  }

  /**
   * The posterior of clips.
   * @param {ArrayLike<number>} tokens `[n, steps]`.
   * @param {number} n clips.
   * @param {boolean} [needsSigma]
   * @returns {{mu: Float32Array, sigma: Float32Array|null}} `[n, zSize]` each.
   */
  posterior(tokens, n, needsSigma = false) {
    const { input_form: form, input_depth: depth } = this.config;
    return this.encoder.encode(encoderInputs(tokens, form, depth), n, needsSigma);
  }

  /**
   * The latent vector that stands for a clip.
   * @param {ArrayLike<number>} tokens `[steps]`.
   * @returns {Float32Array}
   */
  encode(tokens) {
    return this.posterior(tokens, 1).mu;
  }
}

/** A drum model that reads its own past. */
export class HistoryModel extends LatentModel {
  constructor(weights, packaged) {
    super(packaged, new BarEncoder(weights, packaged.config));
    this.player = new HistoryPlayer(weights, packaged.config);
    this.draws = 1;
  }

  /** As `drawBeat`. */
  draw(options) {
    return drawBeat(this.player, this.config, options);
  }

  /** The latent vector that stands for a clip: refined where the model is one that edits. */
  encode(tokens) {
    if (this.config.fills_in) {
      return super.encode(tokens);
    }
    return refined((clip) => this.posterior(clip, 1).mu, (z) => this.decode(z, 1), tokens);
  }

  /**
   * Tokens for latent vectors.
   * @param {Float32Array} z `[n, zSize]`.
   * @param {number} n clips.
   * @param {{uniforms?: Float32Array|null, temperature?: number}} [options] as for `HistoryPlayer.decode`.
   * @returns {Uint16Array} `[n, steps]`.
   */
  decode(z, n, options = {}) {
    const given = { n, z, usesZ: true, known: null, mask: null, past: null, conditions: null };
    return this.player.decode(given, options);
  }
}

/** A MusicVAE. */
export class MusicVaeModel extends LatentModel {
  constructor(weights, packaged) {
    super(packaged, new LstmEncoder(weights, packaged.config));
    this.decoder = new MusicVaeDecoder(weights, packaged.config);
    this.draws = this.decoder.output.uniforms;
  }

  /** A beat from the prior, as `drawBeat`, but known hits only keep the model from drawing others. */
  draw({ seed, temperature, known, mask, z, uniforms: given }) {
    const { steps, z_size: zSize } = this.config;
    const draws = given || uniforms(seed, steps * this.decoder.output.uniforms);
    const played = this.decoder.decode(z || normals(seed, zSize), 1, {
      uniforms: temperature > 0 ? draws : null,
      temperature: temperature || 1,
      known: known && mask ? known : null,
      mask: known && mask ? maskTokens(mask, mask.length / steps) : null,
    });
    return Uint16Array.from(played);
  }

  /** A clip's hole filled in, with `candidates` to choose from: tokens `[steps]`. */
  infill({ tokens, hole, temperature, seed, candidates = 32 }) {
    const { steps, z_size: zSize } = this.config, isDrawn = temperature > 0;
    const found = infilled(this, {
      tokens, hole, noise: normals(seed, candidates * zSize), temperature: temperature || 1,
      uniforms: isDrawn ? uniforms(seed, candidates * steps) : null,
      gumbels: isDrawn ? uniforms(seed, candidates, 2).map((u) => -Math.log(-Math.log(u + 2 ** -25))) : null,
    });
    return found.tokens.slice(0, steps);
  }

  /** As `HistoryModel.decode`, with uniforms of each of a token's bits where the model draws these. */
  decode(z, n, options = {}) {
    return this.decoder.decode(z, n, options);
  }
}

/** A model of velocities and timing. */
class GrooveModel {
  constructor(weights, packaged) {
    this.name = packaged.name;
    this.player = new GroovePlayer(weights, packaged.config);
  }

  /** As `humanized` of performing.js. */
  humanize({ tokens, ...manner }) {
    return humanized(this.player, tokens, manner);
  }

  /** As `drumsOfTaps` of performing.js. */
  tap({ taps, steps, ...manner }) {
    return drumsOfTaps(this.player, taps, steps, manner);
  }
}
