/*
 * Pairs view: 2D panels of the leading components on one canvas.
 *
 * One canvas, since 21 panels of 5,000 vertices would be 21 slow SVGs, and plotly's scattergl needs unsafe-eval.
 */

import { pictureTraces } from "../picture/traces.mjs";
import { paintPanelPointed } from "./emphasis.mjs";
import { nearestIndex } from "./nearest.mjs";
import { inPanel, modelPlaces, paintPairs, pairedOf, pairPanels } from "./panels.mjs";
import { strokesOf } from "./strokes.mjs";

/**
 * @typedef {{
 *   onHover(model: number | null, box?: Box): void,
 *   onClick(model: number): void,
 *   reserved(): number,
 * }} PairsListeners reserved: pixels beside a single panel that overlays take
 */

/**
 * Attach a grid of pairs to an element, once. listeners: onHover(model or null, box), onClick(model).
 * @param {HTMLElement} host
 * @param {PairsListeners} listeners
 */
export const makePairs = (host, listeners) => {
  const canvas = document.createElement("canvas");
  const base = document.createElement("canvas");
  canvas.setAttribute("role", "img");
  host.append(canvas);
  /** @type {Picture | null} */
  let picture = null;
  /** @type {{ runId: string | null, checkpoint: number | null }} */
  let marked = { runId: null, checkpoint: null };
  let k = 2;
  /** @type {PairPanel[]} */
  let panels = [];
  /** @type {Strokes} */
  let hittable = { lines: [], dots: [] };
  /** @type {Map<PairPanel, (x: number, y: number) => number>} */
  let indices = new Map();
  let frame = 0;
  let pointed = -1;

  const size = () => ({ width: host.clientWidth - (k === 2 ? listeners.reserved() : 0), height: host.clientHeight });

  /** @param {HTMLCanvasElement} one */
  const contextOf = (one) => /** @type {CanvasRenderingContext2D} */ (one.getContext("2d"));

  /**
   * Paint all but the highlight on a separate canvas; pointing then costs one copy and one run.
   * @param {Picture} shown
   */
  const paintBase = (shown) => {
    const ratio = window.devicePixelRatio || 1;
    for (const each of [canvas, base]) {
      each.width = Math.round(host.clientWidth * ratio);
      each.height = Math.round(host.clientHeight * ratio);
    }
    panels = pairPanels(shown, k, size());
    indices = new Map();
    const traces = pictureTraces(shown);
    hittable = strokesOf(traces.filter(({ role }) => role !== "context"));
    const context = contextOf(base);
    context.scale(ratio, ratio);
    paintPairs(context, shown, k, panels, strokesOf(traces), fontOf());
  };

  const fontOf = () => getComputedStyle(host).fontFamily;

  /** @param {Picture} shown */
  const paintMarked = (shown) => {
    const context = contextOf(canvas);
    const ratio = window.devicePixelRatio || 1;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(base, 0, 0);
    const run = marked.runId === null ? -1 : shown.scene.run_ids.indexOf(marked.runId);
    if (run < 0) return;
    context.scale(ratio, ratio);
    for (const panel of panels) {
      const places = modelPlaces(shown.scene, panel);
      const { checkpoint } = marked;
      inPanel(context, panel, () => paintPanelPointed(context, shown, panel, places, { run, checkpoint }, fontOf()));
    }
  };

  let isBaseStale = false;
  const paint = () => {
    frame = 0;
    if (!picture || host.clientWidth === 0) return;
    if (isBaseStale) paintBase(picture);
    isBaseStale = false;
    paintMarked(picture);
  };

  /** @param {boolean} withBase */
  const paintSoon = (withBase) => {
    isBaseStale = isBaseStale || withBase;
    frame = frame || requestAnimationFrame(paint);
  };

  /**
   * @param {number} x
   * @param {number} y
   */
  const modelAt = (x, y) => {
    const panel = panels.find((one) => x >= one.left && x <= one.left + one.width && y >= one.top && y <= one.top + one.height);
    if (!panel || !picture) return -1;
    const places = modelPlaces(picture.scene, panel);
    const index = indices.get(panel) ?? nearestIndex(hittable, places.x, places.y);
    indices.set(panel, index);
    return index(x, y);
  };

  /**
   * @param {number} model
   * @param {PointerEvent} event
   */
  const point = (model, event) => {
    canvas.style.cursor = model >= 0 ? "pointer" : "";
    if (model === pointed) return;
    pointed = model;
    if (model < 0) listeners.onHover(null);
    else listeners.onHover(model, { x0: event.clientX, x1: event.clientX, y0: event.clientY, y1: event.clientY });
  };

  canvas.addEventListener("pointermove", (event) => point(modelAt(event.offsetX, event.offsetY), event));
  canvas.addEventListener("pointerleave", (event) => point(-1, event));
  canvas.addEventListener("click", (event) => {
    const model = modelAt(event.offsetX, event.offsetY);
    if (model >= 0) listeners.onClick(model);
  });
  new ResizeObserver(() => paintSoon(true)).observe(host);

  return {
    canvas,
    /**
     * Draw the pairs of a picture's first n components; fewer if the embedding has fewer.
     * @param {Picture} shown
     * @param {number} n
     */
    draw: (shown, n) => {
      picture = shown;
      k = pairedOf(shown.scene, n);
      pointed = -1;
      paintSoon(true);
    },
    /**
     * Highlight a run by id (null for none), and one of its checkpoints (a number or null).
     * @param {string | null} runId
     * @param {number | null} checkpoint
     */
    mark: (runId, checkpoint) => {
      marked = { runId, checkpoint };
      paintSoon(false);
    },
    clear: () => {
      picture = null;
      for (const each of [canvas, base]) each.width = 0;
    },
    panels: () => panels,
    /**
     * Position of a model in a panel, in pixels of the canvas.
     * @param {PairPanel} panel
     * @param {number} model
     */
    placeOf: (panel, model) => {
      const { x, y } = modelPlaces(/** @type {Picture} */ (picture).scene, panel);
      return [x(model), y(model)];
    },
  };
};
