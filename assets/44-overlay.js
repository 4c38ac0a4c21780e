/*
 * What is pointed at and what is pinned, drawn on a canvas of its own over a picture.
 *
 * The run under the pointer may change with every frame; plotly would build every trace of the scene again for it.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const BADGE = 8;
  const HEAD = 4.5;

  /** A canvas over the picture in an element; projection as 43-projection.js makes it. */
  inpca.makeOverlay = (element, projection) => {
    const canvas = document.createElement("canvas");
    canvas.className = "overlay";
    canvas.setAttribute("aria-hidden", "true");
    const context = canvas.getContext("2d");
    let picture = null;
    let hovered = { runId: null, checkpoint: null };
    let runOf = new Map();

    const fit = () => {
      const ratio = window.devicePixelRatio || 1;
      const [width, height] = [Math.round(element.clientWidth * ratio), Math.round(element.clientHeight * ratio)];
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, element.clientWidth, element.clientHeight);
    };

    const redraw = () => {
      fit();
      if (!picture) return;
      const { scene, isShown, pins } = picture;
      for (const pin of pins) {
        const run = runOf.get(pin.runId);
        if (run !== undefined && isShown(run)) drawPin(run, pin);
      }
      const run = runOf.get(hovered.runId);
      if (run !== undefined && scene.spans[run].count > 0) drawHovered(run);
    };

    const trace = (pixels) => {
      context.beginPath();
      for (let at = 0; at < pixels.length; at += 2) {
        if (at === 0) context.moveTo(pixels[at], pixels[at + 1]);
        else context.lineTo(pixels[at], pixels[at + 1]);
      }
    };

    const stroke = (color, width) => {
      context.strokeStyle = color;
      context.lineWidth = width;
      context.stroke();
    };

    const disc = (x, y, radius, fill) => {
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.fillStyle = fill;
      context.fill();
    };

    /** A core in the pin's colour, so that the line around it keeps what the colouring says; its letter at the end. */
    const drawPin = (run, pin) => {
      const pixels = projection.project(picture, inpca.verticesOf(picture, run, true));
      trace(pixels);
      stroke(picture.style.pins[pin.slot], 2);
      drawBadge(pin, pixels.slice(-2));
    };

    const drawBadge = ({ slot, letter }, [x, y]) => {
      const { wall, ink } = picture.style.surfaces[picture.theme];
      disc(x, y, BADGE, wall);
      stroke(picture.style.pins[slot], 2.5);
      context.fillStyle = ink;
      context.fillText(letter, x, y + 0.5);
    };

    const drawHovered = (run) => {
      const models = inpca.verticesOf(picture, run, true);
      const pixels = projection.project(picture, models);
      const { scene, style, theme, pins } = picture;
      const { wall, ink } = style.surfaces[theme];
      trace(pixels);
      stroke(wall, 9);
      stroke(ink, 6.5);
      for (let at = 1; at < models.length; at += 1) {
        const [x0, y0, x1, y1] = pixels.subarray(2 * at - 2, 2 * at + 2);
        context.beginPath();
        context.moveTo(x0, y0);
        context.lineTo(x1, y1);
        stroke(inpca.colorOf(picture, run, models[at]), 4);
      }
      const last = models.length - 1;
      const pin = pins.find(({ runId }) => runId === hovered.runId);
      if (pin) drawBadge(pin, pixels.slice(-2));
      else {
        disc(pixels[2 * last], pixels[2 * last + 1], HEAD + 2, ink);
        disc(pixels[2 * last], pixels[2 * last + 1], HEAD, inpca.colorOf(picture, run, models[last]));
      }
      const at = models.findIndex((model) => scene.arrays.checkpoint[model] === hovered.checkpoint);
      if (at < 0) return;
      disc(pixels[2 * at], pixels[2 * at + 1], HEAD, wall);
      stroke(ink, 2);
    };

    return {
      redraw,
      /** What the picture shows now. Plotly leaves its element's other children alone, and the canvas must lie on top. */
      show: (shown) => {
        picture = shown;
        runOf = new Map(shown ? shown.scene.run_ids.map((runId, run) => [runId, run]) : []);
        if (canvas.parentElement !== element) element.append(canvas);
        const { font } = getComputedStyle(element);
        context.font = font.replace(/\d+(\.\d+)?px/, "bold 11px");
        Object.assign(context, { lineJoin: "round", lineCap: "round", textAlign: "center", textBaseline: "middle" });
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
