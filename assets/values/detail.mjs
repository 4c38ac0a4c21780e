/*
 * Level of detail: the checkpoints drawn within a vertex budget.
 *
 * The importance of a checkpoint is the largest tolerance at which Douglas-Peucker simplification of its run keeps it; a
 * vertex budget is a threshold on importance. The ends of a run are always kept.
 */

const BUDGET = 20000;
// Upper halves of positive 32-bit floats, which sort like the floats themselves.
const N_BUCKETS = 1 << 15;

/** @type {WeakMap<Picture, Detail>} */
const decided = new WeakMap();
const number = new Float32Array(1);
const bits = new Uint32Array(number.buffer);

/**
 * Level of detail of a picture: {canReduce, isReduced, tolerance, importance, total, drawn, share}.
 * total and drawn count vertices before and after; share is tolerance / longest side of the picture, infinite if the
 * budget covers only the ends of runs. Picked runs are drawn in full, outside the budget (verticesOf).
 * @param {Picture} picture
 */
export const detailOf = (picture) => {
  const known = decided.get(picture) ?? decide(picture);
  decided.set(picture, known);
  return known;
};

/** @param {Picture} picture */
const decide = ({ scene, axes, isShown, context, inFull }) => {
  /** @param {number} run */
  const isDrawn = (run) => context === "faint" || isShown(run);
  let total = 0;
  scene.spans.forEach(({ count }, run) => {
    if (isDrawn(run)) total += count;
  });
  const canReduce = total > BUDGET;
  if (!canReduce || inFull) return { canReduce, isReduced: false, tolerance: 0, importance: null, total, drawn: total, share: 0 };
  const { importance, longest } = ranked(scene, axes);
  const histogram = new Uint32Array(N_BUCKETS);
  const halves = new Uint32Array(importance.buffer);
  scene.spans.forEach(({ first, count }, run) => {
    if (!isDrawn(run)) return;
    for (let model = first; model < first + count; model += 1) histogram[halves[model] >>> 16] += 1;
  });
  let drawn = 0;
  let bucket = N_BUCKETS - 1;
  while (bucket > 0 && drawn + histogram[bucket] <= BUDGET) {
    drawn += histogram[bucket];
    bucket -= 1;
  }
  // More runs than half the budget: their ends are drawn anyway.
  if (drawn === 0) drawn = histogram[bucket--];
  bits[0] = (bucket + 1) << 16;
  return { canReduce, isReduced: true, tolerance: number[0], importance, total, drawn, share: number[0] / longest };
};

/**
 * Importances under the drawn axes, kept with the scene: a copy of the scene (for a tween) shares them.
 * @param {Scene} scene
 * @param {Axes} axes
 */
const ranked = (scene, axes) => {
  scene.importances = scene.importances || new Map();
  const key = [...axes].sort((a, b) => a - b).join();
  const known = scene.importances.get(key) ?? rank(scene, axes);
  scene.importances.set(key, known);
  return known;
};

/**
 * @param {Scene} scene
 * @param {Axes} axes
 */
const rank = (scene, axes) => {
  const points = new Float64Array(3 * scene.n_models);
  let longest = 0;
  axes.forEach((component, axis) => {
    if (component < 1 || component > scene.n_components) return;
    let [low, high] = [Infinity, -Infinity];
    for (let model = 0; model < scene.n_models; model += 1) {
      const value = scene.arrays.coordinates[model * scene.n_components + component - 1];
      points[3 * model + axis] = value;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    longest = Math.max(longest, high - low);
  });
  const importance = new Float32Array(scene.n_models);
  const pending = new Int32Array(2 * scene.spans.reduce((most, { count }) => Math.max(most, count), 2));
  for (const { first, count } of scene.spans) if (count > 0) rankRun(points, first, first + count - 1, importance, pending);
  return { importance, longest: longest || 1 };
};

/**
 * Recursive split at the vertex farthest from the chord. The importance of a vertex is capped by that of the split that
 * made its part, so that thresholding equals Douglas-Peucker at that tolerance.
 * @param {Float64Array} points
 * @param {number} head
 * @param {number} tail
 * @param {Float32Array} importance
 * @param {Int32Array} pending
 */
const rankRun = (points, head, tail, importance, pending) => {
  importance[head] = importance[tail] = Infinity;
  let size = 0;
  pending[size++] = head;
  pending[size++] = tail;
  while (size > 0) {
    const last = pending[--size];
    const first = pending[--size];
    if (last - first < 2) continue;
    const ceiling = Math.min(importance[first], importance[last]);
    const [ax, ay, az] = [points[3 * first], points[3 * first + 1], points[3 * first + 2]];
    const [dx, dy, dz] = [points[3 * last] - ax, points[3 * last + 1] - ay, points[3 * last + 2] - az];
    const squared = dx * dx + dy * dy + dz * dz;
    let farthest = first + 1;
    let distance = -1;
    for (let model = first + 1; model < last; model += 1) {
      const [px, py, pz] = [points[3 * model] - ax, points[3 * model + 1] - ay, points[3 * model + 2] - az];
      const along = squared > 0 ? Math.min(1, Math.max(0, (px * dx + py * dy + pz * dz) / squared)) : 0;
      const [ex, ey, ez] = [px - along * dx, py - along * dy, pz - along * dz];
      const away = ex * ex + ey * ey + ez * ez;
      if (away > distance) [farthest, distance] = [model, away];
    }
    importance[farthest] = Math.min(ceiling, Math.sqrt(distance));
    pending[size++] = first;
    pending[size++] = farthest;
    pending[size++] = farthest;
    pending[size++] = last;
  }
};
