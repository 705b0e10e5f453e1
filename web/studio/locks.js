// The buttons that lock bars and drums: what is locked stays as it is when the rest is drawn.

import { element } from "./elements.js";

/**
 * A padlock that is shut or open.
 * @param {Object} app see main.js
 * @param {"bars"|"drums"} kind
 * @param {number} index
 * @param {string} name what it locks
 * @returns {HTMLButtonElement}
 */
export function lockButton(app, kind, index, name) {
  const root = element("button", {
    type: "button", class: "lock", "aria-label": `Lock ${name}`, title: `Lock ${name}: it stays as it is`,
    onclick: () => app.store.change(root.getAttribute("aria-pressed") === "true" ? "unlock" : "lock",
      (doc) => toggled(doc, kind, index)),
  }, padlock());
  const show = (doc) => root.setAttribute("aria-pressed", String(doc.locks[kind][index]));
  app.store.subscribe((doc, before) => { if (doc.locks !== before.locks) show(doc); });
  show(app.store.doc);
  return root;
}

function toggled(doc, kind, index) {
  const list = doc.locks[kind].map((lock, i) => (i === index ? !lock : lock));
  return { ...doc, locks: { ...doc.locks, [kind]: list } };
}

function padlock() {
  return element("svg:svg", { viewBox: "0 0 16 16", width: 14, height: 14, "aria-hidden": "true" },
    element("svg:path", { class: "shackle", d: "M5 7.5V5a3 3 0 0 1 6 0v2.5" }),
    element("svg:rect", { x: 3, y: 7.5, width: 10, height: 7, rx: 1.6 }));
}
