// The keyboard of the whole page: space plays, letters hit drums, Ctrl+Z takes back.

/** The letters that hit the nine drums, in their order. */
export const DRUM_KEYS = Object.freeze(["a", "s", "d", "f", "g", "h", "j", "k", "l"]);

/** @param {Object} app see main.js */
export function mountKeys(app) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || isText(event.target)) return;
    if (event.ctrlKey || event.metaKey) {
      if (event.key.toLowerCase() === "z") {
        event.preventDefault();
        if (event.shiftKey) app.redo();
        else app.undo();
      } else if (event.key.toLowerCase() === "y") {
        event.preventDefault();
        app.redo();
      }
      return;
    }
    if (event.key === " " && !usesSpace(event.target)) {
      event.preventDefault();
      if (!event.repeat) app.player.toggle();
      return;
    }
    // A list finds its lines by their letters.
    if (event.repeat || event.target.tagName === "SELECT") return;
    const isDrums = app.store.doc.tab === "drums", drum = DRUM_KEYS.indexOf(event.key.toLowerCase());
    if (isDrums && drum >= 0) app.hit(drum);
    if (event.key.toLowerCase() === "n") (isDrums ? app.newBeat : app.newMelody)?.();
  });
}

function isText(target) {
  if (target.isContentEditable || target.tagName === "TEXTAREA") return true;
  return target.tagName === "INPUT" && !["range", "checkbox", "radio", "button", "file"].includes(target.type);
}

// Where space has a meaning of its own: a list opens, a box is ticked, a button other than those of the grid is
// pressed.
function usesSpace(target) {
  if (target.closest("[data-space=plays]")) return false;
  return target.closest("button, select, summary, a[href], [role=button], input[type=checkbox], input[type=radio]")
    !== null;
}
