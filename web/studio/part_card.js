// One part of the arrangement: its name, a picture, and what can be done with it.

import { beatPicture } from "./beat_picture.js";
import { button, element } from "./elements.js";
import { tidyName } from "./parts.js";

/**
 * @param {import("./parts.js").Part} part
 * @param {{add: () => void, recall: () => void, replace: () => void, fill: (() => void)|null, remove: () => void,
 *   rename: (name: string) => void, setBars: (bars: [number, number]) => void, fillsAreFills: boolean}} actions `fill`
 *   is null where no model draws a last bar; `fillsAreFills` where it knows a fill from any other bar
 * @returns {HTMLElement}
 */
export function partCard(part, actions) {
  const { name } = part;
  const field = element("input", { type: "text", value: name, maxlength: "40", "aria-label": `Name of part ${name}`,
    autocomplete: "off", spellcheck: "false" });
  field.addEventListener("change", () => {
    const tidy = tidyName(field.value);
    if (tidy && tidy !== name) actions.rename(tidy);
    else field.value = name;
  });
  const named = (text, action, label) => button(text, action, { "aria-label": label });
  return element("li", { class: "part" },
    field,
    barsChoice(part, actions.setBars),
    element("div", { class: "part-picture" }, beatPicture(part.beat, part.bars)),
    element("div", { class: "row-of" },
      named("Add to order", actions.add, `Add to order: ${name}`),
      named("To the grid", actions.recall, `To the grid: ${name}`),
      named("Replace", actions.replace, `Replace ${name} with the beat on the grid`),
      actions.fill ? named(...fillWords(actions, name)) : null,
      named("Delete", actions.remove, `Delete part ${name}`)));
}

function fillWords({ fill, fillsAreFills }, name) {
  return fillsAreFills ? ["Draw a fill", fill, `Draw a fill for ${name}`]
    : ["New last bar", fill, `New last bar for ${name}`];
}

function barsChoice(part, setBars) {
  const count = part.beat.steps / 16, key = (bars) => bars.join("-");
  const ranges = [[0, count], ...[...Array(count - 1).keys()].flatMap((i) => [[0, i + 1], [i + 1, count]])];
  if (!ranges.some((range) => key(range) === key(part.bars))) ranges.push(part.bars);
  const input = element("select", { "aria-label": `Bars of ${part.name} that play` },
    ...ranges.map((range) => element("option", { value: key(range) }, textOf(range, count))));
  input.value = key(part.bars);
  input.addEventListener("change", () => setBars(input.value.split("-").map(Number)));
  return input;
}

function textOf([first, end], count) {
  if (first === 0 && end === count) return count === 1 ? "Its bar" : `All ${count} bars`;
  return end - first === 1 ? `Bar ${end} only` : `Bars ${first + 1} to ${end}`;
}
