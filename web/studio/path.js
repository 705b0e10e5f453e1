// A path of the pad's dot: where it was bar by bar while it played, and the very bars that were played.

import { DRUM_COUNT, STEPS_PER_BAR, emptyBeat } from "../music/beat.js";
import { MIDI_TYPE, saveFile } from "./downloads.js";
import { dragLink } from "./drag_link.js";
import { button, element, toggle } from "./elements.js";
import { MOST_PATH_BARS, heardBeat } from "./pad_state.js";
import { barsSource } from "./sequence.js";
import { sequenceMidi, sequenceName } from "./sequence_files.js";

/**
 * Records, shows, plays and saves the path.
 * @param {Object} app see main.js
 * @param {import("./pad_surface.js").PadSurface} surface on which it is shown
 * @param {() => {x: number, y: number}} place of the dot whose beat is the one on the grid
 * @returns {{controls: HTMLElement[], note: HTMLElement, atBar: (bar: number) => void}} `atBar` is to be called before
 *   each bar of the grid's beat, after the beat was changed for it
 */
export function mountPath(app, surface, place) {
  const panel = new PathPanel(app, surface, place);
  return { controls: panel.controls, note: panel.note, atBar: () => panel.atBar() };
}

class PathPanel {
  constructor(app, surface, place) {
    this.app = app;
    this.surface = surface;
    this.place = place;
    this.recorded = null;  // {points, bars} while it records
    this.bar = null;  // {beat, asked} of the bar that is being played
    this.source = null;
    this.record = toggle("Record a path", false, (on) => (on ? this.begin() : this.end()));
    this.play = button("Play the path", () => this.playOrStop());
    this.save = button("Save the path", () => this.saveMidi());
    this.clear = button("Clear the path", () => {
      app.store.change("clear path", (doc) => ({ ...doc, path: null }));
    });
    this.controls = [this.record.root, this.play, this.save, this.clear];
    this.sentenceElement = element("span");
    this.drag = element("span", {}, " Drag ", dragLink(() => this.midiFile()).link, " into your DAW or a folder.");
    this.note = element("p", { class: "pad-path-note" }, this.sentenceElement, this.drag);
    app.player.onAsked((n, events) => this.asked(n, events));
    app.player.onChange(() => this.playerChanged());
    app.store.subscribe((doc, before) => {
      if (doc.path !== before.path) this.show();
    });
    this.show();
  }

  show(now = -1) {
    const path = this.recorded ?? this.app.store.doc.path;
    const kept = !this.recorded && path !== null;
    this.surface.setPath(path ? path.points : [], now);
    for (const control of [this.play, this.save, this.clear]) control.disabled = !kept;
    this.play.textContent = this.source ? "Stop the path" : "Play the path";
    this.sentenceElement.textContent = this.sentence(path);
    this.drag.hidden = !kept;
  }

  sentence(path) {
    const bars = path ? barsInWords(path) : "";
    if (this.recorded) return path.bars.length ? `Recording: ${bars}.` : "Recording from the next bar on.";
    return path ? `A path of ${bars}.` : "Record a path: the bars that you hear become a MIDI file of their own.";
  }

  begin() {
    const { player } = this.app;
    this.recorded = { points: [], bars: [] };
    this.bar = null;
    this.record.set(true);
    this.show();
    this.app.say("Recording a path: move the dot while it plays.");
    if (!player.isPlaying || player.source !== "beat") player.start();
    if (!player.isPlaying) this.stopRecording();  // no sound here; the player has said so
  }

  end() {
    const path = this.recorded;
    if (!path) return;
    this.stopRecording();
    if (path.bars.length) {
      this.app.store.change("path", (doc) => ({ ...doc, path }));
      this.app.say(`Recorded a path of ${barsInWords(path)}.`);
    } else {
      this.app.say("Nothing was recorded: let at least one whole bar play.");
    }
  }

  stopRecording() {
    this.recorded = null;
    this.bar = null;
    this.record.set(false);
    this.show();
  }

  atBar() {
    if (!this.recorded) return;
    this.keepBar();
    if (this.recorded.bars.length === MOST_PATH_BARS) {
      this.end();
      this.app.say(`A path holds ${MOST_PATH_BARS} bars; the recording has ended.`);
      return;
    }
    const { x, y } = this.place();
    this.bar = { beat: emptyBeat(STEPS_PER_BAR), asked: 0, point: { x, y } };
    this.show();
  }

  // The player asks for each step just before it sounds, so this is what is heard, edits and feel included.
  asked(n, events) {
    if (!this.bar || this.bar.asked !== n % STEPS_PER_BAR) return;
    for (const { drum, velocity, offset } of events) {
      const index = (n % STEPS_PER_BAR) * DRUM_COUNT + drum;
      this.bar.beat.velocities[index] = velocity;
      this.bar.beat.offsets[index] = offset;
    }
    this.bar.asked += 1;
    if (this.bar.asked === STEPS_PER_BAR) this.keepBar();
  }

  keepBar() {
    if (!this.bar || this.bar.asked < STEPS_PER_BAR) return;
    const { points, bars } = this.recorded;
    this.recorded = { points: [...points, this.bar.point], bars: [...bars, heardBeat(this.bar.beat)] };
    this.bar = null;
    this.show();
  }

  playOrStop() {
    const { player, store } = this.app;
    if (this.source) {
      player.stop();
      return;
    }
    this.source = barsSource({
      bars: () => store.doc.path?.bars ?? [],
      loops: () => false,
      heard: (bar) => this.show(bar),
    });
    player.playSource(this.source, { title: "the path" });
    this.playerChanged();
    this.show();
  }

  playerChanged() {
    const { player } = this.app;
    if (this.recorded && (!player.isPlaying || player.source !== "beat")) this.end();
    if (this.source && (!player.isPlaying || player.source !== this.source)) {
      this.source = null;
      this.show();
    }
  }

  midiFile() {
    const bars = this.app.store.doc.path?.bars ?? [];
    return { name: sequenceName(this.app, "path", "mid"), bytes: sequenceMidi(this.app, bars) };
  }

  saveMidi() {
    const { name, bytes } = this.midiFile();
    saveFile(name, MIDI_TYPE, bytes);
    this.app.say(`Saved ${name}.`);
  }
}

function barsInWords({ bars }) {
  return bars.length === 1 ? "1 bar" : `${bars.length} bars`;
}
