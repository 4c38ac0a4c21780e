/* The run table: it shows what passes the filters, picks runs, and points at them. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});
  const { state } = inpca;
  const { byId } = inpca;

  inpca.pick = (runIds) => {
    state.picked = new Set(runIds);
    byId("only-picked").disabled = runIds.length === 0;
    inpca.emit("pins");
    inpca.draw();
  };

  inpca.keepOnlyPicked = () => {
    state.kept = new Set(state.picked);
    inpca.reselect();
  };

  inpca.keepAll = () => {
    state.kept = new Set();
    inpca.reselect();
  };

  const hover = (runId) => {
    if (runId === state.hovered) return;
    state.hovered = runId;
    inpca.emit("hover", { runId, model: null, source: "table", box: null });
    inpca.draw();
  };

  inpca.connectTable = (table) => {
    if (inpca.table === table) return;
    inpca.table = table;
    table.addEventListener("cellMouseOver", (event) => hover(event.data.run_id));
    table.addEventListener("cellMouseOut", () => hover(null));
    inpca.filterTable();
  };

  inpca.filterTable = () => {
    if (!inpca.table) return;
    inpca.table.setGridOption("isExternalFilterPresent", () => true);
    inpca.table.setGridOption("doesExternalFilterPass", (node) => state.mask[inpca.row(state.study, node.data.run_id)] === 1);
    inpca.table.onFilterChanged();
  };
})();
