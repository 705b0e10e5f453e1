// Three lines for someone who opens a tab of the page for the first time.

import { button, element } from "./elements.js";

const KEY = "beat studio: hint read";
const LINES = {
  drums: [
    "Play (or space) starts the loop. Click a step to strike it; drag along a row to paint, up or down for velocity.",
    "Lock the bars and drums that you like, then press New beat: the model draws the rest around them.",
    "Save MIDI takes the beat to your DAW, Copy link shares it, and Undo takes anything back.",
  ],
  melody: [
    "Click an empty place in the piano roll to add a note; drag notes to move them, or their right ends to lengthen them.",
    "Lock a bar that you like, then press New melody: the model draws the other one to go with it.",
    "Save MIDI saves the melody while this tab is open, and the keys A W S E D F ... are a piano.",
  ],
};

/**
 * @param {HTMLElement} root
 * @param {Object} app see main.js
 */
export function mountHint(root, app) {
  const { store } = app, list = element("ol"), read = new Set(Object.keys(LINES).filter(isRead));
  const show = (tab) => {
    root.hidden = read.has(tab);
    list.replaceChildren(...LINES[tab].map((line) => element("li", {}, line)));
  };
  root.append(list, button("Got it", () => {
    const { tab } = store.doc;
    read.add(tab);
    keep(tab);
    show(tab);
    document.querySelector("#transport .play")?.focus();
    app.say("");
  }, { class: "quiet" }));
  store.subscribe((doc, before) => { if (doc.tab !== before.tab) show(doc.tab); });
  show(store.doc.tab);
}

function keyOf(tab) {
  return tab === "drums" ? KEY : `${KEY}, ${tab}`;
}

// Some browsers keep nothing for files; the hint then comes again.
function isRead(tab) {
  try {
    return localStorage.getItem(keyOf(tab)) !== null;
  } catch {
    return false;
  }
}

function keep(tab) {
  try {
    localStorage.setItem(keyOf(tab), "1");
  } catch {
    // It comes again.
  }
}
