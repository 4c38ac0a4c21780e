/* Nearest-piece index: an R-tree of the boxes of lines and dots. Pure. */

import { shareAlong, squaredDistance } from "../values/geometry.mjs";
import Flatbush from "../vendor/flatbush.mjs";

const REACH = 10;

/**
 * Index of drawn strokes; x and y are functions of the model.
 * Returns (x, y) -> the model at the nearer end of the nearest piece within reach, or -1; of equally near pieces, the
 * first one drawn.
 * @param {Strokes} strokes
 * @param {(model: number) => number} x
 * @param {(model: number) => number} y
 * @returns {(pointX: number, pointY: number) => number}
 */
export const nearestIndex = ({ lines, dots }, x, y) => {
  /** @type {[from: number, to: number][]} */
  const pieces = [];
  for (const { models } of lines) {
    for (let at = 1; at < models.length; at += 1) {
      if (models[at] >= 0 && models[at - 1] >= 0) pieces.push([models[at - 1], models[at]]);
    }
  }
  for (const { models } of dots) models.forEach((model) => pieces.push([model, model]));
  if (pieces.length === 0) return () => -1;

  const tree = new Flatbush(pieces.length);
  for (const [from, to] of pieces) {
    const [x0, y0, x1, y1] = [x(from), y(from), x(to), y(to)];
    tree.add(Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1));
  }
  tree.finish();

  return (pointX, pointY) => {
    let [first, best, least] = [Infinity, -1, REACH];
    // The tree meets the pieces in no order that is drawn.
    tree.search(pointX - REACH, pointY - REACH, pointX + REACH, pointY + REACH, (at) => {
      const [from, to] = pieces[at];
      const [x0, y0, x1, y1] = [x(from), y(from), x(to), y(to)];
      const distance = Math.sqrt(squaredDistance(pointX, pointY, x0, y0, x1, y1));
      if (distance < least || (distance === least && at < first && best >= 0)) {
        [first, least, best] = [at, distance, shareAlong(pointX, pointY, x0, y0, x1, y1) < 0.5 ? from : to];
      }
      return false;
    });
    return Math.floor(best);
  };
};
