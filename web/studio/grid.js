// Not there yet.

/**
 * @param {HTMLElement} root
 * @param {Object} app see main.js
 */
export function mountGrid(root, app) {
  void root;
  void app;
}
