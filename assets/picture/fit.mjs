/*
 * Cameras that fit a picture into its element, clear of overlays. Pure.
 *
 * The box of trajectories is flat and wide, so a picture often has room above or beside it: the box moves there if the
 * legend or the pins would cover it, and recedes a little if it must.
 */

import { cross, dot, pointOf, unit } from "../values/geometry.mjs";
import { aspectOf, layoutOf, rangesOf } from "./frame.mjs";
import { referenceLabels } from "./traces.mjs";

/** plotly's vertical field of view is 45 degrees; focal length in units of half the picture's height. */
const FOCAL_LENGTH = 1 / Math.tan(Math.PI / 8);
/** Pixels that tick labels and titles take outside the box. */
const AROUND = { left: 66, right: 74, top: 26, bottom: 62 };
/** Largest share of a side that they take in a small picture. */
const MOST_AROUND = 0.16;
/** Least distance of the eye from the box, whose volume is one; a box seen end on would get a smaller one. */
const NEAREST = 0.3;
/** Pixels between the box and overlays. */
const APART = 6;
/** Smallest scale to which a picture shrinks to clear overlays; below, partial cover is preferred. */
const SMALLEST = 0.75;
/** Number of trial positions, down and to the right. */
const STEPS = 12;
/** Cost of the full move, in units of scale. */
const COST_OF_MOVING = 0.03;
/** Half the width of a label's letter, in font sizes. */
const HALF_A_LETTER = 0.28;

/** @typedef {{ outward: Vector, right: Vector, upward: Vector, seen: (point: Vector) => Vector, corners: Vector[] }} SeenBox */
/** @typedef {{ at: Vector, halfWidth: number, halfHeight: number, above: number }} SeenLabel */
/** @typedef {{ distance: number, aside: number, above: number }} Place */

/**
 * Direction and up vector of each preset. From other directions the box is as high as wide and would lose too much.
 * @type {Record<string, { from: Vector, up: Vector, givesWay?: boolean }>}
 */
export const VIEWS = {
  default: { from: [0.32, -1.2, 0.55], up: [0, 0, 1], givesWay: true },
  isometric: { from: [1, -1, 0.8], up: [0, 0, 1] },
  x: { from: [1, 0, 0], up: [0, 0, 1] },
  y: { from: [0, -1, 0], up: [0, 0, 1] },
  z: { from: [0, 0, 1], up: [0, 1, 0] },
};

/**
 * Camera of a preset (a key of VIEWS): the whole box with its labels, as large as the picture allows.
 * size: {width, height} of the element and, under overlays, {taken}: rectangles {left, top, right, bottom} to keep clear,
 * in pixels of the element, assumed at the upper left.
 * @param {Picture} picture
 * @param {Size} size
 * @param {string} view
 */
export const viewOf = (picture, size, view) => {
  const { from, up, givesWay } = VIEWS[view];
  const { emphasis = 1 } = picture;
  const [width, height] = [Math.max(1, size.width), Math.max(1, size.height)];
  /**
   * @param {number} pixels
   * @param {number} length
   */
  const aside = (pixels, length) => Math.min(pixels * emphasis, MOST_AROUND * length);
  const around = {
    left: aside(AROUND.left, width),
    right: aside(AROUND.right, width),
    top: aside(AROUND.top, height),
    bottom: aside(AROUND.bottom, height),
  };
  const box = boxSeen(aspectOf(picture), from, up);
  const taken = givesWay ? (size.taken ?? []).filter(isThere) : [];
  const place = taken.length ? clearPlace(box, labelsOf(picture, box), { width, height }, around, taken) : placed(box, { width, height }, around);
  return cameraAt(box, place, up);
};

/**
 * Layout of a picture for an element of the given size; a picture without a camera gets one that fits.
 * @param {Picture} picture
 * @param {Size} size
 */
export const pictureLayout = (picture, size) => layoutOf(picture, picture.camera ?? viewOf(picture, size, "default"));

/**
 * Memory of the room a picture leaves clear. Room never shrinks while the frame stays the same, until forgotten, so that
 * the picture does not move with every pin and colouring.
 */
export const makeRoom = () => {
  let [frame, hasGrown] = ["", false];
  /** @type {Rectangle[]} */
  let room = [];
  return {
    /**
     * Room to leave clear in a frame (any text that identifies it), given the overlays now.
     * @param {string} now
     * @param {Rectangle[]} taken
     */
    given: (now, taken) => {
      const isSame = now === frame;
      hasGrown = isSame && !taken.every((place, at) => isWithin(place, room[at]));
      if (hasGrown) room = taken.map((place, at) => around(place, room[at]));
      else if (!isSame) [frame, room] = [now, taken];
      return room;
    },
    /** Whether the last answer was more than the one before, in the same frame. */
    hasGrown: () => hasGrown,
    forget: () => {
      frame = "";
    },
  };
};

/** @param {Pick<Rectangle, "left" | "right">} rectangle */
const isThere = ({ left, right }) => right > left;

/**
 * @param {Rectangle} place
 * @param {Rectangle} other
 */
const isWithin = (place, other) =>
  !isThere(place) || (place.left >= other.left && place.right <= other.right && place.top >= other.top && place.bottom <= other.bottom);

/**
 * @param {Rectangle} place
 * @param {Rectangle} other
 */
const around = (place, other) => {
  if (!isThere(place)) return other;
  if (!isThere(other)) return place;
  return {
    left: Math.min(place.left, other.left),
    top: Math.min(place.top, other.top),
    right: Math.max(place.right, other.right),
    bottom: Math.max(place.bottom, other.bottom),
  };
};

/* ------------------------------------------------------------------ the box in view coordinates */

/**
 * View axes and the box's corners in them: [to the right, upward, towards the eye].
 * @param {Point} point
 * @param {Vector} direction
 * @param {Vector} up
 */
const boxSeen = ({ x, y, z }, direction, up) => {
  const outward = unit(direction);
  const right = unit(cross(up, outward));
  const upward = cross(outward, right);
  /** @param {number[]} point */
  const seen = (point) => [right, upward, outward].map((axis) => dot(point, axis));
  const halves = [x / 2, y / 2, z / 2];
  const corners = Array.from({ length: 8 }, (_, corner) => seen(halves.map((half, axis) => (corner & (1 << axis) ? half : -half))));
  return { outward, right, upward, seen, corners };
};

/**
 * Position of each label in the same axes, with its half width and height in pixels.
 * @param {Picture} picture
 * @param {SeenBox} box
 * @returns {SeenLabel[]}
 */
const labelsOf = (picture, { seen }) => {
  const sides = Object.values(aspectOf(picture));
  const ranges = rangesOf(picture);
  return referenceLabels(picture).map(({ text, font, yshift, x, y, z }) => ({
    at: seen([x, y, z].map((value, axis) => ((value - ranges[axis][0]) / (ranges[axis][1] - ranges[axis][0]) - 0.5) * sides[axis])),
    halfWidth: HALF_A_LETTER * font.size * text.length,
    halfHeight: 0.7 * font.size,
    above: yshift,
  }));
};

/**
 * Eye position at which the box fills the free part of the picture: {distance, aside, above}. A corner at x, nearer than
 * the box's centre by z, projects to (x - eye) / (distance - z) in focal lengths; requiring all corners between two
 * limits gives the least distance in closed form, and from it the eye.
 * @param {Pick<SeenBox, "corners">} box
 * @param {Size} size
 * @param {Rectangle} around
 * @returns {Place}
 */
const placed = ({ corners }, { width, height }, { left, right, top, bottom }) => {
  /**
   * @param {number} less
   * @param {number} more
   * @param {number} length
   */
  const limits = (less, more, length) => [less - length / 2, length / 2 - more].map((pixels) => pixels / ((FOCAL_LENGTH * height) / 2));
  const sides = [limits(left, right, width), limits(bottom, top, height)].map(([low, high], side) => ({
    least: Math.min(...corners.map((corner) => corner[side] + low * corner[2])),
    most: Math.max(...corners.map((corner) => corner[side] + high * corner[2])),
    low,
    high,
  }));
  const nearest = NEAREST + Math.max(...corners.map((corner) => corner[2]));
  const distance = Math.max(nearest, ...sides.map(({ least, most, low, high }) => (most - least) / (high - low)));
  const [aside, above] = sides.map(({ least, most, low, high }) => (most - high * distance + least - low * distance) / 2);
  return { distance, aside, above };
};

/**
 * @param {SeenBox} box
 * @param {Place} place
 * @param {Vector} up
 * @returns {Camera}
 */
const cameraAt = ({ outward, right, upward }, { distance, aside, above }, up) => {
  const center = right.map((value, axis) => aside * value + above * upward[axis]);
  return { eye: pointOf(center.map((value, axis) => value + distance * outward[axis])), center: pointOf(center), up: pointOf(up) };
};

/* ------------------------------------------------------------------ clear of overlays */

/**
 * Eye position with the largest picture among those clear of overlays; else the one with least overlap.
 * @param {SeenBox} box
 * @param {SeenLabel[]} labels
 * @param {Size} size
 * @param {Rectangle} around
 * @param {Rectangle[]} taken
 */
const clearPlace = (box, labels, size, around, taken) => {
  const whole = placed(box, size, around);
  const lowest = Math.max(...taken.map(({ bottom }) => bottom)) + APART;
  const rightmost = Math.max(...taken.map(({ right }) => right)) + APART;
  /**
   * @param {number} from
   * @param {number} to
   * @param {number} step
   */
  const between = (from, to, step) => from + (Math.max(0, to - from) * step) / STEPS;
  /** @type {{ place: Place, missing: number, cost: number } | null} */
  let best = null;
  for (let down = 0; down <= STEPS; down += 1) {
    for (let across = 0; across <= STEPS; across += 1) {
      const top = between(around.top, lowest, down);
      const left = between(around.left, rightmost, across);
      if (top + around.bottom >= size.height || left + around.right >= size.width) continue;
      const place = placed(box, size, { ...around, top, left });
      const smaller = place.distance / whole.distance;
      if (smaller * SMALLEST > 1) continue;
      // Overlap in pixels; among positions without overlap, the least displaced.
      const missing = Math.max(0, APART - freedom(box, labels, size, place, taken));
      const cost = smaller + (COST_OF_MOVING * (down + across)) / STEPS;
      if (!best || missing < best.missing || (missing === best.missing && cost < best.cost)) best = { place, missing, cost };
    }
  }
  return best?.place ?? whole;
};

/**
 * Pixels between the picture and the nearest overlay; negative: overlap.
 * @param {SeenBox} box
 * @param {SeenLabel[]} labels
 * @param {Size} size
 * @param {Place} place
 * @param {Rectangle[]} taken
 */
const freedom = ({ corners }, labels, { width, height }, { distance, aside, above }, taken) => {
  const scale = (FOCAL_LENGTH * height) / 2;
  /** @param {Vector} point */
  const seenAt = ([across, upward, nearer]) => [
    width / 2 + (scale * (across - aside)) / (distance - nearer),
    height / 2 - (scale * (upward - above)) / (distance - nearer),
  ];
  const outline = corners.map(seenAt);
  const rectangles = labels.map(({ at, halfWidth, halfHeight, above: raised }) => {
    const [x, y] = seenAt(at);
    return cornersOf({ left: x - halfWidth, right: x + halfWidth, top: y - raised - halfHeight, bottom: y - raised + halfHeight });
  });
  const gaps = taken.map(cornersOf).flatMap((place) => [
    gapBetween(outline, place, [...UPRIGHT, ...EDGES.map(([a, b]) => normal(outline[a], outline[b]))]),
    ...rectangles.map((rectangle) => gapBetween(rectangle, place, UPRIGHT)),
  ]);
  return Math.min(...gaps);
};

/** @param {Rectangle} rectangle */
const cornersOf = ({ left, right, top, bottom }) => [
  [left, top],
  [right, top],
  [right, bottom],
  [left, bottom],
];

const UPRIGHT = [
  [1, 0],
  [0, 1],
];

/** Pairs of the box's corners with an edge between them: their numbers differ in one bit. */
const EDGES = Array.from({ length: 8 }, (_, corner) => [1, 2, 4].filter((bit) => !(corner & bit)).map((bit) => [corner, corner | bit])).flat();

/**
 * @param {number[]} pair
 * @param {number[]} pair
 */
const normal = ([x0, y0], [x1, y1]) => {
  const length = Math.hypot(x1 - x0, y1 - y0) || 1;
  return [(y0 - y1) / length, (x1 - x0) / length];
};

/**
 * Largest gap between two convex shapes along the axes; positive iff they are disjoint (separating axis theorem).
 * @param {number[][]} one
 * @param {number[][]} other
 * @param {number[][]} axes
 */
const gapBetween = (one, other, axes) => {
  /**
   * @param {number[][]} points
   * @param {number[]} pair
   */
  const extent = (points, [x, y]) => {
    const along = points.map((point) => x * point[0] + y * point[1]);
    return [Math.min(...along), Math.max(...along)];
  };
  return Math.max(
    ...axes.map((axis) => {
      const [[low, high], [otherLow, otherHigh]] = [extent(one, axis), extent(other, axis)];
      return Math.max(otherLow - high, low - otherHigh);
    }),
  );
};
