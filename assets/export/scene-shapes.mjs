/*
 * Vector projection of a 3D picture: lines, markers, walls, ticks, labels.
 *
 * plotly's SVG export embeds a bitmap of the 3D scene; here traces and layout (picture/traces.mjs) are projected again, so that
 * SVG and PDF are vectors throughout. Pure; units are CSS pixels.
 *
 * line  {points, color, width}                    area  {points, color}
 * text  {x, y, text, size, color, anchor, angle, weight}: anchor start, middle or end; y is the middle of the line
 */

import { makeView, NEAREST_DEPTH } from "../picture/frame.mjs";
import { colorAt } from "../picture/traces.mjs";

/** @typedef {{ value: number, text: string }} Tick */

/** @type {Record<string, number[]>} */
const DASHES = { dash: [5, 4], dot: [1, 4], dashdot: [5, 4, 1, 4], longdash: [10, 5] };
// Measured on plotly.js 4.1.1: a line of width w is drawn w / 2 wide, and symbols of equal "size" differ in size.
const LINE_WIDTH = 0.5;
/** @type {Record<string, number>} */
const RADII = { diamond: 1.48, square: 0.97, circle: 0.86 };
const MARKER_LEAD = 0.01;
const AIR = 7;
const DIGIT_WIDTH = 0.62;

/* ------------------------------------------------------------------ axes */

/**
 * plotly's automatic ticks: the smallest step of 1, 2, 5 times a power of ten with at most the given number of ticks.
 * @param {number[]} pair
 * @param {number} most
 */
export const ticksOf = ([low, high], most) => {
  const rough = Math.abs(high - low) / most;
  const base = 10 ** Math.floor(Math.log10(rough));
  const step = base * ([1, 2, 5].find((factor) => factor * base >= rough * (1 - 1e-9)) ?? 10);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const ticks = [];
  for (let index = Math.ceil(Math.min(low, high) / step); index * step <= Math.max(low, high); index += 1) {
    ticks.push({ value: index * step, text: index === 0 ? "0" : (index * step).toFixed(decimals).replace("-", "−") });
  }
  return ticks;
};

/**
 * Shapes of the back walls and grid, and of titles and numbers along three edges of the box's outline.
 * @param {any} layout
 * @param {Projected} view
 * @param {Frame} frame
 */
const axesShapes = (layout, view, frame) => {
  const nearest = [0, 1, 2].reduce((bits, k) => bits | (view.isNear(k) ? 1 << k : 0), 0);
  const farthest = 7 ^ nearest;
  const axes = ["x", "y", "z"].map((letter) => ({
    ...layout.template?.layout?.scene?.[`${letter}axis`],
    ...layout.scene[`${letter}axis`],
  }));
  const ticks = axes.map((axis, k) => ticksOf(view.ranges[k], axis.nticks || 6));
  /** @param {Vector} point */
  const flat = (point) => view.project(point).slice(0, 2);
  const shapes = [];
  for (const k of [0, 1, 2]) {
    if (axes[k].showbackground === false) continue;
    const [u, v] = [1 << ((k + 1) % 3), 1 << ((k + 2) % 3)];
    const wall = [farthest, farthest ^ u, farthest ^ u ^ v, farthest ^ v].map((bits) => flat(view.corner(bits)));
    shapes.push({ kind: "area", points: wall, color: axes[k].backgroundcolor });
  }
  for (const k of [0, 1, 2]) {
    for (const { value } of ticks[k]) {
      for (const across of [(k + 1) % 3, (k + 2) % 3]) {
        const ends = [farthest, farthest ^ (1 << across)].map((bits) => view.corner(bits).map((own, axis) => (axis === k ? value : own)));
        shapes.push({ kind: "line", points: ends.map(flat), color: axes[k].gridcolor, width: 0.5 });
      }
    }
  }
  const edges = labelledEdges(view, nearest);
  for (const k of [0, 1, 2]) shapes.push(...edgeShapes(axes[k], k, edges[k], ticks[k], view, frame));
  return shapes;
};

/**
 * Start corner of each axis's labelled edge, chosen like plotly: the two outline edges at the lowest corner, and the
 * vertical edge on the side where the outline continues.
 * @param {Projected} view
 * @param {number} nearest
 */
const labelledEdges = (view, nearest) => {
  const spots = Array.from({ length: 8 }, (_, bits) => view.project(view.corner(bits)));
  /** @param {number} bits */
  const isOutline = (bits) => bits !== nearest && bits !== (7 ^ nearest);
  const lowest = [0, 1, 2, 3, 4, 5, 6, 7].filter(isOutline).reduce((best, bits) => (spots[bits][1] > spots[best][1] ? bits : best));
  const beside = [1, 2, 4].map((bit) => lowest ^ bit).filter(isOutline).sort((a, b) => spots[a][0] - spots[b][0]);
  const [left, right] = [beside[0], beside[beside.length - 1]];
  const edges = [0, 0, 0];
  /**
   * @param {number} a
   * @param {number} b
   */
  const put = (a, b) => (edges[Math.log2(a ^ b)] = a & b);
  put(left, lowest);
  put(right, lowest);
  const top = right ^ 7;
  if (isOutline(top)) put(left, top);
  else put(right, left ^ 7);
  return edges;
};

/**
 * @param {any} axis
 * @param {number} k
 * @param {number} start
 * @param {Tick[]} ticks
 * @param {Projected} view
 * @param {Frame} frame
 */
const edgeShapes = (axis, k, start, ticks, view, frame) => {
  /** @param {number} value */
  const at = (value) => view.project(view.corner(start).map((own, index) => (index === k ? value : own)));
  const [a, b] = view.ranges[k].map(at);
  const along = Math.atan2(b[1] - a[1], b[0] - a[0]);
  const middle = at((view.ranges[k][0] + view.ranges[k][1]) / 2);
  let outward = [-Math.sin(along), Math.cos(along)];
  const centre = [frame.left + frame.width / 2, frame.top + frame.height / 2];
  if (outward[0] * (middle[0] - centre[0]) + outward[1] * (middle[1] - centre[1]) < 0) outward = outward.map((value) => -value);
  /**
   * @param {number[]} point
   * @param {number} distance
   */
  const spot = (point, distance) => ({ x: point[0] + distance * outward[0], y: point[1] + distance * outward[1] });
  const color = axis.tickfont?.color || axis.color;
  const size = axis.tickfont?.size || 10;
  // Extent of a number along the outward normal: its width beside a vertical edge, its height below a horizontal one.
  /** @param {string} text */
  const reach = (text) => Math.abs(outward[0]) * DIGIT_WIDTH * size * text.length + Math.abs(outward[1]) * size;
  const numbers = ticks.map(({ value, text }) => {
    return { kind: "text", ...spot(at(value), AIR + reach(text) / 2), text, size, color, anchor: "middle" };
  });
  const farthest = Math.max(0, ...ticks.map(({ text }) => reach(text)));
  const upright = along > Math.PI / 2 ? along - Math.PI : along <= -Math.PI / 2 ? along + Math.PI : along;
  const title = { text: axis.title?.text || "", size: axis.title?.font?.size || 12, color: axis.title?.font?.color || axis.color };
  return [...numbers, { kind: "text", ...spot(middle, 2 * AIR + farthest + title.size / 2), ...title, anchor: "middle", angle: upright }];
};

/* ------------------------------------------------------------------ traces */

/** @param {number[]} spot */
const isSeen = ([x, y, depth]) => Number.isFinite(x) && Number.isFinite(y) && depth > NEAREST_DEPTH;
/**
 * @param {number[]} a
 * @param {number[]} b
 */
const between = (a, b) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2];

/**
 * Segments of lines, each with its depth; a segment between two colours is halved.
 * @param {PlotlyTrace} trace
 * @param {number[][]} spots
 * @returns {Piece3d[]}
 */
const linePieces = ({ line }, spots) => {
  /** @type {Piece3d[]} */
  const pieces = [];
  /**
   * @param {Vector} a
   * @param {Vector} b
   * @param {string} color
   */
  const add = (a, b, color) => pieces.push({ kind: "line", points: [a, b], color, width: LINE_WIDTH * line.width, depth: (a[2] + b[2]) / 2 });
  const dashes = DASHES[line.dash];
  let walked = 0;
  for (let index = 1; index < spots.length; index += 1) {
    const [a, b] = [spots[index - 1], spots[index]];
    if (!isSeen(a) || !isSeen(b)) continue;
    const [first, second] = [colorAt(line.color, index - 1), colorAt(line.color, index)];
    if (dashes) walked = addDashes(a, b, dashes, walked, (from, to) => add(from, to, second));
    else if (first === second) add(a, b, first);
    else {
      const middle = between(a, b);
      add(a, middle, first);
      add(middle, b, second);
    }
  }
  return pieces;
};

/**
 * Call add(from, to) for every dash between two points, starting walked pixels into the pattern; returns the new offset.
 * @param {number[]} a
 * @param {number[]} b
 * @param {number[]} pattern
 * @param {number} walked
 * @param {(from: number[], to: number[]) => void} add
 */
export const addDashes = (a, b, pattern, walked, add) => {
  const length = Math.hypot(b[0] - a[0], b[1] - a[1]);
  const period = pattern.reduce((sum, part) => sum + part, 0);
  /** @param {number} share */
  const point = (share) => a.map((value, k) => value + (b[k] - value) * share);
  let done = 0;
  while (done < length) {
    let into = (walked + done) % period;
    let part = 0;
    while (into >= pattern[part]) into -= pattern[part++];
    const step = Math.max(0.01, Math.min(pattern[part] - into, length - done));
    if (part % 2 === 0) add(point(done / length), point(Math.min(1, (done + step) / length)));
    done += step;
  }
  return walked + length;
};

/** @type {Record<string, number[][]>} */
const OUTLINES = {
  diamond: [0, 1, 2, 3].map((quarter) => [Math.cos((quarter * Math.PI) / 2), Math.sin((quarter * Math.PI) / 2)]),
  square: [[-1, -1], [1, -1], [1, 1], [-1, 1]],
  circle: Array.from({ length: 24 }, (_, at) => [Math.cos((at * Math.PI) / 12), Math.sin((at * Math.PI) / 12)]),
};

/**
 * @param {PlotlyTrace} trace
 * @param {number[][]} spots
 * @returns {Piece3d[]}
 */
const markerPieces = ({ marker }, spots) =>
  spots.flatMap((spot, index) => {
    const size = (Array.isArray(marker.size) ? marker.size[index] : marker.size) || 0;
    if (!isSeen(spot) || size <= 0) return [];
    const [name, isOpen] = String(marker.symbol).split("-");
    const symbol = OUTLINES[name] ? name : "diamond";
    const radius = size * RADII[symbol];
    const points = OUTLINES[symbol].map(([x, y]) => [spot[0] + x * radius, spot[1] + y * radius]);
    const color = colorAt(marker.color, index);
    // Moved towards the eye; otherwise its own trajectory would be drawn across it.
    const depth = spot[2] - MARKER_LEAD;
    /** @type {Piece3d} */
    const piece = isOpen
      ? { kind: "line", points: [...points, points[0]], color, width: 1.5, depth }
      : { kind: "area", points, color, depth };
    return [piece];
  });

/**
 * Join segments that are consecutive in depth order and connected.
 * @param {Piece3d[]} pieces
 */
const joined = (pieces) => {
  const shapes = [];
  for (const piece of pieces) {
    const last = shapes.at(-1);
    const goesOn =
      last?.kind === "line" && piece.kind === "line" && last.color === piece.color && last.width === piece.width;
    if (goesOn && last.points.at(-1) === piece.points[0]) last.points.push(...piece.points.slice(1));
    else if (goesOn && last.points[0] === piece.points.at(-1)) last.points.unshift(...piece.points.slice(0, -1));
    else shapes.push({ ...piece, points: [...piece.points] });
  }
  return shapes;
};

/**
 * @param {any} layout
 * @param {Projected} view
 */
const annotationShapes = (layout, view) =>
  (layout.scene.annotations || []).flatMap((/** @type {any} */ { text, font, x, y, z, xshift = 0, yshift = 0 }) => {
    const spot = view.project([x, y, z]);
    if (!isSeen(spot)) return [];
    return [{ kind: "text", x: spot[0] + xshift, y: spot[1] - yshift, text, size: font.size, color: font.color, anchor: "middle" }];
  });

/**
 * Shapes of plotly traces in a one-scene layout, in a frame {left, top, width, height}; back to front.
 * @param {PlotlyTrace[]} traces
 * @param {any} layout
 * @param {Frame} frame
 */
export const sceneShapes = (traces, layout, frame) => {
  const view = makeView(layout.scene, frame);
  const pieces = [];
  for (const trace of traces) {
    if (trace.type !== "scatter3d" || trace.visible === false) continue;
    const spots = Array.from(trace.x, (x, index) => view.project([x, trace.y[index], trace.z[index]]));
    if (trace.mode.includes("lines")) pieces.push(...linePieces(trace, spots));
    if (trace.mode.includes("markers")) pieces.push(...markerPieces(trace, spots));
  }
  pieces.sort((a, b) => b.depth - a.depth);
  return [...axesShapes(layout, view, frame), ...joined(pieces), ...annotationShapes(layout, view)];
};
