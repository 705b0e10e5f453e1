// Not there yet.

/**
 * @param {HTMLElement} root
 * @param {Object} app see main.js
 */
export function mountTransport(root, app) {
  void root;
  void app;
}
