// Names in MIDI files: bytes without a stated encoding, mostly Latin-1 or UTF-8.

const AT_ONCE = 8192;
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Bytes as Latin-1, a character for each.
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export function latin1(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += AT_ONCE) {
    text += String.fromCharCode(...bytes.subarray(at, at + AT_ONCE));
  }
  return text;
}

/**
 * A name that was read as Latin-1, as UTF-8 where it is that.
 * @param {string} name
 * @returns {string}
 */
export function readable(name) {
  const bytes = new Uint8Array(name.length);
  for (let i = 0; i < name.length; i += 1) {
    const code = name.charCodeAt(i);
    if (code > 0xff) return name;
    bytes[i] = code;
  }
  try {
    return UTF8.decode(bytes);
  } catch {
    return name;
  }
}
