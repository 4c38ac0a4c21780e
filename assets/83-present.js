/*
 * Named views one after the other, with their captions: beside the page's controls (a tour) or alone and larger (a
 * presentation). Presenting begins with what is on screen; only steps open views.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});
  const { byId, make, state } = inpca;

  const EMPHASIS = 1.6;
  const AWAKE_MS = 2500;
  /** What leaves a step's sentence true: where it is seen from, how far it has come, what is pinned, which panels there are. */
  const ASIDE = ["cam", "fl", "t", "clk", "pin", "tab"];

  let steps = [];
  let index = -1;
  let isOn = false;
  let isFull = false;
  let leftFocus = null;
  let sleepTimer = null;
  let shape = "";
  // Whether the page has come to show the step; only then can it be left.
  let hasArrived = false;

  /* ------------------------------------------------------------------ the caption */

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
    // Not "disabled": the button under a presenter's finger must keep the keyboard's focus.
    byId("present-previous").setAttribute("aria-disabled", String(index <= 0));
    byId("present-next").setAttribute("aria-disabled", String(index >= steps.length - 1));
    byId("present-full").hidden = isFull;
    byId("present-fullscreen").hidden = !isFull || !document.fullscreenEnabled;
    refit();
  };

  /** The picture keeps clear of the caption, and so does what else lies over it (19-present.css). */
  const refit = () => {
    const { offsetHeight, offsetTop, offsetParent } = byId("caption");
    if (offsetHeight) offsetParent.style.setProperty("--caption", `${offsetParent.clientHeight - offsetTop}px`);
    const { clientWidth, clientHeight } = byId("picture");
    const now = `${clientWidth} ${clientHeight}`;
    if (now === shape) return;
    shape = now;
    window.dispatchEvent(new Event("resize"));
    inpca.draw();
  };

  /** Somebody has filtered, coloured or chosen something else: a sentence that may not be true any more is taken back. */
  const showLeft = () => {
    const step = isOn ? steps[index] : null;
    const isHere = step ? inpca.isOnScreen(step, ASIDE) : false;
    hasArrived ||= isHere;
    const isLeft = Boolean(step) && hasArrived && !isHere;
    byId("caption").classList.toggle("left", isLeft);
    byId("caption-sentence").hidden = isLeft;
    byId("caption-left").hidden = !isLeft;
  };

  inpca.on("address", showLeft);

  const go = (at) => {
    if (at < 0 || at >= steps.length) return;
    index = at;
    hasArrived = false;
    showLeft();
    render();
    inpca.openView(steps[at].query);
  };

  const start = (chosen, at, full) => {
    if (!isOn) leftFocus = document.activeElement;
    [steps, index, isOn] = [chosen, -1, true];
    byId("caption-steps").replaceChildren(...steps.map(dot));
    setFull(full);
    index = steps.findIndex((step) => inpca.isOnScreen(step));
    if (at === null || index === at) render();
    else go(at);
    byId(steps.length ? "present-next" : "present-leave").focus({ preventScroll: true });
  };

  /* ------------------------------------------------------------------ alone and larger */

  const setFull = (full) => {
    if (full === isFull) return;
    isFull = full;
    byId("page").toggleAttribute("data-present", full);
    byId("present-toggle").setAttribute("aria-pressed", String(full));
    state.emphasis = full ? EMPHASIS : 1;
    if (!full && document.fullscreenElement) document.exitFullscreen();
    wake();
  };

  const toggleFullscreen = () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen?.().catch(() => {});
  };

  /** Controls and pointer are there while the pointer moves, and leave the picture alone soon after. */
  const wake = () => {
    clearTimeout(sleepTimer);
    byId("page").toggleAttribute("data-asleep", false);
    if (isFull) sleepTimer = setTimeout(() => byId("page").toggleAttribute("data-asleep", isFull), AWAKE_MS);
  };

  inpca.leaveSteps = () => {
    if (!isOn) return;
    isOn = false;
    setFull(false);
    render();
    const target = leftFocus?.isConnected && leftFocus.offsetParent ? leftFocus : byId("present-toggle");
    target.focus({ preventScroll: true });
  };

  /** Present some views from the first. */
  inpca.presentSteps = (views) => start(views, 0, true);

  inpca.takeTour = () => start(inpca.views.tour, 0, false);

  const toggle = () => {
    if (isFull) inpca.leaveSteps();
    else if (isOn) {
      setFull(true);
      render();
    } else start(inpca.views.saved.length ? inpca.views.saved : inpca.views.tour, null, true);
  };

  Object.assign(inpca.actions, {
    "present-toggle": toggle,
    "present-full": toggle,
    "present-next": () => isOn && go(index + 1),
    "present-previous": () => isOn && go(index - 1),
    "present-return": () => {
      byId("present-next").focus({ preventScroll: true });
      go(index);
    },
    "present-fullscreen": toggleFullscreen,
    "present-leave": inpca.leaveSteps,
  });

  const KEYS = {
    " ": inpca.actions["present-next"],
    ArrowRight: inpca.actions["present-next"],
    PageDown: inpca.actions["present-next"],
    ArrowLeft: inpca.actions["present-previous"],
    PageUp: inpca.actions["present-previous"],
    Home: () => go(0),
    End: () => go(steps.length - 1),
    Escape: inpca.leaveSteps,
    f: toggleFullscreen,
    F: toggleFullscreen,
  };

  // Before anybody else, in the capturing phase: while presenting, arrows are steps and not turns of the picture.
  window.addEventListener(
    "keydown",
    (event) => {
      if (!isFull || event.ctrlKey || event.altKey || event.metaKey || !Object.hasOwn(KEYS, event.key)) return;
      if (event.target.closest?.("input, textarea, select")) return;
      // Space on a button presses it, as everywhere.
      if (event.key === " " && event.target.closest?.("button")) return;
      event.preventDefault();
      event.stopPropagation();
      KEYS[event.key]();
    },
    true,
  );

  // After a click on "back" or on a dot, space must mean "next" again; from the keyboard the focus stays.
  document.addEventListener("click", (event) => {
    if (isFull && event.detail > 0 && event.target.closest("#caption button, #live-mark")) byId("present-next").focus({ preventScroll: true });
  });
  document.addEventListener("pointermove", () => isFull && wake());

  inpca.on("study", ({ study }) => study !== inpca.views.study && inpca.leaveSteps());
})();
