// What only tests ask for: the parts of a model with all that decides them given, to be compared with Python's.

import { infilled } from "./infilling.js";
import { conditionRow, density, endsInAFill, quantileOf, syncopation } from "./conditions.js";
import { slerp } from "./interpolation.js";
import { normals, uniforms } from "./random.js";

/** Functions of `engine.debug(name, args)`; each is given the arguments, and the model of `args.role`. */
export const TESTS = {
  /** Tokens of a history decoder for `args.given` (see history_drums.js) and `args.options`. */
  played: ({ given, options }, model) => model.player.decode(given, options),

  /** Log probabilities of a history decoder, `[n, steps, depth]`. */
  logProbabilities: ({ given, tokens }, model) => model.player.logProbabilities(given, tokens),

  /** Tokens of a MusicVAE. */
  decoded: ({ z, n, decisions }, model) => model.decoder.decode(z, n, decisions),

  /** Parameters of all steps of a MusicVAE. */
  parameters: ({ z, n, tokens }, model) => model.decoder.parameters(z, n, tokens),

  /** Means and standard deviations of the posteriors of clips. */
  posterior: ({ tokens, n }, model) => model.posterior(tokens, n, true),

  /** Hits, velocities and offsets of a groove model. */
  performed: ({ controls, n, options }, model) => model.player.perform(controls, n, options),

  /** Candidates for a hole, and their importance. */
  infilled: (task, model) => infilled(model, task),

  /** A point on the way between two vectors. */
  slerp: ({ start, end, t }) => slerp(start, end, t),

  /** A beat that any model draws, with the options of `engine.draw`. */
  drawn: ({ options }, model) => model.draw(options),

  /** What can be measured of beats. */
  measures: ({ clips }) =>
    clips.map((tokens) => ({
      density: density(tokens),
      syncopation: syncopation(tokens),
      fill: endsInAFill(tokens),
    })),

  /** Quantiles of values of a condition. */
  quantiles: ({ condition, values }) => values.map((value) => quantileOf(condition, value)),

  /** A row of conditions. */
  conditionRow: ({ conditions }) => conditionRow(conditions),

  /** Random numbers. */
  uniforms: ({ seed, count }) => uniforms(seed, count),
  normals: ({ seed, count }) => normals(seed, count),
};
