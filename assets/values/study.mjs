/* Columns, rows, names and numbers of a study. */

/**
 * Column of the run table by name.
 * @param {Pick<Study, "columns">} study
 * @param {string} name
 */
export const columnOf = (study, name) => /** @type {Column} */ (study.columns.find((entry) => entry.name === name));

/**
 * Display name of a level.
 * @param {string} level
 */
export const levelName = (level) => level || "(empty)";

/** @type {WeakMap<object, Map<string, number>>} */
const rows = new WeakMap();

/**
 * Rows of a study's runs, by run.
 * @param {{ run_ids: string[] }} study
 */
export const rowsOf = (study) => {
  const known = rows.get(study) ?? new Map(study.run_ids.map((id, row) => [id, row]));
  rows.set(study, known);
  return known;
};

/**
 * Row of a run in the study's order; undefined if it is not there.
 * @param {{ run_ids: string[] }} study
 * @param {string} runId
 */
export const rowOf = (study, runId) => /** @type {number} */ (rowsOf(study).get(runId));

/** @param {unknown} value */
export const format = (value) => {
  if (value === null || value === undefined || value === "") return "";
  if (typeof value !== "number") return String(value);
  if (!Number.isFinite(value)) return "";
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return value.toLocaleString("en");
  return String(Number(value.toPrecision(4)));
};

/**
 * Label of a checkpoint column; a metric may be named like a property of every object ("constructor").
 * @param {Pick<Style, "labels">} style
 * @param {string} name
 */
export const labelOf = ({ labels }, name) => (Object.hasOwn(labels, name) ? labels[name] : name.replaceAll("_", " "));
