/*
 * Highlights of pinned runs and of the run pointed at.
 *
 * Used in 3D (overlay.mjs) and in pair panels (pairs/emphasis.mjs). Pure except for the canvas. A path is a run's models
 * and their points [[x, y], ...] on the canvas. Sizes are in pixels: core (line of a pin), badge (radius), ring (around the
 * badge), head (radius), rim (around the head), wall, ink and own (lines of the run pointed at, widest first), letters (of
 * the badge).
 */

import { colorOf } from "./traces.mjs";

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number[][]} points
 */
const trace = (context, points) => {
  context.beginPath();
  points.forEach(([x, y], at) => (at === 0 ? context.moveTo(x, y) : context.lineTo(x, y)));
};

/**
 * @param {CanvasRenderingContext2D} context
 * @param {string} strokeStyle
 * @param {number} lineWidth
 */
const stroke = (context, strokeStyle, lineWidth) => {
  Object.assign(context, { strokeStyle, lineWidth });
  context.stroke();
};

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number[]} pair
 * @param {number} radius
 * @param {string} fillStyle
 */
const disc = (context, [x, y], radius, fillStyle) => {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = fillStyle;
  context.fill();
};

/** @param {Pick<Picture, "style" | "theme">} picture */
const surfaceOf = ({ style, theme }) => style.surfaces[theme];

/**
 * Paint the letter of a pinned run at its end, in a ring of the pin's colour.
 * @param {CanvasRenderingContext2D} context
 * @param {Picture} picture
 * @param {Pick<Pin, "slot" | "letter">} pin
 * @param {number[]} pair
 * @param {{ badge: number, ring: number, letters: number, font: string }} options
 */
const paintBadge = (context, picture, { slot, letter }, [x, y], { badge, ring, letters, font }) => {
  const { wall, ink } = surfaceOf(picture);
  disc(context, [x, y], badge, wall);
  stroke(context, picture.style.pins[slot], ring);
  Object.assign(context, { font: `bold ${letters}px ${font}`, textAlign: "center", textBaseline: "middle", fillStyle: ink });
  context.fillText(letter, x, y + 0.5);
};

/**
 * [{pin, run}]: pins whose runs the picture shows.
 * @param {Pick<Picture, "scene" | "pins" | "isShown">} picture
 */
export const drawnPins = ({ scene, pins, isShown }) =>
  pins.map((pin) => ({ pin, run: scene.run_ids.indexOf(pin.runId) })).filter(({ run }) => run >= 0 && isShown(run));

/**
 * Paint a core in the pin's colour inside each pinned line, which keeps its own colour; letters above all lines.
 * @param {CanvasRenderingContext2D} context
 * @param {Picture} picture
 * @param {(run: number) => Path} pathOf
 * @param {Sizes} sizes
 */
export const paintPins = (context, picture, pathOf, sizes) => {
  const paths = drawnPins(picture).map(({ pin, run }) => ({ pin, points: pathOf(run).points }));
  const drawn = paths.filter(({ points }) => points.length > 0);
  Object.assign(context, { lineJoin: "round", lineCap: "round" });
  for (const { pin, points } of drawn) {
    trace(context, points);
    stroke(context, picture.style.pins[pin.slot], sizes.core);
  }
  for (const { pin, points } of drawn) paintBadge(context, picture, pin, points[points.length - 1], sizes);
};

/**
 * Paint the run pointed at above all others, even if filtered out; a ring around its checkpoint if known.
 * @param {CanvasRenderingContext2D} context
 * @param {Picture} picture
 * @param {(run: number) => Path} pathOf
 * @param {{ run: number, checkpoint: number | null }} options
 * @param {Sizes} sizes
 */
export const paintPointed = (context, picture, pathOf, { run, checkpoint }, sizes) => {
  const { scene, pins } = picture;
  const { wall, ink } = surfaceOf(picture);
  const { models, points } = pathOf(run);
  if (models.length === 0) return;
  /** @param {number} at */
  const colorAt = (at) => colorOf(picture, run, models[at]);
  Object.assign(context, { lineJoin: "round", lineCap: "round" });
  trace(context, points);
  stroke(context, wall, sizes.wall);
  stroke(context, ink, sizes.ink);
  for (let at = 1; at < models.length; at += 1) {
    trace(context, points.slice(at - 1, at + 1));
    stroke(context, colorAt(at), sizes.own);
  }
  const pin = pins.find(({ runId }) => runId === scene.run_ids[run]);
  if (pin) paintBadge(context, picture, pin, points[points.length - 1], sizes);
  else {
    disc(context, points[points.length - 1], sizes.head + sizes.rim, ink);
    disc(context, points[points.length - 1], sizes.head, colorAt(models.length - 1));
  }
  const marked = points.findIndex((_, at) => scene.arrays.checkpoint[models[at]] === checkpoint);
  if (marked < 0) return;
  disc(context, points[marked], sizes.head, wall);
  stroke(context, ink, 2);
};
