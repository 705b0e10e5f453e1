// The one error of this folder's readers: its message is a sentence for people, the one that the commands say.

export class MidiError extends Error {
  /**
   * @param {string} message one sentence: what is wrong, and what to do.
   * @param {string} reason a short code such as "truncated".
   */
  constructor(message, reason) {
    super(message);
    this.name = "MidiError";
    this.reason = reason;
  }
}
