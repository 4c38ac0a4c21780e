/* Transitions between pictures: durations, frames, and the pictures on the way. */

import { mixed } from "../values/geometry.mjs";
import { rangesOf } from "./frame.mjs";

const asksForStillness = window.matchMedia("(prefers-reduced-motion: reduce)");

/** Durations. A picture that takes longer than slowMs to draw changes at once, without a transition. */
export const motion = { pictureMs: 420, cameraMs: 350, slowMs: 120, secondsPerTurn: 30 };

/** Whether the system asks for reduced motion. */
export const isStill = () => asksForStillness.matches;

/** Promise of the next animation frame, or of a short delay in a hidden tab, which has no frames. */
export const nextFrame = () =>
  new Promise((resolve) => (document.hidden ? setTimeout(resolve, 16) : requestAnimationFrame(resolve)));

const IDLE_MS = 250;

/**
 * Do a task when the browser has time, at the latest after a moment.
 * @param {() => void} task
 */
export const whenIdle = (task) => ("requestIdleCallback" in window ? requestIdleCallback(task, { timeout: IDLE_MS }) : setTimeout(task, IDLE_MS));

/**
 * Cubic ease-in-out.
 * @param {number} share
 */
export const eased = (share) => (share < 0.5 ? 4 * share ** 3 : 1 - (2 - 2 * share) ** 3 / 2);

/* ------------------------------------------------------------------ pictures */

/**
 * Transition between two pictures of one study: a function from [0, 1] to pictures, or null if they share no run. Shared
 * runs, ranges and reference points move; new runs grow from their start; removed runs vanish at once. At 1 the picture
 * equals the new one but is another object.
 * @param {Picture} from
 * @param {Picture} to
 * @returns {((share: number) => Picture) | null}
 */
export const journey = (from, to) => {
  if (from.scene.study !== to.scene.study) return null;
  const was = new Map(from.scene.run_ids.map((runId, run) => [runId, run]));
  const origin = to.scene.run_ids.map((runId, run) => {
    const before = was.get(runId);
    return before !== undefined && from.isShown(before) && to.isShown(run) ? before : -1;
  });
  if (origin.every((before) => before < 0)) return null;
  const coordinates = to.scene.arrays.coordinates.slice();
  // One scene for the whole transition, so that caches per scene are filled once, not per frame.
  const scene = { ...to.scene, arrays: { ...to.scene.arrays, coordinates } };
  const moving = startOf(from, to, origin);
  const [oldRanges, newRanges] = [rangesOf(from), rangesOf(to)];
  const references = referencesBetween(from, to);
  /** @param {number} share */
  const place = (share) => {
    to.axes.forEach((component, axis) => {
      if (component > to.scene.n_components) return;
      for (let at = 0; at < moving.models.length; at += 1) {
        const index = moving.models[at] * to.scene.n_components + component - 1;
        coordinates[index] = mixed(moving.starts[axis][at], to.scene.arrays.coordinates[index], share);
      }
    });
  };
  return (/** @type {number} */ share) => {
    place(share);
    scene.arrays.reference_coordinates = references(share);
    return {
      ...to,
      scene,
      ranges: newRanges.map((range, axis) => range.map((/** @type {number} */ end, /** @type {number} */ side) => mixed(oldRanges[axis][side], end, share))),
      growth: { isNew: (run) => origin[run] < 0, share },
    };
  };
};

/**
 * Models of the moving runs, and their start on the three axes; additional checkpoints start from the last one.
 * @param {Picture} from
 * @param {Picture} to
 * @param {number[]} origin
 */
const startOf = (from, to, origin) => {
  /** @type {{ models: number[], sources: number[] }} */
  const { models, sources } = { models: [], sources: [] };
  origin.forEach((before, run) => {
    if (before < 0) return;
    const [old, own] = [from.scene.spans[before], to.scene.spans[run]];
    for (let step = 0; step < own.count; step += 1) {
      models.push(own.first + step);
      sources.push(old.first + Math.min(step, old.count - 1));
    }
  });
  const { arrays, n_components: n } = from.scene;
  const starts = from.axes.map((component) =>
    Float32Array.from(sources, (model) => (component <= n ? arrays.coordinates[model * n + component - 1] : 0)),
  );
  return { models, starts };
};

/**
 * @param {Picture} from
 * @param {Picture} to
 */
const referencesBetween = (from, to) => {
  const [old, own] = [from.scene.arrays.reference_coordinates, to.scene.arrays.reference_coordinates];
  const [width, n] = [from.scene.n_components, to.scene.n_components];
  if (!old || !own || old.length / width !== own.length / n) return () => own;
  return (/** @type {number} */ share) => {
    const between = own.slice();
    to.axes.forEach((component, axis) => {
      if (component > n || from.axes[axis] > width) return;
      for (let point = 0; point < own.length / n; point += 1) {
        const [target, source] = [point * n + component - 1, point * width + from.axes[axis] - 1];
        between[target] = mixed(old[source], own[target], share);
      }
    });
    return between;
  };
};
