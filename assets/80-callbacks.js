/* Thin adapters from Dash's controls to the explorer, and plain buttons to its actions. */
(() => {
  "use strict";
  const inpca = window.inpca;
  const unchanged = () => window.dash_clientside.no_update;

  const rows = (study) =>
    study.run_ids.map((runId, run) => {
      const valueOf = (column) => (column.numbers ? column.numbers[run] : column.levels[column.level[run]]);
      // Not by assignment: a column may be called "__proto__".
      return Object.fromEntries([["run_id", runId], ...study.columns.map((column) => [column.name, valueOf(column)])]);
    });

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    inpca: {
      explore: (study, split, references, automatic, style) => {
        if (!study) return unchanged();
        const isNew = inpca.state.study !== study;
        const isGrown = isNew && study.isGrown && study.study === inpca.state.study?.study;
        if (isGrown) inpca.growStudy(study);
        else if (isNew) inpca.openStudy(study, style);
        if (!study.study) return isNew ? [] : unchanged();
        if (isNew) window.dash_ag_grid.getApiAsync("run-table").then(inpca.connectTable);
        inpca.select({ constraints: inpca.wantedConstraints(), split, references, automatic });
        return isNew ? rows(study) : unchanged();
      },
      grow: (growth, colors, columns) => inpca.grownControls(growth, { colors, columns }, unchanged()),
      paint: (colorBy, ...axes) => {
        if (colorBy) inpca.paint(colorBy, axes.map(Number));
      },
    },
  });

  /** Plain buttons by id. A feature adds its own: Object.assign(inpca.actions, {...}) in a file after this one. */
  inpca.actions = {
    "embed-button": () => inpca.embedNow(),
    "cancel-button": () => inpca.cancel(),
    "reset-camera": () => inpca.lookFrom("default"),
    "theme-toggle": () => inpca.toggleTheme(),
    "only-picked": () => inpca.keepOnlyPicked(),
    "pin-hovered": () => inpca.state.hovered && inpca.togglePin(inpca.state.hovered),
    "hide-others": () => inpca.toggleOthers(),
    "clear-picked": () => inpca.keepAll(),
    "level-of-detail": () => inpca.toggleDetail(),
    "left-out": () => document.getElementById("problems").scrollIntoView({ block: "nearest" }),
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (inpca.actions[button.id] && !button.disabled) inpca.actions[button.id](button);
    if (button.dataset.toggle) {
      const isShown = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(isShown));
      document.getElementById("page").toggleAttribute(`data-hide-${button.dataset.toggle}`, !isShown);
      window.dispatchEvent(new Event("resize"));
    }
  });

  window.dashAgGridFunctions = { ...window.dashAgGridFunctions, inpcaFormat: inpca.format };
})();
