// Three lines for someone who opens the page for the first time.

import { button, element } from "./elements.js";

const KEY = "beat studio: hint read";
const LINES = [
  "Play (or space) starts the loop. Click a step to strike it; drag along a row to paint, up or down for velocity.",
  "Lock the bars and drums that you like, then press New beat: the model draws the rest around them.",
  "Save MIDI takes the beat to your DAW, Copy link shares it, and Undo takes anything back.",
];

/**
 * @param {HTMLElement} root
 * @param {Object} app see main.js
 */
export function mountHint(root, app) {
  if (isRead()) return;
  root.append(element("ol", {}, ...LINES.map((line) => element("li", {}, line))), button("Got it", () => {
    root.hidden = true;
    remember();
    document.querySelector("#transport .play")?.focus();
    app.say("");
  }, { class: "quiet" }));
  root.hidden = false;
}

// Some browsers keep nothing for files; the hint then comes again.
function isRead() {
  try {
    return localStorage.getItem(KEY) !== null;
  } catch {
    return false;
  }
}

function remember() {
  try {
    localStorage.setItem(KEY, "1");
  } catch {
    // It comes again.
  }
}
