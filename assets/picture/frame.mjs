/* Plotly layout of a picture: ranges, scale, axis titles. Pure; the camera is in fit.mjs. */

import { share } from "../values/alignment.mjs";
import { cross, dot, minus, unit, vectorOf } from "../values/geometry.mjs";
import { referenceLabels } from "./traces.mjs";

const AIR = 0.04;
const TICKS = 6;
const TITLE_SIZE = 12.5;
const TICK_SIZE = 10.5;

/**
 * Layout of a picture seen by a camera.
 * @param {Picture} picture
 * @param {Camera} camera
 */
export const layoutOf = (picture, camera) => {
  const { axes, emphasis = 1, scene, style, theme } = picture;
  const ranges = rangesOf(picture);
  const titled = axes.map((component, index) => [`${"xyz"[index]}axis`, axis(scene, component, ranges[index], style, emphasis)]);
  return {
    template: style.templates[theme],
    uirevision: "view",
    margin: { l: 0, r: 0, t: 0, b: 0 },
    showlegend: false,
    // Vertical at the right edge: the pins lie in lines beside it.
    modebar: { orientation: "v" },
    scene: {
      uirevision: "view",
      dragmode: "orbit",
      aspectmode: "manual",
      aspectratio: aspectOf(picture),
      camera: structuredClone(camera),
      annotations: referenceLabels(picture),
      ...Object.fromEntries(titled),
    },
  };
};

/**
 * Range of each axis: given by the picture while it moves, otherwise by the whole scene.
 * @param {Pick<Picture, "ranges" | "scene" | "alongside" | "axes">} picture
 */
export const rangesOf = ({ ranges, scene, alongside, axes }) => ranges || axes.map((component) => frame(scene, alongside, component));

/**
 * Range of a component; pictures side by side share it, so that equal lengths are equal distances.
 * @param {Scene} scene
 * @param {Scene | null} alongside
 * @param {number} component
 */
const frame = (scene, alongside, component) => {
  const own = extent(scene, component);
  if (!alongside || !isThere(alongside, component)) return own;
  const other = extent(alongside, component);
  return [Math.min(own[0], other[0]), Math.max(own[1], other[1])];
};

/**
 * Side lengths of the box. Equal scale on all axes, from the whole scene, so that hiding runs does not rescale the rest.
 * Under equal scale the box has the volume of the stretched cube.
 * @param {Picture} picture
 */
export const aspectOf = (picture) => {
  if (picture.scale === "stretched") return { x: 1, y: 1, z: 1 };
  const spans = rangesOf(picture).map(([low, high]) => high - low);
  const mean = Math.cbrt(spans[0] * spans[1] * spans[2]);
  return { x: spans[0] / mean, y: spans[1] / mean, z: spans[2] / mean };
};

/* ------------------------------------------------------------------ axes */

const extents = new WeakMap();

/**
 * Range of all models and reference points along one component, with a margin.
 * @param {Scene} scene
 * @param {number} component
 */
export const extent = (scene, component) => {
  if (!extents.has(scene)) extents.set(scene, new Map());
  const known = extents.get(scene);
  if (!known.has(component)) {
    let [low, high] = [0, 0];
    for (const values of [scene.arrays.coordinates, scene.arrays.reference_coordinates || []]) {
      for (let at = component - 1; at < values.length && isThere(scene, component); at += scene.n_components) {
        if (values[at] < low) low = values[at];
        if (values[at] > high) high = values[at];
      }
    }
    const air = AIR * (high - low) || 0.5;
    known.set(component, [low - air, high + air]);
  }
  return known.get(component);
};

/**
 * @param {Scene} scene
 * @param {number} component
 */
const isThere = (scene, component) => component >= 1 && component <= scene.n_components;

/**
 * @param {Scene} scene
 * @param {number} component
 */
export const isImaginary = (scene, component) => scene.diagnostics.signature[component - 1] < 0;

/**
 * @param {Scene} scene
 * @param {number} component
 */
export const componentTitle = (scene, component) => {
  const percent = Number((100 * share(scene, component)).toPrecision(2));
  return `${component} · ${isImaginary(scene, component) ? "imaginary" : "real"} · ${percent} %`.replace("-", "−");
};

/**
 * @param {Scene} scene
 * @param {number} component
 * @param {number[]} range
 * @param {Style} style
 * @param {number} emphasis
 */
const axis = (scene, component, range, style, emphasis) => {
  if (!isThere(scene, component)) return { range, title: { text: `${component} · not in this embedding` }, nticks: 2 };
  const title = componentTitle(scene, component);
  const color = isImaginary(scene, component) ? { color: style.timeLike } : {};
  const font = { size: TITLE_SIZE * emphasis, ...color };
  return { range, title: { text: title, font }, ...color, tickfont: { size: TICK_SIZE * emphasis }, nticks: TICKS };
};

/* ------------------------------------------------------------------ projection */

/** plotly's vertical field of view is 45 degrees. */
const HALF_FIELD_OF_VIEW = Math.tan(Math.PI / 8);
/** Least depth at which a point is seen. */
export const NEAREST_DEPTH = 0.01;

/** @param {any} scene */
const sidesOf = ({ aspectmode, aspectratio, xaxis, yaxis, zaxis }) => {
  if (aspectmode === "cube") return [1, 1, 1];
  if (aspectratio) return vectorOf(aspectratio);
  const spans = [xaxis, yaxis, zaxis].map(({ range: [low, high] }) => high - low);
  return spans.map((span) => span / Math.cbrt(spans[0] * spans[1] * spans[2]));
};

/**
 * plotly's projection of a scene: the axes fill a box around the origin with the sides of the aspect ratio, seen from the
 * eye with a field of view of 45 degrees, or orthographically.
 * Returns {project(data point) -> [x, y, depth], corner(bits) -> data point, isNear(axis): is its upper side nearer}.
 * @param {any} layoutScene
 * @param {Frame} frame
 */
export const makeView = (layoutScene, { left, top, width, height }) => {
  const { camera } = layoutScene;
  const ranges = ["x", "y", "z"].map((letter) => layoutScene[`${letter}axis`].range);
  const aspect = sidesOf(layoutScene);
  const eye = vectorOf(camera.eye);
  const forward = unit(minus(vectorOf(camera.center), eye));
  const right = unit(cross(forward, vectorOf(camera.up)));
  const upward = cross(right, forward);
  const isParallel = camera.projection?.type === "orthographic";
  /** @param {Vector} point */
  const place = (point) => point.map((value, k) => ((value - ranges[k][0]) / (ranges[k][1] - ranges[k][0]) - 0.5) * aspect[k]);
  /** @param {Vector} point */
  const project = (point) => {
    const ray = minus(place(point), eye);
    const depth = dot(ray, forward);
    const scale = height / 2 / (isParallel ? 1 : Math.max(depth, NEAREST_DEPTH) * HALF_FIELD_OF_VIEW);
    return [left + width / 2 + scale * dot(ray, right), top + height / 2 - scale * dot(ray, upward), depth];
  };
  /** @param {number} k */
  const isNear = (k) => (isParallel ? forward[k] < 0 : eye[k] > 0);
  /** @param {number} bits */
  const corner = (bits) => ranges.map(([low, high], k) => ((bits >> k) & 1 ? high : low));
  return { project, isNear, corner, ranges };
};
