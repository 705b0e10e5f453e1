// The page's state and its history. A document is a plain object that is never changed, only replaced.

const LEVELS = 200;

/** Holds the document, tells who listens of each change, and takes changes back. */
export class Store {
  #doc;
  #past = [];
  #future = [];
  #listeners = new Set();
  #mergeKey = null;
  #kept;

  /**
   * @param {Object} doc
   * @param {string[]} [kept] keys that undo and redo leave as they are, such as the tab that is open
   */
  constructor(doc, kept = []) {
    this.#doc = doc;
    this.#kept = kept;
  }

  /** The document as it is now; not to be changed. */
  get doc() {
    return this.#doc;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  /** What undo would take back, such as "new beat", or null. */
  get undoLabel() {
    return this.#past.length ? this.#past.at(-1).label : null;
  }

  /** What redo would do again, or null. */
  get redoLabel() {
    return this.#future.length ? this.#future.at(-1).label : null;
  }

  /**
   * Replace the document.
   * @param {string} label what is done, for the undo button: "tempo", "new beat"
   * @param {(doc: Object) => Object} make from the document to the next; the same object means no change
   * @param {{merge?: string, history?: boolean}} [options] Changes in a row with the same `merge` are one level of
   *   undo (a drag, a slider). With `history: false` the change is no level of undo (the tab).
   */
  change(label, make, { merge = null, history = true } = {}) {
    const before = this.#doc, after = make(before);
    if (after === before) return;
    if (history) {
      if (merge === null || merge !== this.#mergeKey || !this.#past.length) {
        this.#past.push({ label, doc: before });
        if (this.#past.length > LEVELS) this.#past.shift();
      }
      this.#mergeKey = merge;
      this.#future = [];
    }
    this.#set(after, label);
  }

  /** End a run of merged changes: the next one is a level of its own even with the same key. */
  settle() {
    this.#mergeKey = null;
  }

  /** Take the last change back. Returns whether there was one. */
  undo() {
    return this.#step(this.#past, this.#future);
  }

  /** Do the last change that was taken back again. Returns whether there was one. */
  redo() {
    return this.#step(this.#future, this.#past);
  }

  /**
   * Be told of each change.
   * @param {(doc: Object, before: Object, label: string) => void} listener
   * @returns {() => void} which ends it
   */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #step(from, to) {
    if (!from.length) return false;
    const { label, doc } = from.pop();
    to.push({ label, doc: this.#doc });
    this.#mergeKey = null;
    const kept = Object.fromEntries(this.#kept.map((key) => [key, this.#doc[key]]));
    this.#set({ ...doc, ...kept }, label);
    return true;
  }

  #set(doc, label) {
    const before = this.#doc;
    this.#doc = doc;
    for (const listener of [...this.#listeners]) listener(doc, before, label);
  }
}
