/*
 * Hit testing: the run whose line is nearest to the pointer.
 *
 * Plotly's picking is not used: it reads the scene back from the GPU, and in it a faint context line (even with hoverinfo
 * "skip") hides the run behind it. Here only shown runs take part.
 */

import { squaredDistance } from "../values/geometry.mjs";
import { verticesOf } from "./traces.mjs";

const REACH = 10;
const STILL = 5;
// Half the width of a picked run's line; within it, the picked run counts as nearest.
const PICKED_WIDTH = 3.5;

/**
 * Track the pointer over the picture in an element.
 * listeners: onHover(model or null, box in the window), onClick(model); isBusy(): whether the picture is being rotated.
 * @param {HTMLElement} element
 * @param {Projection} projection
 * @param {PictureListeners} listeners
 * @param {() => boolean} isBusy
 */
export const makePointing = (element, projection, listeners, isBusy) => {
  /** @type {Picture | null} */
  let picture = null;
  let lines = new Float64Array(0);
  let firstPicked = 0;
  /** @type {Float32Array | null} */
  let pixels = null;
  /** @type {{ x: number, y: number } | null} */
  let pointer = null;
  /** @type {{ model: number, box: Box } | null} */
  let found = null;
  /** @type {{ x: number, y: number } | null} */
  let pressed = null;

  /**
   * Checkpoint of a shown run nearest to a point, or null if none is within reach.
   * @param {number} x
   * @param {number} y
   */
  const modelAt = (x, y) => {
    if (!picture) return null;
    pixels = pixels ?? projection.project(picture, lines);
    let best = -1;
    let least = REACH * REACH;
    for (let at = 0; at < lines.length; at += 1) {
      if (lines[at] < 0) continue;
      // A line of one checkpoint is a segment of length zero.
      const to = at + 1 < lines.length && lines[at + 1] >= 0 ? at + 1 : at;
      const away = squaredDistance(x, y, pixels[2 * at], pixels[2 * at + 1], pixels[2 * to], pixels[2 * to + 1]);
      // Picked runs come last, in drawing order.
      const beyond = at < firstPicked ? away : Math.max(0, Math.sqrt(away) - PICKED_WIDTH) ** 2;
      if (beyond <= least) [best, least] = [at, beyond];
    }
    return best < 0 ? null : nearestOf(picture, picture.scene.arrays.run[Math.floor(lines[best])], x, y);
  };

  /**
   * @param {Picture} shown
   * @param {number} run
   * @param {number} x
   * @param {number} y
   */
  const nearestOf = (shown, run, x, y) => {
    const models = verticesOf(shown, run, true);
    const places = projection.project(shown, models);
    let nearest = 0;
    let least = Infinity;
    models.forEach((_, at) => {
      const away = (places[2 * at] - x) ** 2 + (places[2 * at + 1] - y) ** 2;
      if (away < least) [nearest, least] = [at, away];
    });
    const { left, top } = element.getBoundingClientRect();
    const [px, py] = [left + places[2 * nearest], top + places[2 * nearest + 1]];
    // A head between two checkpoints counts as the earlier one.
    return { model: Math.floor(models[nearest]), box: { x0: px - 3, x1: px + 3, y0: py - 3, y1: py + 3 } };
  };

  /** @param {PointerEvent} event */
  const placeOf = (event) => {
    const { left, top } = element.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };

  const look = () => {
    if (!pointer || isBusy()) return;
    const next = modelAt(pointer.x, pointer.y);
    pointer = null;
    if (next?.model === found?.model) return;
    found = next;
    element.toggleAttribute("data-over-run", found !== null);
    listeners.onHover?.(found ? found.model : null, found?.box);
  };

  const leave = () => {
    pointer = null;
    if (!found) return;
    found = null;
    element.removeAttribute("data-over-run");
    listeners.onHover?.(null);
  };

  /** @param {Event} event */
  const isOnModebar = (event) => event.target instanceof Element && event.target.closest(".modebar") !== null;

  element.addEventListener("pointermove", (event) => {
    if (isOnModebar(event)) return leave();
    if (!pointer) requestAnimationFrame(look);
    pointer = placeOf(event);
  });
  element.addEventListener("pointerleave", leave);
  element.addEventListener("pointerdown", (event) => {
    const isPlain = event.button === 0 && event.isPrimary && !isOnModebar(event);
    pressed = isPlain ? placeOf(event) : null;
  }, true);
  window.addEventListener("pointerup", (event) => {
    if (!pressed) return;
    const { x, y } = placeOf(event);
    const isStill = Math.hypot(x - pressed.x, y - pressed.y) < STILL;
    pressed = null;
    const hit = isStill ? modelAt(x, y) : null;
    if (hit) listeners.onClick?.(hit.model);
  });

  return {
    /**
     * Set the picture and traces to test against; traces from pictureTraces.
     * @param {Picture | null} shown
     * @param {PictureTrace[]} traces
     */
    show: (shown, traces) => {
      picture = shown;
      found = null;
      const hittable = /** @type {ModelTrace[]} */ (traces.filter(({ role }) => role === "shown" || role === "picked"));
      lines = new Float64Array(hittable.reduce((sum, { models }) => sum + models.length + 1, 0)).fill(-1);
      let position = 0;
      firstPicked = lines.length;
      for (const { role, models } of hittable) {
        if (role === "picked") firstPicked = Math.min(firstPicked, position);
        lines.set(models, position);
        position += models.length + 1;
      }
      pixels = null;
    },
    /** Invalidate screen positions after a rotation; they are recomputed on the next test. */
    forgetPlaces: () => {
      pixels = null;
    },
  };
};
