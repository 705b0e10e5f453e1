// Not there yet.

/**
 * @param {HTMLElement} root
 * @param {Object} app see main.js
 */
export function mountPad(root, app) {
  root.hidden = !app;
  root.hidden = true;
}
