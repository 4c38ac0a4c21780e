/* Shepard diagram and its worst pairs. */

import { chartAxis } from "../picture/plotly-scene.mjs";
import { format } from "../values/study.mjs";
import { clearChart, drawChart, hasChart, isVisible, setMerit } from "../page/charts.mjs";
import { on } from "../page/events.mjs";
import { state } from "../page/state.mjs";
import { byId, showHint, targetOf } from "../page/words.mjs";
import { hover, togglePicked } from "../study/linking.mjs";
import { addLook, fill, lookSoon } from "./closer-look.mjs";

const SVG = "http://www.w3.org/2000/svg";
/**
 * What is drawn; null before the first answer, which callers test.
 * @type {{ name: string, scene: AlignedScene, answer: any }}
 */
let shown = /** @type {any} */ (null);

const element = () => byId("shepard");
const hint = () => document.querySelector('[data-hint="shepard"]');
/** @param {number} share */
const percent = (share) => `${Number((100 * share).toPrecision(2))} %`;

/**
 * Component numbers for the embedded distance, among those of the scene.
 * @param {Scene} scene
 */
const wanted = (scene) => {
  /** @param {number} n */
  const first = (n) => Array.from({ length: Math.min(n, scene.n_components) }, (_, index) => index + 1);
  const choice = byId("shepard-components").value;
  if (choice === "axes") return state.axes.filter((component) => component <= scene.n_components).sort((a, b) => a - b);
  return first(choice === "all" ? scene.n_components : Number(choice));
};

/** @param {AlignedScene} scene */
const ask = (scene) => {
  const components = wanted(scene);
  if (components.length === 0) return;
  const name = `${scene.key}/${components.join()}`;
  if (shown?.name === name && hasChart(element())) return;
  fill(scene, {
    element: element(),
    hint: hint(),
    path: `shepard/${components.join()}`,
    read: (response) => response.json(),
    isWanted: () => wanted(scene).join() === components.join(),
    take: (answer) => {
      shown = { name, scene, answer };
      draw();
    },
    again: () => ask(scene),
  });
};

/** @param {number} model */
const runOf = (model) => shown.scene.run_ids[shown.scene.arrays.run[model]];

const draw = () => {
  const { figure, explained, components } = shown.answer;
  const listeners = { plotly_hover: onPoint, plotly_unhover: onLeave, plotly_click: onClick, plotly_afterplot: markPoints };
  if (!drawChart(element(), figure, state.style.templates[state.theme], listeners)) return;
  setMerit("shepard", `of ${nameOf(components)}: ${explained.toFixed(3)}`);
  describe();
  listWorst();
};

/** @param {number[]} components */
const nameOf = (components) => {
  const isFirst = components.every((component, index) => component === index + 1);
  return isFirst && components.length > 1 ? `1 to ${components.length}` : components.join(", ");
};

/** Whether the chosen components contain only part of a block rotated by the alignment: D̂ then differs. */
const partlyTurned = () => {
  /** @param {number} component */
  const isCompared = (component) => shown.answer.components.includes(component);
  return shown.scene.alignment.rotated.some((block) => block.some(isCompared) && !block.every(isCompared));
};

const describe = () => {
  const { n_pairs: nPairs, n_negative: nNegative, n_runs: nRuns } = shown.answer;
  const all = shown.scene.run_ids.length;
  const compared = nRuns === all ? `All ${format(nPairs)} pairs compared` : `${format(nPairs)} pairs compared, of ${nRuns} of ${all} runs`;
  const drawn = shown.answer.sample.rows.length;
  const sampled = drawn < nPairs ? `${format(drawn)} of them drawn` : "and drawn";
  const turned = partlyTurned() ? " On screen near-equal components are turned to match the picture before; here they are as solved." : "";
  const below = nNegative > 0.001 * nPairs ? percent(nNegative / nPairs) : format(nNegative);
  const negative = nNegative ? `; ${below} of all come out below zero` : "";
  showHint(hint(), [`${compared}, ${sampled}${negative}.${turned}`]);
};

/* ------------------------------------------------------------------ hovered and picked runs */

/** Points of pairs that include the hovered run, or else a picked run. */
const highlighted = () => {
  if (!state.hovered && state.picked.size === 0) return [];
  const { sample, figure } = shown.answer;
  const runs = shown.scene.run_ids.map((runId) => (state.hovered ? runId === state.hovered : state.picked.has(runId)));
  /** @param {number} model */
  const isMember = (model) => runs[shown.scene.arrays.run[model]];
  return figure.data.flatMap((/** @type {PlotlyTrace} */ { customdata, x, y }) =>
    (customdata || []).flatMap((/** @type {number} */ pair, /** @type {number} */ index) =>
      isMember(sample.rows[pair]) || isMember(sample.columns[pair]) ? [[x[index], y[index]]] : [],
    ),
  );
};

/** Ring these points, in a separate layer: adding a point costs plotly 0.1 s for the other 2,000. */
const markPoints = () => {
  const [across, up] = ["x", "y"].map((name) => chartAxis(element(), name));
  if (!shown || !across || !up) return;
  const layer = element().querySelector(".shepard-marks") || element().appendChild(document.createElementNS(SVG, "svg"));
  layer.setAttribute("class", "shepard-marks");
  const rings = highlighted().map((/** @type {number[]} */ [x, y]) => {
    const ring = document.createElementNS(SVG, "circle");
    ring.setAttribute("cx", String(across.offset + across.place(x)));
    ring.setAttribute("cy", String(up.offset + up.place(y)));
    ring.setAttribute("r", "3.5");
    return ring;
  });
  layer.replaceChildren(...rings);
};

let isDue = false;

const markSoon = () => {
  if (!shown || isDue || !isVisible(element())) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    if (!shown) return;
    markPoints();
    markPicked();
  });
};

/** @param {any} event */
const pairOf = (event) => {
  const { sample } = shown.answer;
  const pair = event.points[0].customdata;
  return [sample.rows[pair], sample.columns[pair]];
};

/**
 * @param {string} tag
 * @param {string} text
 * @param {string} [className]
 */
const make = (tag, text, className = "") => Object.assign(document.createElement(tag), { textContent: text, className });

/** @param {number} model */
const checkpointOf = (model) => `#${shown.scene.arrays.checkpoint[model] + 1}`;

/** @param {number} model */
const nameModel = (model) => [make("bdi", runOf(model)), ` ${checkpointOf(model)}`];

/** @param {any} event */
const onPoint = (event) => {
  const [row, column] = pairOf(event);
  const { x, y } = event.points[0];
  showHint(hint(), [...nameModel(row), " and ", ...nameModel(column), `: D ${format(x)}, D̂ ${format(y)}`]);
  hover({ runId: runOf(row), source: "shepard" });
};

const onLeave = () => {
  describe();
  hover({ runId: null, source: "shepard" });
};

/** @param {any} event */
const onClick = (event) => togglePicked([...new Set(pairOf(event).map(runOf))]);

/* ------------------------------------------------------------------ worst pairs */

const listWorst = () => {
  const { worst } = shown.answer;
  byId("worst").hidden = worst.rows.length === 0;
  byId("worst-pairs").replaceChildren(...worst.rows.map((/** @type {number} */ row, /** @type {number} */ index) => worstPair(row, worst.columns[index], index)));
  markPicked();
};

/**
 * @param {number} row
 * @param {number} column
 * @param {number} index
 */
const worstPair = (row, column, index) => {
  const { distances, embedded } = shown.answer.worst;
  const runs = [...new Set([runOf(row), runOf(column)])];
  const button = make("button", "", "worst-pair");
  button.setAttribute("type", "button");
  button.dataset.runs = JSON.stringify(runs);
  button.title = `${runOf(row)} and ${runOf(column)}: click to pick ${runs.length > 1 ? "both runs" : "the run"}`;
  /**
   * @param {number} model
   * @param {string} text
   */
  const line = (model, text) => [make("bdi", runOf(model)), make("span", checkpointOf(model)), make("span", text)];
  button.append(...line(row, `D ${format(distances[index])}`), ...line(column, `D̂ ${format(embedded[index])}`));
  button.addEventListener("click", () => togglePicked(runs));
  for (const { event, runId } of [
    { event: "mouseenter", runId: runs[0] },
    { event: "focus", runId: runs[0] },
    { event: "mouseleave", runId: null },
    { event: "blur", runId: null },
  ]) {
    button.addEventListener(event, () => hover({ runId, source: "shepard" }));
  }
  const item = document.createElement("li");
  item.append(button);
  return item;
};

const markPicked = () => {
  for (const button of document.querySelectorAll(".worst-pair")) {
    button.setAttribute("aria-pressed", String(JSON.parse(button.dataset.runs ?? "[]").every((/** @type {string} */ runId) => state.picked.has(runId))));
  }
};

const clear = () => {
  shown = /** @type {any} */ (null);
  clearChart(element());
  setMerit("shepard", "");
  hint().replaceChildren();
  byId("worst").hidden = true;
};

export const install = () => {
  addLook({ element, ask });
  on("forget", clear);
  on("hover", markSoon);
  on("pins", markSoon);
  on("theme", () => shown && draw());
  on("changed", ({ axes }) => axes && lookSoon());
  document.addEventListener("change", (event) => targetOf(event).id === "shepard-components" && lookSoon());
};
