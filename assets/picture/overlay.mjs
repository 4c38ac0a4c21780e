/*
 * Canvas over a picture for the run pointed at and the pins.
 *
 * The run under the pointer may change every frame; plotly would rebuild every trace of the scene for it.
 */

import { paintPins, paintPointed } from "./emphasis.mjs";
import { verticesOf } from "./traces.mjs";

/** Sizes for the 3D picture, on screen and exported (export/layers.mjs). */
export const overlaySizes = { core: 2, badge: 8, ring: 2.5, letters: 11, head: 4.5, rim: 2, wall: 9, ink: 6.5, own: 4 };

/**
 * Overlay canvas of the picture in an element; projection from plotly-scene.mjs.
 * @param {HTMLElement} element
 * @param {Projection} projection
 */
export const makeOverlay = (element, projection) => {
  const canvas = document.createElement("canvas");
  canvas.className = "overlay";
  canvas.setAttribute("aria-hidden", "true");
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  /** @type {Picture | null} */
  let picture = null;
  /** @type {{ runId: string | null, checkpoint: number | null }} */
  let hovered = { runId: null, checkpoint: null };
  /** @type {Sizes} */
  let sizes = { ...overlaySizes, font: "" };

  const fit = () => {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(element.clientWidth * ratio), Math.round(element.clientHeight * ratio)];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, element.clientWidth, element.clientHeight);
  };

  /**
   * @param {Picture} shown
   * @param {number} run
   */
  const pathIn = (shown, run) => {
    const models = verticesOf(shown, run, true);
    const pixels = projection.project(shown, models);
    return { models, points: Array.from(models, (_, at) => [pixels[2 * at], pixels[2 * at + 1]]) };
  };

  const redraw = () => {
    fit();
    if (!picture) return;
    const shown = picture;
    const pathOf = (/** @type {number} */ run) => pathIn(shown, run);
    paintPins(context, picture, pathOf, sizes);
    const run = hovered.runId === null ? -1 : picture.scene.run_ids.indexOf(hovered.runId);
    if (run >= 0) paintPointed(context, picture, pathOf, { run, checkpoint: hovered.checkpoint }, sizes);
  };

  return {
    redraw,
    /**
     * Set the picture shown, and put the canvas on top; plotly leaves other children of its element alone.
     * @param {Picture | null} shown
     */
    show: (shown) => {
      picture = shown;
      if (canvas.parentElement !== element) element.append(canvas);
      sizes = { ...overlaySizes, font: getComputedStyle(element).fontFamily };
      redraw();
    },
    /**
     * Highlight a run (null for none), and ring one of its checkpoints (a number or null).
     * @param {string | null} runId
     * @param {number | null} checkpoint
     */
    highlight: (runId, checkpoint) => {
      if (runId === hovered.runId && checkpoint === hovered.checkpoint) return;
      hovered = { runId, checkpoint };
      redraw();
    },
  };
};
