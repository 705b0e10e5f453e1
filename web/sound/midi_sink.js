// A player's events as MIDI messages with the times at which a port is to send them.
//
// Messages wait here until shortly before their time: a browser sends what it was given even if the music stops.

const DRUM_CHANNEL = 9; // channel 10, as people count
const MELODY_CHANNEL = 0;
const NOTE_ON = 0x90;
const NOTE_OFF = 0x80;
const CONTROL = 0xb0;
const ALL_NOTES_OFF = 123;
const SONG_POSITION = 0xf2;
const CLOCK = 0xf8;
const START = 0xfa;
const CONTINUE = 0xfb;
const STOP = 0xfc;
const DRUM_LENGTH = 60; // milliseconds, less than a sixteenth at any tempo
const AUDITION_LENGTH = 100;
// Milliseconds before its time at which the port is given a message: as long as a busy page may pause without a message
// that is late, and as long as music goes on after a stop.
const AHEAD = 100;
const FIRST = 1; // milliseconds from a start to its first pulse, which receivers need
const PULSES = 6; // a sixteenth

/**
 * Sends what a player plays as MIDI: drums on channel 10, pitched notes on channel 1, and a clock of 24 pulses a
 * quarter note. Times are milliseconds of performance.now().
 * @implements {import("./sequencer.js").Sink}
 */
export class MidiSink {
  /** The MIDI notes of the nine drums. */
  notes;
  #send;
  #now;
  #clock = null;
  #sendsClock = false;
  #isRunning = false; // whether the receiver was told to start
  #queue = []; // messages in order of time: {bytes, time} and, of a note, {key, end}
  #sounding = new Map(); // by channel and note, when it ends
  #sent = 0; // the latest time of a message

  /**
   * @param {(bytes: number[], time: number) => void} send gives a message to the port
   * @param {number[]} notes the MIDI notes of the nine drums
   * @param {() => number} now milliseconds of performance.now()
   */
  constructor(send, notes, now) {
    this.#send = send;
    this.notes = notes;
    this.#now = now;
  }

  /** @returns {boolean} whether the clock is sent, with start, stop and position, so that others follow the tempo */
  get sendsClock() {
    return this.#sendsClock;
  }

  /** While music plays, followers are started at the next sixteenth, or stopped at once. */
  set sendsClock(sends) {
    this.#sendsClock = sends;
    if (sends) return;
    this.#queue = this.#queue.filter((message) => message.key !== undefined);
    this.#stopClock(this.#end());
  }

  /** @param {import("./audio_clock.js").Clock} clock in whose seconds events come */
  start(clock) {
    this.#clock = clock;
    this.#isRunning = false;
  }

  play(event, time, seconds) {
    const note = this.#note(event);
    if (!note) return;
    const at = this.#clock.performanceOf(time);
    const end = at + (seconds > 0 ? seconds * 1000 : DRUM_LENGTH);
    const key = note.channel * 128 + note.pitch;
    const twin = this.#queue.find((message) => message.key === key && message.time === at);
    const velocity = velocityOf(event);
    if (twin) twin.bytes[2] = Math.max(twin.bytes[2], velocity);
    else this.#add({ bytes: [NOTE_ON + note.channel, note.pitch, velocity], time: at, key, end });
  }

  audition(event, time, seconds) {
    const note = this.#note(event);
    if (!note) return;
    const now = this.#now();
    const end = now + ("drum" in event ? AUDITION_LENGTH : seconds * 1000);
    const key = note.channel * 128 + note.pitch;
    if (this.#sounding.delete(key)) this.#give([NOTE_OFF + note.channel, note.pitch, 0], now);
    this.#give([NOTE_ON + note.channel, note.pitch, velocityOf(event)], now);
    this.#send([NOTE_OFF + note.channel, note.pitch, 0], end);
  }

  pulse(number, time) {
    if (!this.#sendsClock) return;
    const at = this.#clock.performanceOf(time);
    if (!this.#isRunning) {
      if (number % PULSES !== 0) return;
      this.#isRunning = true;
      const position = number / PULSES;
      this.#add({ bytes: [SONG_POSITION, position & 127, (position >> 7) & 127], time: at - 2 * FIRST });
      this.#add({ bytes: [position === 0 ? START : CONTINUE], time: at - FIRST });
    }
    this.#add({ bytes: [CLOCK], time: at });
  }

  /** Gives the port what is due soon. */
  tick() {
    this.#flush(this.#now() + AHEAD);
  }

  end(time) {
    if (this.#isRunning) this.#add({ bytes: [STOP], time: this.#clock.performanceOf(time) });
  }

  stop(time, isEnd) {
    if (isEnd) this.#flush(Infinity);
    else this.silence();
  }

  /** Forgets what waits and ends all notes; followers of the clock are stopped. */
  silence() {
    this.#queue = [];
    // Behind what the browser already has, and will send.
    const end = this.#end();
    for (const key of this.#sounding.keys()) this.#give([NOTE_OFF + (key >> 7), key & 127, 0], end);
    this.#sounding.clear();
    for (const channel of [DRUM_CHANNEL, MELODY_CHANNEL]) this.#give([CONTROL + channel, ALL_NOTES_OFF, 0], end);
    this.#stopClock(end);
  }

  #note(event) {
    if ("drum" in event) return { channel: DRUM_CHANNEL, pitch: this.notes[event.drum] };
    return "pitch" in event ? { channel: MELODY_CHANNEL, pitch: event.pitch } : null;
  }

  /** Puts a message behind those that are not later. */
  #add(message) {
    let at = this.#queue.length;
    while (at > 0 && this.#queue[at - 1].time > message.time) at--;
    this.#queue.splice(at, 0, message);
  }

  /** Gives the port the messages up to a time, and the ends of notes among them. */
  #flush(until) {
    while (this.#queue.length > 0 && this.#queue[0].time <= until) {
      const { bytes, time, key, end } = this.#queue.shift();
      this.#endNotes(time);
      if (key !== undefined) {
        // A note that is struck again ends before.
        if (this.#sounding.delete(key)) this.#give([NOTE_OFF + (key >> 7), key & 127, 0], time);
        this.#sounding.set(key, end);
      }
      if (bytes[0] === STOP) this.#isRunning = false;
      this.#give(bytes, time);
    }
    this.#endNotes(until);
  }

  /** Ends the notes that end by a time. */
  #endNotes(until) {
    const ended = [...this.#sounding].filter(([, end]) => end <= until).sort(([, a], [, b]) => a - b);
    for (const [key, end] of ended) {
      this.#sounding.delete(key);
      this.#give([NOTE_OFF + (key >> 7), key & 127, 0], end);
    }
  }

  #stopClock(time) {
    if (this.#isRunning) this.#give([STOP], time);
    this.#isRunning = false;
  }

  /** Now, or the time of the latest message that the port has. */
  #end() {
    return Math.max(this.#now(), this.#sent);
  }

  #give(bytes, time) {
    this.#sent = Math.max(this.#sent, time);
    this.#send(bytes, time);
  }
}

/** The velocity of an event as MIDI has it; 0 would end a note. */
function velocityOf(event) {
  return Math.max(1, Math.min(127, Math.round(event.velocity)));
}
