// Names of drum kits and single drums, as tracks bear them: the words and rules of preprocess/drums/names.py.

import { readable } from "./latin1.js";

/** Words for a whole drum kit, in the languages of users' files. */
const KIT_WORDS = new Set(
  (
    "drum drums drumkit drumset drumloop drumrack kit perc percs percussion percussions percusion percussao percussie " +
    "perkussion perkusja percussioni batterie bateria batteria schlagzeug slagverk slagwerk trumset trummor rummut " +
    "bicie davul perkusyon ударные барабаны барабан перкуссия ドラム ドラムス パーカッション 鼓 架子鼓 打击乐 드럼 퍼커션 " +
    "tr808 tr909 tr707 tr606 beatbox"
  ).split(" "),
);

/** Names of single drums, by the pitches that General MIDI has for them. */
const DRUM_WORDS = {
  36: "bd kick kicks kik kickdrum bassdrum bass_drum grosse_caisse grosse_trommel große_trommel bombo",
  38: "sd sn snare snares snaredrum snare_drum caisse_claire kleine_trommel caja",
  42:
    "hh ch chh hat hats hihat hihats hi_hat hi_hats closedhat closed_hat closed_hihat closed_hi_hat closed_hh " +
    "hh_closed clhat hat_closed hihat_closed hi_hat_closed charleston charley",
  44: "phh pedal_hat pedal_hihat pedal_hi_hat",
  46: "oh ohh openhat open_hat open_hihat open_hi_hat open_hh hh_open ophat hat_open hihat_open hi_hat_open",
  49: "crash crashes cymbal cymbals becken",
  51: "ride rides ride_cymbal",
  45: "tom toms tomtom",
  39: "clap claps handclap",
  37: "rim rimshot sidestick side_stick rim_shot",
  56: "cowbell",
  70: "shaker shakers maracas cabasa",
  54: "tamb tambourine",
  63: "conga congas",
  60: "bongo bongos",
  75: "clave claves",
  65: "timbales",
  67: "agogo",
  73: "guiro",
};
const PITCH_OF_WORD = new Map(
  Object.entries(DRUM_WORDS).flatMap(([pitch, words]) => words.split(" ").map((word) => [word, Number(pitch)])),
);

/** Words beside which a drum word is still all that a name says. */
const NEUTRAL_WORDS = new Set(
  (
    "track midi channel standard acoustic electric electronic rock jazz pop funk room power brush " +
    "studio house main loop machine rack the set dr cr tr a b l r left right new my gm live acoust " +
    "elec addictive superior ez spur piste pista"
  ).split(" "),
);

const NOT_DRUMS = new RegExp(
  "steel|timpan|kettle|melodic|piano|guitar|bass(?![ _-]?drum)|synth(?![ _-]?drum)|lead|string|organ|vocal|choir" +
    "|brass|flute|sax|violin",
);

/**
 * What a track's name says of drums.
 * @param {string} name
 * @returns {{isPitched: boolean, kit: ""|"alone"|"as part of a title", drum: number|null}} whether it names an
 *   instrument that is played at pitches; whether it names a drum kit; and the pitch of the one drum that it names,
 *   such as 36 for "Kick 2" or "BD", null where it names none.
 */
export function readName(name) {
  const text = plain(name);
  const words = wordsOf(text);
  const isPitched = NOT_DRUMS.test(text);
  return { isPitched, kit: isPitched ? "" : kitOf(words), drum: singleDrum(name, words, isPitched) };
}

function kitOf(words) {
  if (!words.some(isKit)) return "";
  const isOther = (word) => !(isKit(word) || NEUTRAL_WORDS.has(word) || PITCH_OF_WORD.has(word));
  return words.some(isOther) ? "as part of a title" : "alone";
}

function singleDrum(name, all, isPitched) {
  const words = all.filter((word) => !NEUTRAL_WORDS.has(word));
  if (words.length === 1 && words[0] === "ch" && /[\p{Nd}²³¹]/u.test(name)) return null; // a channel's number
  const pitch = PITCH_OF_WORD.get(words.join("_")) ?? null;
  if (pitch !== null || words.length < 2) return pitch;
  // "Kick Punchy" or "808 Snare": one word of them, and nothing that is played at pitches.
  const longer = words.filter((word) => [...word].length > 3 && PITCH_OF_WORD.has(word));
  const found = new Set(longer.map((word) => PITCH_OF_WORD.get(word)));
  return found.size === 1 && !isPitched ? [...found][0] : null;
}

function isKit(word) {
  return KIT_WORDS.has(word) || /^[\p{L}\p{N}]*drum(s|mer|kit|set)?$/u.test(word);
}

/** The words of a plain name, without numbers. */
function wordsOf(text) {
  const parts = text.split(/[^\p{L}\p{N}]+|(?<=[\p{L}\p{Nl}\p{No}])\p{Nd}+(?=\n?$)/u);
  return parts.filter((word) => word && !/^\p{Nd}+$/u.test(word));
}

/** A name in lower case without accents, with words apart that only their case parts. */
function plain(name) {
  const text = readable(name).replace(/(?<=[a-z])(?=[A-Z])/g, " ");
  return text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").normalize("NFC").toLowerCase();
}
