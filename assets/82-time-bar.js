/* The time bar: a moment of training, chosen by slider or key, or moving by itself. */
(() => {
  "use strict";
  const inpca = window.inpca;
  const { state, byId } = inpca;

  /** One sweep at normal speed, and how long the whole picture stays before the next one. */
  const SWEEP_MS = 9000;
  const REST_SHARE = 0.08;
  const SLIDER_STEP = 0.005;
  let playing = null;

  const clock = () => inpca.clockOf(state.scene, state.clock);

  const valueAt = (share) => clock().low + share * (clock().high - clock().low);

  /** How far along its clock the picture is: 1 where trajectories are whole. */
  const shareNow = () => (state.moment ? (state.moment.at - clock().low) / (clock().high - clock().low) : 1);

  const inWords = () => (state.moment ? `${state.clock} ${spoken(state.moment.at)}` : "whole runs");

  const spoken = (value) =>
    state.clock === "step" ? inpca.format(Math.round(value)) : value.toFixed(clock().high - clock().low > 20 ? 1 : 2);

  /** Cut trajectories at a value of the clock; from its highest on they are whole. */
  const goTo = (value) => {
    const { low, high } = clock();
    state.moment = value < high ? { clock: state.clock, at: Math.max(low, value) } : null;
    describe();
    const picture = inpca.pictureOf(state.scene, state.colouring, state.isShown);
    inpca.picture.draw(picture);
    inpca.emit("draw", picture);
    inpca.writeAddress();
  };

  const describe = () => {
    const slider = byId("time-slider").firstElementChild;
    slider.value = shareNow();
    slider.setAttribute("aria-valuetext", inWords());
    byId("time-value").textContent = inWords();
    const button = byId("time-play");
    button.textContent = playing ? "❚❚" : "▶";
    button.setAttribute("aria-label", playing ? "Pause" : "Play");
    button.title = playing ? "Pause" : "Watch training go on";
  };

  /* ------------------------------------------------------------------ playing */

  /** The moment follows the time that has passed, so frames that a slow drawing misses are left out, not made up for. */
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

  /** To the next checkpoint's value of the clock (or an even part of it, where there are very many), forward or back. */
  const stepBy = (direction) => {
    if (!state.scene) return;
    pause();
    const { low, high, stops } = clock();
    const now = state.moment?.at ?? high;
    const least = 1e-6 * (high - low);
    const next = direction > 0 ? stops.find((stop) => stop > now + least) : stops.findLast((stop) => stop < now - least);
    if (next !== undefined) goTo(next);
    byId("announcer").textContent = inWords();
  };

  document.addEventListener("visibilitychange", () => document.hidden && pause());

  inpca.isPlaying = () => playing !== null;

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

  inpca.on("study", ({ view }) => {
    const bar = byId("time-bar");
    bar.toggleAttribute("data-idle", !state.scene);
    if (!byId("time-slider").firstElementChild) {
      byId("time-slider").append(makeSlider());
      byId("time-speed").value = "1";
      byId("time-clock").addEventListener("change", (event) => chooseClock(event.target.value));
    }
    if (!view) return;
    state.clock = view.clock;
    state.moment = view.moment === null ? null : { clock: view.clock, at: view.moment };
    // Of the same embedding there will be no news.
    if (state.scene) describe();
  });

  /** Another clock at the same part of its way. */
  const chooseClock = (name) => {
    const share = shareNow();
    state.clock = name;
    goTo(valueAt(share));
  };

  inpca.on("scene", (scene) => {
    const clocks = inpca.clocksOf(scene);
    for (const option of byId("time-clock").options) option.disabled = !clocks.includes(option.value);
    byId("time-bar").toggleAttribute("data-idle", clocks.length === 0);
    if (clocks.length === 0) Object.assign(state, { moment: null });
    else if (!clocks.includes(state.clock)) Object.assign(state, { clock: clocks[0], moment: null });
    if (state.moment && state.moment.at >= clock().high) state.moment = null;
    byId("time-clock").value = state.clock;
    describe();
  });

  inpca.on("forget", () => {
    playing = null;
    state.moment = null;
  });

  inpca.addressFields.push(
    ["t", ({ moment }) => (moment ? String(Number(moment.at.toPrecision(4))) : "")],
    ["clk", (view) => (view.clock === "progress" ? "" : view.clock)],
  );

  Object.assign(inpca.actions, {
    "time-play": () => (playing ? pause() : state.scene && play()),
    "time-back": () => stepBy(-1),
    "time-forward": () => stepBy(1),
    "time-loop": () => {
      const button = byId("time-loop");
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    },
  });
})();
