// The page of `sample.py --gallery` and its like: shows clips, and plays them in a loop or one after the other.
//
// Its one global, window.gallery, is for tests:
//
//   gallery.clips        all clips in the order of the page
//   gallery.headOf(clip) the step that a clip's playhead stands at, a number
//   gallery.level()      the loudness of what sounds now, 0 to 1
//   gallery.sourceOf(clips) what the player asks for, when it plays them one after the other
//   gallery.render(clip) resolves to the clip's sound as Float32Array, 44100 samples a second

import { swung } from "../music/swing.js";
import { Player } from "../sound/player.js";
import { renderOffline } from "../sound/render.js";
import { synthSink } from "../sound/synth_sink.js";
import { Synth } from "../sound/synth.js";
import { element, legend, picture } from "./drawing.js";

/** @typedef {import("./drawing.js").Clip} Clip */

const page = JSON.parse(document.getElementById("data").textContent);
const tempo = document.getElementById("tempo");
const volume = document.getElementById("volume");
const state = document.getElementById("state");
const shown = new Map(); // clip -> {card, head}
let synth = null; // made by the first click, without which browsers play nothing
let player = null;
let round = null;

/**
 * What plays: clips one after the other, round and round; a source of the player, whose steps are straight sixteenths.
 * Swing is in the events, as a clip of an odd number of sixteenths begins on the second of a pair every other time.
 */
class Round {
  /** @param {Clip[]} clips */
  constructor(clips) {
    this.clips = clips;
    this.steps = clips.reduce((sum, clip) => sum + clip.steps, 0);
    this.next = clips[0]; // the clip of the step that is asked for next
    this.current = null; // the clip that is heard
  }

  step(n) {
    this.next = this.#clipsAt(n + 1)[0].clip;
    if (player) player.tempo = tempoOf(this.next); // holds from the next step on
    return this.#clipsAt(n).flatMap(({ clip, from }) => eventsOf(clip, n, from));
  }

  heard(n) {
    const { clip, from } = this.#clipsAt(n)[0];
    if (clip !== this.current) {
      this.end();
      this.current = clip;
      mark(clip, true);
      state.textContent = "Playing " + clip.title;
    }
    shown.get(clip).head.setAttribute("x", Math.max(0, n - from));
  }

  /** Hides the playhead. */
  end() {
    if (this.current) mark(this.current, false);
    this.current = null;
  }

  /** The clips that sound between one step and the next, and where they begin: several, if one ends within a step. */
  #clipsAt(n) {
    const found = [];
    let from = Math.floor(n / this.steps) * this.steps;
    for (let i = 0; from < n + 1; i = (i + 1) % this.clips.length) {
      const clip = this.clips[i];
      if (from + clip.steps > n) found.push({ clip, from });
      from += clip.steps;
    }
    return found;
  }
}

/** What sounds between a straight sixteenth and the next one of a clip that begins at `from`, as a player plays it. */
function eventsOf(clip, n, from = 0) {
  const place = (start) => from + swung(start, page.swing);
  const isHere = (start) => Math.floor(place(start)) === n;
  const hits = clip.hits.filter(([, start]) => isHere(start));
  const keys = clip.keys.filter(([, start]) => isHere(start));
  return [
    ...hits.map(([drum, start, velocity]) => ({ drum, velocity, offset: place(start) - n })),
    ...keys.map(([pitch, start, length, velocity, part]) => ({
      pitch, velocity, length: place(start + length) - place(start), offset: place(start) - n, part: clip.parts[part],
    })),
  ];
}

/** Clips of other tempos than the page's keep their proportion to it. */
function tempoOf(clip) {
  return Number(tempo.value) * clip.speed;
}

/** Plays a clip in a loop or, in a chain, from it on through all the others. */
async function play(clips, index, isChain) {
  if (!player) {
    const context = new AudioContext();
    synth = new Synth(context, Number(volume.value));
    player = new Player({ source: null, sinks: [synthSink(synth)], context });
  }
  stop();
  round = new Round(isChain ? [...clips.slice(index), ...clips.slice(0, index)] : [clips[index]]);
  player.source = round;
  player.tempo = tempoOf(clips[index]);
  try {
    await player.start();
  } catch (error) {
    state.textContent = error.message;
  }
}

function stop() {
  player?.stop();
  round?.end();
  round = null;
  state.textContent = "";
}

function mark(clip, isPlaying) {
  const { card, head } = shown.get(clip);
  card.classList.toggle("playing", isPlaying);
  head.setAttribute("visibility", isPlaying ? "visible" : "hidden");
}

function cardOf(clips, index, isChain) {
  const clip = clips[index];
  const button = element("button", { type: "button", "aria-label": `Play ${clip.title}` }, "Play");
  button.addEventListener("click", () => play(clips, index, isChain));
  const file = clip.file.replace(/[^\w.-]+/g, "_") + ".mid";
  const link = element("a", { href: "data:audio/midi;base64," + clip.midi, download: file }, "Save MIDI");
  const top = element("div", { class: "head" }, button, element("strong", {}, clip.title), link);
  const { svg, head } = picture(clip, page);
  const card = element("section", { class: clip.steps > 64 ? "clip wide" : "clip" }, top, ...legend(clip), svg);
  shown.set(clip, { card, head });
  return card;
}

function showTempo() {
  document.getElementById("tempo-value").textContent = tempo.value;
}

for (const section of page.sections) {
  const cards = element("div", { class: "clips" });
  section.clips.forEach((_, index) => cards.append(cardOf(section.clips, index, section.chain)));
  const heading = element("h2", {}, section.title);
  document.getElementById("sections").append(heading, element("p", {}, section.text), cards);
}
// A range input would pull a tempo outside its ends to the nearest one.
tempo.min = Math.min(50, page.qpm);
tempo.max = Math.max(200, page.qpm);
tempo.value = page.qpm;
showTempo();
tempo.addEventListener("input", () => {
  showTempo();
  if (round) player.tempo = tempoOf(round.next);
});
volume.addEventListener("input", () => {
  if (synth) synth.volume = Number(volume.value);
});
document.getElementById("stop").addEventListener("click", stop);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") stop();
});

window.gallery = {
  clips: page.sections.flatMap((section) => section.clips),
  headOf: (clip) => Number(shown.get(clip).head.getAttribute("x")),
  level: () => (synth ? synth.level : 0),
  sourceOf: (clips) => new Round(clips),
  render: (clip) => {
    const options = { tempo: tempoOf(clip), steps: clip.steps, sampleRate: 44100 };
    return renderOffline({ step: (n) => eventsOf(clip, n) }, options);
  },
};
