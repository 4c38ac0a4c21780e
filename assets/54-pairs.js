/*
 * The pairs: every two of the first few components as a 2D panel, all of them on one canvas in an element of the page.
 *
 * One canvas, because 21 panels of 5,000 vertices would be 21 slow SVGs, and plotly's scattergl needs unsafe-eval.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  /** Attach a grid of pairs to an element, once. listeners: onHover(model or null, box), onClick(model). */
  inpca.makePairs = (host, listeners) => {
    const canvas = document.createElement("canvas");
    const base = document.createElement("canvas");
    canvas.setAttribute("role", "img");
    host.append(canvas);
    let picture = null;
    let marked = { runId: null, checkpoint: null };
    let k = 2;
    let panels = [];
    let strokes = null;
    let hittable = null;
    let indices = new Map();
    let frame = 0;
    let pointed = -1;

    const size = () => ({ width: host.clientWidth - (k === 2 ? listeners.reserved() : 0), height: host.clientHeight });

    /** Everything but what is pointed at, in a canvas of its own: pointing costs a copy and one run. */
    const paintBase = () => {
      const ratio = window.devicePixelRatio || 1;
      for (const each of [canvas, base]) {
        each.width = Math.round(host.clientWidth * ratio);
        each.height = Math.round(host.clientHeight * ratio);
      }
      panels = inpca.pairPanels(picture, k, size());
      indices = new Map();
      const traces = inpca.pictureTraces(picture);
      strokes = inpca.strokesOf(traces);
      hittable = inpca.strokesOf(traces.filter(({ role }) => role !== "context"));
      const context = base.getContext("2d");
      context.scale(ratio, ratio);
      inpca.paintPairs(context, picture, k, panels, strokes, fontOf());
    };

    const fontOf = () => getComputedStyle(host).fontFamily;

    const paintMarked = () => {
      const context = canvas.getContext("2d");
      const ratio = window.devicePixelRatio || 1;
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, canvas.width, canvas.height);
      context.drawImage(base, 0, 0);
      const run = picture.scene.run_ids.indexOf(marked.runId);
      if (run < 0) return;
      context.scale(ratio, ratio);
      for (const panel of panels) {
        const places = inpca.modelPlaces(picture.scene, panel);
        const { checkpoint } = marked;
        inpca.inPanel(context, panel, () => inpca.paintPanelPointed(context, picture, panel, places, { run, checkpoint }, fontOf()));
      }
    };

    let isBaseStale = false;
    const paint = () => {
      frame = 0;
      if (!picture || host.clientWidth === 0) return;
      if (isBaseStale) paintBase();
      isBaseStale = false;
      paintMarked();
    };

    const paintSoon = (withBase) => {
      isBaseStale = isBaseStale || withBase;
      frame = frame || requestAnimationFrame(paint);
    };

    const modelAt = (x, y) => {
      const panel = panels.find((one) => x >= one.left && x <= one.left + one.width && y >= one.top && y <= one.top + one.height);
      if (!panel || !strokes) return -1;
      if (!indices.has(panel)) {
        const at = inpca.modelPlaces(picture.scene, panel);
        indices.set(panel, inpca.nearestIndex(hittable, at.x, at.y));
      }
      return indices.get(panel)(x, y);
    };

    const point = (model, event) => {
      canvas.style.cursor = model >= 0 ? "pointer" : "";
      if (model === pointed) return;
      pointed = model;
      if (model < 0) listeners.onHover(null);
      else listeners.onHover(model, { x0: event.clientX, x1: event.clientX, y0: event.clientY, y1: event.clientY });
    };

    canvas.addEventListener("pointermove", (event) => point(modelAt(event.offsetX, event.offsetY), event));
    canvas.addEventListener("pointerleave", (event) => point(-1, event));
    canvas.addEventListener("click", (event) => {
      const model = modelAt(event.offsetX, event.offsetY);
      if (model >= 0) listeners.onClick(model);
    });
    new ResizeObserver(() => paintSoon(true)).observe(host);

    return {
      canvas,
      /** Draw a picture as the pairs among its first n components; fewer where the embedding has fewer. */
      draw: (shown, n) => {
        picture = shown;
        k = inpca.pairedOf(shown.scene, n);
        pointed = -1;
        paintSoon(true);
      },
      /** Point at a run, by its name, and at one of its checkpoints (a number or null); null for none. */
      mark: (runId, checkpoint) => {
        marked = { runId, checkpoint };
        paintSoon(false);
      },
      clear: () => {
        picture = null;
        for (const each of [canvas, base]) each.width = 0;
      },
      panels: () => panels,
      /** Where a model is drawn in a panel, in pixels of the canvas. */
      placeOf: (panel, model) => {
        const { x, y } = inpca.modelPlaces(picture.scene, panel);
        return [x(model), y(model)];
      },
    };
  };
})();
