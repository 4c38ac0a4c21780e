/* The run table: it shows what passes the filters, picks runs, and points at them. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});
  const { state } = inpca;

  // Selections that the visitor made. All others are ours, or Dash's grid component putting back what its property held
  // a moment ago (it does so whenever rows arrive), and are set right.
  const BY_HAND = new Set(["checkboxSelected", "rowClicked", "spaceKey", "uiSelectAll", "uiSelectAllFiltered", "uiSelectAllCurrentPage"]);

  let filterTimer = null;

  const hover = (runId) => inpca.hover({ runId, source: "table" });

  inpca.connectTable = (table) => {
    if (inpca.table === table) return;
    inpca.table = table;
    table.addEventListener("cellMouseOver", (event) => hover(event.data.run_id));
    table.addEventListener("cellMouseOut", () => hover(null));
    table.addEventListener("cellFocused", ({ rowIndex }) => hover(table.getDisplayedRowAtIndex(rowIndex ?? -1)?.data.run_id ?? null));
    table.addEventListener("selectionChanged", ({ source }) => {
      if (BY_HAND.has(source)) inpca.pick(table.getSelectedNodes().map((node) => node.data.run_id));
      else select();
    });
    table.addEventListener("rowDataUpdated", select);
    table.setGridOption("isExternalFilterPresent", () => true);
    table.setGridOption("doesExternalFilterPass", (node) => state.mask[inpca.row(state.study, node.data.run_id)] === 1);
    inpca.filterTable();
    select();
  };

  /** The picked runs are the selected rows, whoever picked them. */
  const select = () => {
    if (!inpca.table) return;
    const [on, off] = [[], []];
    inpca.table.forEachNode((node) => {
      const isPicked = state.picked.has(node.data.run_id);
      if (isPicked !== node.isSelected()) (isPicked ? on : off).push(node);
    });
    if (on.length) inpca.table.setNodesSelected({ nodes: on, newValue: true });
    if (off.length) inpca.table.setNodesSelected({ nodes: off, newValue: false });
  };

  inpca.filterTable = () => {
    clearTimeout(filterTimer);
    filterTimer = null;
    inpca.table?.onFilterChanged();
  };

  /** Filter once the picture on its way is there, or after so many milliseconds: before, the page would lay out its rows. */
  inpca.filterTableSoon = (milliseconds) => {
    clearTimeout(filterTimer);
    filterTimer = setTimeout(inpca.filterTable, milliseconds);
  };

  inpca.on("drawn", () => inpca.nextFrame().then(() => filterTimer !== null && inpca.filterTable()));

  /** Bring a run's row into view, and the table itself where it was put away. */
  inpca.revealRow = (runId) => {
    document.querySelector('[data-toggle="table"][aria-pressed="false"]')?.click();
    const node = inpca.table?.getRowNode(runId);
    if (node?.displayed) inpca.table.ensureNodeVisible(node, "middle");
    hover(runId);
  };

  /* ------------------------------------------------------------------ marks */

  // Rows that are there get their class at once, without being drawn again under the pointer; rows that scroll in get
  // it from the grid (rowClassRules in dashboard/layout/table.py).
  const pinOf = (runId) => state.pins.find((pin) => pin.runId === runId);
  const rows = (selector) => document.querySelectorAll(`#run-table .ag-row${selector}`);

  const markHovered = ({ runId }) => {
    rows(".is-hovered").forEach((row) => row.classList.remove("is-hovered"));
    if (runId !== null) rows(`[row-id="${CSS.escape(runId)}"]`).forEach((row) => row.classList.add("is-hovered"));
  };

  const markPinned = () =>
    rows("").forEach((row) => {
      const stale = [...row.classList].filter((name) => name.startsWith("pin-"));
      row.classList.remove(...stale);
      const pin = pinOf(row.getAttribute("row-id"));
      if (pin) row.classList.add(inpca.pinClass(pin));
    });

  inpca.on("hover", markHovered);
  inpca.on("pins", () => {
    select();
    markPinned();
  });

  window.dashAgGridFunctions = {
    ...window.dashAgGridFunctions,
    inpcaIsHovered: (runId) => runId === state.hovered,
    inpcaPinSlot: (runId) => pinOf(runId)?.slot ?? -1,
  };
})();
