/*
 * What is pointed at and what is pinned, drawn on a canvas of its own over a picture.
 *
 * The run under the pointer may change with every frame; plotly would build every trace of the scene again for it.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  /** What the 3D picture has, on screen and taken away (85-layers.js). */
  const SIZES = (inpca.overlaySizes = { core: 2, badge: 8, ring: 2.5, letters: 11, head: 4.5, rim: 2, wall: 9, ink: 6.5, own: 4 });

  /** A canvas over the picture in an element; projection as 43-projection.js makes it. */
  inpca.makeOverlay = (element, projection) => {
    const canvas = document.createElement("canvas");
    canvas.className = "overlay";
    canvas.setAttribute("aria-hidden", "true");
    const context = canvas.getContext("2d");
    let picture = null;
    let hovered = { runId: null, checkpoint: null };
    let sizes = SIZES;

    const fit = () => {
      const ratio = window.devicePixelRatio || 1;
      const [width, height] = [Math.round(element.clientWidth * ratio), Math.round(element.clientHeight * ratio)];
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, element.clientWidth, element.clientHeight);
    };

    const pathOf = (run) => {
      const models = inpca.verticesOf(picture, run, true);
      const pixels = projection.project(picture, models);
      return { models, points: Array.from(models, (_, at) => [pixels[2 * at], pixels[2 * at + 1]]) };
    };

    const redraw = () => {
      fit();
      if (!picture) return;
      inpca.paintPins(context, picture, pathOf, sizes);
      const run = picture.scene.run_ids.indexOf(hovered.runId);
      if (run >= 0) inpca.paintPointed(context, picture, pathOf, { run, checkpoint: hovered.checkpoint }, sizes);
    };

    return {
      redraw,
      /** What the picture shows now. Plotly leaves its element's other children alone, and the canvas must lie on top. */
      show: (shown) => {
        picture = shown;
        if (canvas.parentElement !== element) element.append(canvas);
        sizes = { ...SIZES, font: getComputedStyle(element).fontFamily };
        redraw();
      },
      /** Draw a run strong, and ring a checkpoint of it (a number or null), wherever it was pointed at; null for none. */
      highlight: (runId, checkpoint) => {
        if (runId === hovered.runId && checkpoint === hovered.checkpoint) return;
        hovered = { runId, checkpoint };
        redraw();
      },
    };
  };
})();
