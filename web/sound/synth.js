// Nine drums from sine sweeps and filtered noise, and pitched notes from a few harmonics each, by Web Audio. The sounds
// are those of render/audio.py.

/**
 * How a family of instruments sounds, as render/audio.py has them.
 * @typedef {{harmonics: number[], decay: number, level: number}} Timbre `harmonics`: loudness of each, the fundamental
 *   first; `decay`: seconds in which a held note of 440 Hz falls to a tenth, 0 for no decay; `level`: overall loudness
 */

/**
 * Plucked strings and pianos.
 * @type {Timbre}
 */
export const PLUCKED = Object.freeze({ harmonics: [1, 0.45, 0.25, 0.12, 0.07, 0.04], decay: 1.4, level: 0.32 });

const LINEAR = 0.8; // up to here the limiter leaves samples as they are
const LOUDEST = 4; // beyond here it no longer tells them apart
const ATTACK = 0.006; // seconds; without it and the release a pitched note would click
const RELEASE = 0.06;

/** Plays drums and pitched notes through a context, live or offline. */
export class Synth {
  #context;
  #master;
  #scale;
  #volume;
  #voices;
  #isReleased = true;
  #noise;
  #waves = new Map();

  /**
   * @param {BaseAudioContext} context an AudioContext or an OfflineAudioContext
   * @param {number} volume 0 to 1
   * @param {boolean} isLimited whether what is too loud for a loudspeaker, such as many drums at once, is rounded off
   */
  constructor(context, volume = 0.8, isLimited = true) {
    this.#context = context;
    this.#scale = isLimited ? 1 / LOUDEST : 1;
    this.#volume = volume;
    this.#master = context.createGain();
    this.#master.gain.value = volume * this.#scale;
    if (isLimited) this.#master.connect(limiterOf(context)).connect(context.destination);
    else this.#master.connect(context.destination);
    this.#noise = noiseOf(context);
    this.#output();
  }

  /** @returns {BaseAudioContext} the context it plays through */
  get context() {
    return this.#context;
  }

  /** @returns {number} 0 to 1 */
  get volume() {
    return this.#volume;
  }

  set volume(volume) {
    this.#volume = volume;
    this.#master.gain.setTargetAtTime(volume * this.#scale, this.#context.currentTime, 0.01);
  }

  /** @returns {number} the loudness of what sounds now, from 1 down to 0 within a moment of a `release` */
  get level() {
    return this.#voices.gain.value;
  }

  /**
   * Strikes a drum.
   * @param {number} drum 0 to 8: kick, snare, closed hi-hat, open hi-hat, low, mid and high tom, crash, ride
   * @param {number} time seconds of the context
   * @param {number} velocity 1 to 127
   */
  drum(drum, time, velocity) {
    const level = Math.pow(velocity / 127, 1.5);
    switch (drum) {
      case 0:
        this.#tone(time, 150, 45, 0.32, 1.0 * level, "sine");
        this.#hiss(time, 0.02, 0.3 * level, "lowpass", 3000);
        break;
      case 1:
        this.#tone(time, 230, 160, 0.14, 0.5 * level, "triangle");
        this.#hiss(time, 0.19, 0.55 * level, "highpass", 1500);
        break;
      case 2:
        this.#hiss(time, 0.06, 0.35 * level, "highpass", 8000);
        break;
      case 3:
        this.#hiss(time, 0.38, 0.32 * level, "highpass", 7000);
        break;
      case 4:
        this.#tone(time, 120, 75, 0.38, 0.8 * level, "sine");
        break;
      case 5:
        this.#tone(time, 165, 105, 0.34, 0.8 * level, "sine");
        break;
      case 6:
        this.#tone(time, 220, 140, 0.3, 0.75 * level, "sine");
        break;
      case 7:
        this.#hiss(time, 1.3, 0.42 * level, "highpass", 4500);
        break;
      case 8:
        this.#hiss(time, 0.5, 0.18 * level, "bandpass", 6500);
        this.#tone(time, 3300, 3200, 0.25, 0.05 * level, "square");
        break;
    }
  }

  /**
   * Plays a pitched note: harmonics that come in 6 ms, fade as the instrument does, and go in 60 ms.
   * @param {Timbre} part how it sounds
   * @param {number} pitch MIDI pitch; 69 is 440 Hz
   * @param {number} time seconds of the context
   * @param {number} seconds how long it is held
   * @param {number} velocity 1 to 127
   */
  key(part, pitch, time, seconds, velocity) {
    const context = this.#context;
    const frequency = 440 * Math.pow(2, (pitch - 69) / 12);
    const gain = context.createGain();
    const oscillator = context.createOscillator();
    oscillator.setPeriodicWave(this.#wave(part, frequency));
    oscillator.frequency.value = frequency;
    const level = Math.max(1e-4, part.level * Math.pow(velocity / 127, 1.5));
    gain.gain.setValueAtTime(0, time);
    gain.gain.linearRampToValueAtTime(level, time + ATTACK);
    const held = Math.max(seconds, 2 * ATTACK);
    const left = part.decay ? level * Math.pow(0.1, (held / part.decay) * Math.sqrt(frequency / 440)) : level;
    gain.gain.exponentialRampToValueAtTime(Math.max(1e-5, left), time + held);
    gain.gain.linearRampToValueAtTime(0, time + held + RELEASE);
    oscillator.connect(gain).connect(this.#output());
    oscillator.start(time);
    oscillator.stop(time + held + RELEASE + 0.01);
  }

  /**
   * A short click, as a metronome's.
   * @param {number} time seconds of the context
   * @param {boolean} accented that of a bar's first beat, which is higher and louder
   */
  click(time, accented) {
    this.#tone(time, accented ? 1760 : 1320, accented ? 1750 : 1310, 0.05, accented ? 0.45 : 0.3, "triangle");
  }

  /** Lets all that sounds, or is going to sound, end at once and without a click; what is played next sounds again. */
  release() {
    this.#voices.gain.setTargetAtTime(0, this.#context.currentTime, 0.012);
    this.#isReleased = true;
  }

  /** Where sounds go: a gain of their own since the last release. */
  #output() {
    if (this.#isReleased) {
      this.#voices = this.#context.createGain();
      this.#voices.connect(this.#master);
      this.#isReleased = false;
    }
    return this.#voices;
  }

  #tone(time, from, to, seconds, level, shape) {
    const oscillator = this.#context.createOscillator();
    oscillator.type = shape;
    oscillator.frequency.setValueAtTime(from, time);
    oscillator.frequency.exponentialRampToValueAtTime(to, time + seconds * 0.6);
    oscillator.connect(this.#fading(time, seconds, level));
    oscillator.start(time);
    oscillator.stop(time + seconds);
  }

  #hiss(time, seconds, level, kind, frequency) {
    const source = this.#context.createBufferSource();
    const filter = this.#context.createBiquadFilter();
    source.buffer = this.#noise;
    source.loop = true;
    filter.type = kind;
    filter.frequency.value = frequency;
    source.connect(filter).connect(this.#fading(time, seconds, level));
    source.start(time);
    source.stop(time + seconds);
  }

  /** A gain that falls to a thousandth in `seconds`. */
  #fading(time, seconds, level) {
    const gain = this.#context.createGain();
    gain.gain.setValueAtTime(level, time);
    gain.gain.exponentialRampToValueAtTime(0.001, time + seconds);
    gain.connect(this.#output());
    return gain;
  }

  /** The wave of a timbre at a frequency, without harmonics near half the sampling rate, which would alias. */
  #wave(part, frequency) {
    const limit = 0.45 * this.#context.sampleRate;
    const audible = part.harmonics.filter((_, i) => (i + 1) * frequency < limit);
    const key = audible.join();
    let wave = this.#waves.get(key);
    if (!wave) {
      const imaginary = Float32Array.of(0, ...audible);
      wave = this.#context.createPeriodicWave(new Float32Array(imaginary.length), imaginary, {
        disableNormalization: true,
      });
      this.#waves.set(key, wave);
    }
    return wave;
  }
}

/** A second of noise: a fixed sequence, so that two renderings are the same. */
function noiseOf(context) {
  const noise = context.createBuffer(1, context.sampleRate, context.sampleRate);
  const samples = noise.getChannelData(0);
  let seed = 22222;
  for (let i = 0; i < samples.length; i++) {
    seed = (seed * 1664525 + 1013904223) % 4294967296;
    samples[i] = seed / 2147483648 - 1;
  }
  return noise;
}

/**
 * Rounds off what is beyond -0.8 to 0.8, so that it keeps within -1 to 1; without it loud beats would crackle. It takes
 * no time, as a compressor does. What it is given must be scaled down to its range.
 */
function limiterOf(context) {
  const curve = Float32Array.from({ length: 8193 }, (_, i) => {
    const value = (i / 4096 - 1) * LOUDEST;
    const over = Math.max(0, Math.abs(value) - LINEAR);
    return over ? Math.sign(value) * (LINEAR + (1 - LINEAR) * Math.tanh(over / (1 - LINEAR))) : value;
  });
  const limiter = context.createWaveShaper();
  limiter.curve = curve;
  return limiter;
}
