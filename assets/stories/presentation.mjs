/*
 * Tours and presentations: named views in sequence, with captions.
 *
 * A tour runs beside the page's controls; a presentation hides them and is larger. Presenting starts with the view on
 * screen; only steps open views.
 */

import { actions } from "../page/actions.mjs";
import { emit, on } from "../page/events.mjs";
import { writerOf } from "../page/state.mjs";
import { byId, make, targetOf } from "../page/words.mjs";
import { draw } from "../study/drawing.mjs";
import { openView } from "../study/explorer.mjs";
import { isOnScreen, namedViews } from "./view-lists.mjs";

const write = writerOf("emphasis");

const EMPHASIS = 1.6;
const AWAKE_MS = 2500;
/** Address keys that do not affect a step's sentence: camera, flips, moment, clock, pins, panel tab. */
const ASIDE = ["cam", "fl", "t", "clk", "pin", "tab"];

/** @type {SavedView[]} */
let steps = [];
let index = -1;
let isOn = false;
let isFull = false;
/** @type {any} */
let leftFocus = null;
let sleepTimer = 0;
let shape = "";
// Whether the page shows the step; only then can the reader leave it.
let hasArrived = false;

/* ------------------------------------------------------------------ the caption */

/**
 * @param {SavedView} step
 * @param {number} at
 */
const dot = (step, at) => {
  const element = make("button", "step");
  element.type = "button";
  element.title = step.title;
  element.setAttribute("aria-label", `Step ${at + 1}: ${step.title}`);
  element.addEventListener("click", () => go(at));
  return element;
};

const render = () => {
  const step = steps[index];
  byId("caption").hidden = !isOn;
  byId("caption").classList.toggle("bare", !step);
  byId("caption-title").textContent = step?.title ?? "";
  byId("caption-sentence").textContent = step?.sentence ?? "";
  byId("caption-count").textContent = step ? `${index + 1} / ${steps.length}` : "";
  [...byId("caption-steps").children].forEach((element, at) => {
    if (at === index) element.setAttribute("aria-current", "step");
    else element.removeAttribute("aria-current");
  });
  for (const id of ["present-previous", "present-next", "caption-steps"]) byId(id).hidden = steps.length === 0;
  // aria-disabled, not disabled: the focused button must keep keyboard focus.
  byId("present-previous").setAttribute("aria-disabled", String(index <= 0));
  byId("present-next").setAttribute("aria-disabled", String(index >= steps.length - 1));
  byId("present-full").hidden = isFull;
  byId("present-fullscreen").hidden = !isFull || !document.fullscreenEnabled;
  refit();
};

/** Keep the picture and its overlays clear of the caption (19-present.css). */
const refit = () => {
  const { offsetHeight, offsetTop } = byId("caption");
  const offsetParent = /** @type {HTMLElement} */ (byId("caption").offsetParent);
  if (offsetHeight) offsetParent.style.setProperty("--caption", `${offsetParent.clientHeight - offsetTop}px`);
  const { clientWidth, clientHeight } = byId("picture");
  const now = `${clientWidth} ${clientHeight}`;
  if (now === shape) return;
  shape = now;
  window.dispatchEvent(new Event("resize"));
  draw();
};

/** Mark the step's sentence as left once the view differs from the step, since it may no longer be true. */
const showLeft = () => {
  const step = isOn ? steps[index] : null;
  const isHere = step ? isOnScreen(step, ASIDE) : false;
  hasArrived ||= isHere;
  const isLeft = Boolean(step) && hasArrived && !isHere;
  byId("caption").classList.toggle("left", isLeft);
  byId("caption-sentence").hidden = isLeft;
  byId("caption-left").hidden = !isLeft;
};

/** @param {number} at */
const go = (at) => {
  if (at < 0 || at >= steps.length) return;
  index = at;
  hasArrived = false;
  showLeft();
  render();
  openView(steps[at].query);
};

/**
 * @param {SavedView[]} chosen
 * @param {number | null} at
 * @param {boolean} full
 */
const start = (chosen, at, full) => {
  if (!isOn) leftFocus = document.activeElement;
  [steps, index, isOn] = [chosen, -1, true];
  byId("caption-steps").replaceChildren(...steps.map(dot));
  setFull(full);
  index = steps.findIndex((step) => isOnScreen(step));
  if (at === null || index === at) render();
  else go(at);
  byId(steps.length ? "present-next" : "present-leave").focus({ preventScroll: true });
};

/* ------------------------------------------------------------------ presentation */

/** @param {boolean} full */
const setFull = (full) => {
  if (full === isFull) return;
  isFull = full;
  byId("page").toggleAttribute("data-present", full);
  byId("present-toggle").setAttribute("aria-pressed", String(full));
  write({ emphasis: full ? EMPHASIS : 1 });
  if (!full && document.fullscreenElement) document.exitFullscreen();
  wake();
};

const toggleFullscreen = () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen?.().catch(() => {});
};

/** Show controls and pointer while the pointer moves, and hide them soon after. */
const wake = () => {
  clearTimeout(sleepTimer);
  byId("page").toggleAttribute("data-asleep", false);
  if (isFull) sleepTimer = setTimeout(() => byId("page").toggleAttribute("data-asleep", isFull), AWAKE_MS);
};

export const leaveSteps = () => {
  if (!isOn) return;
  isOn = false;
  setFull(false);
  render();
  const target = leftFocus?.isConnected && leftFocus.offsetParent ? leftFocus : byId("present-toggle");
  target.focus({ preventScroll: true });
};

/**
 * Present the given views from the first.
 * @param {SavedView[]} views
 */
export const presentSteps = (views) => start(views, 0, true);

export const takeTour = () => {
  emit("tour");
  start(namedViews.tour, 0, false);
};

const toggle = () => {
  if (isFull) leaveSteps();
  else if (isOn) {
    setFull(true);
    render();
  } else start(namedViews.saved.length ? namedViews.saved : namedViews.tour, null, true);
};

const next = () => isOn && go(index + 1);

const previous = () => isOn && go(index - 1);

/** @type {Record<string, () => unknown>} */
const KEYS = {
  " ": next,
  ArrowRight: next,
  PageDown: next,
  ArrowLeft: previous,
  PageUp: previous,
  Home: () => go(0),
  End: () => go(steps.length - 1),
  Escape: leaveSteps,
  f: toggleFullscreen,
  F: toggleFullscreen,
};

export const install = () => {
  on("address", showLeft);

  Object.assign(actions, {
    "present-toggle": toggle,
    "present-full": toggle,
    "present-next": next,
    "present-previous": previous,
    "present-return": () => {
      byId("present-next").focus({ preventScroll: true });
      go(index);
    },
    "present-fullscreen": toggleFullscreen,
    "present-leave": leaveSteps,
  });

  // In the capture phase, before other listeners: while presenting, arrows step instead of rotating the picture.
  window.addEventListener(
    "keydown",
    (event) => {
      if (!isFull || event.ctrlKey || event.altKey || event.metaKey || !Object.hasOwn(KEYS, event.key)) return;
      if (targetOf(event).closest("input, textarea, select")) return;
      // Space on a button presses it.
      if (event.key === " " && targetOf(event).closest("button")) return;
      event.preventDefault();
      event.stopPropagation();
      KEYS[event.key]();
    },
    true,
  );

  // After a click on "back" or a dot, focus "next", so that space steps on; keyboard activation keeps its focus.
  document.addEventListener("click", (event) => {
    if (isFull && event.detail > 0 && targetOf(event).closest("#caption button, #live-mark")) byId("present-next").focus({ preventScroll: true });
  });
  document.addEventListener("pointermove", () => isFull && wake());

  on("study", ({ study }) => study !== namedViews.study && leaveSteps());
};
