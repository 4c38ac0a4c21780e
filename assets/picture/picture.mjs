/*
 * 3D picture in a page element.
 *
 * Plotly is called directly on a plain element: Dash's Graph copies the scene's layout back into its figure after every
 * rotation, so later updates lose the camera. Every drawing carries the camera in use.
 */

import { cameraBetween, cameraText, turnedCamera } from "../values/geometry.mjs";
import { makeRoom, pictureLayout, viewOf } from "./fit.mjs";
import { aspectOf } from "./frame.mjs";
import { eased, isStill, journey, motion, nextFrame } from "./motion.mjs";
import { makeOverlay } from "./overlay.mjs";
import { CONFIG, isDrawn, makeScene } from "./plotly-scene.mjs";
import { makePointing } from "./pointing.mjs";
import { pictureTraces } from "./traces.mjs";

const DENSE = 10000;

/**
 * Attach a picture to an element, once.
 * listeners, all optional: onHover(model or null, box), onClick(model), onDrawn(picture), onTurn(camera) on every change
 * of the view, onCamera(camera) at the end of a move by the user, onLost() when the WebGL context is lost, taken(), which
 * returns the rectangles of overlays (fit.mjs; constant in number and order).
 * @param {HTMLElement} element
 * @param {PictureListeners} listeners
 * @returns {MadePicture}
 */
export const makePicture = (element, listeners) => {
  const graph = /** @type {Graph} */ (element);
  /** @type {Picture | null} */
  let pending = null;
  /** @type {Picture | null} */
  let shown = null;
  let isDragging = false;
  let isResting = false;
  let isLost = false;
  /** @type {Promise<void> | null} */
  let flushing = null;
  let isWarm = false;
  let lastCost = 0;
  // Preset (a key of VIEWS) in force, refitted to every drawing; null once the user has chosen a camera.
  /** @type {string | null} */
  let preset = "default";
  const room = makeRoom();
  let isGliding = false;
  let glides = 0;
  /** @type {(() => void) | null} */
  let stopTurning = null;

  const seen = makeScene(graph, () => {
    pointing.forgetPlaces();
    overlay.redraw();
  });
  const overlay = makeOverlay(element, seen);
  const pointing = makePointing(element, seen, listeners, () => isDragging);

  /**
   * @param {Picture | null} picture
   * @param {PictureTrace[]} traces
   */
  const follow = (picture, traces) => {
    seen.watch();
    pointing.show(picture, traces);
    overlay.show(picture);
  };

  element.addEventListener("pointerdown", () => (isDragging = true), true);
  for (const name of ["pointerup", "pointercancel"]) {
    window.addEventListener(name, () => {
      isDragging = false;
      if (pending) setTimeout(flush, 0);
    });
  }

  element.addEventListener(
    "webglcontextlost",
    () => {
      isLost = true;
      listeners.onLost?.();
    },
    true,
  );

  const size = () => ({ width: element.clientWidth, height: element.clientHeight });

  /* ---------------------------------------------------------------- drawing */

  /** Whether drawing is suspended. */
  const isHeld = () => isDragging || isResting || isLost;

  /** Draw one at a time, at most one per frame; later requests replace a waiting one. */
  const flush = () => {
    // After the caller's synchronous work: measuring the element earlier would force a second layout.
    if (pending && !isHeld()) flushing ??= Promise.resolve().then(drawPending);
    return flushing ?? Promise.resolve();
  };

  const drawPending = async () => {
    try {
      while (pending && !isHeld()) {
        const picture = pending;
        pending = null;
        if (!(await travel(picture))) continue;
        await show(picture);
        listeners.onDrawn?.(picture);
        await nextFrame();
      }
    } finally {
      flushing = null;
    }
  };

  /**
   * Camera of a preset for a picture, clear of overlays.
   * @param {Picture} picture
   * @param {string} wanted
   */
  const presetView = (picture, wanted) => {
    const now = size();
    const taken = room.given(JSON.stringify([wanted, now, picture.emphasis, aspectOf(picture)]), listeners.taken?.() ?? []);
    return viewOf(picture, { ...now, taken }, wanted);
  };

  /**
   * Camera for the next drawing: the one in use, the preset's, or on the first drawing the picture's own.
   * @param {Picture} picture
   */
  const cameraFor = (picture) => {
    if (shown) return preset && !isGliding ? presetView(picture, preset) : cameraNow();
    if (picture.camera) preset = null;
    return picture.camera ?? presetView(picture, preset ?? "default");
  };

  /**
   * Draw at once; the cost is measured at the next frame.
   * @param {Picture} picture
   */
  const show = async (picture) => {
    const isFirst = !isDrawn(element);
    const began = performance.now();
    const fitting = cameraFor(picture);
    // More overlays on the same picture: the camera glides clear instead of jumping.
    const makesWay = shown && preset && !isGliding && room.hasGrown() && cameraText(fitting) !== cameraText(camera());
    const view = makesWay ? cameraNow() : fitting;
    const traces = pictureTraces(picture);
    shown = picture;
    await Plotly.react(
      element,
      traces.map((entry) => entry.trace),
      pictureLayout({ ...picture, camera: view }, size()),
      { ...CONFIG, plotGlPixelRatio: picture.scene.n_models > DENSE ? 1 : 2 },
    );
    seen.watch();
    if (isFirst) listen();
    if (preset) listeners.onTurn?.(cameraNow());
    follow(picture, traces);
    if (makesWay && preset) lookFrom(preset, true);
    nextFrame().then(() => {
      // The first drawing compiles shaders; its time does not predict the next.
      lastCost = isWarm ? performance.now() - began : 0;
      isWarm = true;
    });
  };

  /**
   * Animate from the picture on screen to one of another embedding. False if interrupted by a newer drawing or by a
   * pointer press: drawing during a drag resets the view (plotly.js#6359), so the picture waits for the release.
   * @param {Picture} picture
   */
  const travel = async (picture) => {
    const mayMove = !isStill() && !document.hidden && lastCost < motion.slowMs;
    const between = mayMove && shown && shown.scene !== picture.scene ? journey(shown, picture) : null;
    if (!between) return true;
    const began = performance.now();
    for (;;) {
      const share = (performance.now() - began) / motion.pictureMs;
      if (share >= 1) return true;
      await show(between(eased(share)));
      await nextFrame();
      if (isHeld() && shown) pending = pending ?? picture;
      if (pending || !shown) return false;
      if (lastCost > motion.slowMs) return true;
    }
  };

  /* ---------------------------------------------------------------- the user's moves */

  const listen = () => {
    const onMove = () => {
      endGlide();
      preset = null;
      listeners.onTurn?.(cameraNow());
    };
    // Plotly emits the event before its camera has moved.
    graph.on("plotly_relayouting", async () => {
      await nextFrame();
      if (shown) onMove();
    });
    graph.on("plotly_relayout", (change) => {
      if (seen.isPlacing()) return;
      if (Object.keys(change).some((key) => key.startsWith("scene.camera"))) {
        onMove();
        listeners.onCamera?.(cameraNow());
      } else if ("autosize" in change && preset && shown) place(presetView(shown, preset));
    });
  };

  /* ---------------------------------------------------------------- camera */

  /** Whether the default preset is in force. */
  const isFitted = () => preset === "default";

  /** Camera in use, in plotly's form. */
  const { camera } = seen;

  /** The same, once a picture is drawn. */
  const cameraNow = () => /** @type {Camera} */ (camera());

  /**
   * Set the camera only.
   * @param {Camera} view
   */
  const place = (view) => {
    seen.place(view);
    listeners.onTurn?.(view);
  };

  /** @param {Camera} view */
  const setCamera = (view) => {
    if (!shown) return;
    endGlide();
    preset = null;
    place(view);
  };

  const endGlide = () => {
    glides += 1;
    isGliding = false;
  };

  /**
   * Move the camera on an arc, or at once under prefers-reduced-motion; any other camera move ends it. viewNow is called at
   * every step, since a preset's camera depends on the picture drawn meanwhile.
   * @param {() => Camera} viewNow
   */
  const glide = async (viewNow) => {
    const [from, mine] = [cameraNow(), ++glides];
    const began = performance.now();
    const share = () => (isStill() || document.hidden ? 1 : (performance.now() - began) / motion.cameraMs);
    isGliding = true;
    for (let at = share(); at < 1 && mine === glides; at = share()) {
      place(cameraBetween(from, viewNow(), eased(at)));
      await nextFrame();
      if (isDragging) glides += 1;
    }
    if (mine === glides) place(viewNow());
    if (mine === glides || isDragging) isGliding = false;
  };

  /**
   * Move to a camera, or to a preset by its name, which then follows the drawings.
   * @param {Camera | string} view
   * @param {boolean} [keepsRoom]
   */
  const lookFrom = async (view, keepsRoom = false) => {
    if (!shown) return;
    preset = typeof view === "string" ? view : null;
    if (!keepsRoom) room.forget();
    const viewNow = typeof view === "string" ? () => presetView(/** @type {Picture} */ (shown), view) : () => view;
    await glide(viewNow);
  };

  /** Rotate until stopped; never under prefers-reduced-motion. */
  const turn = () => {
    if (stopTurning || !shown || isStill()) return;
    preset = null;
    let before = performance.now();
    let frame = requestAnimationFrame(function step(now) {
      const angle = (2 * Math.PI * Math.max(0, now - before)) / (1000 * motion.secondsPerTurn);
      before = now;
      setCamera(turnedCamera(cameraNow(), angle));
      frame = requestAnimationFrame(step);
    });
    stopTurning = () => {
      cancelAnimationFrame(frame);
      stopTurning = null;
    };
  };

  return {
    element,
    camera,
    setCamera,
    lookFrom,
    isFitted,
    turn,
    stopTurning: () => stopTurning?.(),
    isTurning: () => stopTurning !== null,
    /**
     * Draw a picture; resolves when it or a later one is on screen, or waits for a pointer release.
     * @param {Picture} picture
     */
    draw: (picture) => {
      pending = picture;
      return isDragging ? Promise.resolve() : flush();
    },
    isDragging: () => isDragging,
    /** Highlight a run (null for none), and one of its checkpoints (a number or null). */
    highlight: overlay.highlight,
    /** Whether it is being drawn, or moves to another picture or view. */
    isMoving: () => flushing !== null || isGliding,
    /**
     * Suspend drawing while out of sight; the latest picture is kept.
     * @param {boolean} flag
     */
    rest: (flag) => {
      isResting = flag;
      return flush();
    },
    /** Redraw from scratch, in a new WebGL context. */
    renew: () => {
      pending = { .../** @type {Picture} */ (pending ?? shown), camera: preset ? null : camera() };
      shown = null;
      isLost = false;
      Plotly.purge(element);
      return flush();
    },
    /**
     * Screen positions of models: x and y of each in pixels of the element, NaN for a gap (-1).
     * @param {ArrayLike<number>} models
     */
    project: (models) => (shown ? seen.project(shown, models) : new Float32Array(0)),
    clear: () => {
      stopTurning?.();
      pending = null;
      shown = null;
      preset = "default";
      endGlide();
      follow(null, []);
      const release = seen.releaser();
      if (isDrawn(element)) Plotly.react(element, [], { xaxis: { visible: false }, yaxis: { visible: false } }, CONFIG).then(release);
    },
  };
};
