/*
 * Plotly traces of analysis figures, coloured by run like the picture.
 *
 * Pure; figures and series are defined in dashboard/figures/analyses.
 */

import { chartAxis } from "../picture/plotly-scene.mjs";

const LINE = 1.6;
const STRONG = 3.2;
const DOT = 5;
const PALE = 0.18;

/**
 * Index range [from, to) of a run's points in a series, by the run's position.
 * @param {Series} series
 * @param {number} position
 */
const spanOf = (series, position) => [series.starts[position], series.starts[position + 1] ?? series.x.length];

/**
 * {x, y, runIds, checkpoints}, per point, of some runs of a series, with a gap after each run.
 * @param {Series} series
 * @param {number[]} positions
 */
const pointsOf = (series, positions) => {
  /** @type {{ x: (number | null)[], y: (number | null)[], runIds: (string | null)[], places: number[] }} */
  const points = { x: [], y: [], runIds: [], places: [] };
  for (const position of positions) {
    const [from, to] = spanOf(series, position);
    for (let index = from; index < to; index += 1) {
      points.x.push(series.x[index]);
      points.y.push(series.y[index]);
      points.runIds.push(series.run_ids[position]);
      points.places.push(index);
    }
    points.x.push(null);
    points.y.push(null);
    points.runIds.push(null);
    points.places.push(-1);
  }
  return points;
};

/**
 * @param {Series} series
 * @param {number[]} positions
 * @param {string} color
 * @param {{ width: number, size: number, opacity?: number, role: string }} manner
 */
const traceOf = (series, positions, color, { width, size, opacity = 1, role }) => {
  const { mode, marker, line, run_ids: _runs, starts: _starts, x: _x, y: _y, ...rest } = series;
  const points = pointsOf(series, positions);
  return {
    type: "scatter",
    hoverinfo: "none",
    showlegend: false,
    ...rest,
    mode,
    x: points.x,
    y: points.y,
    opacity,
    line: { color, width, shape: "linear", ...line },
    marker: { color, size, ...marker },
    meta: { role, runIds: points.runIds, places: points.places, series },
  };
};

/**
 * Name with plotly's HTML escapes undone.
 * @param {string} text
 */
const written = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

/**
 * Trace of a hyperparameter value, in the colour of that value.
 * @param {PlotlyTrace} trace
 * @param {FigureLook} look
 */
const ofLevel = (trace, look) => {
  const { column, level } = trace.meta ?? {};
  const color = column && look.colorOfLevel(written(column), written(level));
  return color ? { ...trace, marker: { ...trace.marker, color }, line: { ...trace.line, color } } : trace;
};

/**
 * Traces of a figure. look: {colorOf(runId), colorOfLevel(column, level), isShown(runId), pins: [{runId, slot}], pinColors}.
 * Pinned runs are drawn stronger than the others.
 * @param {AnalysisFigure} figure
 * @param {FigureLook} look
 */
export const figureTraces = (figure, look) => {
  const traces = figure.data.map((trace) => ofLevel(trace, look));
  /** @param {string} runId */
  const isPinned = (runId) => look.pins.some((pin) => pin.runId === runId);
  const hasPins = look.pins.length > 0;
  for (const series of figure.series) {
    const byColor = new Map();
    series.run_ids.forEach((runId, position) => {
      if (!look.isShown(runId) || isPinned(runId)) return;
      const color = look.colorOf(runId);
      byColor.set(color, [...(byColor.get(color) || []), position]);
    });
    for (const [color, positions] of byColor) {
      traces.push(traceOf(series, positions, color, { width: LINE, size: DOT, opacity: hasPins ? PALE * 2 : 0.9, role: "runs" }));
    }
    for (const pin of look.pins) {
      const position = series.run_ids.indexOf(pin.runId);
      if (position >= 0 && look.isShown(pin.runId)) {
        traces.push(traceOf(series, [position], look.pinColors[pin.slot], { width: STRONG, size: DOT + 2, role: "pin" }));
      }
    }
  }
  return traces;
};

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {string} name
 * @param {Record<string, any>} attributes
 */
const shape = (name, attributes) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};

/**
 * Overlay a run's points and curves on a drawn chart (none for null). A separate layer, since a plotly chart changed under
 * the pointer emits its hover events again.
 * @param {HTMLElement} element
 * @param {AnalysisFigure} figure
 * @param {string | null} runId
 * @param {string} color
 */
export const markInChart = (element, figure, runId, color) => {
  const layer = element.querySelector(":scope > .figure-marks") ?? element.appendChild(shape("svg", { class: "figure-marks", "aria-hidden": "true" }));
  layer.replaceChildren();
  if (runId === null) return;
  for (const series of figure.series) {
    const position = series.run_ids.indexOf(runId);
    const [across, up] = [chartAxis(element, series.xaxis ?? "x"), chartAxis(element, series.yaxis ?? "y")];
    if (position < 0 || !across || !up) continue;
    const pane = layer.appendChild(shape("svg", { x: across.offset, y: up.offset, width: across.length, height: up.length }));
    const [from, to] = spanOf(series, position);
    const places = [];
    for (let index = from; index < to; index += 1) {
      const [x, y] = [across.place(series.x[index]), up.place(series.y[index])];
      places.push(series.x[index] === null || series.y[index] === null || !Number.isFinite(x + y) ? null : [x, y]);
    }
    if (series.mode.includes("lines")) {
      pane.append(shape("path", { d: pathOf(places), fill: "none", stroke: color, "stroke-width": STRONG }));
    }
    if (!series.mode.includes("markers")) continue;
    for (const place of places) if (place) pane.append(shape("circle", { cx: place[0], cy: place[1], r: DOT, fill: color }));
  }
};

/** @param {(number[] | null)[]} places */
const pathOf = (places) =>
  places.map((place, index) => (place ? `${index > 0 && places[index - 1] ? "L" : "M"}${place[0].toFixed(1)} ${place[1].toFixed(1)}` : "")).join("");
