// Makes elements: text always as text, never as markup, so that names out of files and addresses stay harmless.

const KEYED_MS = 700;

/**
 * An element with attributes and children.
 * @param {string} tag such as "button"; "svg:path" makes one of SVG
 * @param {Object<string, *>} [attributes] `class` and the like as in HTML; a function under `onclick` and the like is
 *   a listener; true and false set and leave out an attribute; null and undefined leave it out
 * @param {...(Node|string|null)} children
 * @returns {Element}
 */
export function element(tag, attributes = {}, ...children) {
  const node = tag.startsWith("svg:")
    ? document.createElementNS("http://www.w3.org/2000/svg", tag.slice(4))
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.replace(/^on/, ""), value);
    else if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(name, value === true ? "" : String(value));
    }
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/**
 * A button with a text.
 * @param {string} text
 * @param {(event: Event) => void} onclick
 * @param {Object<string, *>} [attributes]
 * @returns {HTMLButtonElement}
 */
export function button(text, onclick, attributes = {}) {
  return element("button", { type: "button", onclick, ...attributes }, text);
}

/**
 * A slider with its name before it and its value behind it, which keeps the width of its longest text.
 * @param {{label: string, name?: string, min: number, max: number, step: number, value: number, text?: (value: number) => string,
 *   oninput: (value: number) => void, onchange?: (value: number) => void, id?: string, hint?: string}} options
 *   `name` is for screen readers where another slider has the same label, and begins with it; `text` writes the value; `onchange` is told when a drag, or a run of key presses, has ended; `hint` is a tooltip
 * @returns {{root: HTMLElement, input: HTMLInputElement, set: (value: number) => void, enable: (on: boolean) => void}}
 */
export function slider({ label, name = label, min, max, step, value, text = String, oninput, onchange, id, hint }) {
  const input = element("input", { type: "range", min, max, step, id, title: hint, "aria-label": name });
  const output = element("output", { "aria-hidden": "true" });
  const widest = Math.max(text(min).length, text(max).length, text((min + max) / 2).length);
  output.style.minWidth = `${widest + 0.5}ch`;
  const show = (number) => {
    output.textContent = text(number);
    input.setAttribute("aria-valuetext", text(number));
    input.style.setProperty("--part", String((number - min) / (max - min)));
  };
  const set = (number) => {
    if (Number(input.value) !== number) input.value = String(number);
    show(number);
  };
  input.addEventListener("input", () => {
    show(Number(input.value));
    oninput(Number(input.value));
  });
  if (onchange) listenToChanges(input, () => onchange(Number(input.value)));
  input.value = String(value);
  show(value);
  const root = element("label", { class: "slider" }, element("span", { class: "name" }, label), input, output);
  const enable = (on) => {
    input.disabled = !on;
    root.classList.toggle("off", !on);
  };
  return { root, input, set, enable };
}

// Key presses in a row are one change, as a drag is; browsers report each of them.
function listenToChanges(input, onchange) {
  let timer = 0, isKeyed = false;
  const tell = () => {
    if (timer) onchange();
    clearTimeout(timer);
    timer = 0;
  };
  input.addEventListener("keydown", () => { isKeyed = true; });
  input.addEventListener("pointerdown", () => {
    tell();
    isKeyed = false;
  });
  input.addEventListener("blur", tell);
  input.addEventListener("change", () => {
    clearTimeout(timer);
    timer = setTimeout(tell, isKeyed ? KEYED_MS : 0);
  });
}

/**
 * A drop-down list with its name before it; `name` as for a slider.
 * @param {{label: string, name?: string, choices: {value: string, text: string}[], value: string,
 *   onchange: (value: string) => void, id?: string}} options
 * @returns {{root: HTMLElement, input: HTMLSelectElement, set: (value: string) => void}}
 */
export function choice({ label, name = label, choices, value, onchange, id }) {
  const input = element("select", { id, "aria-label": name },
    ...choices.map((one) => element("option", { value: one.value }, one.text)));
  input.value = value;
  input.addEventListener("change", () => onchange(input.value));
  const root = element("label", { class: "choice" }, element("span", { class: "name" }, label), input);
  return { root, input, set: (next) => { input.value = next; } };
}

/**
 * A button that is on or off, and says so to a screen reader.
 * @param {string} text
 * @param {boolean} on
 * @param {(on: boolean) => void} onchange
 * @param {Object<string, *>} [attributes]
 * @returns {{root: HTMLButtonElement, set: (on: boolean) => void}}
 */
export function toggle(text, on, onchange, attributes = {}) {
  const root = button(text, () => onchange(root.getAttribute("aria-pressed") !== "true"), attributes);
  const set = (value) => root.setAttribute("aria-pressed", String(value));
  set(on);
  return { root, set };
}

/**
 * @param {number} share 0 to 1
 * @returns {string} such as "12%"
 */
export function percent(share) {
  return `${Math.round(100 * share)}%`;
}
