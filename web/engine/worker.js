// The entry of the worker: opens the models that it is sent, and does what the page asks, one thing after another.
//
// A message is {method, args}; the answer is {result} or {error: a sentence}. The first message opens the models. The page
// sends the next one when it has the answer (client.js), so that it can still drop what is no longer wanted.

import { Engine } from "./engine.js";

const engine = new Engine();

self.addEventListener("message", async ({ data: { method, args } }) => {
  try {
    const result = await engine.call(method, args);
    self.postMessage({ result });
  } catch (error) {
    self.postMessage({ error: error.message });
  }
});
