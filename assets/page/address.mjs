/*
 * Address bar: the view as a query string, defaults omitted.
 *
 * dashboard/view_state.py parses it. A new field of the view needs a key here (addressFields.push) and a parser there. Which
 * changes of it are entries of the browser's history: history.mjs.
 */

import { cameraText } from "../values/geometry.mjs";
import { maskOf } from "../values/selection.mjs";
import { on } from "./events.mjs";
import { isArriving, isStep, part, record, revisit, visit } from "./history.mjs";
import { state } from "./state.mjs";

const PAUSE_MS = 300;
const MOST_NAMED_RUNS = 60;
/** The address holds the signs of at most this many components; later ones are mostly noise and rarely shown. */
const MOST_FLIPPED = 20;
const escape = encodeURIComponent;
let timer = 0;
let site = "";

/**
 * Whether kept runs are few enough to list; more go by the name of a selection on the server (study/kept-selections.mjs).
 * @param {Pick<State, "kept">} state
 */
export const isNamedSingly = ({ kept }) => kept.size <= MOST_NAMED_RUNS;

/** Set of kept runs -> its short name on the server, once known (study/kept-selections.mjs). */
export const selectionNames = new WeakMap();

/**
 * Name of the kept runs; empty if not needed or not yet known.
 * @param {Pick<State, "kept">} state
 */
export const selectionName = ({ kept }) => selectionNames.get(kept) ?? "";

/**
 * Mask of the kept runs, one bit per run: used in requests, and in the address until the selection has a name.
 * @param {Pick<State, "study" | "kept">} state
 */
export const keptMask = ({ study, kept }) => maskOf(study, [...kept]);

/** @param {State} state */
const fingerprintedMask = (state) => `${state.study.fingerprint.slice(0, 12)}.${keptMask(state)}`;

/** @param {State} state */
const levels = ({ constraints }) =>
  constraints
    .filter((entry) => entry.kind === "levels")
    .map(({ name, chosen }) => `${escape(name)}:${[...chosen].map(escape).join(",")}`)
    .join(";");

/** @param {State} state */
const ranges = ({ constraints }) =>
  constraints
    .filter((entry) => entry.kind === "range")
    .map(({ name, low, high }) => `${escape(name)}:${low}..${high}`)
    .join(";");

/**
 * Components flipped by the alignment; without them a reopened link's camera would see the mirror image.
 * @param {State} state
 */
const flips = ({ flips: wanted, scene }) => {
  const flipped = wanted ?? scene?.alignment.flipped ?? [];
  return [...flipped].filter((component) => component <= MOST_FLIPPED).join(",");
};

/**
 * [key, (state) => text]; empty text is omitted.
 * @type {[string, (state: State) => string][]}
 */
export const addressFields = [
  ["d", (state) => state.study.study],
  ["split", (state) => (state.split === "train" ? "" : state.split)],
  ["f", levels],
  ["r", ranges],
  ["runs", (state) => (isNamedSingly(state) ? [...state.kept].map(escape).join(",") : "")],
  ["s", selectionName],
  ["mask", (state) => (isNamedSingly(state) || selectionName(state) ? "" : fingerprintedMask(state))],
  ["ref", (state) => (state.references === "project" ? "" : state.references)],
  ["ax", (state) => (state.axes.join() === "1,2,3" ? "" : state.axes.join())],
  ["c", (state) => state.colorBy],
  ["fl", flips],
  ["th", (state) => state.chosenTheme],
  ["cam", (state) => cameraText(state.camera)],
];

/** @param {State} [view] */
export const viewQuery = (view = state) => {
  const pairs = addressFields.map(([key, write]) => [key, write(view)]).filter(([, text]) => text);
  return `?${[["v", "1"], ...pairs].map(([key, text]) => `${key}=${escape(text)}`).join("&")}`;
};

/**
 * What is kept of the picture where a link has no place for it.
 * @param {State} view
 * @returns {Aside}
 */
const asideOf = ({ hidden, picked, pins, isAlone, camera, scene }) => ({
  hidden: [...hidden],
  picked: pins.length ? [] : [...picked],
  isAlone,
  camera,
  turns: scene?.alignment.blocks.length ? { key: scene.key, blocks: scene.alignment.blocks } : null,
});

/** Write the view into the browser's history at once. */
const write = () => {
  clearTimeout(timer);
  timer = 0;
  if (state.study?.study && !isArriving()) record(viewQuery(), asideOf(state));
};

/** Write the view into the browser's history after a pause: a camera that turns must not fill it. */
export const writeAddress = () => {
  if (!state.study?.study) return;
  clearTimeout(timer);
  timer = setTimeout(write, PAUSE_MS);
};

/**
 * Open another view, as a new entry of the browser's history.
 * @param {string} query
 */
export const openAddress = (query) => {
  write();
  visit(query);
};

/** Open the view of the address once more, in the same entry. */
export const reopenAddress = () => revisit(viewQuery());

/* ------------------------------------------------------------------ steps */

/**
 * Fields of the state by which a deliberate step is known (page/history.mjs).
 * @type {Set<string>}
 */
const CHOSEN = new Set([
  "study", "split", "divergence", "references", "constraints", "kept", "view", "pairedComponents", "comparison", "figure",
  "figureOptions", "colorBy", "axes", "scale",
]);
let isStepping = false;

/**
 * At the first change of a step: the entry that it leaves gets what is still to be written of it, such as a camera. The
 * step ends with the task, since one choice may change several fields.
 * @param {Partial<State>} before
 */
const beginStep = (before) => {
  if (isStepping || !Object.keys(before).some((name) => CHOSEN.has(name))) return;
  isStepping = true;
  setTimeout(endStep);
  if (!timer || !state.study?.study || before.study === null || isArriving()) return;
  const left = { ...state, ...before };
  part(viewQuery(left), viewQuery(), asideOf(left));
};

/** A step is written at once: Back may come within the pause. */
const endStep = () => {
  isStepping = false;
  if (timer && state.study?.study && isStep(viewQuery())) write();
};

/** Name the entry, for the browser's list of them. */
const nameEntry = () => {
  const { study, split, view } = state;
  document.title = [study.title || study.study, split, ...(view === "3d" ? [] : [view]), site].join(" · ");
};

export const install = () => {
  site = document.title;
  on("changed", beginStep);
  on("address", nameEntry);
  on("travel", () => {
    clearTimeout(timer);
    timer = 0;
  });
};
