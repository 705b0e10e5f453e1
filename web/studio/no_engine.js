// Stands for the models where a page has none: it knows no model, and says so to whoever asks one.

const SENTENCE = "This page has no model for that.";

/** @returns {Object} an engine as web/engine/client.js starts it, without models */
export function noEngine() {
  const refuse = () => Promise.reject(new Error(SENTENCE));
  return {
    ready: Promise.resolve(),
    model: () => null,
    draw: refuse, encode: refuse, decode: refuse, mix: refuse, move: refuse, humanize: refuse, tap: refuse,
  };
}
