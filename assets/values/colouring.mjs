/* Colours of runs and checkpoints. */

import { columnOf, labelOf, rowOf } from "./study.mjs";

const LOGARITHMIC_RATIO = 30;

/**
 * Linear mix of two hexadecimal colours: fades context without transparency.
 * @param {string} color
 * @param {string} other
 * @param {number} share
 */
export const mix = (color, other, share) => {
  /** @param {string} text */
  const channels = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
  const [from, to] = [channels(color), channels(other)];
  return `#${from.map((value, index) => Math.round(value + (to[index] - value) * share).toString(16).padStart(2, "0")).join("")}`;
};

/**
 * Colouring of a scene, or of two scenes with a common scale.
 * levels:  {kind, label, entries: [{name, color}], entryOfRun(run)}
 * numbers: {kind, label, low, high, isLogarithmic, isOfRuns, stepOfModel(model), colorOfModel(model), scale}, where
 *          isOfRuns: all checkpoints of a run have one number; a negative step: no number.
 * @param {Study} study
 * @param {Scene} scene
 * @param {string} colorBy
 * @param {Style} style
 * @param {Scene | null} [alongside]
 * @returns {Colouring}
 */
export const colouringOf = (study, scene, colorBy, style, alongside = null) => {
  const scenes = alongside ? [scene, alongside] : [scene];
  const [kind, ...rest] = colorBy.split(":");
  const name = rest.join(":");
  const column = kind === "run" ? columnOf(study, name) : undefined;
  if (column?.levels) return levelColouring(study, scenes, column, style);
  if (column?.numbers) {
    const { numbers } = column;
    /** @param {Pick<Scene, "run_ids" | "arrays">} scene */
    const values = ({ run_ids, arrays }) => {
      const ofRun = run_ids.map((runId) => numbers[rowOf(study, runId)] ?? NaN);
      return Float32Array.from(arrays.run, (run) => ofRun[run]);
    };
    return numberColouring(column.label, scenes.map(values), style, true);
  }
  /** @param {Pick<Scene, "arrays">} scene */
  const along = ({ arrays }) => arrays[`model:${name}`] || arrays["model:epoch"];
  return numberColouring(labelOf(style, name), scenes.map(along), style, false);
};

/**
 * @param {Study} study
 * @param {Scene[]} scenes
 * @param {LevelColumn} column
 * @param {Style} style
  * @returns {LevelColouring}
 */
const levelColouring = (study, scenes, column, style) => {
  const colors = levelColors(column, style);
  const [ofRun, ...ofOthers] = scenes.map(({ run_ids }) => run_ids.map((runId) => colors[column.level[rowOf(study, runId)]]));
  const present = new Set([ofRun, ...ofOthers].flat());
  const entries = colors.filter(
    (entry, level) => present.has(entry) && colors.findIndex((other) => other.name === entry.name) === level,
  );
  const positions = new Map(entries.map((entry, position) => [entry.name, position]));
  return { kind: "levels", label: column.label, entries, entryOfRun: (/** @type {number} */ run) => /** @type {number} */ (positions.get(ofRun[run].name)) };
};

/**
 * Single colour of a run: that of its level, or of its last checkpoint.
 * @param {Scene} scene
 * @param {Colouring} colouring
 * @param {number} run
 */
export const endColor = (scene, colouring, run) =>
  colouring.kind === "levels"
    ? colouring.entries[colouring.entryOfRun(run)].color
    : colouring.colorOfModel(scene.spans[run].first + scene.spans[run].count - 1);

/**
 * Colour of a hyperparameter value, given as text; undefined if the study has no such value.
 * @param {Study} study
 * @param {string} name
 * @param {string} level
 * @param {Style} style
 */
export const colorOfLevel = (study, name, level, style) => {
  const column = columnOf(study, name);
  if (!column?.levels) return undefined;
  return levelColors(column, style)[column.levels.indexOf(level)]?.color;
};

/**
 * Colours of the levels of the whole study, so that they do not change with the selection.
 * @param {LevelColumn} column
 * @param {Style} style
 */
const levelColors = (column, style) => {
  const n = column.levels.length;
  if (column.ordered) {
    const last = style.sequential.length - 1;
    return column.levels.map((name, level) => ({ name, color: style.sequential[n > 1 ? Math.round((level / (n - 1)) * last) : 0] }));
  }
  if (n <= style.categories.length) return column.levels.map((name, level) => ({ name, color: style.categories[level] }));
  const counts = new Array(n).fill(0);
  column.level.forEach((level) => (counts[level] += 1));
  const frequent = counts
    .map((count, level) => ({ count, level }))
    .sort((a, b) => b.count - a.count || a.level - b.level)
    .slice(0, style.categories.length - 1)
    .map((entry) => entry.level)
    .sort((a, b) => a - b);
  const other = { name: "other", color: style.other };
  return column.levels.map((name, level) =>
    frequent.includes(level) ? { name, color: style.categories[frequent.indexOf(level)] } : other,
  );
};

/**
 * @param {string} label
 * @param {Float32Array[]} all values of the scene that is coloured, then of those that share its scale
 * @param {Style} style
 * @param {boolean} isOfRuns
 * @returns {NumberColouring}
 */
const numberColouring = (label, all, style, isOfRuns) => {
  const [values] = all;
  let low = Infinity;
  let high = -Infinity;
  for (const one of all) {
    for (const value of one) {
      if (!Number.isFinite(value)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  const isLogarithmic = low > 0 && high / low > LOGARITHMIC_RATIO;
  /** @param {number} value */
  const scaled = (value) => (isLogarithmic ? Math.log(value) : value);
  const span = scaled(high) - scaled(low) || 1;
  const last = style.sequential.length - 1;
  /** @param {number} model */
  const stepOfModel = (model) =>
    Number.isFinite(values[model]) ? Math.round(((scaled(values[model]) - scaled(low)) / span) * last) : -1;
  /** @param {number} model */
  const colorOfModel = (model) => style.sequential[stepOfModel(model)] ?? style.other;
  return { kind: "numbers", label, low, high, isLogarithmic, isOfRuns, stepOfModel, colorOfModel, scale: style.sequential };
};
