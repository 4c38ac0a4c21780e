/*
 * Recorder of canvas drawing: a CanvasRenderingContext2D stand-in that collects shapes.
 *
 * The code that paints on screen thus also makes vectors (scene-shapes.mjs). It supports what the pair panels use: areas
 * without holes, whole circles, and no clipping, since nothing crosses a panel's edge. Halos of text (strokeText) are
 * omitted.
 */

import { addDashes } from "./scene-shapes.mjs";
import { textWidth } from "./shapes.mjs";

const CORNERS = 32;
/** @type {Record<string, string>} */
const ANCHORS = { left: "start", center: "middle", right: "end" };
/**
 * textBaseline -> offset from that line to the middle of the text, in font sizes.
 * @type {Record<string, number>}
 */
const TO_MIDDLE = { top: 0.5, middle: 0, bottom: -0.5 };

/**
 * A stand-in for a canvas context: what is painted on it is in its shapes.
 * @returns {CanvasRenderingContext2D & { shapes: Shape[] }}
 */
export const makePencil = () => {
  /** @type {Shape[]} */
  const shapes = [];
  /** @type {{ x: number, y: number, angle: number }[]} */
  const saved = [];
  let place = { x: 0, y: 0, angle: 0 };
  /** @type {number[][][]} */
  let paths = [];
  /** @type {number[]} */
  let dashes = [];

  /**
   * @param {number} x
   * @param {number} y
   */
  const at = (x, y) => {
    const [cos, sin] = [Math.cos(place.angle), Math.sin(place.angle)];
    return [place.x + cos * x - sin * y, place.y + sin * x + cos * y];
  };

  /**
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {number} height
   */
  const rectangle = (x, y, width, height) => [at(x, y), at(x + width, y), at(x + width, y + height), at(x, y + height)];

  /**
   * @param {number[][]} points
   * @param {any} context
   */
  const line = (points, { strokeStyle: color, lineWidth: width }) => shapes.push({ kind: "line", points, color, width });

  /**
   * @param {number[][]} points
   * @param {any} context
   */
  const dashed = (points, context) => {
    let walked = 0;
    for (let index = 1; index < points.length; index += 1) {
      walked = addDashes(points[index - 1], points[index], dashes, walked, (from, to) => line([from, to], context));
    }
  };

  /** @param {string} font */
  const face = (font) => {
    const [, bold, size] = /(bold )?([\d.]+)px/.exec(font) ?? [];
    return { size: Number(size), weight: bold ? 700 : 400 };
  };

  /** @type {any} */
  const pencil = {
    shapes,
    save: () => saved.push(place),
    restore: () => (place = saved.pop() ?? place),
    /**
     * @param {number} x
     * @param {number} y
     */
    translate: (x, y) => {
      const [left, top] = at(x, y);
      place = { ...place, x: left, y: top };
    },
    /** @param {number} angle */
    rotate: (angle) => (place = { ...place, angle: place.angle + angle }),
    /** @param {number[]} pattern */
    setLineDash: (pattern) => (dashes = pattern),
    clip: () => {},
    beginPath: () => (paths = []),
    /**
     * @param {number} x
     * @param {number} y
     */
    moveTo: (x, y) => paths.push([at(x, y)]),
    /**
     * @param {number} x
     * @param {number} y
     */
    lineTo: (x, y) => (paths.length ? paths[paths.length - 1].push(at(x, y)) : paths.push([at(x, y)])),
    closePath: () => paths[paths.length - 1].push(paths[paths.length - 1][0]),
    /** @param {[number, number, number, number]} sides */
    rect: (...sides) => paths.push(rectangle(...sides)),
    /**
     * @param {number} x
     * @param {number} y
     * @param {number} radius
     */
    arc: (x, y, radius) => {
      const angles = Array.from({ length: CORNERS + 1 }, (_, step) => (2 * Math.PI * step) / CORNERS);
      paths.push(angles.map((angle) => at(x + radius * Math.cos(angle), y + radius * Math.sin(angle))));
    },
    stroke() {
      for (const points of paths) if (points.length > 1) (dashes.length ? dashed : line)(points, pencil);
    },
    fill() {
      for (const points of paths) shapes.push({ kind: "area", points, color: pencil.fillStyle });
    },
    /** @param {[number, number, number, number]} sides */
    fillRect(...sides) {
      shapes.push({ kind: "area", points: rectangle(...sides), color: pencil.fillStyle });
    },
    /** @param {[number, number, number, number]} sides */
    strokeRect(...sides) {
      const points = rectangle(...sides);
      line([...points, points[0]], pencil);
    },
    /** @param {string} text */
    measureText(text) {
      const { size, weight } = face(pencil.font);
      return { width: textWidth(text, size, weight) };
    },
    strokeText: () => {},
    /**
     * @param {string} text
     * @param {number} x
     * @param {number} y
     */
    fillText(text, x, y) {
      const { size, weight } = face(pencil.font);
      const [left, middle] = at(x, y + TO_MIDDLE[pencil.textBaseline] * size);
      const anchor = ANCHORS[pencil.textAlign];
      shapes.push({ kind: "text", x: left, y: middle, text, size, weight, color: pencil.fillStyle, anchor, angle: place.angle });
    },
  };
  return pencil;
};
