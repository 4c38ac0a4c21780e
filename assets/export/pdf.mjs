/*
 * Writer of flat shapes (scene-shapes.mjs) as PDF.
 *
 * Container, fonts and text are jsPDF's (assets/built/pdf.js). svg2pdf makes a file of the same size from the text of
 * svg.mjs, but in two to ten times the time: it puts the SVG into the page and asks for the style of every element.
 */

import { fetchLibrary } from "../page/requests.mjs";
import { fontOf, near, ruler, textWidth } from "./shapes.mjs";

/* ------------------------------------------------------------------ outlines of text */

const ZOOM = 8;
const HALF = 128;
const STRAIGHT = 0.2;

/**
 * Outlines of a text with letters that the PDF's font lacks, in pixels around its anchor: a font with Arabic or Chinese
 * would be megabytes, and jsPDF sets letter by letter where Arabic needs shaping. So the browser rasterises the text
 * large, and the contour of the raster becomes the path, with shaping, order and font as on screen.
 * @param {TextShape} shape
 */
export const textOutlines = (shape) => {
  const context = ruler();
  const { canvas } = context;
  const width = textWidth(shape.text, shape.size, shape.weight ?? 400);
  const [across, up] = [width / 2 + shape.size, shape.size];
  canvas.width = Math.ceil(2 * across * ZOOM);
  canvas.height = Math.ceil(2 * up * ZOOM);
  Object.assign(context, { font: fontOf(shape, ZOOM), textAlign: "center", textBaseline: "middle", direction: "ltr", fillStyle: "#000" });
  context.fillText(shape.text, canvas.width / 2, canvas.height / 2);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const shift = shape.anchor === "start" ? width / 2 : shape.anchor === "end" ? -width / 2 : 0;
  const [cos, sin] = [Math.cos(shape.angle || 0), Math.sin(shape.angle || 0)];
  return contours(canvas.width, canvas.height, (x, y) => data[4 * (y * canvas.width + x) + 3]).map((loop) =>
    loop.map(([column, row]) => {
      const [x, y] = [(column + 0.5) / ZOOM - canvas.width / ZOOM / 2 + shift, (row + 0.5) / ZOOM - canvas.height / ZOOM / 2];
      return [shape.x + cos * x - sin * y, shape.y + sin * x + cos * y];
    }),
  );
};

// Marching squares. Corners have bits 1, 2, 4, 8 clockwise from the upper left, sides are 0 (top) to 3 (left) likewise;
// every step has the inside on its left, so holes have the opposite orientation.
/** @type {number[][][]} */
const STEPS = [[], [[3, 0]], [[0, 1]], [[3, 1]], [[1, 2]], [[3, 0], [1, 2]], [[0, 2]], [[3, 2]], [[2, 3]], [[2, 0]], [[0, 1], [2, 3]], [[2, 1]], [[1, 3]], [[1, 0]], [[0, 3]], []];

/**
 * Closed contours at half level of a raster of values 0..255, which must be empty along its border.
 * @param {number} width
 * @param {number} height
 * @param {(x: number, y: number) => number} value
 */
export const contours = (width, height, value) => {
  const next = new Map();
  /**
   * @param {number} x
   * @param {number} y
   * @param {number} which
   */
  const side = (x, y, which) => 2 * ((y + Number(which === 2)) * width + x + Number(which === 1)) + (which % 2);
  for (let y = 0; y + 1 < height; y += 1) {
    for (let x = 0; x + 1 < width; x += 1) {
      /**
       * @param {number} column
       * @param {number} row
       * @param {number} corner
       */
      const isIn = (column, row, corner) => (value(column, row) >= HALF ? corner : 0);
      const kind = isIn(x, y, 1) | isIn(x + 1, y, 2) | isIn(x + 1, y + 1, 4) | isIn(x, y + 1, 8);
      for (const [from, to] of STEPS[kind]) next.set(side(x, y, from), side(x, y, to));
    }
  }
  /** @param {number} id */
  const crossing = (id) => {
    const [x, y, isUpright] = [(id >> 1) % width, Math.floor((id >> 1) / width), id & 1];
    const [a, b] = [value(x, y), isUpright ? value(x, y + 1) : value(x + 1, y)];
    const share = (HALF - 0.5 - a) / (b - a);
    return isUpright ? [x, y + share] : [x + share, y];
  };
  const loops = [];
  for (const start of next.keys()) {
    const loop = [];
    for (let id = start; next.has(id); ) {
      loop.push(crossing(id));
      const following = next.get(id);
      next.delete(id);
      id = following;
    }
    if (loop.length > 2) loops.push(straightened(loop));
  }
  return loops;
};

/**
 * Loop without points that lie on the segment between the kept points before and after them.
 * @param {number[][]} loop
 */
const straightened = (loop) => {
  const kept = [loop[0]];
  let from = 0;
  for (let to = 2; to < loop.length; to += 1) {
    const [ax, ay] = loop[from];
    const [dx, dy] = [loop[to][0] - ax, loop[to][1] - ay];
    const length = Math.hypot(dx, dy) || 1;
    const isBent = loop.slice(from + 1, to).some(([x, y]) => Math.abs((x - ax) * dy - (y - ay) * dx) / length > STRAIGHT);
    if (!isBent) continue;
    from = to - 1;
    kept.push(loop[from]);
  }
  return [...kept, loop[loop.length - 1]];
};

/* ------------------------------------------------------------------ PDF */

const POINTS_PER_PIXEL = 0.75;
/** The least weight that is set in the bold font. */
const BOLD = 500;
/** @type {Record<string, number>} */
const SHIFTS = { start: 0, middle: -0.5, end: -1 };

/**
 * Channels of a colour in either form used here, #rrggbb or rgb(r,g,b).
 * @param {string} color
 */
const channelsOf = (color) =>
  color.startsWith("#") ? [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16)) : (color.match(/\d+/g) ?? []).map(Number);

/** @param {string} color */
const rgb = (color) => channelsOf(color).map((channel) => (channel / 255).toFixed(3)).join(" ");

/** @param {number[][]} points */
const pathOperators = (points) => points.map(([x, y], index) => `${near(x)} ${near(y)} ${index ? "l" : "m"}`).join("\n");

/**
 * @param {number[][][]} loops
 * @param {string} color
 */
const filled = (loops, color) =>
  loops.length ? `${rgb(color)} rg\n${loops.map((loop) => `${pathOperators(loop)}\nh`).join("\n")}\nf` : "";

/**
 * Operators of a shape without letters of the font. By hand, since jsPDF's own rounds colours to hundredths (#1a1f26 would be
 * another colour) and takes 2.6 times as long for the thousands of pieces of a scene.
 * @param {Shape} shape
 */
const operatorsOf = (shape) => {
  if (shape.kind === "text") return filled(textOutlines(shape), shape.color);
  if (shape.kind === "area") return filled([shape.points], shape.color);
  return `${rgb(shape.color)} RG ${shape.width} w\n${pathOperators(shape.points)}\nS`;
};

/**
 * Set a text, no wider than on screen: places and cuts were found with the screen's font.
 * @param {import("jspdf").jsPDF} page
 * @param {TextShape} shape
 */
const setText = (page, { x, y, text, size, color, anchor, angle = 0, weight }) => {
  const own = page.getTextWidth(text);
  const horizontalScale = own > 0 ? Math.min(1, textWidth(text, size, weight) / own) : 1;
  const left = SHIFTS[anchor] * own * horizontalScale;
  // Baseline 0.35 em below the middle, as in svg.mjs.
  const [cos, sin, down] = [Math.cos(angle), Math.sin(angle), 0.35 * size];
  const [red, green, blue] = channelsOf(color);
  page.setTextColor(red, green, blue);
  page.text(text, x + cos * left - sin * down, y + sin * left + cos * down, { angle: (-180 * angle) / Math.PI, horizontalScale });
};

/**
 * drawing -> Blob of a one-page PDF file of paths and of text that can be selected: no script or link.
 * @param {Drawing} drawing
 */
export const pdfOf = async ({ width, height, background, title, shapes }) => {
  const { jsPDF, regular, bold } = await fetchLibrary("pdf");
  const orientation = width > height ? "landscape" : "portrait";
  const units = { unit: "px", hotfixes: ["px_scaling"], floatPrecision: 3 };
  /** @type {import("jspdf").jsPDF} */
  const page = new jsPDF({ ...units, format: [width, height], orientation, compress: true, putOnlyUsedFonts: true });
  page.addFileToVFS("regular.ttf", regular).addFont("regular.ttf", "Inter", "normal");
  page.addFileToVFS("bold.ttf", bold).addFont("bold.ttf", "Inter", "bold");
  page.setProperties({ title, creator: "InPCA Explorer" });
  /** @type {any} */
  const { internal } = page;

  const toPixels = `q ${POINTS_PER_PIXEL} 0 0 ${-POINTS_PER_PIXEL} 0 ${near(POINTS_PER_PIXEL * height)} cm 1 J 1 j\n`;
  /** @type {string[]} */
  let paths = [];
  const writePaths = () => {
    if (paths.length) internal.write(`${toPixels}${paths.join("\n")}\nQ`);
    paths = [];
  };
  /** @param {TextShape} shape */
  const isInFont = ({ text, size, weight = 400 }) => {
    page.setFont("Inter", weight < BOLD ? "normal" : "bold").setFontSize(POINTS_PER_PIXEL * size);
    const { metadata } = internal.getFont();
    return [...text].every((letter) => metadata.characterToGlyph(letter.codePointAt(0)) > 0);
  };

  if (background) paths.push(filled([[[0, 0], [width, 0], [width, height], [0, height]]], background));
  for (const shape of shapes) {
    if (shape.kind === "text" && isInFont(shape)) {
      writePaths();
      setText(page, shape);
    } else paths.push(operatorsOf(shape));
  }
  writePaths();
  return page.output("blob");
};
