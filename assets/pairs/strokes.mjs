/* Strokes and dots on a 2D canvas, from plotly traces. */

import { colorAt } from "../picture/traces.mjs";

/** Scale from plotly's 3D widths and sizes to canvas pixels. */
const FINER = 0.42;
/** Pieces per path: one path of many thousand pieces is slower than several short ones. */
const PIECES_PER_PATH = 400;

/**
 * Traces of a picture -> {lines: [{models, color, width}], dots: [{models, color, size}]}, in drawing order.
 * Lines are polylines through models, -1 in gaps. Runs, vertices, colours and widths are decided in picture/traces.mjs only.
 * @param {PictureTrace[]} traces
 * @returns {Strokes}
 */
export const strokesOf = (traces) => {
  const drawn = /** @type {ModelTrace[]} */ (traces.filter(({ models }) => models && models.length > 0));
  return {
    lines: drawn.filter(({ trace }) => trace.mode === "lines").flatMap(lines),
    dots: drawn.filter(({ trace }) => trace.mode === "markers").flatMap(dots),
  };
};

/**
 * @param {ModelTrace} trace
 * @returns {Line[]}
 */
const lines = ({ models, trace: { line } }) => {
  if (!Array.isArray(line.color)) return [{ models, color: line.color, width: line.width }];
  // With a colour per vertex, a segment has the colour of its end vertex; one polyline per colour.
  /** @type {Map<string, number[]>} */
  const byColor = new Map();
  for (let at = 1; at < models.length; at += 1) {
    if (models[at] < 0 || models[at - 1] < 0) continue;
    const polyline = entry(byColor, colorAt(line.color, at));
    if (polyline.at(-1) === models[at - 1]) polyline.push(models[at]);
    else polyline.push(-1, models[at - 1], models[at]);
  }
  return [...byColor].map(([color, polyline]) => ({ models: polyline, color, width: line.width }));
};

/**
 * @param {ModelTrace} trace
 * @returns {Dot[]}
 */
const dots = ({ models, trace: { marker } }) => {
  /** @type {Map<string, number[]>} */
  const byColor = new Map();
  models.forEach((model, at) => entry(byColor, colorAt(marker.color, at)).push(model));
  return [...byColor].map(([color, found]) => ({ models: found, color, size: marker.size }));
};

/**
 * @param {Map<string, number[]>} map
 * @param {string} key
 */
const entry = (map, key) => {
  const known = map.get(key) ?? [];
  map.set(key, known);
  return known;
};

/**
 * Paint strokes on a canvas; x and y are functions of the model.
 * @param {CanvasRenderingContext2D} context
 * @param {Strokes} strokes
 * @param {Places} places
 */
export const paintStrokes = (context, { lines, dots }, { x, y }) => {
  context.lineJoin = "round";
  for (const { models, color, width } of lines) {
    Object.assign(context, { strokeStyle: color, lineWidth: FINER * width });
    let pieces = 0;
    context.beginPath();
    for (let at = 0; at < models.length; at += 1) {
      const model = models[at];
      if (model < 0) {
        if (pieces < PIECES_PER_PATH) continue;
        context.stroke();
        context.beginPath();
        pieces = 0;
      } else if (at === 0 || models[at - 1] < 0) context.moveTo(x(model), y(model));
      else context.lineTo(x(model), y(model));
      pieces += 1;
    }
    context.stroke();
  }
  for (const { models, color, size } of dots) {
    context.fillStyle = color;
    context.beginPath();
    for (const model of models) diamond(context, x(model), y(model), 1 + FINER * size);
    context.fill();
  }
};

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 * @param {number} half
 */
export const diamond = (context, x, y, half) => {
  context.moveTo(x, y - half);
  context.lineTo(x + half, y);
  context.lineTo(x, y + half);
  context.lineTo(x - half, y);
  context.closePath();
};
