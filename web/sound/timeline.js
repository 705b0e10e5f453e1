// When each step of a piece sounds, with a tempo and a swing that may change on the way.
//
// Steps are sixteenths of the piece as it is written. Swing turns them into straight sixteenths, which the tempo turns
// into seconds; a MIDI clock counts straight ones. A change holds from a step on, which stays where it was: nothing
// jumps.

import { swung, unswung } from "../music/swing.js";

const KEPT = 64; // changes: those of at least as many steps, more than anything that still asks about the past

/** The time of each step, and the step of each time. */
export class Timeline {
  #tempos;
  #swings;

  /**
   * @param {{tempo: number, swing?: number, time?: number, step?: number}} options quarter notes a minute; the delay of
   *   every second sixteenth (0 to 0.5); `step` sounds at `time` (seconds)
   */
  constructor({ tempo, swing = 0, time = 0, step = 0 }) {
    this.#swings = [{ from: -Infinity, swing }];
    this.#tempos = [{ straight: swung(step, swing), time, sixteenth: 15 / tempo }];
  }

  /**
   * @param {number} step a position in steps, which may lie between two
   * @returns {number} seconds
   */
  timeOf(step) {
    return this.timeOfStraight(this.#straight(step));
  }

  /**
   * @param {number} straight a position in straight sixteenths
   * @returns {number} seconds
   */
  timeOfStraight(straight) {
    const piece = lastWhere(this.#tempos, (tempo) => tempo.straight <= straight);
    return piece.time + (straight - piece.straight) * piece.sixteenth;
  }

  /**
   * @param {number} time seconds
   * @returns {number} the position in steps
   */
  stepAt(time) {
    const index = lastIndexWhere(this.#tempos, (tempo) => tempo.time <= time);
    const piece = this.#tempos[index];
    const after = this.#tempos[index + 1];
    const straight = piece.straight + (time - piece.time) / piece.sixteenth;
    const reached = after ? Math.min(straight, after.straight) : straight;
    return unswung(reached, this.#swingOf(reached));
  }

  /**
   * Changes the tempo.
   * @param {number} tempo quarter notes a minute
   * @param {number} step from where on
   */
  setTempo(tempo, step) {
    this.#add({ straight: this.#straight(step), time: this.timeOf(step), sixteenth: 15 / tempo });
  }

  /**
   * Changes the swing, from the next pair of sixteenths on, so that quarter notes stay where they are.
   * @param {number} swing 0 to 0.5
   * @param {number} step from where on, at the earliest
   */
  setSwing(swing, step) {
    const from = Math.ceil(step / 2) * 2;
    this.#swings = [...this.#swings.filter((change) => change.from < from), { from, swing }].slice(-KEPT);
  }

  /**
   * Lets a step, and all that follow, sound at another time, later than they would have.
   * @param {number} step
   * @param {number} time seconds
   */
  delay(step, time) {
    this.#add({ straight: this.#straight(step), time, sixteenth: this.#tempos.at(-1).sixteenth });
  }

  #add(piece) {
    this.#tempos = [...this.#tempos.filter((tempo) => tempo.straight < piece.straight), piece].slice(-KEPT);
  }

  #straight(step) {
    return swung(step, this.#swingOf(step));
  }

  /** Of the pair of sixteenths around a position, swung or not. */
  #swingOf(position) {
    return lastWhere(this.#swings, (change) => change.from <= Math.floor(position / 2) * 2).swing;
  }
}

function lastWhere(pieces, holds) {
  return pieces[lastIndexWhere(pieces, holds)];
}

/** The index of the last piece for which it holds, or of the first piece. */
function lastIndexWhere(pieces, holds) {
  for (let i = pieces.length - 1; i > 0; i--) if (holds(pieces[i])) return i;
  return 0;
}
