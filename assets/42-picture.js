/*
 * A 3D picture in an element of the page.
 *
 * Plotly is called directly on a plain element. Dash's own graph component copies the scene's layout back into its
 * figure after every rotation, which makes later updates lose the camera; with plotly.js alone a constant uirevision
 * keeps it.
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
   * listeners: onHover(model or null, box), onClick(model), onCamera(camera), onDrawn(picture), called on the user's moves.
   * A run that is hovered anywhere on the page is highlighted in every picture.
   */
  inpca.makePicture = (element, listeners) => {
    let pending = null;
    let isDragging = false;
    let revision = 0;

    const projection = inpca.makeProjection(element, () => {
      pointing.forgetPlaces();
      overlay.redraw();
    });
    const overlay = inpca.makeOverlay(element, projection);
    const pointing = inpca.makePointing(element, projection, listeners, () => isDragging);
    inpca.on("hover", ({ runId, checkpoint }) => overlay.highlight(runId, checkpoint));
    let drawn = null;

    const follow = (picture, traces) => {
      drawn = picture;
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

    const flush = async () => {
      if (!pending || isDragging) return;
      const picture = pending;
      pending = null;
      const isFirst = !element._fullLayout;
      const traces = inpca.pictureTraces(picture);
      await Plotly.react(
        element,
        traces.map((entry) => entry.trace),
        inpca.pictureLayout(picture, { width: element.clientWidth, height: element.clientHeight }, revision),
        { ...CONFIG, plotGlPixelRatio: picture.scene.n_models > DENSE ? 1 : 2 },
      );
      if (isFirst) listen();
      follow(picture, traces);
      listeners.onDrawn?.(picture);
    };

    const listen = () => {
      element.on("plotly_relayout", (change) => {
        if (Object.keys(change).some((key) => key.startsWith("scene.camera"))) listeners.onCamera?.(camera());
      });
    };

    /** Camera in use, as plotly writes it. */
    const camera = () => element._fullLayout?.scene?._scene?.getCamera() ?? null;

    return {
      element,
      camera,
      /**
       * Draw a picture. An update that arrives while a pointer is down would throw the camera back (plotly.js#6359), so
       * it waits for the release; only the latest is kept.
       */
      draw: (picture) => {
        pending = picture;
        return isDragging ? Promise.resolve() : flush();
      },
      isDragging: () => isDragging,
      /** Where models of the picture on screen are: x and y of each in pixels of the element, NaN for a gap (-1). */
      project: (models) => (drawn ? projection.project(drawn, models) : new Float32Array(0)),
      /** Let the next drawing choose the view again, whatever the user has turned since. */
      forgetCamera: () => {
        revision += 1;
      },
      clear: () => {
        pending = null;
        follow(null, []);
        if (element._fullLayout) Plotly.react(element, [], { scene: { visible: false } }, CONFIG);
      },
    };
  };
})();
