// The panel that has a drummer play the beat: how much of the timing and of the velocities is heard, in which style.
// The grid keeps what is written until "Write into the grid".

import { settled } from "../music/beat.js";
import { withinSteps } from "../music/feel.js";
import { STYLES } from "../music/styles.js";
import { button, choice, element, percent, slider } from "./elements.js";
import { Performer } from "./performer.js";

const MOST_TAKES = 2 ** 31 - 1;

/**
 * Build the panel; sets `app.performer`, through which the beat is heard as played, `app.performed()`, which waits
 * until what is heard is up to date, and `app.onPerformed(listener)`, which tells when it has changed by itself.
 * @param {HTMLElement} root
 * @param {Object} app see main.js
 */
export function mountHumanize(root, app) {
  const performer = new Performer(app);
  app.performer = (beat) => performer.heard(beat);
  app.performed = () => performer.ready();
  app.onPerformed = (listener) => performer.onPlayed(listener);
  if (!performer.isThere) {
    root.hidden = true;
    return;
  }
  const controls = controlsOf(app, performer);
  root.append(
    element("h2", {}, "Humanize"),
    element("p", {}, "A model of drummers plays your beat. The grid keeps what you wrote; you hear and save what is played."),
    ...controls.roots,
  );
  app.store.subscribe(controls.show);
  performer.onPlayed(controls.show);
  controls.show();
}

function controlsOf(app, performer) {
  const { feel } = app.store.doc;
  const change = (part, merge) => app.store.change("humanize", (doc) => ({ ...doc, feel: { ...doc.feel, ...part } }),
    { merge });
  const amount = (label, key, hint) => slider({
    label, name: `${label} of the performance`, min: 0, max: 1, step: 0.01, value: feel[key], text: percent, hint, id: `humanize-${key}`,
    oninput: (value) => change({ [key]: value }, `feel-${key}`), onchange: () => app.store.settle(),
  });
  const timing = amount("Timing", "timing", "How much of the drummer's timing is added to yours");
  const velocity = amount("Velocity", "velocity", "How far velocities go from yours to the drummer's");
  const style = choice({
    label: "Style", name: "Style of the performance", value: feel.style ?? "", id: "humanize-style",
    choices: [{ value: "", text: "Any" }, ...Object.entries(STYLES).map(([value, text]) => ({ value, text }))],
    onchange: (value) => change({ style: value || null }),
  });
  const freedom = slider({
    label: "Variation", name: "Variation of the performance", min: 0.05, max: 1, step: 0.05, value: feel.freedom, text: percent, id: "humanize-freedom",
    hint: "How far another take may be from the typical one",
    oninput: (value) => change({ freedom: value }, "feel-freedom"), onchange: () => app.store.settle(),
  });
  const again = button("Another take", () => change(anotherTake(app.store.doc.feel)), { id: "humanize-again" });
  const typical = button("Typical take", () => change({ take: 0 }), { id: "humanize-typical" });
  const write = button("Write into the grid", () => writeIntoGrid(app, performer), { id: "humanize-write" });
  const show = () => {
    const { feel: now } = app.store.doc;
    timing.set(now.timing);
    velocity.set(now.velocity);
    style.set(now.style ?? "");
    freedom.set(now.freedom);
    typical.disabled = now.take === 0;
    write.disabled = !performer.isOn;
  };
  const buttons = element("div", { class: "row-of" }, again, typical, write);
  return { roots: [timing.root, velocity.root, style.root, freedom.root, buttons], show };
}

/** Another take; where nothing of a performance is heard yet, all of it is from now on. */
function anotherTake(feel) {
  const take = 1 + Math.floor(Math.random() * MOST_TAKES);
  return feel.timing || feel.velocity ? { take } : { take, timing: 1, velocity: 1 };
}

async function writeIntoGrid(app, performer) {
  await performer.ready();
  app.store.change("write into the grid", (doc) => ({
    ...doc,
    beat: settled(withinSteps(performer.heard(doc.beat))),
    feel: { ...doc.feel, timing: 0, velocity: 0 },
  }));
  app.say("The grid now holds the beat as it was played; undo brings yours back.");
}
