/* Plotly traces of a picture: trajectories, ends, reference points. Pure; the layout is in frame.mjs. */

import { mix } from "../values/colouring.mjs";
import { detailOf } from "../values/detail.mjs";
import { coordinateAt, headOf, upToHead } from "../values/moments.mjs";
import { MOST_PINS } from "../values/pins.mjs";

/** @typedef {{ width: number, share: number, role: string, inFull?: boolean }} Manner how lines of a role are drawn */

// Share of background colour mixed in: filtered runs, and unpicked runs while others are picked.
const FAINT = 0.82;
const RECEDED = 0.5;

/* ------------------------------------------------------------------ traces */

/**
 * [{trace, models}]: plotly traces, and for traces of checkpoints the model of each vertex (-1 in gaps). A head between
 * two models of a run has a fractional model (values/moments.mjs); rounded down, it is a checkpoint.
 * @param {Picture} picture
 * @returns {PictureTrace[]}
 */
export const pictureTraces = (picture) => {
  const { context, shown, picked } = rolesOf(picture);
  const recede = picked.length > 0;
  const inFull = picked.length <= MOST_PINS;
  /**
   * @param {number[]} runs
   * @param {Manner} manner
   */
  const lines = (runs, manner) => groupsOf(picture, runs).map(([key, group]) => lineTrace(picture, key, group, manner));
  const pale = recede ? RECEDED : 0;
  /** @type {PictureTrace[]} */
  const traces = [
    ...lines(context, { width: 1.5, share: FAINT, role: "context" }),
    ...lines(shown, { width: recede ? 2.5 : 3, share: pale, role: "shown" }),
    ...lines(picked, { width: 7, share: 0, role: "picked", inFull }),
    // Above the budget, a thousand start markers in one place are a blot and cost more than the lines.
    ...(detailOf(picture).isReduced ? [] : [startTrace(picture, [...shown, ...picked], pale)]),
    endTrace(picture, shown, "end", pale),
    endTrace(picture, picked, "picked-end", 0),
    ...referenceTraces(picture),
  ];
  return traces.filter(({ models }) => !models || models.length > 0);
};

/**
 * Runs of the scene by role: {context, shown, picked}; runs in none are not drawn.
 * @param {Picture} picture
 */
const rolesOf = ({ scene, isShown, context, picked: pickedIds }) => {
  /** @type {Record<"context" | "shown" | "picked", number[]>} */
  const roles = { context: [], shown: [], picked: [] };
  scene.run_ids.forEach((runId, run) => {
    if (isShown(run)) (pickedIds.has(runId) ? roles.picked : roles.shown).push(run);
    else if (context === "faint") roles.context.push(run);
  });
  return roles;
};

/**
 * [[key, runs]]: runs of one colour, drawn as one trace.
 * @param {Picture} picture
 * @param {number[]} runs
 * @returns {[string | number, number[]][]}
 */
const groupsOf = (picture, runs) => {
  const { scene } = picture;
  if (changesAlong(picture)) return [["all", runs]];
  const groups = new Map();
  for (const run of runs) {
    const key = positionOf(picture, run, scene.spans[run].first);
    if (groups.has(key)) groups.get(key).push(run);
    else groups.set(key, [run]);
  }
  return [...groups];
};

/** @param {Pick<Picture, "colouring">} picture */
const changesAlong = ({ colouring }) => colouring.kind === "numbers" && !colouring.isOfRuns;

/** @param {Pick<Picture, "colouring" | "style">} picture */
const paletteOf = ({ colouring, style }) =>
  colouring.kind === "levels" ? colouring.entries.map((entry) => entry.color) : [...colouring.scale, style.other];

/**
 * Palette index of a run's colour at a checkpoint.
 * @param {Pick<Picture, "colouring">} picture
 * @param {number} run
 * @param {number} model
 */
const positionOf = ({ colouring }, run, model) => {
  if (colouring.kind === "levels") return colouring.entryOfRun(run);
  const step = colouring.stepOfModel(Math.floor(model));
  return step < 0 ? colouring.scale.length : step;
};

/**
 * CSS colour of a trace at one of its vertices; see channelTable.
 * @param {string | any[]} color
 * @param {number} index
 */
export const colorAt = (color, index) => {
  const own = Array.isArray(color) ? color[index] : color;
  return typeof own === "string" ? own : `rgb(${own.slice(0, 3).join(",")})`;
};

/**
 * Colour of a run at a checkpoint.
 * @param {Picture} picture
 * @param {number} run
 * @param {number} model
 */
export const colorOf = (picture, run, model) => paletteOf(picture)[positionOf(picture, run, model)];

/**
 * Models on a run's line, in order; the only place that decides which vertices are drawn.
 * inFull: ignore the level of detail, for runs that are pointed at or pinned.
 * @param {Picture} picture
 * @param {number} run
 * @param {boolean} [inFull]
 */
export const verticesOf = (picture, run, inFull = false) => {
  const { first, count } = picture.scene.spans[run];
  const { importance, tolerance } = detailOf(picture);
  const vertices = new Int32Array(count);
  let n = 0;
  for (let model = first; model < first + count; model += 1) {
    if (inFull || !importance || importance[model] >= tolerance) vertices[n++] = model;
  }
  return upToHead(picture, run, vertices.subarray(0, n));
};

/**
 * Single trace of a colour group: one polyline per run, separated by NaN.
 * @param {Picture} picture
 * @param {any} key
 * @param {number[]} runs
 * @param {Manner} manner
 */
const lineTrace = (picture, key, runs, { width, share, role, inFull }) => {
  const lines = runs.map((run) => verticesOf(picture, run, inFull));
  const length = lines.reduce((sum, line) => sum + line.length + 1, -1);
  const models = new Float64Array(Math.max(0, length)).fill(-1);
  let position = 0;
  for (const line of lines) {
    models.set(line, position);
    position += line.length + 1;
  }
  const line = { color: lineColor(picture, key, models, share), width: width * (picture.emphasis ?? 1) };
  return { role, models, trace: { ...points(picture, models, `${role}-${key}`), mode: "lines", line } };
};

/**
 * One colour, or one per vertex if it changes along the run.
 * @param {Picture} picture
 * @param {any} key
 * @param {ArrayLike<number>} models
 * @param {number} share
 */
const lineColor = (picture, key, models, share) => {
  const { scene, style, theme } = picture;
  const { wall } = style.surfaces[theme];
  if (!changesAlong(picture)) return mix(paletteOf(picture)[key], wall, share);
  const table = channelTable(picture, share);
  return Array.from(models, (model) => table[model < 0 ? 0 : positionOf(picture, scene.arrays.run[Math.floor(model)], model)]);
};

/**
 * Palette as channel arrays shared by vertices: plotly takes arrays as they are, but parses a colour name per vertex.
 * @param {Picture} picture
 * @param {number} share
 */
const channelTable = (picture, share) =>
  paletteOf(picture).map((color) => {
    const mixed = mix(color, picture.style.surfaces[picture.theme].wall, share);
    return [...[1, 3, 5].map((at) => parseInt(mixed.slice(at, at + 2), 16)), 1];
  });

// Hovering is done in pointing.mjs. A uid lets plotly keep a trace's GPU buffers when the number of traces before it
// changes.
/**
 * @param {Pick<Picture, "scene" | "axes">} picture
 * @param {ArrayLike<number>} models
 * @param {string} uid
 */
const points = ({ scene, axes }, models, uid) => {
  /** @type {PlotlyTrace} */
  const trace = { type: "scatter3d", uid, hoverinfo: "skip" };
  const { coordinates } = scene.arrays;
  axes.forEach((component, index) => {
    const values = new Float32Array(models.length);
    for (let at = 0; at < models.length; at += 1) {
      if (models[at] < 0) values[at] = NaN;
      else if (isThere(scene, component)) values[at] = coordinateAt(coordinates, scene.n_components, models[at], component - 1);
    }
    trace["xyz"[index]] = values;
  });
  return trace;
};

/**
 * @param {Scene} scene
 * @param {number} component
 */
const isThere = (scene, component) => component >= 1 && component <= scene.n_components;

/**
 * @param {Picture} picture
 * @param {number[]} runs
 * @param {number} share
 */
const startTrace = (picture, runs, share) => {
  const { muted, wall } = picture.style.surfaces[picture.theme];
  const models = Int32Array.from(runs, (run) => picture.scene.spans[run].first);
  const marker = { symbol: "diamond", size: 2.5 * (picture.emphasis ?? 1), color: mix(muted, wall, share), line: { width: 0 } };
  return { role: "start", models, trace: { ...points(picture, models, "start"), mode: "markers", marker } };
};

/**
 * @param {Picture} picture
 * @param {number[]} runs
 * @param {string} role
 * @param {number} share
 */
const endTrace = (picture, runs, role, share) => {
  const models = Float64Array.from(runs, (run) => headOf(picture, run));
  const table = channelTable(picture, share);
  const color = runs.map((run, index) => table[positionOf(picture, run, models[index])]);
  const marker = { symbol: "diamond", size: 5 * (picture.emphasis ?? 1), color, line: { width: 0 } };
  return { role, models, trace: { ...points(picture, models, role), mode: "markers", marker } };
};

/* ------------------------------------------------------------------ reference points */

/**
 * @param {Scene} scene
 * @param {number} point
 * @param {number} component
 */
const referencePoint = ({ arrays, n_components: n }, point, component) =>
  component >= 1 && component <= n ? (arrays.reference_coordinates?.[point * n + component - 1] ?? 0) : 0;

/** @param {Scene} scene */
const referenceCount = (scene) => (scene.arrays.reference_positions || []).length;

/** @param {Picture} picture */
const referenceTraces = ({ scene, axes, style, theme, emphasis = 1, showReferences }) => {
  const n = referenceCount(scene);
  if (!showReferences || n === 0) return [];
  const [x, y, z] = axes.map((component) => Float32Array.from({ length: n }, (_, point) => referencePoint(scene, point, component)));
  const color = style.surfaces[theme].reference;
  /** @param {Float32Array} values */
  const ends = (values) => [values[0], values[values.length - 1]];
  const shared = { type: "scatter3d", hoverinfo: "skip" };
  return [
    { trace: { ...shared, uid: "geodesic", x, y, z, mode: "lines", line: { color, width: 4 * emphasis, dash: "dash" } } },
    { trace: { ...shared, uid: "references", x: ends(x), y: ends(y), z: ends(z), mode: "markers", marker: { symbol: "diamond", size: 6 * emphasis, color } } },
  ];
};

/**
 * Labels of reference points as annotations: unlike scene text, lines never hide them.
 * @param {Picture} picture
 */
export const referenceLabels = ({ scene, axes, style, theme, emphasis = 1, showReferences }) => {
  const last = referenceCount(scene) - 1;
  if (!showReferences || last < 0) return [];
  const color = style.surfaces[theme].reference;
  const ends = [
    { text: "P₀ ignorance", point: 0 },
    { text: "P* truth", point: last },
  ];
  return ends.map(({ text, point }) => {
    const [x, y, z] = axes.map((component) => referencePoint(scene, point, component));
    return { text, font: { color, size: 12 * emphasis }, showarrow: false, yshift: 14 * emphasis, x, y, z };
  });
};
