// The tabs Drums and Melody; where the page has no melody model there is nothing to choose, and no tabs.

/**
 * @param {Object} app see main.js; gets `showTab`
 * @param {(root: HTMLElement, app: Object) => void} mountMelody called when the Melody tab is first shown
 */
export function mountTabs(app, mountMelody) {
  const names = ["drums", "melody"], bar = document.getElementById("tabs");
  const tabs = names.map((name) => document.getElementById(`tab-${name}`));
  const panels = names.map((name) => document.getElementById(name));
  const hasMelody = app.engine.model("melody") !== null;
  bar.hidden = !hasMelody;
  let isMounted = false;
  const show = (asked) => {
    const chosen = hasMelody ? asked : "drums";
    if (chosen === "melody" && !isMounted) {
      isMounted = true;
      mountMelody(panels[1], app);
    }
    names.forEach((name, i) => {
      panels[i].hidden = name !== chosen;
      tabs[i].setAttribute("aria-selected", String(name === chosen));
      tabs[i].tabIndex = name === chosen ? 0 : -1;
    });
  };
  app.showTab = (name) => {
    app.store.change("tab", (doc) => (doc.tab === name ? doc : { ...doc, tab: name }), { history: false });
  };
  tabs.forEach((tab, i) => {
    tab.addEventListener("click", () => app.showTab(names[i]));
    tab.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      event.preventDefault();
      app.showTab(names[1 - i]);
      tabs[1 - i].focus();
    });
  });
  if (hasMelody) panels.forEach((panel, i) => {
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", `tab-${names[i]}`);
  });
  app.store.subscribe((doc, before) => { if (doc.tab !== before.tab) show(doc.tab); });
  show(app.store.doc.tab);
}
