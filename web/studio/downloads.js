// Hands files to the browser to be saved.

/** The MIME type of MIDI files, and that of WAV files. */
export const MIDI_TYPE = "audio/midi";
export const WAV_TYPE = "audio/wav";

// How long a browser may take to begin with a download.
const DOWNLOAD_MS = 60000;

/**
 * Have the browser save a file.
 * @param {string} name
 * @param {string} type its MIME type
 * @param {Uint8Array} bytes
 */
export function saveFile(name, type, bytes) {
  const url = URL.createObjectURL(new Blob([bytes], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), DOWNLOAD_MS);
}
