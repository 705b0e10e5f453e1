// The row that stays in view: play, tempo, swing, volume, undo and redo, saving, and the link.

import { MOST_SWING, TEMPO_RANGE } from "./document.js";
import { button, element, slider } from "./elements.js";

/**
 * @param {HTMLElement} root
 * @param {Object} app see main.js; gets `slots.save`
 */
export function mountTransport(root, app) {
  app.slots.save = element("span", { class: "slot" });
  root.append(
    playButton(app), ...tempoAndSwing(app),
    slider({
      label: "Volume", min: 0, max: 100, step: 1, value: 100 * app.player.volume, text: (value) => `${value}%`,
      oninput: (value) => { app.player.volume = value / 100; },
    }).root,
    element("span", { class: "buttons" }, ...historyButtons(app), app.slots.save, linkButton(app)),
  );
}

function playButton(app) {
  const text = element("span", {}, "Play");
  const root = element("button", { type: "button", class: "play", "data-space": "plays", title: "Space",
    onclick: () => app.player.toggle() }, playIcon(), text);
  app.player.onChange(() => {
    root.classList.toggle("playing", app.player.isPlaying);
    text.textContent = app.player.isPlaying ? "Stop" : "Play";
  });
  return root;
}

function playIcon() {
  return element("svg:svg", { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" },
    element("svg:path", { class: "go", d: "M4 2.2v11.6L14 8z" }),
    element("svg:rect", { class: "halt", x: 3, y: 3, width: 10, height: 10, rx: 1.5 }));
}

function tempoAndSwing(app) {
  const { store } = app;
  const tempo = slider({
    label: "Tempo", min: TEMPO_RANGE[0], max: TEMPO_RANGE[1], step: 1, value: store.doc.tempo,
    text: (value) => `${Math.round(value * 10) / 10} BPM`,
    oninput: (value) => store.change("tempo", (doc) => ({ ...doc, tempo: value }), { merge: "tempo" }),
    onchange: () => store.settle(),
  });
  const swing = slider({
    label: "Swing", min: 0, max: MOST_SWING * 100, step: 1, value: store.doc.swing * 100,
    text: (value) => `${Math.round(value)}%`, hint: "How late every second sixteenth is; 33% is a triplet feel",
    oninput: (value) => store.change("swing", (doc) => ({ ...doc, swing: value / 100 }), { merge: "swing" }),
    onchange: () => store.settle(),
  });
  store.subscribe((doc) => {
    tempo.set(doc.tempo);
    swing.set(Math.round(doc.swing * 100));
  });
  return [tempo.root, swing.root];
}

function historyButtons(app) {
  const { store } = app;
  const undo = button("Undo", () => app.undo(), { class: "quiet" });
  const redo = button("Redo", () => app.redo(), { class: "quiet" });
  const show = () => {
    // aria-disabled instead of disabled: the focus stays where it is when the last level is taken back.
    undo.setAttribute("aria-disabled", String(!store.canUndo));
    redo.setAttribute("aria-disabled", String(!store.canRedo));
    undo.title = store.canUndo ? `Undo: ${store.undoLabel} (Ctrl+Z)` : "Nothing to undo";
    redo.title = store.canRedo ? `Redo: ${store.redoLabel} (Ctrl+Shift+Z)` : "Nothing to redo";
  };
  store.subscribe(show);
  show();
  return [undo, redo];
}

function linkButton(app) {
  return button("Copy link", async () => {
    const link = app.writeAddress();
    try {
      await navigator.clipboard.writeText(link);
      app.say("Copied the link. Open it, or paste it into this page elsewhere, and everything is as it is now.");
    } catch {
      app.say("The browser doesn't let the page copy; the link is in the address bar.", "error");
    }
  }, { class: "quiet", title: "The whole state, as a link" });
}
