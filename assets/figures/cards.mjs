/*
 * Cards of the open figure: charts, findings, downloads.
 */

import { isDrawn } from "../picture/plotly-scene.mjs";
import { colorOfLevel, endColor } from "../values/colouring.mjs";
import { format } from "../values/study.mjs";
import { isVisible, listen } from "../page/charts.mjs";
import { on } from "../page/events.mjs";
import { serverAddress } from "../page/requests.mjs";
import { state } from "../page/state.mjs";
import { byId, make } from "../page/words.mjs";
import { hover, togglePin } from "../study/linking.mjs";
import { figureTraces, markInChart } from "./series.mjs";

const CONFIG = { displayModeBar: false, showSendToCloud: false, doubleClick: "reset" };
const MARGIN = { l: 50, r: 12, t: 8, b: 38 };
const FONT = { size: 11 };

/** @type {AnalysisAnswer | null} */
let answer = null;
/** @type {{ figure: AnalysisFigure, element: HTMLElement, card: HTMLElement }[]} */
let drawnFigures = [];

/** @param {string} runId */
const runOf = (runId) => state.scene?.run_ids.indexOf(runId) ?? -1;

/** @param {string} runId */
const colorOf = (runId) => {
  const run = runOf(runId);
  if (run < 0 || !state.colouring) return state.style.other;
  return endColor(state.scene, state.colouring, run);
};

/** @param {string} runId */
const isShown = (runId) => {
  const run = runOf(runId);
  return run < 0 || state.isShown(run);
};

/**
 * Drawings that plotly has begun.
 * @type {WeakMap<HTMLElement, Promise<unknown>>}
 */
const begun = new WeakMap();

/** Purge the charts of the last answer, whose elements are thrown away; not amid a drawing, which plotly would then fail in. */
const discard = () => {
  for (const { element } of drawnFigures) {
    const purge = () => isDrawn(element) && Plotly.purge(element);
    begun.get(element)?.then(purge, purge);
  }
};

const look = () => ({
  colorOf,
  colorOfLevel: (/** @type {string} */ column, /** @type {string} */ level) => colorOfLevel(state.study, column, level, state.style),
  isShown,
  pins: state.pins,
  pinColors: state.style.pins,
});

/**
 * Show an answer of the server about a figure: {kind, key, figures, numbers, notes, basis, seconds, tables}.
 * @param {AnalysisAnswer} found
 */
export const showFigures = (found) => {
  answer = found;
  const { figures, numbers, notes, basis, tables } = answer;
  discard();
  const host = byId("figure-host");
  drawnFigures = figures.map((figure) => {
    const card = make("section", `figure-card ${figure.shape}`);
    const head = make("div", "figure-card-title");
    const title = head.appendChild(make("h3", "", figure.title));
    title.title = figure.title;
    head.append(pictureButton(figure, "svg"), pictureButton(figure, "png"));
    const element = make("div", "figure-chart");
    element.setAttribute("role", "figure");
    element.setAttribute("aria-label", figure.title);
    card.append(head, element);
    return { figure, element, card };
  });
  host.replaceChildren(...drawnFigures.map(({ card }) => card));
  byId("figure-numbers").replaceChildren(
    ...numbers.map(([name, value]) => {
      const pair = make("div", "figure-number");
      pair.append(make("dt", "", name), make("dd", "", value));
      return pair;
    }),
  );
  byId("figure-notes").replaceChildren(...notes.map((note) => make("li", "", note)));
  byId("figure-basis").textContent = `From ${basis}. Computed in ${Number(answer.seconds.toPrecision(2))} s.`;
  byId("figure-take-away").replaceChildren(
    ...tables.map(({ name, n_rows }) => {
      const link = make("a", "link-button", `${name.replaceAll("_", " ")} (CSV, ${format(n_rows)} rows)`);
      link.href = serverAddress(`api/analyses/${encodeURIComponent(found.key)}/${encodeURIComponent(name)}.csv`);
      link.download = "";
      return link;
    }),
  );
  draw();
  byId("figure-page").dataset.shown = answer.key;
};

/**
 * @param {AnalysisFigure} figure
 * @param {string} format
 */
const pictureButton = (figure, format) => {
  const button = make("button", "link-button", format.toUpperCase());
  button.type = "button";
  button.setAttribute("aria-label", `Save ${figure.title} as ${format.toUpperCase()}`);
  button.addEventListener("click", () => {
    const drawn = drawnFigures.find((one) => one.figure === figure);
    if (!drawn || !answer) return;
    const { width, height } = drawn.element.getBoundingClientRect();
    const filename = `${state.study.study}-${state.scene.split}-${answer.kind}`;
    Plotly.downloadImage(drawn.element, { format, width, height, scale: format === "png" ? 2 : 1, filename });
  });
  return button;
};

/** Draw the visible cards with the present colouring, shown runs and pins. */
const draw = () => {
  if (!answer || state.view !== "figures") return;
  const template = state.style.templates[state.theme];
  const seen = look();
  for (const { figure, element } of drawnFigures) {
    if (!isVisible(element)) continue;
    const isFirst = !isDrawn(element);
    const traces = figureTraces(figure, seen);
    const layout = { margin: MARGIN, font: FONT, hovermode: "closest", showlegend: false, ...figure.layout, uirevision: answer.key, template };
    begun.set(element, Plotly.react(element, traces, layout, CONFIG));
    if (isFirst) listen(element, LISTENERS);
  }
};

/** @param {any} event */
const pointed = ({ points }) => {
  const [point] = points;
  const meta = point?.data?.meta;
  return meta?.runIds ? { runId: meta.runIds[point.pointIndex], name: meta.series.name, point } : null;
};

/** @param {any} event */
const read = (event) => {
  const found = pointed(event);
  if (!found?.runId) return;
  const { point, runId, name } = found;
  const label = make("bdi", "", runId);
  const titles = ["xaxis", "yaxis"].map((axis) => point[axis]?.title?.text || axis[0]);
  const place = [point.x, point.y].map((value, index) => `${titles[index]} ${format(value)}`).join(", ");
  byId("figure-readout").replaceChildren(label, `: ${name ? `${name}, ` : ""}${place}`);
  hover({ runId, source: "figures" });
};

const LISTENERS = {
  plotly_hover: read,
  plotly_unhover: () => {
    byId("figure-readout").textContent = "";
    hover({ runId: null, source: "figures" });
  },
  // After a change of the axes, redraw the marks.
  plotly_afterplot: () => mark({ runId: state.hovered }),
  /** @param {any} event */
  plotly_click: (event) => {
    const found = pointed(event);
    if (found?.runId) togglePin(found.runId);
  },
};

/** @param {{ runId: string | null }} pointed */
const mark = ({ runId }) => {
  if (!answer || state.view !== "figures") return;
  const { ink } = state.style.surfaces[state.theme];
  const shown = runId !== null && isShown(runId) ? runId : null;
  for (const { element, figure } of drawnFigures) markInChart(element, figure, shown, ink);
};

export const clearFigures = () => {
  answer = null;
  discard();
  drawnFigures = [];
  for (const id of ["figure-host", "figure-numbers", "figure-notes", "figure-take-away"]) byId(id).replaceChildren();
  for (const id of ["figure-basis", "figure-readout"]) byId(id).textContent = "";
};

const sizes = new ResizeObserver(() => {
  for (const { element } of drawnFigures) if (isDrawn(element) && isVisible(element)) Plotly.Plots.resize(element);
});

export const install = () => {
  on("study", () => sizes.observe(byId("figure-host")));
  on("view", draw);
  on("draw", draw);
  on("pins", draw);
  on("theme", draw);
  on("hover", mark);
};
