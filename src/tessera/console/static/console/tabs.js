// Turns panels under `data-tabs` into tabs (WAI-ARIA: arrows, Home, End). Without this script all panels are shown.
(() => {
  "use strict";

  function choose(tabs, chosen, focus) {
    for (const tab of tabs) {
      const on = tab === chosen;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = !on;
    }
    if (focus) chosen.focus();
  }

  function turn(event, tabs) {
    const at = tabs.indexOf(event.target);
    const last = tabs.length - 1;
    const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    choose(tabs, tabs[to], true);
  }

  for (const box of document.querySelectorAll("[data-tabs]")) {
    const list = document.createElement("div");
    list.className = "tabbed__tabs";
    list.setAttribute("role", "tablist");
    list.setAttribute("aria-label", box.getAttribute("aria-label"));
    box.removeAttribute("aria-label");
    const tabs = [...box.querySelectorAll("[data-tab]")].map((panel) => {
      const tab = document.createElement("button");
      tab.type = "button";
      tab.id = `tab-${panel.id}`;
      tab.textContent = panel.dataset.tab;
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", panel.id);
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tab.id);
      panel.querySelector("h4").hidden = true;
      list.append(tab);
      return tab;
    });
    list.addEventListener("click", (event) => {
      const tab = event.target.closest("[role=tab]");
      if (tab) choose(tabs, tab, false);
    });
    list.addEventListener("keydown", (event) => turn(event, tabs));
    box.prepend(list);
    choose(tabs, tabs[0], false);
  }
})();
