/*
 * Free-text search over run names and hyperparameters, as a constraint.
 *
 * Words are separated by spaces (or grouped by double quotes) and must all occur. name:value searches the columns whose
 * name begins with "name"; a numeric value must be equal, any other must occur. Case does not matter.
 */

import { columnOf } from "./study.mjs";

const WORD = /(?:[^\s"]|"[^"]*"?)+/g;
/** @param {string} text */
const plain = (text) => text.toLowerCase().replaceAll("_", " ");

/**
 * Text of the search box -> list of at most one constraint.
 * @param {Study} study
 * @param {string} text
 * @returns {SearchConstraint[]}
 */
export const searchConstraint = (study, text) => {
  const words = (text.match(WORD) || []).map((word) => parse(study, word.replaceAll('"', ""))).filter((word) => word.value);
  return words.length ? [{ kind: "search", name: null, text: text.trim(), words }] : [];
};

/**
 * A colon after text that names no column is part of the word.
 * @param {Study} study
 * @param {string} word
 */
const parse = (study, word) => {
  const [, name, value] = word.match(/^([^:]+):(.+)$/) || [];
  const columns = name ? columnsNamed(study, plain(name)) : [];
  return columns.length ? { columns, value: plain(value), number: Number(value) } : { columns: [], value: plain(word) };
};

/**
 * @param {Study} study
 * @param {string} name
 */
const columnsNamed = (study, name) => {
  /** @param {Column} column */
  const names = (column) => [plain(column.name), plain(column.label)];
  const exact = study.columns.filter((column) => names(column).includes(name));
  return exact.length ? exact : study.columns.filter((column) => names(column).some((own) => own.startsWith(name)));
};

/**
 * @param {Column} column
 * @param {number} run
 */
const textOf = (column, run) => (column.levels ? column.levels[column.level[run]] : String(column.numbers[run] ?? "none"));

/** @type {WeakMap<Study, string[]>} */
const texts = new WeakMap();

/**
 * Text of each run: its name and the values of the differing columns.
 * @param {Study} study
 */
const textsOf = (study) => {
  const known = texts.get(study) ?? study.run_ids.map((runId, run) => {
    const values = study.differing.map((name) => textOf(columnOf(study, name), run));
    return [runId, ...values].map(plain).join("\n");
  });
  texts.set(study, known);
  return known;
};

/**
 * Test of a run, given by its row, against all words.
 * @param {Study} study
 * @param {SearchWord[]} words
 */
export const matches = (study, words) => {
  const known = textsOf(study);
  /**
   * @param {number} run
   * @param {SearchWord} word
   */
  const has = (run, { columns, value, number }) => {
    if (columns.length === 0) return known[run].includes(value);
    return columns.some((column) =>
      column.numbers && !Number.isNaN(number) ? column.numbers[run] === number : plain(textOf(column, run)).includes(value),
    );
  };
  return (/** @type {number} */ run) => words.every((word) => has(run, word));
};
