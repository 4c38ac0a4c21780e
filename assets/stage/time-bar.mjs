/* Time bar: moment of training, set by slider, key or playback. */

import { clockOf, clocksOf } from "../values/moments.mjs";
import { format } from "../values/study.mjs";
import { actions } from "../page/actions.mjs";
import { addressFields, writeAddress } from "../page/address.mjs";
import { on } from "../page/events.mjs";
import { state, writerOf } from "../page/state.mjs";
import { byId, targetOf } from "../page/words.mjs";
import { redraw } from "../study/drawing.mjs";
import { holdWhile } from "../study/live.mjs";

const write = writerOf("clock", "moment");

/** Duration of a sweep at normal speed, and of the whole picture between sweeps. */
const SWEEP_MS = 9000;
const REST_SHARE = 0.08;
const SLIDER_STEP = 0.005;
/** @type {{ share: number, before: number } | null} */
let playing = null;

const clock = () => clockOf(state.scene, state.clock);

/** @param {number} share */
const valueAt = (share) => clock().low + share * (clock().high - clock().low);

/** Moment as a share of the clock's range: 1 for whole trajectories. */
const shareNow = () => (state.moment ? (state.moment.at - clock().low) / (clock().high - clock().low) : 1);

const inWords = () => (state.moment ? `${state.clock} ${spoken(state.moment.at)}` : "whole runs");

/** @param {number} value */
const spoken = (value) =>
  state.clock === "step" ? format(Math.round(value)) : value.toFixed(clock().high - clock().low > 20 ? 1 : 2);

/**
 * Cut trajectories at a clock value; at or above its maximum they are whole.
 * @param {number} value
 */
const goTo = (value) => {
  const { low, high } = clock();
  write({ moment: value < high ? { clock: state.clock, at: Math.max(low, value) } : null });
  describe();
  redraw();
  writeAddress();
};

const describe = () => {
  const slider = byId("time-slider").querySelector("input");
  slider.value = shareNow();
  slider.setAttribute("aria-valuetext", inWords());
  byId("time-value").textContent = inWords();
  const button = byId("time-play");
  button.textContent = playing ? "❚❚" : "▶";
  button.setAttribute("aria-label", playing ? "Pause" : "Play");
  button.title = playing ? "Pause" : "Watch training go on";
};

/* ------------------------------------------------------------------ playing */

/** Playback by elapsed time: frames missed by a slow drawing are skipped. */
const play = () => {
  const token = { share: shareNow() >= 1 ? 0 : shareNow(), before: performance.now() };
  playing = token;
  const step = () => {
    if (playing !== token) return;
    const now = performance.now();
    token.share += (Number(byId("time-speed").value) * (now - token.before)) / SWEEP_MS;
    token.before = now;
    const isLooping = byId("time-loop").getAttribute("aria-pressed") === "true";
    if (isLooping && token.share > 1 + REST_SHARE) token.share = 0;
    if (!isLooping && token.share >= 1) playing = null;
    if (state.moment || token.share < 1) goTo(valueAt(token.share));
    requestAnimationFrame(step);
  };
  step();
};

const pause = () => {
  playing = null;
  if (state.scene) describe();
};

/**
 * Step to the clock value of the next or previous checkpoint, or by an even fraction if there are very many.
 * @param {number} direction
 */
const stepBy = (direction) => {
  if (!state.scene) return;
  pause();
  const { low, high, stops } = clock();
  const now = state.moment?.at ?? high;
  const least = 1e-6 * (high - low);
  const next = direction > 0 ? stops.find((/** @type {number} */ stop) => stop > now + least) : stops.findLast((/** @type {number} */ stop) => stop < now - least);
  if (next !== undefined) goTo(next);
  byId("announcer").textContent = inWords();
};

/* ------------------------------------------------------------------ the bar */

const makeSlider = () => {
  const slider = document.createElement("input");
  Object.assign(slider, { type: "range", min: 0, max: 1, step: SLIDER_STEP, value: 1 });
  slider.setAttribute("aria-label", "Moment of training");
  slider.addEventListener("input", () => {
    playing = null;
    goTo(valueAt(Number(slider.value)));
  });
  return slider;
};

/**
 * Switch the clock at the same share of its range.
 * @param {string} name
 */
const chooseClock = (name) => {
  const share = shareNow();
  write({ clock: name });
  goTo(valueAt(share));
};

export const install = () => {
  document.addEventListener("visibilitychange", () => document.hidden && pause());

  holdWhile(() => playing !== null);

  on("study", ({ view }) => {
    const bar = byId("time-bar");
    bar.toggleAttribute("data-idle", !state.scene);
    if (!byId("time-slider").firstElementChild) {
      byId("time-slider").append(makeSlider());
      byId("time-speed").value = "1";
      byId("time-clock").addEventListener("change", (event) => chooseClock(targetOf(event).value));
    }
    if (!view) return;
    write({ clock: view.clock, moment: view.moment === null ? null : { clock: view.clock, at: view.moment } });
    // The same embedding emits no event, so describe now.
    if (state.scene) describe();
  });

  on("scene", (scene) => {
    const clocks = clocksOf(scene);
    for (const option of byId("time-clock").options) option.disabled = !clocks.includes(option.value);
    byId("time-bar").toggleAttribute("data-idle", clocks.length === 0);
    if (clocks.length === 0) write({ moment: null });
    else if (!clocks.includes(state.clock)) write({ clock: clocks[0], moment: null });
    if (state.moment && state.moment.at >= clock().high) write({ moment: null });
    byId("time-clock").value = state.clock;
    describe();
  });

  on("travel", pause);

  on("forget", () => {
    playing = null;
    write({ moment: null });
  });

  addressFields.push(
    ["t", ({ moment }) => (moment ? String(Number(moment.at.toPrecision(4))) : "")],
    ["clk", (view) => (view.clock === "progress" ? "" : view.clock)],
  );

  Object.assign(actions, {
    "time-play": () => (playing ? pause() : state.scene && play()),
    "time-back": () => stepBy(-1),
    "time-forward": () => stepBy(1),
    "time-loop": () => {
      const button = byId("time-loop");
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    },
  });
};
