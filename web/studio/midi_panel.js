// Live MIDI: the beat plays a DAW or a drum machine through a port, with MIDI clock, and the page's own sound on or off.

import { MidiOut } from "../sound/midi_out.js";
import { button, choice, element } from "./elements.js";

/**
 * Build the controls.
 * @param {HTMLElement} root
 * @param {Object} app see main.js
 */
export function mountMidiPanel(root, app) {
  const status = element("p", { id: "midi-status" },
    "Play a DAW or a drum machine live: connect, choose a port, and press play.");
  const connect = button("Connect MIDI", () => open(), { id: "midi-connect" });
  const sound = checkbox("Sound of this page", "midi-sound", app.player.sound, (on) => { app.player.sound = on; });
  const ports = element("div", { class: "row-of" }, connect, sound);
  root.append(element("h2", {}, "Live MIDI"), status, ports);

  const open = async () => {
    connect.disabled = true;
    try {
      const out = await MidiOut.open();
      connect.remove();
      ports.prepend(...outputControls(app, out, status));
    } catch (error) {
      // What failed may be allowed, or plugged in, by the next try.
      connect.disabled = false;
      status.textContent = error.message;
      app.say(error.message, "error");
    }
  };
}

/** Port and clock of an output, and all that is played sent to it from now on. */
function outputControls(app, out, status) {
  app.midiOut = out;
  out.drumMap = app.store.doc.drumMap;
  out.sendClock = true;
  app.store.subscribe((doc) => { out.drumMap = doc.drumMap; });
  app.player.addSink(out.sink);
  out.choose(out.ports()[0]?.id ?? null);
  const list = choice({ label: "Port", choices: [], value: "", id: "midi-port", onchange: (id) => choose(id || null) });
  const clock = checkbox("MIDI clock", "midi-clock", out.sendClock, (on) => { out.sendClock = on; });
  const show = () => {
    const options = [...out.ports(), { id: "", name: "None" }];
    list.input.replaceChildren(...options.map(({ id, name }) => element("option", { value: id }, name)));
    list.set(out.port?.id ?? "");
    status.textContent = out.remark || sentence(out);
  };
  let wantsNone = false;
  const choose = (id) => {
    wantsNone = id === null;
    try {
      out.choose(id);
    } catch (error) {
      app.say(error.message, "error");
    }
    show();
  };
  out.onchange = (said) => {
    // The first port that appears is the one that was plugged in to be played.
    if (!out.port && !wantsNone && !said && out.ports().length === 1) out.choose(out.ports()[0].id);
    if (said) app.say(said);
    show();
  };
  show();
  return [list.root, clock];
}

function sentence(out) {
  if (!out.port) return "No port is chosen, so no MIDI is sent.";
  return `What you play goes to ${out.port.name}, drums on channel 10.`;
}

function checkbox(label, id, checked, onchange) {
  const input = element("input", { type: "checkbox", id, checked });
  input.addEventListener("change", () => onchange(input.checked));
  return element("label", { class: "check" }, input, element("span", {}, label));
}
