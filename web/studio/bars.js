// The line above the grid: the bars, their locks, and on narrow screens which of them are in view.

import { button, element, toggle } from "./elements.js";
import { lockButton } from "./locks.js";

/**
 * @param {Object} app with `grid`; gets `followsBars`
 * @returns {HTMLElement}
 */
export function mountBars(app) {
  const { grid } = app, buttons = [];
  const strip = element("div", { class: "bars", role: "group", "aria-label": "Bars" });
  for (let bar = 0; bar < grid.bars; bar++) {
    const name = `bar ${bar + 1}`;
    const chooser = button(`Bar ${bar + 1}`, () => {
      if (app.player.isPlaying) follow.set(app.followsBars = false);
      grid.reveal(bar);
    }, { class: "show-bar", "aria-label": `Show ${name}` });
    buttons.push(chooser);
    strip.append(element("div", { class: "bar" },
      element("span", { class: "bar-name" }, `Bar ${bar + 1}`), chooser, lockButton(app, "bars", bar, name)));
  }
  app.followsBars = true;
  const follow = toggle("Follow", true, (on) => follow.set(app.followsBars = on), {
    class: "follow quiet", title: "Show the bar that plays",
  });
  const show = () => buttons.forEach((one, bar) => {
    const inView = bar >= grid.firstBar && bar < grid.firstBar + grid.shownBars;
    one.setAttribute("aria-current", String(inView));
  });
  grid.onChange(show);
  show();
  return element("div", { class: "bar-line" }, element("div", { class: "corner" }, follow.root), strip);
}
