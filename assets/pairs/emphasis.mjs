/* Highlights in pair panels, by picture/emphasis.mjs. Pure except for the canvas. */

import { paintPins, paintPointed } from "../picture/emphasis.mjs";
import { verticesOf } from "../picture/traces.mjs";

const BADGE = 7;
const SMALL_BADGE = 5.5;
/** Panels narrower than this have small badges, so that pins of runs with close ends do not hide each other. */
const SMALL_BELOW = 130;
/** Smaller than in the 3D picture. */
const SIZES = { core: 1.8, ring: 2, head: 4, rim: 1.5, wall: 7.5, ink: 5.5, own: 3.2 };

/**
 * @param {PairPanel} panel
 * @param {string} font
 */
const sizesIn = (panel, font) => {
  const badge = panel.width < SMALL_BELOW ? SMALL_BADGE : BADGE;
  return { ...SIZES, badge, letters: badge + 3, font };
};

/**
 * @param {Picture} picture
 * @param {Places} places
 */
const pathIn = (picture, { x, y }) => (/** @type {number} */ run) => {
  const models = verticesOf(picture, run, true);
  return { models, points: Array.from(models, (model) => [x(model), y(model)]) };
};

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Picture} picture
 * @param {PairPanel} panel
 * @param {Places} places
 * @param {string} font
 */
export const paintPanelPins = (context, picture, panel, places, font) =>
  paintPins(context, picture, pathIn(picture, places), sizesIn(panel, font));

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Picture} picture
 * @param {PairPanel} panel
 * @param {Places} places
 * @param {{ run: number, checkpoint: number | null }} pointed
 * @param {string} font
 */
export const paintPanelPointed = (context, picture, panel, places, pointed, font) =>
  paintPointed(context, picture, pathIn(picture, places), pointed, sizesIn(panel, font));
