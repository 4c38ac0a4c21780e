/*
 * Update in place of a study that has changed on disk.
 *
 * Reopening would restore only what the address holds and lose hidden levels, signs, the exact camera, scroll and focus.
 * So the new tables are fetched, the reader's choices are kept, and
 * the selection is embedded like any other.
 */

import { rowOf } from "../values/study.mjs";
import { reopenAddress } from "../page/address.mjs";
import { setProps } from "../page/dash.mjs";
import { emit, on } from "../page/events.mjs";
import { reach } from "../page/requests.mjs";
import { state } from "../page/state.mjs";
import { listProblems } from "../page/words.mjs";
import { adoptStudy, reselect } from "./explorer.mjs";
import { pick } from "./linking.mjs";

let isFetching = false;
/** Range filter name -> the values the reader set, and the nearest stops in the latest histogram. */
const wishes = new Map();

/** Fetch the current study; whether it was new. Throws if the server refuses or is unreachable. */
export const catchUp = async () => {
  if (isFetching) return false;
  isFetching = true;
  try {
    const { study, run_ids: known } = state.study;
    const answer = await reach(`api/studies/${encodeURIComponent(study)}/growth`);
    if (state.study.study !== study || answer.study.fingerprint === state.study.fingerprint) return false;
    // The first run, or no run left: the page is a different one.
    if (known.length === 0 || answer.study.run_ids.length === 0) reopenAddress();
    else setProps("growth", { data: answer });
    return true;
  } finally {
    isFetching = false;
  }
};

/** After an answer that the page's snapshot is stale: update, then let the caller ask again; reopen on failure. */
export const catchUpOrReopen = () =>
  catchUp()
    .then((isNew) => isNew || reselect())
    .catch(reopenAddress);

/* ------------------------------------------------------------------ controls */

/**
 * @param {number[]} stops
 * @param {number} low
 * @param {number} high
 */
const enclosing = (stops, low, high) => {
  const last = stops.length - 1;
  if (high < stops[0] || low > stops[last]) return [0, last];
  const end = stops.findIndex((stop) => stop >= high);
  return [Math.max(0, stops.findLastIndex((stop) => stop <= low)), end < 0 ? last : end];
};

/**
 * Handle positions of a range on new stops. New extremes move the bin edges, so the values set are kept apart from the
 * nearest stops; deriving them from the stops would widen the range a little each time.
 * @param {RangeFilter} filter
 * @param {any} constraint
 */
const endsOf = ({ name, stops }, constraint) => {
  const numbers = constraint.kind === "levels" ? [...constraint.chosen].map(Number) : [constraint.low, constraint.high];
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const wish = wishes.get(name);
  /** @type {[number, number]} */
  const asked = wish?.low === low && wish.high === high ? wish.asked : [low, high];
  const ends = enclosing(stops, ...asked);
  wishes.set(name, { asked, low: stops[ends[0]], high: stops[ends[1]] });
  return ends;
};

/**
 * Filter choices for another state of the study: name -> levels, or end stops.
 * @param {Study} study
 */
export const grownChoices = (study) => {
  /**
   * @param {Filter} filter
   * @param {any} constraint
   */
  const choice = (filter, constraint) =>
    filter.kind === "levels" ? filter.levels.filter((level) => constraint.chosen?.has(level)) : endsOf(filter, constraint);
  return new Map(
    study.filters.flatMap((filter) => {
      const constraint = state.constraints.find(({ name }) => name === filter.name);
      return constraint ? [[filter.name, choice(filter, constraint)]] : [];
    }),
  );
};

/**
 * @param {unknown} one
 * @param {unknown} other
 */
const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/**
 * @param {string} colorBy
 * @param {{ items: { value: string }[] }[]} groups
 */
const isOffered = (colorBy, groups) => groups.some(({ items }) => items.some(({ value }) => value === colorBy));

/**
 * Values of Dash controls that depend on the data, or `unchanged`, which also keeps column widths and sorting.
 * @param {{ study: Study, colors: any, columns: any }} growth
 * @param {{ colors: any, columns: any }} now
 * @param {any} unchanged
 */
export const grownControls = ({ study, colors, columns }, now, unchanged) => [
  isSame(colors, now.colors) || !isOffered(state.colorBy, colors) ? unchanged : colors,
  isSame(columns, now.columns) ? unchanged : columns,
  { ...study, isGrown: true },
];

/* ------------------------------------------------------------------ the study itself */

/** @param {Study} study */
export const growStudy = (study) => {
  const before = state.study;
  /** @param {string} runId */
  const isThere = (runId) => rowOf(study, runId) !== undefined;
  adoptStudy(study);
  listProblems(study.problems);
  emit("grown", study, before);
  if (![...state.picked].every(isThere)) pick([...state.picked].filter(isThere));
};

export const install = () => {
  on("forget", () => wishes.clear());

  on("stale", (isRefused) => (isRefused ? catchUpOrReopen() : catchUp().catch(reopenAddress)));
};
