/* Tabs of the right rail, their address key, definitions, chart sizes. */

import { addressFields, writeAddress } from "../page/address.mjs";
import { hasChart, isVisible } from "../page/charts.mjs";
import { on } from "../page/events.mjs";
import { state, writerOf } from "../page/state.mjs";
import { byId, targetOf } from "../page/words.mjs";
import { lookSoon } from "./closer-look.mjs";
import { drawPanels } from "./components.mjs";

const write = writerOf("tab");

const tabs = () => [...document.querySelectorAll("#panel-tabs .tab")];

/** @param {string} name */
export const showTab = (name) => {
  write({ tab: name });
  for (const tab of tabs()) {
    const isOpen = tab.dataset.tab === name;
    tab.setAttribute("aria-selected", String(isOpen));
    tab.tabIndex = isOpen ? 0 : -1;
    byId(tab.getAttribute("aria-controls") ?? "").hidden = !isOpen;
  }
  refresh();
  writeAddress();
};

/** Draw panels that have become visible, and request their missing data. */
const refresh = () => {
  if (!state.scene) return;
  drawPanels(state.scene, state.style, state.theme);
  lookSoon();
};

/** Resize charts with their panels, after changes of the window, an opened definition or the rail. */
const sizes = new ResizeObserver((entries) => {
  for (const entry of entries) {
    const target = /** @type {HTMLElement} */ (entry.target);
    if (!isVisible(target)) continue;
    if (hasChart(target)) Plotly.Plots.resize(target);
    else refresh();
  }
});

export const install = () => {
  addressFields.push(["tab", (view) => (view.tab === "components" ? "" : view.tab)]);

  document.addEventListener("click", (event) => {
    const button = targetOf(event).closest("button");
    if (button?.dataset.tab) showTab(button.dataset.tab);
    if (!button?.classList.contains("what-is")) return;
    const definition = /** @type {PageElement} */ (button.closest(".panel")).querySelector(".definition");
    definition.hidden = !definition.hidden;
    button.setAttribute("aria-expanded", String(!definition.hidden));
  });

  document.addEventListener("keydown", (event) => {
    if (!targetOf(event).closest("#panel-tabs")) return;
    const all = tabs();
    const at = all.indexOf(targetOf(event));
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    event.stopPropagation();
    const tab = all[(to + all.length) % all.length];
    showTab(tab.dataset.tab ?? "");
    tab.focus();
  });

  on("study", (study) => {
    document.querySelectorAll(".panel-figure, .heat-map").forEach((element) => sizes.observe(element));
    if (study.view?.tab && study.view.tab !== state.tab) showTab(study.view.tab);
  });
};
