// The document in the page's address: written after changes, read from links.

import { addressOf } from "./address.js";

const ADDRESS_DELAY_MS = 400;

/** A link of such a page, or its part behind "#" alone. */
const LINK = /^\s*(?:\S*#)?([1-9][A-Za-z0-9_-]{20,})\s*$/;

/**
 * Keep the address up to date, a moment after the last change; open an address that is typed, and a link that is pasted
 * anywhere into the page, as a page of the file system has another address for everyone.
 * @param {Object} app see main.js; gets `writeAddress`
 */
export function keepAddress(app) {
  let timer = 0, written = location.hash.slice(1);
  const write = () => {
    timer = 0;
    written = addressOf(app.store.doc);
    history.replaceState(null, "", `#${written}`);
  };
  app.store.subscribe(() => {
    clearTimeout(timer);
    timer = setTimeout(write, ADDRESS_DELAY_MS);
  });
  addEventListener("pagehide", () => { if (timer) write(); });
  addEventListener("hashchange", () => {
    const text = location.hash.slice(1);
    if (text && text !== written) app.openAddress(text);
  });
  addEventListener("paste", (event) => {
    if (event.target.closest?.("input, textarea, [contenteditable]")) return;
    const found = LINK.exec(event.clipboardData?.getData("text/plain") ?? "");
    if (found) app.openAddress(found[1]);
  });
  app.writeAddress = () => {
    clearTimeout(timer);
    write();
    return location.href;
  };
}
