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
   */
  inpca.makePicture = (element, listeners) => {
    let traces = [];
    let pending = null;
    let isDragging = false;
    let revision = 0;

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
      traces = inpca.pictureTraces(picture);
      await Plotly.react(
        element,
        traces.map((entry) => entry.trace),
        inpca.pictureLayout(picture, { width: element.clientWidth, height: element.clientHeight }, revision),
        { ...CONFIG, plotGlPixelRatio: picture.scene.n_models > DENSE ? 1 : 2 },
      );
      if (isFirst) listen();
      listeners.onDrawn?.(picture);
    };

    const modelAt = (event) => {
      const point = event.points[0];
      return { model: traces[point.curveNumber]?.models?.[point.pointNumber] ?? -1, box: point.bbox };
    };

    const listen = () => {
      element.on("plotly_hover", (event) => {
        const { model, box } = modelAt(event);
        listeners.onHover?.(model < 0 ? null : model, box);
      });
      element.on("plotly_unhover", () => listeners.onHover?.(null));
      element.on("plotly_click", (event) => {
        const { model } = modelAt(event);
        if (model >= 0) listeners.onClick?.(model);
      });
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
      /** Let the next drawing choose the view again, whatever the user has turned since. */
      forgetCamera: () => {
        revision += 1;
      },
      clear: () => {
        pending = null;
        traces = [];
        if (element._fullLayout) Plotly.react(element, [], { scene: { visible: false } }, CONFIG);
      },
    };
  };
})();
