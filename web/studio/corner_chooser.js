// The list from which a corner of the pad is filled.

import { element } from "./elements.js";

/**
 * A drop-down list that shows what lies in a corner and offers what can be put there.
 * @param {string} where the corner, such as "top left"
 * @param {(source: string) => void} choose told "current", "new", "clear", "part N" or "pattern N"
 * @returns {{root: HTMLSelectElement, show: (corner: {name: string}|null, parts: {name: string}[],
 *   patterns: {name: string, style: string}[]) => void}}
 */
export function cornerChooser(where, choose) {
  const root = element("select", { "aria-label": `Beat in the ${where} corner` });
  root.addEventListener("change", () => {
    const source = root.value;
    root.value = "";
    if (source) choose(source);
  });
  return { root, show: (corner, parts, patterns) => show(root, corner, parts, patterns) };
}

function show(root, corner, parts, patterns) {
  root.replaceChildren(
    option("", corner ? corner.name : "Choose a beat"),
    option("current", "The beat on the grid"),
    option("new", "A new beat"),
    ...group("Parts", parts.map((part, i) => option(`part ${i}`, part.name))),
    ...patternGroups(patterns),
    ...(corner ? [option("clear", "Nothing")] : []),
  );
  root.value = "";
}

/**
 * The written beats as choices, by style.
 * @param {{name: string, style: string}[]} patterns
 * @returns {HTMLOptGroupElement[]} whose options have the values "pattern N"
 */
export function patternGroups(patterns) {
  const names = [...new Set(patterns.map((pattern) => pattern.style))].sort();
  return names.flatMap((style) => group(style, patterns
    .map((pattern, i) => (pattern.style === style ? option(`pattern ${i}`, pattern.name) : null))
    .filter(Boolean)));
}

function group(label, options) {
  return options.length ? [element("optgroup", { label }, ...options)] : [];
}

function option(value, text) {
  return element("option", { value }, text);
}
