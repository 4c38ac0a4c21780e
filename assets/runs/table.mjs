/* Run table: filtering, picking and hovering of rows. */

import { pinClass } from "../values/pins.mjs";
import { columnOf, format, rowOf } from "../values/study.mjs";
import { nextFrame } from "../picture/motion.mjs";
import { offerToGrid } from "../page/dash.mjs";
import { emit, on } from "../page/events.mjs";
import { state } from "../page/state.mjs";
import { hover, pick } from "../study/linking.mjs";

// Selection events caused by the user. All others come from this code, or from Dash's grid restoring its old property
// whenever rows arrive, and are corrected.
const BY_HAND = new Set(["checkboxSelected", "rowClicked", "spaceKey", "uiSelectAll", "uiSelectAllFiltered", "uiSelectAllCurrentPage"]);

/** @type {ReturnType<typeof setTimeout> | null} */
let filterTimer = null;

/** @param {string | null} runId */
const hoverRow = (runId) => hover({ runId, source: "table" });

/**
 * The grid's own interface; null until Dash has made it.
 * @type {any}
 */
export let grid = null;

/** @param {any} table */
const connect = (table) => {
  if (grid === table) return;
  grid = table;
  table.addEventListener("cellMouseOver", (/** @type {any} */ event) => hoverRow(event.data.run_id));
  table.addEventListener("cellMouseOut", () => hoverRow(null));
  table.addEventListener("cellFocused", (/** @type {any} */ { rowIndex }) => hoverRow(table.getDisplayedRowAtIndex(rowIndex ?? -1)?.data.run_id ?? null));
  table.addEventListener("selectionChanged", (/** @type {any} */ { source }) => {
    if (BY_HAND.has(source)) pick(table.getSelectedNodes().map((/** @type {any} */ node) => node.data.run_id));
    else select();
  });
  table.addEventListener("rowDataUpdated", select);
  table.setGridOption("isExternalFilterPresent", () => true);
  table.setGridOption("doesExternalFilterPass", (/** @type {any} */ node) => state.mask[rowOf(state.study, node.data.run_id)] === 1);
  for (const event of ["sortChanged", "filterChanged"]) table.addEventListener(event, () => emit("order", order));
  filter();
  select();
};

/** Select the rows of the picked runs. */
const select = () => {
  if (!grid) return;
  /** @type {{ on: any[], off: any[] }} */
  const { on, off } = { on: [], off: [] };
  grid.forEachNode((/** @type {any} */ node) => {
    const isPicked = state.picked.has(node.data.run_id);
    if (isPicked !== node.isSelected()) (isPicked ? on : off).push(node);
  });
  if (on.length) grid.setNodesSelected({ nodes: on, newValue: true });
  if (off.length) grid.setNodesSelected({ nodes: off, newValue: false });
};

const filter = () => {
  clearTimeout(filterTimer ?? undefined);
  filterTimer = null;
  grid?.onFilterChanged();
};

/**
 * Filter the table after the pending picture, or after the given time, so that row layout does not delay the picture.
 * @param {number} milliseconds
 */
const filterSoon = (milliseconds) => {
  clearTimeout(filterTimer ?? undefined);
  filterTimer = setTimeout(filter, milliseconds);
};

/** Run -> its place in the table, as filtered and sorted. */
const order = () => {
  const places = new Map();
  grid.forEachNodeAfterFilterAndSort((/** @type {any} */ node) => places.set(node.data.run_id, places.size));
  return places;
};

/**
 * Scroll to a run's row; unfold the table if it is folded.
 * @param {string} runId
 */
export const revealRow = (runId) => {
  document.querySelector('[data-toggle="table"][aria-pressed="false"]')?.click();
  const node = grid?.getRowNode(runId);
  if (node?.displayed) grid.ensureNodeVisible(node, "middle");
  hoverRow(runId);
};

/* ------------------------------------------------------------------ marks */

// Rows on screen get their class directly, without a redraw under the pointer; rows that scroll in get it from the grid
// (rowClassRules in dashboard/layout/table.py).
/** @param {string} runId */
const pinOf = (runId) => state.pins.find((pin) => pin.runId === runId);
/** @param {string} selector */
const rows = (selector) => document.querySelectorAll(`#run-table .ag-row${selector}`);

/** @param {{ runId: string | null }} pointed */
const markHovered = ({ runId }) => {
  rows(".is-hovered").forEach((row) => row.classList.remove("is-hovered"));
  if (runId !== null) rows(`[row-id="${CSS.escape(runId)}"]`).forEach((row) => row.classList.add("is-hovered"));
};

const markPinned = () =>
  rows("").forEach((row) => {
    const stale = [...row.classList].filter((name) => name.startsWith("pin-"));
    row.classList.remove(...stale);
    const pin = pinOf(row.getAttribute("row-id") ?? "");
    if (pin) row.classList.add(pinClass(pin));
  });

/** @param {{ study: string }} study */
const connectSoon = ({ study }) => {
  if (study) window.dash_ag_grid.getApiAsync("run-table").then(connect);
};

export const install = () => {
  on("drawn", () => nextFrame().then(() => filterTimer !== null && filter()));

  on("hover", markHovered);
  on("pins", () => {
    select();
    markPinned();
  });

  on("select", (patience) => (patience ? filterSoon(patience) : filter()));

  on("statuses", (runIds) => {
    const column = /** @type {LevelColumn} */ (columnOf(state.study, "status"));
    for (const runId of runIds) {
      const node = grid?.getRowNode(runId);
      node?.updateData({ ...node.data, status: column.levels[column.level[rowOf(state.study, runId)]] });
    }
  });

  on("study", connectSoon);
  on("grown", connectSoon);

  offerToGrid({
    inpcaFormat: format,
    /** @param {string} runId */
    inpcaIsHovered: (runId) => runId === state.hovered,
    /** @param {string} runId */
    inpcaPinSlot: (runId) => pinOf(runId)?.slot ?? -1,
  });
};
