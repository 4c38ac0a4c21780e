/*
 * Square, symmetric heat map on a canvas.
 *
 * A canvas, since one cell per pair of runs is too many for a plotly chart. Above MOST_CELLS items, cells average over
 * neighbouring items.
 */

import { format } from "../values/study.mjs";

/**
 * @typedef {{
 *   onPoint(row: number | null, column: number | null): void,
 *   onPick(row: number, column: number): void,
 * }} HeatListeners
 * @typedef {{
 *   size: number, value(row: number, column: number): number, colors: string[], scale: string[], high: number, unit: string,
 * }} HeatContent
 * @typedef {{ position: number, className: string, only?: "row" | "column" }} Mark a row and a column, or only one of them
 */

const MOST_CELLS = 400;
const MOST_MARKS = 12;

export const mostHeatCells = MOST_CELLS;

/**
 * Attach a heat map to an element, once.
 * listeners: onPoint(row, column) with positions, or onPoint(null) when the pointer leaves; onPick(row, column).
 * @param {HTMLElement} element
 * @param {HeatListeners} listeners
 */
export const makeHeatMap = (element, listeners) => {
  /**
   * @param {string} tag
   * @param {string} className
   */
  const make = (tag, className) => Object.assign(document.createElement(tag), { className });
  const top = make("div", "heat-strip top");
  const left = make("div", "heat-strip left");
  const cells = make("div", "heat-cells");
  const scale = make("div", "heat-scale");
  const canvases = [top, left, cells].map((parent) => parent.appendChild(document.createElement("canvas")));
  let count = 0;
  /** @type {number[] | null} */
  let cursor = null;

  /** @param {MouseEvent} event */
  const positionAt = (event) => {
    const box = cells.getBoundingClientRect();
    /** @param {number} share */
    const at = (share) => Math.max(0, Math.min(count - 1, Math.floor(share * count)));
    return [at((event.clientY - box.top) / box.height), at((event.clientX - box.left) / box.width)];
  };

  /** @param {number[] | null} position */
  const point = (position) => {
    if (position?.join() === cursor?.join()) return;
    cursor = position;
    listeners.onPoint(position?.[0] ?? null, position?.[1] ?? null);
  };

  cells.addEventListener("pointermove", (event) => count && point(positionAt(event)));
  cells.addEventListener("pointerleave", () => point(null));
  cells.addEventListener("click", (event) => {
    if (!count) return;
    const [row, column] = positionAt(event);
    listeners.onPick(row, column);
  });
  element.addEventListener("blur", () => point(null));
  element.addEventListener("keydown", (event) => {
    const [row, column] = cursor || [0, 0];
    /** @type {Record<string, number[]>} */
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const move = moves[event.key];
    /** @param {number} value */
    const within = (value) => Math.max(0, Math.min(count - 1, value));
    if (!count || event.ctrlKey || event.metaKey || event.altKey) return;
    if (move) point(cursor ? [within(row + move[0]), within(column + move[1])] : [0, 0]);
    else if (event.key === "Home") point([0, 0]);
    else if (event.key === "End") point([count - 1, count - 1]);
    else if (event.key === "Enter" && cursor) listeners.onPick(row, column);
    else if (event.key === "Escape") point(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  /**
   * content: {size, value(row, column), colors (of the strips), scale (colours), high}.
   * @param {HeatContent} content
   */
  const draw = (content) => {
    if (!cells.isConnected) element.replaceChildren(top, left, cells, scale);
    count = content.size;
    cursor = null;
    const n = Math.min(count, MOST_CELLS);
    element.classList.toggle("dense", n > 200);
    paint(canvases[0], content.colors.length, 1, (index) => content.colors[index]);
    paint(canvases[1], 1, content.colors.length, (index) => content.colors[index]);
    const means = average(content, n);
    const last = content.scale.length - 1;
    /** @param {number} value */
    const shade = (value) => (Number.isFinite(value) ? content.scale[Math.round((value / (content.high || 1)) * last)] : null);
    paint(canvases[2], n, n, (index) => shade(means[index]));
    drawScale(scale, content);
    mark([]);
  };

  /**
   * marks: [{position, className, only}], each a row and a column, or only one of them.
   * @param {Mark[]} marks
   */
  const mark = (marks) => {
    cells.querySelectorAll(".heat-band").forEach((band) => band.remove());
    for (const { position, className, only } of marks.slice(0, MOST_MARKS)) {
      const [start, size] = [`${(100 * position) / count}%`, `${100 / count}%`];
      const sides = { row: { top: start, height: size }, column: { left: start, width: size } };
      for (const [side, place] of Object.entries(sides).filter(([name]) => !only || only === name)) {
        const band = cells.appendChild(make("div", `heat-band ${side} ${className}`));
        Object.assign(band.style, place);
      }
    }
  };

  const clear = () => {
    count = 0;
    element.replaceChildren();
  };

  return { draw, mark, clear };
};

/**
 * (cell, cell) means over the items of each cell, row-major; unknown values are skipped.
 * @param {HeatContent} content
 * @param {number} n
 */
const average = ({ size, value }, n) => {
  const sums = new Float64Array(n * n);
  const counts = new Uint32Array(n * n);
  for (let row = 0; row < size; row += 1) {
    const across = Math.floor((row * n) / size) * n;
    for (let column = 0; column < size; column += 1) {
      const found = value(row, column);
      if (!Number.isFinite(found)) continue;
      const cell = across + Math.floor((column * n) / size);
      sums[cell] += found;
      counts[cell] += 1;
    }
  }
  return sums.map((sum, cell) => sum / counts[cell]);
};

/**
 * One pixel per value; null leaves it empty.
 * @param {HTMLCanvasElement} canvas
 * @param {number} width
 * @param {number} height
 * @param {(index: number) => string | null} colorAt
 */
const paint = (canvas, width, height, colorAt) => {
  Object.assign(canvas, { width, height });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(width, height);
  const pixels = new Map();
  for (let index = 0; index < width * height; index += 1) {
    const color = colorAt(index);
    if (!color) continue;
    if (!pixels.has(color)) pixels.set(color, [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16)));
    image.data.set([...pixels.get(color), 255], 4 * index);
  }
  context.putImageData(image, 0, 0);
};

/**
 * @param {HTMLElement} element
 * @param {HeatContent} content
 */
const drawScale = (element, { scale, high, unit }) => {
  const bar = Object.assign(document.createElement("div"), { className: "gradient-bar" });
  bar.style.background = `linear-gradient(to right, ${scale.join(",")})`;
  const ends = Object.assign(document.createElement("div"), { className: "limits" });
  for (const text of ["0", unit, format(high)]) {
    ends.append(Object.assign(document.createElement("span"), { textContent: text }));
  }
  element.replaceChildren(bar, ends);
};
