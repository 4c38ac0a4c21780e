/* The tabs of the right rail, their place in the address, what is behind each question mark, and charts that fit. */
(() => {
  "use strict";
  const inpca = window.inpca;
  const { state, byId } = inpca;

  state.tab = "components";

  const tabs = () => [...document.querySelectorAll("#panel-tabs .tab")];

  inpca.showTab = (name) => {
    state.tab = name;
    for (const tab of tabs()) {
      const isOpen = tab.dataset.tab === name;
      tab.setAttribute("aria-selected", String(isOpen));
      tab.tabIndex = isOpen ? 0 : -1;
      byId(tab.getAttribute("aria-controls")).hidden = !isOpen;
    }
    refresh();
    inpca.writeAddress();
  };

  inpca.addressFields.push(["tab", (view) => (view.tab === "components" ? "" : view.tab)]);

  /** Draw what has come into sight, and ask for what it lacks. */
  const refresh = () => {
    if (!state.scene) return;
    inpca.drawPanels(state.scene, state.style, state.theme);
    inpca.lookSoon();
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.tab) inpca.showTab(button.dataset.tab);
    if (!button?.classList.contains("what-is")) return;
    const definition = button.closest(".panel").querySelector(".definition");
    definition.hidden = !definition.hidden;
    button.setAttribute("aria-expanded", String(!definition.hidden));
  });

  document.addEventListener("keydown", (event) => {
    if (!event.target.closest?.("#panel-tabs")) return;
    const all = tabs();
    const at = all.indexOf(event.target);
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    event.stopPropagation();
    const tab = all[(to + all.length) % all.length];
    inpca.showTab(tab.dataset.tab);
    tab.focus();
  });

  /** A chart follows its panel's size: the window's, a definition that opens above it, the rail that comes back. */
  const sizes = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (!inpca.isVisible(target)) continue;
      if (target._fullLayout) Plotly.Plots.resize(target);
      else refresh();
    }
  });

  inpca.on("study", (study) => {
    document.querySelectorAll(".panel-figure, .heat-map").forEach((element) => sizes.observe(element));
    if (study.view?.tab && study.view.tab !== state.tab) inpca.showTab(study.view.tab);
  });
})();
