// The nine drums of the models, and the MIDI pitches that count as each: preprocess/drums/drum_classes.py.

/**
 * The drums in the order of a token's bits; `pitches[0]` is the General MIDI pitch that stands for the drum.
 * @type {ReadonlyArray<{name: string, pitches: number[]}>}
 */
export const DRUM_CLASSES = [
  { name: "kick", pitches: [36, 35] },
  { name: "snare", pitches: [38, 27, 28, 31, 32, 33, 34, 37, 39, 40, 56, 65, 66, 75, 85] },
  { name: "closed hi-hat", pitches: [42, 44, 54, 68, 69, 70, 71, 73, 78, 80, 22] },
  { name: "open hi-hat", pitches: [46, 67, 72, 74, 79, 81, 26] },
  { name: "low tom", pitches: [45, 29, 41, 43, 61, 64, 84] },
  { name: "mid tom", pitches: [48, 47, 60, 63, 77, 86, 87] },
  { name: "high tom", pitches: [50, 30, 62, 76, 83] },
  { name: "crash", pitches: [49, 52, 55, 57, 58] },
  { name: "ride", pitches: [51, 53, 59, 82] },
];

/** The drum of each MIDI pitch, 0 to 8; -1 where a pitch is none of them. */
export const DRUM_OF_PITCH = drumOfPitch();

function drumOfPitch() {
  const drums = new Int8Array(128).fill(-1);
  DRUM_CLASSES.forEach(({ pitches }, drum) => pitches.forEach((pitch) => (drums[pitch] = drum)));
  return drums;
}
