/*
 * Layout and painting of component-pair panels. Pure except for the canvas.
 *
 * Highlights are in emphasis.mjs. Both axes of a panel share one scale, given by a scale bar; panels have different
 * scales, since in a common one the later components would shrink to dots.
 */

import { coordinateAt } from "../values/moments.mjs";
import { format } from "../values/study.mjs";
import { componentTitle, extent, isImaginary } from "../picture/frame.mjs";
import { paintPanelPins } from "./emphasis.mjs";
import { diamond, paintStrokes } from "./strokes.mjs";

const MARGIN = { left: 26, right: 12, top: 10, bottom: 26 };
const GAP = 7;
const INSET = 6;
const SHARE_OF_SCALE_BAR = 0.3;
/** Least panel width with names of reference points. */
const NAMES_FROM = 130;

/** Type grows with the picture's emphasis (stories/presentation.mjs), within what the margins can take. */
const typeOf = ({ emphasis = 1 }) => Math.min(1.6, emphasis);

/* ------------------------------------------------------------------ layout */

/**
 * Number of components paired if n are requested: fewer if the embedding has fewer.
 * @param {Scene} scene
 * @param {number} n
 */
export const pairedOf = (scene, n) => Math.max(2, Math.min(n, scene.n_components));

/**
 * Panels of the pairs of a picture's first k components: the lower triangle, in an area of the given size.
 * @param {Picture} picture
 * @param {number} k
 * @param {Pick<Frame, "width" | "height">} frame
 */
export const pairPanels = (picture, k, { width, height }) => {
  const [before, below] = [MARGIN.left * typeOf(picture), MARGIN.bottom * typeOf(picture)];
  const cellWidth = (width - before - MARGIN.right + GAP) / (k - 1) - GAP;
  const cellHeight = (height - MARGIN.top - below + GAP) / (k - 1) - GAP;
  const panels = [];
  for (let row = 2; row <= k; row += 1) {
    for (let column = 1; column < row; column += 1) {
      const left = before + (column - 1) * (cellWidth + GAP);
      const top = MARGIN.top + (row - 2) * (cellHeight + GAP);
      panels.push({ column, row, left, top, width: Math.max(1, cellWidth), height: Math.max(1, cellHeight) });
    }
  }
  return panels;
};

/**
 * Projection of a panel: one scale for both components, the centre of the scene's extent in the panel's centre.
 * @param {Scene} scene
 * @param {PairPanel} panel
 */
export const panelProjection = (scene, panel) => {
  const [low, high] = extent(scene, panel.column);
  const [bottom, top] = extent(scene, panel.row);
  const scale = Math.min((panel.width - 2 * INSET) / (high - low), (panel.height - 2 * INSET) / (top - bottom));
  const middleX = panel.left + panel.width / 2 - (scale * (low + high)) / 2;
  const middleY = panel.top + panel.height / 2 + (scale * (bottom + top)) / 2;
  return { scale, x: (/** @type {number} */ value) => middleX + scale * value, y: (/** @type {number} */ value) => middleY - scale * value };
};

/**
 * x and y of coordinate rows in a panel, as functions of the row, which may be fractional (values/moments.mjs).
 * @param {Float32Array} values
 * @param {number} nComponents
 * @param {PairPanel} panel
 * @param {PairMap} map
 */
export const panelPlaces = (values, nComponents, panel, { x, y }) => {
  /**
   * @param {number} row
   * @param {number} component
   */
  const value = (row, component) => coordinateAt(values, nComponents, row, component - 1);
  return { x: (/** @type {number} */ row) => x(value(row, panel.column)), y: (/** @type {number} */ row) => y(value(row, panel.row)) };
};

/* ------------------------------------------------------------------ painting */

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {() => void} paint
 */
export const inPanel = (context, { left, top, width, height }, paint) => {
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  paint();
  context.restore();
};

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Picture} picture
 * @param {PairPanel} panel
 * @param {PairMap} map
 * @param {string} font
 */
const paintFrame = (context, picture, panel, { scale, x, y }, font) => {
  const { wall, grid, muted } = picture.style.surfaces[picture.theme];
  const { left, top, width, height } = panel;
  if (!picture.isBare) {
    context.fillStyle = wall;
    context.fillRect(left, top, width, height);
  }
  Object.assign(context, { strokeStyle: grid, lineWidth: 1 });
  context.beginPath();
  context.moveTo(left, Math.round(y(0)) + 0.5);
  context.lineTo(left + width, Math.round(y(0)) + 0.5);
  context.moveTo(Math.round(x(0)) + 0.5, top);
  context.lineTo(Math.round(x(0)) + 0.5, top + height);
  context.stroke();
  const length = roundNumber((SHARE_OF_SCALE_BAR * width) / scale);
  const [from, base] = [left + INSET, top + height - INSET];
  Object.assign(context, { strokeStyle: muted, fillStyle: muted, textAlign: "left", textBaseline: "bottom" });
  context.font = `${10 * typeOf(picture)}px ${font}`;
  context.beginPath();
  context.moveTo(from, base);
  context.lineTo(from + scale * length, base);
  context.stroke();
  context.fillText(format(length), from, base - 2);
};

/**
 * Largest of 1, 2 and 5 times a power of ten that is no larger.
 * @param {number} value
 */
const roundNumber = (value) => {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([5, 2, 1].find((digit) => digit * power <= value) || 1) * power;
};

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Picture} picture
 * @param {PairPanel} panel
 * @param {PairMap} map
 * @param {string} font
 */
const paintReferences = (context, picture, panel, map, font) => {
  const { scene, style, theme, emphasis = 1 } = picture;
  const last = (scene.arrays.reference_positions || []).length - 1;
  if (last < 0) return;
  const { x, y } = panelPlaces(/** @type {Float32Array} */ (scene.arrays.reference_coordinates), scene.n_components, panel, map);
  const { reference: color, wall } = style.surfaces[theme];
  Object.assign(context, { strokeStyle: color, fillStyle: color, lineWidth: 1.5 * emphasis });
  context.setLineDash([5, 4]);
  context.beginPath();
  for (let point = 0; point <= last; point += 1) context.lineTo(x(point), y(point));
  context.stroke();
  context.setLineDash([]);
  context.beginPath();
  for (const point of [0, last]) diamond(context, x(point), y(point), 4 * emphasis);
  context.fill();
  if (panel.width < NAMES_FROM) return;
  Object.assign(context, { font: `${11 * typeOf(picture)}px ${font}`, textAlign: "center", lineWidth: 3, strokeStyle: wall });
  for (const { name, point } of [{ name: "P₀", point: 0 }, { name: "P*", point: last }]) {
    const isHigh = y(point) - panel.top < 22;
    context.textBaseline = isHigh ? "top" : "bottom";
    const at = y(point) + (isHigh ? 7 : -6);
    context.strokeText(name, x(point), at);
    context.fillText(name, x(point), at);
  }
};

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Pick<Picture, "style" | "theme">} picture
 * @param {Frame} frame
 */
const paintOutline = (context, { style, theme }, { left, top, width, height }) => {
  Object.assign(context, { strokeStyle: style.surfaces[theme].grid, lineWidth: 1 });
  context.strokeRect(Math.round(left) + 0.5, Math.round(top) + 0.5, Math.round(width) - 1, Math.round(height) - 1);
};

/**
 * Paint titles of columns under the last row and of rows beside the first column.
 * @param {CanvasRenderingContext2D} context
 * @param {Picture} picture
 * @param {PairPanel[]} panels
 * @param {number} k
 * @param {string} font
 */
const paintTitles = (context, picture, panels, k, font) => {
  const { scene, style, theme } = picture;
  const type = typeOf(picture);
  Object.assign(context, { font: `${11 * type}px ${font}`, textAlign: "center", textBaseline: "middle" });
  /**
   * @param {number} component
   * @param {number} x
   * @param {number} y
   * @param {number} room
   * @param {number} angle
   */
  const write = (component, x, y, room, angle) => {
    context.save();
    context.translate(x, y);
    context.rotate(angle);
    context.fillStyle = isImaginary(scene, component) ? style.timeLike : style.surfaces[theme].muted;
    // Without room for the whole title, its ends; red marks an imaginary component.
    const whole = componentTitle(scene, component);
    const parts = whole.split(" · ");
    const fitting = [whole, `${parts[0]} · ${parts[2]}`, parts[0]].find((text) => context.measureText(text).width <= room);
    context.fillText(fitting ?? parts[0], 0, 0);
    context.restore();
  };
  for (const { column, row, left, top, width, height } of panels) {
    if (row === k) write(column, left + width / 2, top + height + (MARGIN.bottom * type) / 2, width, 0);
    if (column === 1) write(row, (MARGIN.left * type) / 2, top + height / 2, height, -Math.PI / 2);
  }
};

/**
 * x and y of a scene's models in a panel.
 * @param {Scene} scene
 * @param {PairPanel} panel
 */
export const modelPlaces = (scene, panel) =>
  panelPlaces(scene.arrays.coordinates, scene.n_components, panel, panelProjection(scene, panel));

/**
 * Paint the panels (from pairPanels) of a picture's first k components, without the highlight of the run pointed at.
 * @param {CanvasRenderingContext2D} context
 * @param {Picture} picture
 * @param {number} k
 * @param {PairPanel[]} panels
 * @param {Strokes} strokes
 * @param {string} font
 */
export const paintPairs = (context, picture, k, panels, strokes, font) => {
  for (const panel of panels) {
    const map = panelProjection(picture.scene, panel);
    const places = modelPlaces(picture.scene, panel);
    inPanel(context, panel, () => {
      paintFrame(context, picture, panel, map, font);
      paintStrokes(context, strokes, places);
      paintPanelPins(context, picture, panel, places, font);
      if (picture.showReferences) paintReferences(context, picture, panel, map, font);
    });
    paintOutline(context, picture, panel);
  }
  paintTitles(context, picture, panels, k, font);
};
