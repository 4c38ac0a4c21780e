/* Heat map of mean distances between the runs on screen. */

import { endColor } from "../values/colouring.mjs";
import { LAYOUT, decodeArrays } from "../values/scene.mjs";
import { format } from "../values/study.mjs";
import { isVisible, setMerit } from "../page/charts.mjs";
import { on } from "../page/events.mjs";
import { state } from "../page/state.mjs";
import { byId, showHint, targetOf } from "../page/words.mjs";
import { hover, togglePicked } from "../study/linking.mjs";
import { addLook, fill, isHeavy } from "./closer-look.mjs";
import { makeHeatMap, mostHeatCells } from "./heat-map.mjs";

/** @typedef {import("./heat-map.mjs").Mark} Mark */

/** @type {ReturnType<typeof makeHeatMap> | null} */
let map = null;
/** @type {{ scene: Scene, means: Float32Array } | null} */
let known = null;
let drawn = "";
/** @type {number[]} */
let order = [];
/** @type {Scene | null} */
let asked = null;
/** Run -> its place in the table. */
let tableOrder = () => new Map();

const element = () => byId("run-distances");
const hint = () => document.querySelector('[data-hint="run-distances"]');

/** @param {Response} response */
const read = async (response) => decodeArrays(await response.arrayBuffer()).arrays.means;

/** @param {AlignedScene} scene */
const ask = (scene) => {
  if (known?.scene === scene) return draw();
  if (isHeavy(scene) && asked !== scene) {
    clear();
    const action = () => {
      asked = scene;
      ask(scene);
    };
    return showHint(hint(), [`${format(scene.n_models)} checkpoints: every distance between them is read.`], { label: "read them", action });
  }
  if (!known) hint().textContent = "Averaging distances between runs";
  fill(scene, {
    element: element(),
    hint: hint(),
    path: `run-distances.bin${LAYOUT}`,
    read,
    isWanted: () => true,
    take: (/** @type {Float32Array} */ means) => {
      known = { scene, means };
      drawn = "";
      draw();
    },
    again: () => ask(scene),
  });
};

/**
 * @param {number} a
 * @param {number} b
 */
const meanOf = (a, b) => known?.means[a >= b ? (a * (a + 1)) / 2 + b : (b * (b + 1)) / 2 + a] ?? NaN;

/**
 * Positions of the runs on screen, grouped by colour or in table order.
 * @param {Scene} scene
 * @param {Colouring} colouring
 */
const ordered = (scene, colouring) => {
  const shown = scene.run_ids.map((_, run) => run).filter(state.isShown);
  if (byId("run-order").value === "table") {
    const places = tableOrder();
    return shown.sort((a, b) => (places.get(scene.run_ids[a]) ?? Infinity) - (places.get(scene.run_ids[b]) ?? Infinity) || a - b);
  }
  const rank = colouring.kind === "levels" ? colouring.entryOfRun : (/** @type {number} */ run) => colouring.scale.indexOf(endColor(scene, colouring, run));
  return shown.sort((a, b) => rank(a) - rank(b) || a - b);
};

const draw = () => {
  if (!known || state.scene !== known.scene || !isVisible(element())) return;
  const { scene } = known;
  const { colouring, style } = state;
  const runs = ordered(scene, colouring);
  const colors = runs.map((run) => endColor(scene, colouring, run));
  const name = [scene.key, runs.join(), colors.join()].join("|");
  if (name === drawn) return;
  drawn = name;
  order = runs;
  let high = 0;
  for (const a of runs) for (const b of runs) high = Math.max(high, meanOf(a, b) || 0);
  map = map || makeHeatMap(element(), { onPoint, onPick });
  map.draw({ size: runs.length, value: (row, column) => meanOf(runs[row], runs[column]), colors, scale: style.sequential, high, unit: "mean D" });
  element().setAttribute("aria-label", `Mean distances between ${runs.length} runs. Arrow keys walk through the cells, Enter picks both runs.`);
  setMerit("run-distances", `${format(runs.length)} runs`);
  describe();
  mark();
};

const describe = () => {
  const most = mostHeatCells;
  const isAveraged = order.length > most;
  hint().textContent = isAveraged ? `A cell averages over ${(order.length / most).toFixed(1)} runs each way.` : "";
};

/** @param {number} position */
const runId = (position) => known?.scene.run_ids[order[position]] ?? "";

/** @param {number} position */
const named = (position) => Object.assign(document.createElement("bdi"), { textContent: runId(position) });

/**
 * @param {number | null} row
 * @param {any} column
 */
const onPoint = (row, column) => {
  if (row === null) describe();
  else {
    const mean = meanOf(order[row], order[column]);
    const value = Number.isFinite(mean) ? format(Number(mean)) : "one checkpoint only";
    const parts = row === column ? [named(row), " within itself"] : [named(row), " and ", named(column)];
    hint().replaceChildren(...parts, `: ${value}`);
    if (document.activeElement === element()) byId("announcer").textContent = hint().textContent;
  }
  hover({ runId: row === null ? null : runId(row), source: "run-distances" });
  mark(row === null ? [] : [{ position: row, className: "hovered", only: "row" }, { position: column, className: "hovered", only: "column" }]);
};

/**
 * @param {number} row
 * @param {number} column
 */
const onPick = (row, column) => togglePicked([...new Set([runId(row), runId(column)])]);

/**
 * Mark the cell under the pointer, or row and column of a run hovered elsewhere; and picked runs.
 * @param {Mark[]} [cell]
 */
const mark = (cell = []) => {
  if (!map || !known) return;
  const { run_ids: runIds } = known.scene;
  /** @type {Mark[]} */
  const marks = [...cell];
  order.forEach((run, position) => {
    const id = runIds[run];
    if (id === state.hovered && cell.length === 0) marks.unshift({ position, className: "hovered" });
    else if (state.picked.has(id)) marks.push({ position, className: "pinned" });
  });
  map.mark(marks);
};

const clear = () => {
  [known, drawn, order] = [null, "", []];
  map?.clear();
  setMerit("run-distances", "");
  hint().replaceChildren();
};

export const install = () => {
  addLook({ element, ask });
  on("order", (order) => {
    tableOrder = order;
    draw();
  });
  on("forget", clear);
  on("draw", draw);
  on("hover", ({ source }) => source !== "run-distances" && mark());
  on("pins", () => mark());
  document.addEventListener("change", (event) => targetOf(event).id === "run-order" && draw());
};
