/*
 * The view that shows all of a picture, as large as its element allows and clear of what lies over it. Pure.
 *
 * Trajectories make a flat and wide box, so that a picture of it often has room above or beside: where a legend or a list
 * of pins would cover it, the box goes there, and a little farther away where it must.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  /** plotly's field of view is a right angle's half, upright; in units of half the picture's height: */
  const FOCAL_LENGTH = 1 / Math.tan(Math.PI / 8);
  /** Pixels that tick labels and titles take outside the box. */
  const AROUND = { left: 66, right: 74, top: 26, bottom: 62 };
  /** Of a small picture they may take at most this share on each side. */
  const MOST_AROUND = 0.16;
  /** The eye stays this far from the box, whose volume is one: a box seen end on would ask for less. */
  const NEAREST = 0.3;
  /** Pixels between the box and what lies over the picture. */
  const APART = 6;
  /** To be clear of it a picture may become this much smaller; beyond, being covered in part is the lesser evil. */
  const SMALLEST = 0.75;
  /** Steps in which it is moved out of the way, down and to the right. */
  const STEPS = 12;
  /** What moving all the way costs against becoming smaller. */
  const COST_OF_MOVING = 0.03;
  /** Half the width of a label's letter, in font sizes. */
  const HALF_A_LETTER = 0.28;

  /** Where presets look from, and what is up there. From elsewhere the box is as high as wide: it would lose too much. */
  inpca.VIEWS = {
    default: { from: [0.32, -1.2, 0.55], up: [0, 0, 1], givesWay: true },
    isometric: { from: [1, -1, 0.8], up: [0, 0, 1] },
    x: { from: [1, 0, 0], up: [0, 0, 1] },
    y: { from: [0, -1, 0], up: [0, 0, 1] },
    z: { from: [0, 0, 1], up: [0, 1, 0] },
  };

  /**
   * The camera of a preset (a key of inpca.VIEWS): the whole box with its labels, as large as the picture allows.
   * size: {width, height} of its element, and where something lies over it {taken}: the rectangles {left, top, right,
   * bottom} that are to be kept clear, in pixels of the element; they are looked for at the upper left.
   */
  inpca.viewOf = (picture, size, view) => {
    const { from, up, givesWay } = inpca.VIEWS[view];
    const { emphasis = 1 } = picture;
    const [width, height] = [Math.max(1, size.width), Math.max(1, size.height)];
    const aside = (pixels, length) => Math.min(pixels * emphasis, MOST_AROUND * length);
    const around = {
      left: aside(AROUND.left, width),
      right: aside(AROUND.right, width),
      top: aside(AROUND.top, height),
      bottom: aside(AROUND.bottom, height),
    };
    const box = boxSeen(inpca.aspectOf(picture), from, up);
    const taken = givesWay ? (size.taken ?? []).filter(isThere) : [];
    const place = taken.length ? clearPlace(box, labelsOf(picture, box), { width, height }, around, taken) : placed(box, { width, height }, around);
    return cameraAt(box, place, up);
  };

  /**
   * What a picture leaves clear. Room that was given once stays given while the picture has the same frame, until it is
   * forgotten: a picture must not move to and fro with every pin and every colouring.
   */
  inpca.makeRoom = () => {
    let [frame, room, hasGrown] = ["", [], false];
    return {
      /** What to leave clear in a frame (any text that names it) where so much is taken now. */
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

  const isThere = ({ left, right }) => right > left;

  const isWithin = (place, other) =>
    !isThere(place) || (place.left >= other.left && place.right <= other.right && place.top >= other.top && place.bottom <= other.bottom);

  const around = (place, other) => {
    if (!isThere(place)) return other;
    if (!isThere(other)) return place;
    const [left, top] = ["left", "top"].map((side) => Math.min(place[side], other[side]));
    const [right, bottom] = ["right", "bottom"].map((side) => Math.max(place[side], other[side]));
    return { left, top, right, bottom };
  };

  /* ------------------------------------------------------------------ the box as it is seen */

  /** Directions of the view and, in them, the box's corners: [to the right, upward, towards the eye]. */
  const boxSeen = ({ x, y, z }, direction, up) => {
    const outward = unit(direction);
    const right = unit(cross(up, outward));
    const upward = cross(outward, right);
    const seen = (point) => [right, upward, outward].map((axis) => dot(point, axis));
    const halves = [x / 2, y / 2, z / 2];
    const corners = Array.from({ length: 8 }, (_, corner) => seen(halves.map((half, axis) => (corner & (1 << axis) ? half : -half))));
    return { outward, right, upward, seen, corners };
  };

  /** Of each label in the picture where it stands, seen in the same directions, and its half width and height in pixels. */
  const labelsOf = (picture, { seen }) => {
    const sides = Object.values(inpca.aspectOf(picture));
    const ranges = inpca.rangesOf(picture);
    return inpca.referenceLabels(picture).map(({ text, font, yshift, x, y, z }) => ({
      at: seen([x, y, z].map((value, axis) => ((value - ranges[axis][0]) / (ranges[axis][1] - ranges[axis][0]) - 0.5) * sides[axis])),
      halfWidth: HALF_A_LETTER * font.size * text.length,
      halfHeight: 0.7 * font.size,
      above: yshift,
    }));
  };

  /**
   * Where to look from so that the box fills what is left of the picture: {distance, aside, above}. A corner at x, and z
   * nearer than the box's middle, is seen at (x - eye) / (distance - z) in focal lengths; asking that all lie between two
   * limits gives the least distance directly, and the eye's place from it.
   */
  const placed = ({ corners }, { width, height }, { left, right, top, bottom }) => {
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

  const cameraAt = ({ outward, right, upward }, { distance, aside, above }, up) => {
    const vector = ([x, y, z]) => ({ x, y, z });
    const center = right.map((value, axis) => aside * value + above * upward[axis]);
    return { eye: vector(center.map((value, axis) => value + distance * outward[axis])), center: vector(center), up: vector(up) };
  };

  /* ------------------------------------------------------------------ clear of what lies over it */

  /** The place from which the picture is largest among those that leave free what is taken; else the one that covers least. */
  const clearPlace = (box, labels, size, around, taken) => {
    const whole = placed(box, size, around);
    const [lowest, rightmost] = ["bottom", "right"].map((side) => Math.max(...taken.map((rectangle) => rectangle[side])) + APART);
    const between = (from, to, step) => from + (Math.max(0, to - from) * step) / STEPS;
    let best = null;
    for (let down = 0; down <= STEPS; down += 1) {
      for (let across = 0; across <= STEPS; across += 1) {
        const top = between(around.top, lowest, down);
        const left = between(around.left, rightmost, across);
        if (top + around.bottom >= size.height || left + around.right >= size.width) continue;
        const place = placed(box, size, { ...around, top, left });
        const smaller = place.distance / whole.distance;
        if (smaller * SMALLEST > 1) continue;
        // Pixels that are missing; of those with none missing, the one that gives way least.
        const missing = Math.max(0, APART - freedom(box, labels, size, place, taken));
        const cost = smaller + (COST_OF_MOVING * (down + across)) / STEPS;
        if (!best || missing < best.missing || (missing === best.missing && cost < best.cost)) best = { place, missing, cost };
      }
    }
    return best?.place ?? whole;
  };

  /** Pixels between the picture and the nearest of what lies over it; negative: how far it would have to move. */
  const freedom = ({ corners }, labels, { width, height }, { distance, aside, above }, taken) => {
    const scale = (FOCAL_LENGTH * height) / 2;
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

  const normal = ([x0, y0], [x1, y1]) => {
    const length = Math.hypot(x1 - x0, y1 - y0) || 1;
    return [(y0 - y1) / length, (x1 - x0) / length];
  };

  /** Two convex shapes are apart where some edge's direction has one of them wholly on its one side, the other beyond. */
  const gapBetween = (one, other, axes) => {
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

  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
  const unit = (a) => a.map((value) => value / Math.hypot(...a));
})();
