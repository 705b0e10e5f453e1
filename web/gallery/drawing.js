// Piano and drum rolls of clips as SVG: what main.js puts on the cards of the gallery.

const SVG_NAMES = new Set(["svg", "rect", "line", "text"]);
const DRUM_COLOURS = [
  "#c8553d", "#e09f3e", "#2a9d8f", "#4fb3a5", "#6d597a", "#8e6f9c", "#b08abf", "#3d5a80", "#6d8fb8",
];
const DRUM_ROW = 1.7; // height of a drum's row, in units

/**
 * A clip as render/gallery.py writes it. Times are in sixteenths from the clip's beginning, fractions where notes are
 * off the grid.
 * @typedef {object} Clip
 * @property {string} title
 * @property {string} file the saved file's name, without .mid
 * @property {number} speed its tempo as a multiple of the page's
 * @property {number} steps its length
 * @property {[number, number][]} given (first, end) of what was given to the model
 * @property {[number, number, number][]} hits drum (0 to 8), start, velocity (1 to 127)
 * @property {[number, number, number, number, number][]} keys pitch, start, length, velocity, index of the part
 * @property {[number, number] | null} range lowest and highest pitch that are shown
 * @property {{name: string, colour: string, harmonics: number[], decay: number, level: number}[]} parts
 * @property {[number, string][]} chords start, symbol
 * @property {string} midi the file in base64
 */

/**
 * An element of HTML or SVG.
 * @param {string} name of the tag
 * @param {Object<string, string | number>} attributes
 * @param {...(Node | string)} children
 * @returns {Element}
 */
export function element(name, attributes, ...children) {
  const node = SVG_NAMES.has(name)
    ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/**
 * A clip's roll: keys above, drums below, chords above both.
 * @param {Clip} clip
 * @param {{bar: number, beat: number, drums: string[]}} page sixteenths of a bar and of a beat, and the drums' names
 * @returns {{svg: Element, head: Element}} the picture, and its playhead, a bar a sixteenth wide that is hidden
 */
export function picture(clip, page) {
  const unit = unitOf(clip);
  const top = (clip.chords.length ? 2.6 : clip.range ? 0.6 : 0) * unit;
  const keys = clip.range ? clip.range[1] - clip.range[0] + 1 : 0;
  const semitone = keys ? Math.min(0.9, Math.max(0.45, 22 / keys)) * unit : 0;
  const hasDrums = !keys || clip.hits.length > 0;
  const drumTop = top + keys * semitone + (keys && hasDrums ? unit : 0);
  const height = hasDrums ? drumTop + page.drums.length * DRUM_ROW * unit : top + keys * semitone;
  const svg = element("svg", {
    viewBox: `${-9 * unit} 0 ${clip.steps + 9 * unit} ${height}`,
    role: "img",
    "aria-label": `${keys ? "Piano" : "Drum"} roll of ${clip.title}`,
  });
  const head = element("rect", {
    x: 0, y: top, width: 1, height: height - top, fill: "var(--go)", opacity: 0.22, visibility: "hidden",
  });
  svg.append(...givenSpans(clip, top, height, unit), ...gridLines(clip, page, top, height, unit), head);
  if (keys) svg.append(...keyboard(clip, top, unit, semitone), ...notes(clip, top, unit, semitone));
  for (const [start, symbol] of clip.chords) {
    const place = { class: "chord", x: start, y: top - 0.7 * unit, "font-size": 1.6 * unit };
    svg.append(element("text", place, symbol));
  }
  if (hasDrums) svg.append(...drumNames(page.drums, drumTop, unit), ...hits(clip, page.drums.length, drumTop, unit));
  return { svg, head };
}

/**
 * Which colour is which part, where there are several.
 * @param {Clip} clip
 * @returns {Element[]} nothing, or one element
 */
export function legend(clip) {
  if (clip.parts.length < 2) return [];
  const names = clip.parts.map((part) =>
    element("span", {}, element("i", { style: `background: ${part.colour}` }), part.name),
  );
  return [element("div", { class: "parts" }, ...names)];
}

/** Clips of four bars and fewer look alike; longer ones get the whole width, and finer rows. */
function unitOf(clip) {
  return clip.steps > 64 ? clip.steps / 128 : clip.steps / 64;
}

/** What the model was given is shaded, and ends in a line. */
function givenSpans(clip, top, height, unit) {
  return clip.given.flatMap(([first, end]) => [
    element("rect", {
      class: "given", x: first, y: top, width: end - first, height: height - top, fill: "var(--bar)", opacity: 0.16,
    }),
    element("line", { x1: end, x2: end, y1: top, y2: height, stroke: "var(--bar)", "stroke-width": 0.3 * unit }),
  ]);
}

function gridLines(clip, page, top, height, unit) {
  const lines = [];
  for (let step = 0; step <= clip.steps; step += page.beat) {
    const isBar = step % page.bar === 0;
    const stroke = isBar ? "var(--bar)" : "var(--line)";
    const width = (isBar ? 0.12 : 0.06) * unit;
    lines.push(element("line", { x1: step, x2: step, y1: top, y2: height, stroke, "stroke-width": width }));
  }
  return lines;
}

/** The rows of the black keys, and the names of the Cs. */
function keyboard(clip, top, unit, semitone) {
  const [low, high] = clip.range;
  const found = [];
  for (let pitch = low; pitch <= high; pitch++) {
    const y = top + (high - pitch) * semitone;
    if ([1, 3, 6, 8, 10].includes(pitch % 12)) {
      const place = { class: "black", x: 0, y, width: clip.steps, height: semitone };
      found.push(element("rect", { ...place, fill: "var(--line)", opacity: 0.4 }));
    }
    if (pitch % 12 === 0) found.push(label("C" + (pitch / 12 - 1), y + semitone / 2 + 0.45 * unit, unit));
  }
  return found;
}

function notes(clip, top, unit, semitone) {
  return clip.keys.map(([pitch, start, length, velocity, part]) =>
    element("rect", {
      class: "key",
      x: start,
      y: top + (clip.range[1] - pitch + 0.06) * semitone,
      width: Math.max(0.1, length - 0.1),
      height: 0.88 * semitone,
      rx: 0.2 * unit,
      fill: clip.parts[part].colour,
      opacity: 0.3 + (0.7 * velocity) / 127,
    }),
  );
}

function drumNames(names, top, unit) {
  return names.map((name, drum) => label(name, rowOf(drum, names.length, top, unit) + 1.3 * unit, unit));
}

function hits(clip, rows, top, unit) {
  return clip.hits.map(([drum, start, velocity]) =>
    element("rect", {
      class: "hit",
      x: start + 0.04,
      y: rowOf(drum, rows, top, unit) + (1.2 - (1.1 * velocity) / 127) * unit,
      width: 0.84,
      height: (0.35 + (1.1 * velocity) / 127) * unit,
      rx: 0.2 * unit,
      fill: DRUM_COLOURS[drum],
      opacity: 0.22 + (0.78 * velocity) / 127,
    }),
  );
}

/** The top of a drum's row: the kick is the lowest. */
function rowOf(drum, rows, top, unit) {
  return top + (rows - 1 - drum) * DRUM_ROW * unit;
}

/** A name left of the picture. */
function label(text, y, unit) {
  return element("text", { x: -0.6 * unit, y, "font-size": 1.3 * unit }, text);
}
