/* Flat shapes (scene-shapes.mjs) on a canvas, and the width of texts. */

export const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';
/**
 * CSS font of a text.
 * @param {{ size: number, weight?: number }} text
 * @param {number} [zoom]
 */
export const fontOf = ({ size, weight }, zoom = 1) => `${weight || 400} ${size * zoom}px ${FONT}`;

/** @type {CanvasRenderingContext2D | null} */
let canvas = null;

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number[][]} points
 */
const trace = (context, points) => {
  context.beginPath();
  points.forEach(([x, y], index) => (index ? context.lineTo(x, y) : context.moveTo(x, y)));
};

const painters = {
  /**
   * @param {CanvasRenderingContext2D} context
   * @param {LineShape} shape
   */
  line: (context, { points, color, width }) => {
    trace(context, points);
    Object.assign(context, { strokeStyle: color, lineWidth: width, lineCap: "round", lineJoin: "round" });
    context.stroke();
  },
  /**
   * @param {CanvasRenderingContext2D} context
   * @param {AreaShape} shape
   */
  area: (context, { points, color }) => {
    trace(context, points);
    context.fillStyle = color;
    context.fill();
  },
  /**
   * @param {CanvasRenderingContext2D} context
   * @param {TextShape} shape
   */
  text: (context, shape) => {
    context.save();
    context.translate(shape.x, shape.y);
    context.rotate(shape.angle || 0);
    Object.assign(context, { font: fontOf(shape), fillStyle: shape.color, textAlign: anchors[shape.anchor], textBaseline: "middle", direction: "ltr" });
    context.fillText(shape.text, 0, 0);
    context.restore();
  },
};
/** @type {Record<string, CanvasTextAlign>} */
const anchors = { start: "left", middle: "center", end: "right" };

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Shape[]} shapes
 */
export const paintShapes = (context, shapes) => shapes.forEach((shape) => painters[shape.kind](context, /** @type {any} */ (shape)));

/** Canvas context on which texts are measured. */
export const ruler = () => {
  canvas ??= /** @type {CanvasRenderingContext2D} */ (document.createElement("canvas").getContext("2d", { willReadFrequently: true }));
  return canvas;
};

/**
 * Width of a text in pixels.
 * @param {string} text
 * @param {number} size
 * @param {number} [weight]
 */
export const textWidth = (text, size, weight) => {
  ruler().font = fontOf({ size, weight });
  return ruler().measureText(text).width;
};

/**
 * Text cut at its end to fit a width.
 * @param {string} text
 * @param {number} size
 * @param {number | undefined} weight
 * @param {number} width
 */
export const fitting = (text, size, weight, width) => {
  if (textWidth(text, size, weight) <= width) return text;
  const letters = [...text];
  while (letters.length > 1 && textWidth(`${letters.join("")}…`, size, weight) > width) letters.pop();
  return `${letters.join("")}…`;
};

/**
 * Name cut in the middle to fit a width: names of runs often share their beginning and differ at the end.
 * @param {string} name
 * @param {number} size
 * @param {number} width
 */
export const fittingName = (name, size, width) => {
  const letters = [...name];
  /** @param {number} n */
  const without = (n) => [...letters.slice(0, (letters.length - n) / 2), "…", ...letters.slice((letters.length + n) / 2)].join("");
  let [shown, n] = [name, 0];
  while (n < letters.length - 2 && textWidth(shown, size, 400) > width) shown = without((n += 1));
  return shown;
};

/**
 * Coordinate as files have it, to a hundredth of a pixel.
 * @param {number} value
 */
export const near = (value) => Number(value.toFixed(2));
