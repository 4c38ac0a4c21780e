/*
 * Live updates of a study that is being recorded.
 *
 * The pulse is polled; news appear at the foot and are applied automatically while the reader follows the study. Silent
 * runs are labelled "stalled" in every status column.
 */

import { columnOf, format } from "../values/study.mjs";
import { actions } from "../page/actions.mjs";
import { emit, on } from "../page/events.mjs";
import { recall, remember } from "../page/memory.mjs";
import { send } from "../page/requests.mjs";
import { state } from "../page/state.mjs";
import { byId, make, targetOf } from "../page/words.mjs";
import { draw } from "./drawing.mjs";
import { reselect } from "./explorer.mjs";
import { catchUp } from "./growth.mjs";
import { mainAsker } from "./question.mjs";

const FAST_MS = 500;
const SLOW_MS = 5000;
/** Largest share of time spent waiting for pulses: with a distant or busy server, polls are less frequent. */
const WAITING_SHARE = 0.5;
const LEAST_BETWEEN_MS = 1000;
const TYPING_MS = 1500;
const STATUSES = ["finished", "running", "stalled", "failed"];

/** @type {Pulse | null} */
let pulse = null;
let tag = "";
let toldAt = 0;
let timer = 0;
let isFeeling = false;
let isFollowing = recall("follow", false);
let wasChosenPresenting = false;
let grownAt = 0;
let notBefore = 0;
let isPressed = false;
let typedAt = -TYPING_MS;

/* ------------------------------------------------------------------ polling */

const isRecorded = () => pulse?.unfinished.some((run) => !run.is_stalled) ?? false;

/** The poll as a property: a minifier keeps its name, by which tests tell its timers from the others. */
const heart = {
  feel: async () => {
    clearTimeout(timer);
    if (isFeeling || document.hidden || !state.study?.study) return;
    isFeeling = true;
    const { study } = state.study;
    const began = performance.now();
    let isReached = false;
    try {
      const headers = new Headers(tag ? { "If-None-Match": tag } : {});
      // The ETag covers the study and its stalled runs; the page extrapolates each run's silence.
      const path = `api/studies/${encodeURIComponent(study)}/pulse?held=${state.study.fingerprint}`;
      const response = await send(path, { headers, cache: "no-store" });
      const told = response.status === 200 ? await response.json() : null;
      isReached = response.ok || response.status === 304;
      if (told && state.study.study === study) {
        [pulse, tag, toldAt] = [told, response.headers.get("ETag") ?? "", performance.now()];
        markStalled();
        emit("pulse", told);
      }
    } catch {
      /* Unreachable: reported by the next request of the user. */
    }
    isFeeling = false;
    const least = isReached && isRecorded() ? FAST_MS : SLOW_MS;
    timer = setTimeout(heart.feel, Math.min(SLOW_MS, Math.max(least, (performance.now() - began) / WAITING_SHARE)));
    show();
    consider();
  },
};

/* ------------------------------------------------------------------ news */

/**
 * @param {number} n
 * @param {string} noun
 */
const some = (n, noun) => `${format(n)} new ${noun}${n === 1 ? "" : "s"}`;

/** Sentence on what the study has and the page does not; empty if nothing. */
const news = () => {
  if (!pulse || pulse.fingerprint === state.study.fingerprint) return "";
  const held = (columnOf(state.study, "n_checkpoints").numbers ?? []).reduce((/** @type {number} */ sum, count) => sum + (count ?? 0), 0);
  const [runs, checkpoints] = [pulse.n_runs - state.study.run_ids.length, pulse.n_checkpoints - held];
  if (runs < 0 || checkpoints < 0 || (runs === 0 && checkpoints === 0)) return "changed on disk";
  return [runs && some(runs, "run"), checkpoints && some(checkpoints, "checkpoint")].filter(Boolean).join(", ");
};

const stalledRuns = () => pulse?.unfinished.filter((run) => run.is_stalled) ?? [];

/** @param {UnfinishedRun} run */
const silenceOf = (run) => run.silence + (performance.now() - toldAt) / 1000;

/** @param {number} seconds */
const inWords = (seconds) => {
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86400)} days`;
};

const show = () => {
  if (!state.study?.study) {
    byId("live").hidden = byId("live-mark").hidden = true;
    return;
  }
  const stalled = stalledRuns();
  const recorded = (pulse?.unfinished ?? []).filter((run) => !run.is_stalled);
  const words = news();
  byId("live").hidden = !words && recorded.length + stalled.length === 0;
  const counts = [recorded.length && `${format(recorded.length)} recording`, stalled.length && `${format(stalled.length)} stalled`];
  byId("live-summary").textContent = counts.filter(Boolean).join(" · ");
  byId("live-summary").toggleAttribute("data-beating", recorded.length > 0);
  byId("live-summary").title = recorded.length ? `Latest checkpoint ${inWords(Math.min(...recorded.map(silenceOf)))} ago` : "";
  // While following, news are applied automatically; they are shown only if the reader's input delays them.
  const isWaiting = words !== "" && !(mayFollow() && !isHeld());
  byId("live-news").hidden = byId("live-show").hidden = !isWaiting;
  if (isWaiting && byId("live-news").textContent !== words) byId("live-news").textContent = words;
  for (const id of ["live-follow", "live-mark"]) byId(id).setAttribute("aria-pressed", String(mayFollow()));
  byId("live-mark").hidden = recorded.length === 0;
  byId("live-mark").textContent = mayFollow() ? "live" : "frozen";
  // Not live while following: screen readers would announce the line once a second.
  byId("status-line").setAttribute("aria-live", mayFollow() && recorded.length ? "off" : "polite");
  listStalled(stalled);
};

/* ------------------------------------------------------------------ following */

const isPresenting = () => byId("page").hasAttribute("data-present");

/** Whether following is on; in a presentation only if switched on there. */
const mayFollow = () => {
  wasChosenPresenting &&= isPresenting();
  return isFollowing && (!isPresenting() || wasChosenPresenting);
};

/** @type {(() => boolean)[]} */
const holds = [];

/**
 * Hold back updates while a test is true: of playback, or of another computation.
 * @param {() => boolean} test
 */
export const holdWhile = (test) => holds.push(test);

/** Whether an update would interrupt a drag, typing, playback or a computation. */
const isHeld = () =>
  isPressed ||
  performance.now() - typedAt < TYPING_MS ||
  mainAsker.askedName() !== null ||
  holds.some((test) => test());

const consider = () => {
  if (!state.study?.study || !news() || !mayFollow() || isHeld() || performance.now() < notBefore) return;
  takeUp();
};

const takeUp = () => catchUp().catch(() => {});

const toggleFollow = () => {
  const isOn = !mayFollow();
  isFollowing = isOn;
  wasChosenPresenting = isOn && isPresenting();
  remember("follow", isOn);
  byId("announcer").textContent = isOn ? "Following: what is new comes into the picture" : "Frozen: the picture stays as it is";
  show();
  consider();
};

/* ------------------------------------------------------------------ stalled runs */

/**
 * Replace "running" by "stalled" in a study's status column; returns the runs changed.
 * @param {Study} study
 */
const overlay = (study) => {
  const column = /** @type {LevelColumn | undefined} */ (columnOf(study, "status"));
  if (!column) return [];
  const stalled = new Set(stalledRuns().map((run) => run.run_id));
  const recorded = column.recorded ?? column.level.map((level) => column.levels[level]);
  column.recorded = recorded;
  const was = column.level.map((level) => column.levels[level]);
  const statuses = recorded.map((status, run) => (status === "running" && stalled.has(study.run_ids[run]) ? "stalled" : status));
  column.levels = STATUSES.filter((status) => statuses.includes(status));
  column.level = statuses.map((status) => column.levels.indexOf(status));
  return study.run_ids.filter((_, run) => was[run] !== statuses[run]);
};

const markStalled = () => {
  const { study } = state;
  const changed = overlay(study);
  if (changed.length === 0) return;
  emit("statuses", changed);
  // Searches and the colouring may use the status.
  if (state.constraints.some(({ kind }) => kind === "search")) reselect();
  else if (state.colorBy === "run:status") draw();
};

/** @param {UnfinishedRun[]} stalled */
const listStalled = (stalled) => {
  const box = byId("stalled-runs");
  const lines = stalled.map((run) => [run.run_id, `no checkpoint for ${inWords(silenceOf(run))}, not sealed as finished`]);
  const content = JSON.stringify(lines);
  if ((box.dataset.content ?? "[]") === content) return;
  box.dataset.content = content;
  const list = /** @type {HTMLDetailsElement} */ (box.firstElementChild ?? make("details"));
  if (!list.isConnected) list.open = stalled.length <= 3;
  const entries = lines.map(([runId, words]) => {
    const line = make("p");
    line.append(make("bdi", "run-name", runId), words);
    return line;
  });
  list.replaceChildren(make("summary", "", stalled.length === 1 ? "1 run stalled" : `${stalled.length} runs stalled`), ...entries);
  box.replaceChildren(...(stalled.length ? [list] : []));
};

export const install = () => {
  document.addEventListener("visibilitychange", () => !document.hidden && heart.feel());

  /** Pause as long as the embedding took, so that a large study is not embedded all the time. */
  on("scene", (scene) => {
    if (scene.is_preview || !grownAt) return;
    const now = performance.now();
    notBefore = Math.max(grownAt + LEAST_BETWEEN_MS, 2 * now - grownAt);
    grownAt = 0;
  });

  document.addEventListener("pointerdown", () => (isPressed = true), true);
  for (const name of ["pointerup", "pointercancel"]) window.addEventListener(name, () => (isPressed = false), true);
  window.addEventListener("blur", () => (isPressed = false));
  document.addEventListener("input", () => (typedAt = performance.now()), true);

  // Cancelling an embedding also stops following, or the next one would start in its place.
  document.addEventListener("click", (event) => targetOf(event).closest("#cancel-button") && mayFollow() && toggleFollow());

  /* ------------------------------------------------------------------ the page */

  on("forget", () => {
    [pulse, tag] = [null, ""];
  });
  on("study", (study) => {
    if (study.study) overlay(study);
    show();
    heart.feel();
  });
  on("grown", (study) => {
    grownAt = performance.now();
    notBefore = grownAt + LEAST_BETWEEN_MS;
    // The page's snapshot is at least as new as the last pulse.
    if (pulse) pulse.fingerprint = study.fingerprint;
    tag = "";
    overlay(study);
    show();
  });

  Object.assign(actions, { "live-follow": toggleFollow, "live-mark": toggleFollow, "live-show": takeUp });
};
