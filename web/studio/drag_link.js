// A link to a MIDI file that a click saves, and that Chromium makes a file of where it is dropped: in a DAW, a folder.

import { MIDI_TYPE } from "./downloads.js";
import { element } from "./elements.js";

// How long after a change the link's file is made again.
const LINK_MS = 300;

/**
 * @param {() => {name: string, bytes: Uint8Array}} make the file as it is now
 * @param {Object<string, *>} [attributes] of the link
 * @returns {{link: HTMLAnchorElement, renew: () => void}} `renew` is to be called after changes: it has the file made
 *   again in a moment. It is made again in any case when the link is touched, so that what is saved is never old.
 */
export function dragLink(make, attributes = {}) {
  const link = element("a", { class: "file", draggable: "true", ...attributes });
  let timer = 0;
  const now = () => {
    clearTimeout(timer);
    timer = 0;
    const { name, bytes } = make();
    if (link.textContent !== name) link.textContent = name;
    link.download = name;
    link.href = dataUrl(MIDI_TYPE, bytes);
  };
  const renew = () => {
    if (!timer) timer = setTimeout(now, LINK_MS);
  };
  for (const kind of ["pointerdown", "click", "focus"]) link.addEventListener(kind, now);
  link.addEventListener("dragstart", (event) => {
    now();
    event.dataTransfer.effectAllowed = "copy";
    event.dataTransfer.setData("DownloadURL", `${MIDI_TYPE}:${link.download}:${link.href}`);
  });
  now();
  return { link, renew };
}

/** A file as an address that holds all of it, which stays good after the page is closed. */
function dataUrl(type, bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return `data:${type};base64,${btoa(text)}`;
}
