/* Selection of runs: constraints over columns, counts, and the bit mask. */

import { matches } from "./search.mjs";
import { columnOf, format, levelName } from "./study.mjs";

/**
 * Map of filter name -> chosen levels or end stops, to the list of constraints that exclude something.
 * @param {Study} study
 * @param {Choices} choices
 */
export const constraints = (study, choices) => study.filters.flatMap((filter) => excluded(filter, choices.get(filter.name)));

/**
 * @param {Filter} filter
 * @param {any} choice
 * @returns {Constraint[]}
 */
const excluded = (filter, choice) => {
  if (filter.kind === "levels") {
    const chosen = choice || [];
    return chosen.length ? [{ ...filter, chosen: new Set(chosen) }] : [];
  }
  const [first, last] = choice || [0, filter.stops.length - 1];
  if (first <= 0 && last >= filter.stops.length - 1) return [];
  return [{ ...filter, low: filter.stops[first], high: filter.stops[last] }];
};

/**
 * @param {Study} study
 * @param {Constraint} constraint
 * @returns {(run: number) => boolean}
 */
const passes = (study, constraint) => {
  if (constraint.kind === "search") return matches(study, constraint.words);
  const column = columnOf(study, constraint.name);
  if (constraint.kind === "levels") {
    const { levels, level } = /** @type {LevelColumn} */ (column);
    return (run) => constraint.chosen.has(levels[level[run]]);
  }
  const { numbers } = /** @type {NumberColumn} */ (column);
  return (run) => {
    const number = numbers[run];
    return number !== null && number >= constraint.low && number <= constraint.high;
  };
};

/**
 * One byte per run of the study: 1 where it passes every constraint (and is among the picked, if any are kept).
 * @param {Study} study
 * @param {Constraint[]} constraints
 * @param {Set<string>} kept
 */
export const passingRuns = (study, constraints, kept) => {
  const tests = constraints.map((constraint) => passes(study, constraint));
  return Uint8Array.from(study.run_ids, (runId, run) =>
    (kept.size === 0 || kept.has(runId)) && tests.every((test) => test(run)) ? 1 : 0,
  );
};

/**
 * Map of filter name -> number of runs per level, value or bin, among the runs that pass all other constraints: what a
 * choice in this filter would select.
 * @param {Study} study
 * @param {Constraint[]} constraints
 * @param {Set<string>} kept
 */
export const filterCounts = (study, constraints, kept) => {
  const tests = constraints.map((constraint) => ({ name: constraint.name, test: passes(study, constraint) }));
  const counts = study.filters.map((filter) => new Array(partCount(filter)).fill(0));
  const partOf = study.filters.map((filter) => partsOf(study, filter));
  study.run_ids.forEach((runId, run) => {
    if (kept.size && !kept.has(runId)) return;
    const failed = tests.filter(({ test }) => !test(run));
    if (failed.length > 1) return;
    study.filters.forEach((filter, index) => {
      const part = partOf[index][run];
      if (part >= 0 && (failed.length === 0 || failed[0].name === filter.name)) counts[index][part] += 1;
    });
  });
  return new Map(study.filters.map((filter, index) => [filter.name, counts[index]]));
};

/**
 * Number of a filter's pills, or of its histogram's bars.
 * @param {Filter} filter
 */
export const partCount = (filter) => {
  if (filter.kind === "levels") return filter.levels.length;
  return filter.discrete ? filter.stops.length : filter.stops.length - 1;
};

/** @type {WeakMap<Filter, Int32Array>} */
const parts = new WeakMap();

/**
 * (run,) index of the pill or bar of each run; -1 for none.
 * @param {Study} study
 * @param {Filter} filter
 */
const partsOf = (study, filter) => {
  const known = parts.get(filter) ?? findParts(columnOf(study, filter.name), filter);
  parts.set(filter, known);
  return known;
};

/**
 * @param {Column} column
 * @param {Filter} filter
 */
const findParts = (column, filter) => {
  if (filter.kind === "range") {
    return Int32Array.from(column.numbers ?? [], (number) => (number === null ? -1 : barOf(filter, number)));
  }
  const { levels, level } = /** @type {LevelColumn} */ (column);
  const order = levels.map((name) => filter.levels.indexOf(name));
  return Int32Array.from(level, (place) => order[place]);
};

/**
 * Bins are closed above, the first also below, as in dashboard/payloads/filters.py.
 * @param {Pick<RangeFilter, "stops" | "discrete">} filter
 * @param {number} number
 */
const barOf = ({ stops, discrete }, number) => {
  const at = stops.findIndex((stop) => number <= stop);
  return discrete ? at : Math.max(0, at - 1);
};

/**
 * End stops of a range's constraint; the whole range without one.
 * @param {RangeFilter} filter
 * @param {RangeConstraint | undefined} constraint
 */
export const rangeEnds = (filter, constraint) =>
  constraint ? [filter.stops.indexOf(constraint.low), filter.stops.indexOf(constraint.high)] : [0, filter.stops.length - 1];

/**
 * The kept runs as a constraint, for texts.
 * @param {Set<string>} kept
 * @returns {KeptConstraint[]}
 */
export const keptConstraint = (kept) => (kept.size ? [{ kind: "kept", name: null, size: kept.size }] : []);

/**
 * The constraint whose removal readmits most runs, suggested when none is left; the kept runs, picked by hand, last.
 * @param {Study} study
 * @param {Constraint[]} constraints
 * @param {Set<string>} kept
 */
export const loosestConstraint = (study, constraints, kept) => {
  /** @param {Constraint} constraint */
  const without = (constraint) => constraints.filter((other) => other !== constraint);
  const gains = constraints.map((constraint) => count(passingRuns(study, without(constraint), kept)));
  const best = gains.indexOf(Math.max(...gains));
  if (gains[best] > 0) return { constraint: constraints[best], gain: gains[best] };
  const [picked] = keptConstraint(kept);
  const gain = picked ? count(passingRuns(study, constraints, new Set())) : 0;
  return gain > 0 ? { constraint: picked, gain } : null;
};

/**
 * Texts of a constraint: its column, its condition, and its name within a sentence.
 * @param {Study} study
 * @param {Constraint | KeptConstraint} constraint
 */
export const constraintWords = (study, constraint) => {
  if (constraint.kind === "search") return { subject: "search", wish: constraint.text, phrase: "the search text" };
  if (constraint.kind === "kept") {
    return { subject: "picked runs", wish: `only ${format(constraint.size)}`, phrase: "the choice of picked runs" };
  }
  const subject = columnOf(study, constraint.name).label;
  const phrase = `the filter on ${subject}`;
  if (constraint.kind === "levels") return { subject, wish: [...constraint.chosen].map(levelName).join(", "), phrase };
  const [low, high] = [format(constraint.low), format(constraint.high)];
  return { subject, wish: low === high ? low : `${low} to ${high}`, phrase };
};

/** @param {Iterable<number>} mask */
export const count = (mask) => {
  let sum = 0;
  for (const bit of mask) sum += bit;
  return sum;
};

/**
 * Bit mask of the given runs of a study.
 * @param {{ run_ids: string[] }} study
 * @param {string[]} runIds
 */
export const maskOf = (study, runIds) => {
  const chosen = new Set(runIds);
  return encodeMask(study.run_ids.map((runId) => (chosen.has(runId) ? 1 : 0)));
};

/**
 * Bit i of the mask (little-endian in each byte) is run i of the study.
 * @param {ArrayLike<number>} mask
 */
export const encodeMask = (mask) => {
  const bytes = new Uint8Array(Math.ceil(mask.length / 8));
  for (let run = 0; run < mask.length; run += 1) if (mask[run]) bytes[run >> 3] |= 1 << (run & 7);
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
};

/**
 * Run ids of a mask.
 * @param {string} text
 * @param {{ run_ids: string[] }} study
 */
export const decodeMask = (text, { run_ids: runIds }) => {
  const bytes = atob(text);
  return runIds.filter((_, run) => bytes.charCodeAt(run >> 3) & (1 << (run & 7)));
};
