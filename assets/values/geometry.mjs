/* Vectors, segments of the plane, and cameras {eye, center, up}. */

/* ------------------------------------------------------------------ vectors */

/**
 * @param {Vector} a
 * @param {Vector} b
 */
export const plus = (a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
/**
 * @param {Vector} a
 * @param {Vector} b
 */
export const minus = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
/**
 * @param {Vector} a
 * @param {number} factor
 */
export const times = (a, factor) => [a[0] * factor, a[1] * factor, a[2] * factor];
/**
 * @param {Vector} a
 * @param {Vector} b
 */
export const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
/**
 * @param {Vector} a
 * @param {Vector} b
 */
export const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
/** @param {Vector} a */
export const length = (a) => Math.hypot(a[0], a[1], a[2]);
/** @param {Vector} a */
export const unit = (a) => times(a, 1 / (length(a) || 1));

/**
 * plotly writes points as {x, y, z}.
 * @param {Point} point
 */
export const vectorOf = ({ x, y, z }) => [x, y, z];
/** @param {Vector} vector */
export const pointOf = ([x, y, z]) => ({ x, y, z });

/**
 * Number between two others.
 * @param {number} from
 * @param {number} to
 * @param {number} share
 */
export const mixed = (from, to, share) => from + share * (to - from);

/**
 * @param {Vector} a
 * @param {Vector} b
 * @param {number} share
 */
const blend = (a, b, share) => [mixed(a[0], b[0], share), mixed(a[1], b[1], share), mixed(a[2], b[2], share)];

/**
 * Vector rotated about a unit axis (Rodrigues' formula).
 * @param {Vector} vector
 * @param {Vector} axis
 * @param {number} angle
 */
const turned = (vector, axis, angle) => {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const straight = times(vector, c);
  return plus(plus(straight, times(cross(axis, vector), s)), times(axis, dot(axis, vector) * (1 - c)));
};

/* ------------------------------------------------------------------ segments */

/**
 * Place on the segment from (x0, y0) to (x1, y1) that is nearest to a point: 0 at its start, 1 at its end.
 * @param {number} x
 * @param {number} y
 * @param {number} x0
 * @param {number} y0
 * @param {number} x1
 * @param {number} y1
 */
export const shareAlong = (x, y, x0, y0, x1, y1) => {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const squared = dx * dx + dy * dy;
  return squared > 0 ? Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / squared)) : 0;
};

/**
 * Squared distance from a point to the segment from (x0, y0) to (x1, y1).
 * @param {number} x
 * @param {number} y
 * @param {number} x0
 * @param {number} y0
 * @param {number} x1
 * @param {number} y1
 */
export const squaredDistance = (x, y, x0, y0, x1, y1) => {
  const along = shareAlong(x, y, x0, y0, x1, y1);
  const [ex, ey] = [x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0)];
  return ex * ex + ey * ey;
};

/* ------------------------------------------------------------------ cameras */

const TURN = Math.PI / 24;
const SHIFT = 0.05;
const ZOOM = 1.12;
const NEAREST = 0.05;
const FARTHEST = 50;

/**
 * A camera's numbers to four digits, as the address has them.
 * @param {Camera | null} view
 */
export const cameraText = (view) =>
  view
    ? [view.eye, view.center, view.up].flatMap(({ x, y, z }) => [x, y, z].map((value) => Number(value.toPrecision(4)))).join(",")
    : "";

/**
 * Camera of nine numbers: eye, centre, up.
 * @param {number[]} numbers
 */
export const cameraOf = (numbers) => {
  /** @param {number} at */
  const vector = (at) => ({ x: numbers[at], y: numbers[at + 1], z: numbers[at + 2] });
  return { eye: vector(0), center: vector(3), up: vector(6) };
};

/**
 * Camera rotated about the vertical through its centre; "up" is rotated too, since it need not be vertical.
 * @param {Camera} camera
 * @param {number} angle
 */
export const turnedCamera = (camera, angle) => {
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  /** @param {Vector} vector */
  const about = ([x, y, z]) => [cosine * x - sine * y, sine * x + cosine * y, z];
  const center = vectorOf(camera.center);
  return {
    ...camera,
    eye: pointOf(plus(center, about(minus(vectorOf(camera.eye), center)))),
    up: pointOf(about(vectorOf(camera.up))),
  };
};

/**
 * Camera between two others, on an arc, so that the distance to the picture does not shrink in between.
 * @param {Camera} from
 * @param {Camera} to
 * @param {number} share
 */
export const cameraBetween = (from, to, share) => {
  const center = blend(vectorOf(from.center), vectorOf(to.center), share);
  const [start, end] = [from, to].map(({ eye, center: middle }) => minus(vectorOf(eye), vectorOf(middle)));
  const straight = blend(times(start, 1 / length(start)), times(end, 1 / length(end)), share);
  // Opposite directions have no unique shortest arc; a small offset selects one.
  const outward = length(straight) > 1e-3 ? straight : plus(straight, [0, 0, 1e-3]);
  const distance = mixed(length(start), length(end), share);
  return {
    ...to,
    eye: pointOf(plus(center, times(outward, distance / length(outward)))),
    center: pointOf(center),
    up: pointOf(blend(vectorOf(from.up), vectorOf(to.up), share)),
  };
};

/**
 * Axes of a camera: offset from centre to eye, and right and up, made perpendicular to the line of sight.
 * @param {Camera} camera
 */
const axesOf = ({ eye, center, up }) => {
  const offset = minus(vectorOf(eye), vectorOf(center));
  const forward = unit(offset);
  const right = unit(cross(vectorOf(up), forward));
  return { offset, right, up: cross(forward, right) };
};

/** Moves of a camera, each a camera; the eye moves in the direction of the key. */
export const cameraMoves = {
  /**
   * @param {Camera} camera
   * @param {number} across
   * @param {number} upward
   */
  orbit: (camera, across, upward) => {
    const { offset, right, up } = axesOf(camera);
    const aside = turned(offset, up, across * TURN);
    const axis = turned(right, up, across * TURN);
    const moved = turned(aside, axis, -upward * TURN);
    const eye = pointOf(plus(vectorOf(camera.center), moved));
    return { eye, center: camera.center, up: pointOf(turned(up, axis, -upward * TURN)) };
  },
  /**
   * @param {Camera} camera
   * @param {number} across
   * @param {number} upward
   */
  pan: (camera, across, upward) => {
    const { offset, right, up } = axesOf(camera);
    const shift = times(plus(times(right, across), times(up, upward)), SHIFT * length(offset));
    /** @param {Point} point */
    const moved = (point) => pointOf(plus(vectorOf(point), shift));
    return { ...camera, eye: moved(camera.eye), center: moved(camera.center) };
  },
  /**
   * @param {Camera} camera
   * @param {number} steps
   */
  zoom: (camera, steps) => {
    const center = vectorOf(camera.center);
    const offset = minus(vectorOf(camera.eye), center);
    const distance = Math.min(FARTHEST, Math.max(NEAREST, length(offset) * ZOOM ** -steps));
    return { ...camera, eye: pointOf(plus(center, times(unit(offset), distance))) };
  },
  /**
   * @param {Camera} camera
   * @param {"x" | "y" | "z"} axis
   */
  lookAlong: (camera, axis) => {
    const center = vectorOf(camera.center);
    const distance = length(minus(vectorOf(camera.eye), center));
    const directions = { x: [1, 0, 0], y: [0, -1, 0], z: [0, 0, 1] };
    const up = axis === "z" ? { x: 0, y: 1, z: 0 } : { x: 0, y: 0, z: 1 };
    return { eye: pointOf(plus(center, times(directions[axis], distance))), center: camera.center, up };
  },
};
