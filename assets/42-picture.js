/*
 * A 3D picture in an element of the page.
 *
 * Plotly is called directly on a plain element: Dash's own graph component copies the scene's layout back into its figure
 * after every rotation, which makes later updates lose the camera. Every drawing carries the camera in use.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const CONFIG = {
    displaylogo: false,
    responsive: true,
    showSendToCloud: false,
    scrollZoom: true,
    modeBarButtonsToRemove: ["resetCameraLastSave3d", "resetCameraDefault3d", "tableRotation"],
    toImageButtonOptions: { scale: 2 },
  };
  const DENSE = 10000;

  /**
   * Attach a picture to an element, once.
   * listeners, all optional: onHover(model or null, box), onClick(model), onDrawn(picture), onTurn(camera) for every change
   * of the view by whatever means, onCamera(camera) when it has come to rest after the user's own move, onLost() when the
   * browser has taken its WebGL context away, taken() for what lies over the picture (41-view.js; always as many
   * rectangles, in the same order). A run that is hovered anywhere on the page is highlighted in every picture.
   */
  inpca.makePicture = (element, listeners) => {
    let pending = null;
    let shown = null;
    let isDragging = false;
    let isResting = false;
    let isLost = false;
    let flushing = null;
    let isWarm = false;
    let lastCost = 0;
    // The preset (a key of inpca.VIEWS) that follows whatever is on screen; null once somebody has chosen a camera.
    let preset = "default";
    const room = inpca.makeRoom();
    let isGliding = false;
    let glides = 0;
    let stopTurning = null;

    const projection = inpca.makeProjection(element, () => {
      pointing.forgetPlaces();
      overlay.redraw();
    });
    const overlay = inpca.makeOverlay(element, projection);
    const pointing = inpca.makePointing(element, projection, listeners, () => isDragging);
    inpca.on("hover", ({ runId, checkpoint }) => overlay.highlight(runId, checkpoint));

    const follow = (picture, traces) => {
      projection.watch();
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

    /** What there is to draw waits meanwhile. */
    const isHeld = () => isDragging || isResting || isLost;

    /** One drawing at a time, at most one a frame; of those asked for meanwhile only the latest counts. */
    const flush = () => {
      // Once whoever asked has finished with the page: measuring the element in between would lay it out twice.
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
          await inpca.nextFrame();
        }
      } finally {
        flushing = null;
      }
    };

    /** A preset's camera for a picture, clear of what lies over it. */
    const presetView = (picture, wanted = preset) => {
      const now = size();
      const taken = room.given(JSON.stringify([wanted, now, picture.emphasis, inpca.aspectOf(picture)]), listeners.taken?.() ?? []);
      return inpca.viewOf(picture, { ...now, taken }, wanted);
    };

    /** The camera to draw with: the one in use, the preset's, or on the first drawing the one that the picture brings. */
    const cameraFor = (picture) => {
      if (shown) return preset && !isGliding ? presetView(picture) : camera();
      if (picture.camera) preset = null;
      return picture.camera ?? presetView(picture);
    };

    /** Draw at once. What it costs is known a frame later, when the screen has caught up. */
    const show = async (picture) => {
      const isFirst = !element._fullLayout;
      const began = performance.now();
      const fitting = cameraFor(picture);
      // More lies over the same picture: it goes out of the way, but does not jump.
      const makesWay = shown && preset && !isGliding && room.hasGrown() && inpca.cameraText(fitting) !== inpca.cameraText(camera());
      const view = makesWay ? camera() : fitting;
      const traces = inpca.pictureTraces(picture);
      shown = picture;
      await Plotly.react(
        element,
        traces.map((entry) => entry.trace),
        inpca.pictureLayout({ ...picture, camera: view }, size()),
        { ...CONFIG, plotGlPixelRatio: picture.scene.n_models > DENSE ? 1 : 2 },
      );
      // Without its context plotly would wait for it for ever, and stumble over the purge that draws again.
      if (glScene()?.glplot) glScene().glplot.oncontextloss = null;
      if (isFirst) listen();
      if (preset) listeners.onTurn?.(camera());
      follow(picture, traces);
      if (makesWay) lookFrom(preset, true);
      inpca.nextFrame().then(() => {
        // The first drawing compiles shaders, and says nothing about the next one.
        lastCost = isWarm ? performance.now() - began : 0;
        isWarm = true;
      });
    };

    /**
     * Move from the picture on screen to one of another embedding, in as many frames as fit. False where it was broken off
     * by something else to draw, or by a pointer that went down: a drawing under it would throw the view back
     * (plotly.js#6359), so the picture waits for the release.
     */
    const travel = async (picture) => {
      const mayMove = shown && shown.scene !== picture.scene && !inpca.isStill() && !document.hidden;
      const between = mayMove && lastCost < inpca.motion.slowMs ? inpca.journey(shown, picture) : null;
      if (!between) return true;
      const began = performance.now();
      for (;;) {
        const share = (performance.now() - began) / inpca.motion.pictureMs;
        if (share >= 1) return true;
        await show(between(inpca.eased(share)));
        await inpca.nextFrame();
        if (isHeld() && shown) pending = pending ?? picture;
        if (pending || !shown) return false;
        if (lastCost > inpca.motion.slowMs) return true;
      }
    };

    /* ---------------------------------------------------------------- the user's moves */

    const listen = () => {
      const onMove = () => {
        endGlide();
        preset = null;
        listeners.onTurn?.(camera());
      };
      // Plotly tells of a move before its camera has made it.
      element.on("plotly_relayouting", async () => {
        await inpca.nextFrame();
        if (shown) onMove();
      });
      element.on("plotly_relayout", (change) => {
        if (Object.keys(change).some((key) => key.startsWith("scene.camera"))) {
          onMove();
          listeners.onCamera?.(camera());
        } else if ("autosize" in change && preset && shown) place(presetView(shown));
      });
    };

    /* ---------------------------------------------------------------- camera */

    const glScene = () => element._fullLayout?.scene?._scene;

    /** Whether the view is the default one, that fits. */
    const isFitted = () => preset === "default";

    /** Camera in use, as plotly writes it. */
    const camera = () => glScene()?.getCamera() ?? null;

    /** Move the view and nothing else: a hundredth of what plotly's own relayout takes (scene internals of plotly.js 4). */
    const place = (view) => {
      const { eye, center, up } = view;
      glScene().camera.lookAt(...[eye, center, up].map(({ x, y, z }) => [x, y, z]));
      // Resizing and saving as an image start from the layout's copies.
      for (const layout of [element.layout, element._fullLayout]) Object.assign(layout.scene.camera, structuredClone({ eye, center, up }));
      listeners.onTurn?.(view);
    };

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
     * Go to a view on an arc, at once where the system asks for less motion; whatever else moves the camera ends it. The
     * view is asked for at every step, since a preset's depends on what is drawn meanwhile.
     */
    const glide = async (viewNow) => {
      const [from, mine] = [camera(), ++glides];
      const began = performance.now();
      const share = () => (inpca.isStill() || document.hidden ? 1 : (performance.now() - began) / inpca.motion.cameraMs);
      isGliding = true;
      for (let at = share(); at < 1 && mine === glides; at = share()) {
        place(inpca.cameraBetween(from, viewNow(), inpca.eased(at)));
        await inpca.nextFrame();
        if (isDragging) glides += 1;
      }
      if (mine === glides) place(viewNow());
      if (mine === glides || isDragging) isGliding = false;
    };

    /** Go to a camera and stay there, or to a preset by its name, which then follows what is drawn. */
    const lookFrom = async (view, keepsRoom = false) => {
      if (!shown) return;
      preset = typeof view === "string" ? view : null;
      if (!keepsRoom) room.forget();
      await glide(preset ? () => presetView(shown, view) : () => view);
    };

    /** Go round and round until told to stop; where the system asks for less motion, never begin. */
    const turn = () => {
      if (stopTurning || !shown || inpca.isStill()) return;
      preset = null;
      let before = performance.now();
      let frame = requestAnimationFrame(function step(now) {
        const angle = (2 * Math.PI * Math.max(0, now - before)) / (1000 * inpca.motion.secondsPerTurn);
        before = now;
        setCamera(inpca.turnedCamera(camera(), angle));
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
      /** Draw a picture; resolves when it, or a later one, is on screen, or waits for a pointer to go up. */
      draw: (picture) => {
        pending = picture;
        return isDragging ? Promise.resolve() : flush();
      },
      isDragging: () => isDragging,
      /** Out of sight: keep what there is to draw until it is wanted. */
      rest: (flag) => {
        isResting = flag;
        return flush();
      },
      /** Draw again from nothing, in a new WebGL context. */
      renew: () => {
        pending = { ...(pending ?? shown), camera: preset ? null : camera() };
        shown = null;
        isLost = false;
        Plotly.purge(element);
        return flush();
      },
      /** Where models of the picture on screen are: x and y of each in pixels of the element, NaN for a gap (-1). */
      project: (models) => (shown ? projection.project(shown, models) : new Float32Array(0)),
      clear: () => {
        stopTurning?.();
        pending = null;
        shown = null;
        preset = "default";
        endGlide();
        follow(null, []);
        if (element._fullLayout) Plotly.react(element, [], { xaxis: { visible: false }, yaxis: { visible: false } }, CONFIG);
      },
    };
  };
})();
