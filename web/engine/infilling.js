// Filling in: some steps of a clip are drawn again so that they fit the others, which stay; as
// models/music_vae/infilling.py, for models of a token a step.

const NOTHING_HAPPENS = 0;

/**
 * Candidates for a hole, weighed by how well their latent vectors explain what is known. The vectors are drawn from the
 * posterior of the clip with the hole blanked; a candidate's importance is p(known | z, hole so far) p(z) / q(z).
 * @param {import("./models.js").MusicVaeModel} model
 * @param {{tokens: ArrayLike<number>, hole: ArrayLike<number>, noise: Float32Array, uniforms: Float32Array|null,
 *   temperature: number, gumbels: Float32Array|null}} task tokens and hole `[steps]`, the hole 1 where they are to be
 *   drawn; noise `[n, zSize]` from N(0, 1); uniforms `[n, steps]`, null for the likeliest tokens; gumbels `[n]`, with
 *   which the first candidate is a draw by importance, null for the most important one
 * @returns {{tokens: Int16Array, logWeights: Float64Array}} `[n, steps]`, best first, with all known tokens as they
 *   were; `[n]` nats
 */
export function infilled(model, { tokens, hole, noise, uniforms, temperature, gumbels }) {
  const { steps, z_size: zSize } = model.config, n = noise.length / zSize;
  const { z, logRatio } = drawnAround(model, tokens, hole, noise, n);
  const known = repeated(tokens, n), mask = repeated(Array.from(hole, (drawn) => (drawn ? 0 : -1)), n);
  const drawn = model.decoder.decode(z, n, { uniforms, temperature, known, mask });
  const logWeights = logLikelihoods(model, z, drawn, mask, n);
  logRatio.forEach((value, i) => { logWeights[i] += value; });
  const keys = logWeights.map((weight, i) => weight + (gumbels ? gumbels[i] : 0));
  const order = [...keys.keys()].sort((a, b) => keys[b] - keys[a]);
  const found = new Int16Array(n * steps);
  order.forEach((from, to) => found.set(drawn.subarray(from * steps, (from + 1) * steps), to * steps));
  return { tokens: found, logWeights: Float64Array.from(order, (i) => logWeights[i]) };
}

/** Draws of z from the posterior with the hole blanked, and log p(z) - log q(z) of each. */
function drawnAround(model, tokens, hole, noise, n) {
  const blanked = Int16Array.from(tokens, (token, step) => (hole[step] ? NOTHING_HAPPENS : token));
  const { mu, sigma } = model.posterior(blanked, 1, true);
  const z = new Float32Array(noise.length), logRatio = new Float64Array(n), zSize = mu.length;
  for (let i = 0; i < noise.length; i += 1) {
    const unit = i % zSize;
    z[i] = mu[unit] + sigma[unit] * noise[i];
    const spread = Math.max(sigma[unit], 2 ** -126);
    const prior = -0.5 * (mu[unit] + spread * noise[i]) ** 2, posterior = -0.5 * noise[i] ** 2 - Math.log(spread);
    logRatio[Math.floor(i / zSize)] += prior - posterior;
  }
  return { z, logRatio };
}

/** The log probability of the known tokens of each candidate, each step given those before it. */
function logLikelihoods(model, z, drawn, mask, n) {
  const logits = model.decoder.parameters(z, n, drawn), { steps } = model.config, depth = logits.length / n / steps;
  const sums = new Float64Array(n);
  for (let place = 0; place < n * steps; place += 1) {
    if (!mask[place]) {
      continue;
    }
    const row = logits.subarray(place * depth, (place + 1) * depth), highest = row.reduce((a, b) => Math.max(a, b));
    const total = row.reduce((sum, logit) => sum + Math.exp(logit - highest), 0);
    sums[Math.floor(place / steps)] += row[drawn[place]] - highest - Math.log(total);
  }
  return sums;
}

function repeated(values, n) {
  const found = new Int16Array(values.length * n);
  for (let i = 0; i < n; i += 1) {
    found.set(values, i * values.length);
  }
  return found;
}
