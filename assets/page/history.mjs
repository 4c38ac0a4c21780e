/*
 * The browser's history: an entry for every deliberate step.
 *
 * An entry is an address, and going back or forward opens it in place, as a link does. A change of study, split, divergence,
 * references, filters, kept runs, colouring, axes (and their scale), view, comparison, figure or its options is a step, and
 * adds an entry. Camera, moment, clock, pins, context, panels and theme replace the present one: they are looked through
 * rather than decided, and there are many of them. A slider of a range and the search are one step from where they begin
 * to the next other step.
 *
 * dcc.Location takes an address up when its property `search` is another one than before: at every popstate, whose listener
 * here comes first and stamps the address with an `at` that no other has, and by set_props. It pushes an entry of its own
 * only if a property differs from the window's address, which is therefore written first.
 */

import { setProps } from "./dash.mjs";
import { emit, on } from "./events.mjs";

/** Keys of the address that are a step's; ranges and kept runs have names of their own (chosenIn). */
const STEPS = ["d", "split", "div", "ref", "f", "q", "c", "ax", "scale", "m", "pc", "cmp", "fig", "fo"];
const CONTINUOUS = /^(q|r:\S*)$/;
/** After this, a view that is to open is taken for lost, as with the connection, and the one on screen is written again. */
const PATIENCE_MS = 20_000;

/** Address of the present entry; null until it is written. */
let current = /** @type {string | null} */ (null);
/** The step with which the present entry began; empty if it was opened. */
let last = "";
/** Address that Dash has been given and the page does not show yet. */
let awaited = /** @type {string | null} */ (null);
let awaitedUntil = 0;
/** Whether the next change of the address is no step of its own: it follows from an opened address or a grown study. */
let isQuiet = false;
let stamp = 0;

/* ------------------------------------------------------------------ steps */

/**
 * What of an address is chosen by a step: name -> text.
 * @param {URLSearchParams} fields
 */
const chosenIn = (fields) => {
  const chosen = new Map(STEPS.map((key) => [key, fields.get(key) ?? ""]));
  for (const entry of (fields.get("r") ?? "").split(";").filter(Boolean)) {
    const [name, limits] = entry.split(":");
    chosen.set(`r:${name}`, limits);
  }
  chosen.set("runs", ["runs", "s", "mask"].map((key) => fields.get(key) ?? "").join(" "));
  return chosen;
};

/**
 * Name of the step between two addresses: what it changes; empty if nothing of it is deliberate.
 * @param {string} before
 * @param {string} after
 */
export const stepBetween = (before, after) => {
  const fields = [before, after].map((query) => new URLSearchParams(query));
  const [was, is] = fields.map(chosenIn);
  // The server has named the kept runs, which were a mask until then (study/kept-selections.mjs).
  if (fields[0].has("mask") && fields[1].has("s")) was.set("runs", /** @type {string} */ (is.get("runs")));
  const names = new Set([...was.keys(), ...is.keys()]);
  return [...names].filter((name) => (was.get(name) ?? "") !== (is.get(name) ?? "")).join(" ");
};

/**
 * Whether a step adds an entry to the one that another step began.
 * @param {string} step
 * @param {string} previous
 */
export const addsEntry = (step, previous) => step !== "" && !(step === previous && CONTINUOUS.test(step));

/**
 * Whether a view is a step away from the present entry.
 * @param {string} query
 */
export const isStep = (query) => current !== null && !isQuiet && awaited === null && addsEntry(stepBetween(current, query), last);

/**
 * Write a view: as a new entry if it is a step away from the present one, or else into that.
 * @param {string} query
 * @param {Aside} aside
 */
export const record = (query, aside) => {
  const step = current === null || isQuiet ? "" : stepBetween(current, query);
  const entry = { ...history.state, aside };
  if (addsEntry(step, last)) history.pushState(entry, "", query);
  else history.replaceState(entry, "", query);
  if (step) last = step;
  [current, isQuiet] = [query, false];
  emit("address");
};

/**
 * What the present entry holds of the picture beside the address.
 * @returns {Partial<Aside>}
 */
export const besideAddress = () => history.state?.aside ?? {};

/**
 * Before a step from one view to another: write the first, unless the step only continues what is not yet written.
 * @param {string} before
 * @param {string} after
 * @param {Aside} aside
 */
export const part = (before, after, aside) => {
  const step = stepBetween(before, after);
  if (!step) return;
  const waiting = current === null || isQuiet ? "" : stepBetween(current, before);
  if (addsEntry(step, waiting || last)) record(before, aside);
};

/* ------------------------------------------------------------------ opening */

/**
 * The address with a time that no other has.
 * @param {string} query
 */
const stamped = (query) => {
  stamp = Math.max(stamp + 1, Date.now());
  const bare = query.replace(/([?&])at=[^&]*&?/g, "$1").replace(/[?&]$/, "");
  return `${bare || "?"}${bare.length > 1 ? "&" : ""}at=${stamp}`;
};

/** Await the view of the window's address. */
const expect = () => {
  [current, awaited, last] = [location.search, location.search, ""];
  awaitedUntil = performance.now() + PATIENCE_MS;
};

/** All that dcc.Location compares: for one of them that is not the window's, it would push an entry of its own. */
const giveDash = () => {
  const { href, search, hash } = location;
  setProps("location", { href, search, hash });
};

/** Whether an address is about to replace the view on screen, which must not be written over it. */
export const isArriving = () => {
  if (awaited !== null && performance.now() > awaitedUntil) [awaited, isQuiet] = [null, true];
  return awaited !== null;
};

/**
 * Open an address in a new entry.
 * @param {string} query
 */
export const visit = (query) => {
  history.pushState({}, "", stamped(query));
  expect();
  giveDash();
};

/**
 * Open an address in the present entry: the given one, or the one that is about to open.
 * @param {string} query
 */
export const revisit = (query) => {
  history.replaceState(history.state, "", stamped(isArriving() && current !== null ? current : query));
  expect();
  giveDash();
};

/** Back or forward: Dash, whose listener follows, opens the address. */
const travel = () => {
  history.replaceState(history.state, "", stamped(location.search));
  expect();
  emit("travel");
};

/** @param {Study} study */
const arrive = ({ query, is_link: isLink }) => {
  // The answer to an earlier address than the last one that was opened.
  if (isArriving() && isLink && query !== awaited) return;
  if (isLink) isQuiet = true;
  awaited = null;
};

export const install = () => {
  window.addEventListener("popstate", travel, true);
  on("study", arrive);
  on("grown", () => {
    isQuiet = true;
  });
};
