/*
 * Layers of an exported page: {shapes() -> flat shapes, paint(context, zoom)}.
 *
 * Used by composition.mjs. Vector formats use the shapes. On a canvas, a 3D scene is rendered by the GPU, with exact
 * hidden-surface removal, and the pairs are painted as on screen.
 */

import { coordinateAt } from "../values/moments.mjs";
import { drawnPins } from "../picture/emphasis.mjs";
import { pictureLayout } from "../picture/fit.mjs";
import { makeView } from "../picture/frame.mjs";
import { overlaySizes } from "../picture/overlay.mjs";
import { pictureTraces, verticesOf } from "../picture/traces.mjs";
import { webglProblem } from "../picture/webgl.mjs";
import { paintPairs, pairPanels } from "../pairs/panels.mjs";
import { strokesOf } from "../pairs/strokes.mjs";
import { makePencil } from "./pencil.mjs";
import { sceneShapes } from "./scene-shapes.mjs";
import { FONT, paintShapes } from "./shapes.mjs";

const SHARPEST_PIXELS = 1.7e7;
const { badge: BADGE, ring: RING, letters: LETTERS, core: CORE } = overlaySizes;
const CORNERS = 32;

/* ------------------------------------------------------------------ pins */

/**
 * Shapes of a pin's badge: its letter in a ring of its colour.
 * @param {Pick<Picture, "style" | "theme">} picture
 * @param {Pick<Pin, "slot" | "letter">} pin
 * @param {number[]} place
 * @returns {Shape[]}
 */
export const badgeShapes = ({ style, theme }, { slot, letter }, [x, y]) => {
  const { wall, ink } = style.surfaces[theme];
  const ring = Array.from({ length: CORNERS + 1 }, (_, at) => {
    const angle = (2 * Math.PI * at) / CORNERS;
    return [x + BADGE * Math.cos(angle), y + BADGE * Math.sin(angle)];
  });
  return [
    { kind: "area", points: ring, color: wall },
    { kind: "line", points: ring, color: style.pins[slot], width: RING },
    { kind: "text", x, y: y + 0.5, text: letter, size: LETTERS, color: ink, anchor: "middle", weight: 700 },
  ];
};

/**
 * Shapes of the pins, as in the overlay on screen (picture/overlay.mjs).
 * @param {Picture} picture
 * @param {any} layout
 * @param {Frame} frame
 * @returns {Shape[]}
 */
const pinShapes = (picture, layout, frame) => {
  const { scene, axes, style } = picture;
  const view = makeView(layout.scene, frame);
  /** @param {number} component */
  const isThere = (component) => component >= 1 && component <= scene.n_components;
  /** @param {number} model */
  const place = (model) =>
    view.project(axes.map((one) => (isThere(one) ? coordinateAt(scene.arrays.coordinates, scene.n_components, model, one - 1) : 0))).slice(0, 2);
  const lines = drawnPins(picture).map(({ pin, run }) => ({ pin, points: Array.from(verticesOf(picture, run, true), place) }));
  return [
    ...lines.map(({ pin, points }) => /** @type {LineShape} */ ({ kind: "line", points, color: style.pins[pin.slot], width: CORE })),
    ...lines.flatMap(({ pin, points }) => badgeShapes(picture, pin, points[points.length - 1])),
  ];
};

/* ------------------------------------------------------------------ layers */

/**
 * Layer of a 3D picture in a frame {left, top, width, height} of the page.
 * @param {Picture} picture
 * @param {Frame} frame
 * @returns {Layer}
 */
export const sceneLayer = (picture, frame) => {
  /** @type {any} */
  const layout = structuredClone(pictureLayout(picture, frame));
  layout.paper_bgcolor = "rgba(0,0,0,0)";
  for (const axis of picture.isBare ? ["xaxis", "yaxis", "zaxis"] : []) layout.scene[axis].showbackground = false;
  const traces = pictureTraces(picture).map((entry) => entry.trace);
  const { left, top, width, height } = frame;
  return {
    shapes: () => [...sceneShapes(traces, layout, frame), ...pinShapes(picture, layout, frame)],
    /**
     * @param {any} context
     * @param {number} zoom
     */
    paint: async (context, zoom) => {
      if (webglProblem()) throw new Error(`${webglProblem()} SVG and PDF do without it.`);
      // Rendered at twice the resolution if it fits the GPU; scaling down smooths the edges.
      const plotGlPixelRatio = 4 * zoom * zoom * width * height < SHARPEST_PIXELS ? 2 * zoom : zoom;
      const figure = { data: traces, layout: { ...layout, width, height }, config: { plotGlPixelRatio, showSendToCloud: false } };
      const image = new Image();
      image.src = await Plotly.toImage(figure, { format: "png", width, height, scale: zoom });
      await image.decode();
      context.drawImage(image, left, top, width, height);
      paintShapes(context, pinShapes(picture, layout, frame));
    },
  };
};

/**
 * Layer of the pairs of a picture's first k components in a frame of the page.
 * @param {Picture} picture
 * @param {number} k
 * @param {Frame} frame
 * @returns {Layer}
 */
export const pairsLayer = (picture, k, { left, top, width, height }) => {
  /** @param {any} context */
  const paint = (context) => {
    const strokes = strokesOf(pictureTraces(picture));
    context.save();
    context.translate(left, top);
    paintPairs(context, picture, k, pairPanels(picture, k, { width, height }), strokes, FONT);
    context.restore();
  };
  return {
    paint,
    shapes: () => {
      const pencil = makePencil();
      paint(pencil);
      return pencil.shapes;
    },
  };
};
