// Melodies: one voice as a token a step, and as notes; the counterpart of preprocess/converters/melody.py.
//
// A melody is an Int16Array: 0 holds what sounds (or the silence), 1 ends it, 2 and more begin a pitch. Notes are
// { pitch, start, length, velocity }: MIDI pitches, times in steps (sixteenths). Both are treated as immutable:
// whatever changes one makes a new one.

export const NO_EVENT = 0;
export const NOTE_OFF = 1;
/** The token of the lowest pitch. */
export const FIRST_PITCH = 2;
/** The lowest and the highest MIDI pitch, those of a piano. */
export const LOWEST = 21;
export const HIGHEST = 108;
export const MELODY_STEPS = 32;
export const MELODY_STEPS_PER_BAR = 16;
/** Tokens have no velocity; this is the one that the Python side writes, too. */
export const MELODY_VELOCITY = 80;

const NAMES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];
const SPOKEN = ["C", "C sharp", "D", "E flat", "E", "F", "F sharp", "G", "A flat", "A", "B flat", "B"];

/**
 * A melody of silence.
 * @param {number} [steps]
 * @returns {Int16Array}
 */
export function emptyMelody(steps = MELODY_STEPS) {
  return new Int16Array(steps);
}

/**
 * The notes of tokens: what still sounds at the end ends there.
 * @param {ArrayLike<number>} tokens
 * @returns {{pitch: number, start: number, length: number, velocity: number}[]} ordered by start
 */
export function notesOf(tokens) {
  const notes = [];
  let sounding = null;
  for (let step = 0; step <= tokens.length; step++) {
    const token = step < tokens.length ? tokens[step] : NOTE_OFF;
    if (token === NO_EVENT) continue;
    if (sounding) sounding.length = step - sounding.start;
    sounding = null;
    if (token >= FIRST_PITCH) {
      sounding = { pitch: token - FIRST_PITCH + LOWEST, start: step, length: 0, velocity: MELODY_VELOCITY };
      notes.push(sounding);
    }
  }
  return notes;
}

/**
 * The tokens of notes. A note ends where the next one begins, if not before; of notes that begin together the highest
 * counts; nothing sounds after the last step.
 * @param {{pitch: number, start: number, length: number}[]} notes in any order; starts and lengths are whole steps
 * @param {number} [steps]
 * @returns {Int16Array}
 * @throws {RangeError} for a pitch that the model doesn't know, a start outside the melody, a length below 1
 */
export function tokensOfNotes(notes, steps = MELODY_STEPS) {
  const tokens = emptyMelody(steps);
  const sorted = [...notes].sort((a, b) => a.start - b.start || b.pitch - a.pitch);
  const alone = sorted.filter((note, i) => i === 0 || note.start !== sorted[i - 1].start);
  alone.forEach((note, i) => {
    if (!(note.pitch >= LOWEST && note.pitch <= HIGHEST)) throw new RangeError(`${note.pitch} is no pitch of a piano.`);
    if (!(note.start >= 0 && note.start < steps)) throw new RangeError(`A note begins at step ${note.start}.`);
    if (!(note.length >= 1)) throw new RangeError(`A note is ${note.length} steps long.`);
    tokens[note.start] = note.pitch - LOWEST + FIRST_PITCH;
    const end = note.start + note.length, next = i + 1 < alone.length ? alone[i + 1].start : steps;
    if (end < next) tokens[end] = NOTE_OFF;
  });
  return tokens;
}

/**
 * Whether two melodies have the same tokens.
 * @param {ArrayLike<number>|null} a
 * @param {ArrayLike<number>|null} b
 * @returns {boolean}
 */
export function equalMelodies(a, b) {
  if (!a || !b) return a === b;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/**
 * The melody as the model was taught to read it: nothing is ended before the first note, nor where nothing sounds.
 * It sounds the same.
 * @param {ArrayLike<number>} tokens
 * @returns {Int16Array}
 */
export function tidied(tokens) {
  return tokensOfNotes(notesOf(tokens), tokens.length);
}

/**
 * The note that sounds at a step.
 * @param {ArrayLike<number>} tokens
 * @param {number} step
 * @returns {{pitch: number, start: number, length: number, velocity: number}|null}
 */
export function noteAt(tokens, step) {
  return notesOf(tokens).find((note) => step >= note.start && step < note.start + note.length) ?? null;
}

/**
 * The melody with one note more. It takes the place of a note that begins at the same step, shortens one that sounds
 * before it, and itself ends where the next one begins.
 * @param {ArrayLike<number>} tokens
 * @param {{pitch: number, start: number, length: number}} note is moved to within the melody and the piano
 * @returns {Int16Array}
 */
export function withNote(tokens, note) {
  const placed = within(note, tokens.length);
  const others = notesOf(tokens).filter((other) => other.start !== placed.start);
  return tokensOfNotes([...others, placed], tokens.length);
}

/**
 * The melody without the note that begins at a step.
 * @param {ArrayLike<number>} tokens
 * @param {number} start
 * @returns {Int16Array}
 */
export function withoutNote(tokens, start) {
  return tokensOfNotes(notesOf(tokens).filter((note) => note.start !== start), tokens.length);
}

/**
 * A note moved to within a melody and the piano: whole steps, at least one of them.
 * @param {{pitch: number, start: number, length: number}} note
 * @param {number} [steps] of the melody
 * @returns {{pitch: number, start: number, length: number, velocity: number}}
 */
export function within(note, steps = MELODY_STEPS) {
  const start = clamp(Math.round(note.start), 0, steps - 1);
  return {
    pitch: clamp(Math.round(note.pitch), LOWEST, HIGHEST), start,
    length: clamp(Math.round(note.length), 1, steps - start), velocity: MELODY_VELOCITY,
  };
}

/**
 * What stays of a melody where bars are locked: all that is in them, and to their ends the notes that sound in them.
 * @param {ArrayLike<number>} tokens
 * @param {boolean[]} locks of each bar
 * @returns {{tokens: Int16Array, hole: Uint8Array}} the melody with silence at the start of a locked bar written as
 *   such, and 1 for each step that doesn't stay
 */
export function lockedMelody(tokens, locks) {
  const plain = tidied(tokens), hole = new Uint8Array(plain.length).fill(1);
  const isLocked = (step) => locks[Math.floor(step / MELODY_STEPS_PER_BAR)];
  for (let step = 0; step < plain.length; step++) if (isLocked(step)) hole[step] = 0;
  for (const { start, length } of notesOf(plain)) {
    const steps = Array.from({ length }, (_, i) => start + i);
    if (steps.some(isLocked)) hole.fill(0, start, start + length);
  }
  for (let step = 0; step < plain.length; step += MELODY_STEPS_PER_BAR) {
    if (isLocked(step) && plain[step] === NO_EVENT && !noteAt(plain, step)) plain[step] = NOTE_OFF;
  }
  return { tokens: plain, hole };
}

/**
 * A melody with what stays of another: its notes have their lengths, too, whatever is drawn behind them.
 * @param {{tokens: Int16Array, hole: Uint8Array}} kept of lockedMelody
 * @param {ArrayLike<number>} drawn
 * @returns {Int16Array}
 */
export function mergedMelody(kept, drawn) {
  const made = Int16Array.from(kept.tokens, (token, step) => (kept.hole[step] ? drawn[step] : token));
  for (const { start, length } of notesOf(kept.tokens)) {
    const end = start + length;
    if (!kept.hole[start] && end < made.length && made[end] === NO_EVENT) made[end] = NOTE_OFF;
  }
  return tidied(made);
}

/**
 * The melody in other pitches; what would leave the piano moves by octaves back into it.
 * @param {ArrayLike<number>} tokens
 * @param {number} semitones
 * @returns {Int16Array}
 */
export function transposed(tokens, semitones) {
  return Int16Array.from(tokens, (token) => {
    if (token < FIRST_PITCH) return token;
    let pitch = token - FIRST_PITCH + LOWEST + semitones;
    while (pitch < LOWEST) pitch += 12;
    while (pitch > HIGHEST) pitch -= 12;
    return pitch - LOWEST + FIRST_PITCH;
  });
}

/**
 * The name of a pitch, as on screen ("C♯5") or as a screen reader should say it ("C sharp 5"); middle C is C4.
 * @param {number} pitch
 * @param {boolean} [spoken]
 * @returns {string}
 */
export function pitchName(pitch, spoken = false) {
  return `${(spoken ? SPOKEN : NAMES)[pitch % 12]}${spoken ? " " : ""}${Math.floor(pitch / 12) - 1}`;
}

/**
 * Whether a pitch is a black key.
 * @param {number} pitch
 * @returns {boolean}
 */
export function isBlackKey(pitch) {
  return [1, 3, 6, 8, 10].includes(pitch % 12);
}

function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}
