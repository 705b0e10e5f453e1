// A piano on the computer's keyboard, for the Melody tab. A key sounds; while the melody plays and recording is on, it
// is written on the nearest sixteenth, as long as it was held.

import { MELODY_VELOCITY, withNote } from "../music/melody.js";
import { element, toggle } from "./elements.js";
import { VOICES } from "./melody_state.js";

// By the place of the keys and not by their letters, so that they lie like a piano's on every layout: C to the next E.
const CODES = [
  "KeyA", "KeyW", "KeyS", "KeyE", "KeyD", "KeyF", "KeyT", "KeyG", "KeyY", "KeyH", "KeyU", "KeyJ", "KeyK", "KeyO",
  "KeyL", "KeyP", "Semicolon",
];
const FIRST_C = 60;
const HEARD_SECONDS = 0.35;

/**
 * Listen to the keys.
 * @param {{app: Object, melody: () => Object, set: Function}} panel see melody_panel.js
 * @returns {HTMLElement} the controls
 */
export function mountMelodyKeys({ app, melody, set }) {
  const held = new Map();
  const record = toggle("Record the keys", false, (on) => record.set(on), {
    id: "melody-record", title: "While it plays, what you play on the keys is written into the melody",
  });
  const isRecording = () => record.root.getAttribute("aria-pressed") === "true" && app.player.isPlaying;
  document.addEventListener("keydown", (event) => {
    const pitch = pitchOf(app, event);
    if (pitch === null || event.repeat) return;
    event.preventDefault();
    const part = VOICES[melody().voice].part;
    app.player.audition({ pitch, velocity: MELODY_VELOCITY, length: 1, offset: 0, part }, HEARD_SECONDS);
    const from = isRecording() ? app.player.positionAt(event.timeStamp) : null;
    if (from !== null) held.set(event.code, { pitch, from });
  });
  document.addEventListener("keyup", (event) => {
    const note = held.get(event.code), to = note ? app.player.positionAt(event.timeStamp) : null;
    held.delete(event.code);
    if (to === null) return;
    const { tokens } = melody(), start = Math.max(0, Math.round(note.from)) % tokens.length;
    const length = Math.max(1, Math.round(to - note.from));
    set("play a note", { tokens: withNote(tokens, { pitch: note.pitch, start, length }) });
  });
  return element("div", { class: "row-of" }, record.root,
    element("span", { class: "state keys-hint" },
      "The keys A W S E D F ... play notes, C4 to E5; with Shift an octave higher."));
}

/** The pitch of a key that plays one, or null. */
function pitchOf(app, { code, shiftKey, ctrlKey, metaKey, altKey, target, defaultPrevented }) {
  if (app.store.doc.tab !== "melody" || ctrlKey || metaKey || altKey || defaultPrevented) return null;
  if (target.closest?.("select, textarea, input:not([type=range])")) return null;
  const at = CODES.indexOf(code);
  return at < 0 ? null : FIRST_C + at + (shiftKey ? 12 : 0);
}
