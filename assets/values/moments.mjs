/*
 * Trajectories cut at a moment of a clock. Pure.
 *
 * A moment is {clock, at}: the name of a checkpoint column and a value; no moment means whole runs. A place on a trajectory
 * is a fractional model: 12.4 lies between the consecutive models 12 and 13 of one run.
 */

const CLOCKS = ["progress", "epoch", "step"];
const MOST_STOPS = 200;
/** @type {WeakMap<object, Map<Clock, { low: number, high: number, stops: number[] }>>} */
const known = new WeakMap();

/**
 * Coordinate at a place on a trajectory, interpolated linearly; column counts from zero.
 * @param {Float32Array} coordinates
 * @param {number} nComponents
 * @param {number} model
 * @param {number} column
 */
export const coordinateAt = (coordinates, nComponents, model, column) => {
  const before = Math.floor(model);
  const at = before * nComponents + column;
  return model === before ? coordinates[at] : coordinates[at] + (model - before) * (coordinates[at + nComponents] - coordinates[at]);
};

/**
 * @param {Pick<Scene, "arrays">} scene
 * @param {Clock} clock
 */
const valuesOf = ({ arrays }, clock) => arrays[`model:${clock}`] || [];

/**
 * Range of a scene's clock: {low, high, stops}; stops, ascending, are the values visited by the step keys.
 * @param {Scene} scene
 * @param {Clock} clock
 */
export const clockOf = (scene, clock) => {
  const clocks = known.get(scene) ?? new Map();
  known.set(scene, clocks);
  const range = clocks.get(clock) ?? measured(valuesOf(scene, clock));
  clocks.set(clock, range);
  return range;
};

/** @param {Iterable<number>} values */
const measured = (values) => {
  const distinct = [...new Set(values)].filter(Number.isFinite).sort((a, b) => a - b);
  const [low, high] = [distinct[0], distinct[distinct.length - 1]];
  const stops =
    distinct.length <= MOST_STOPS
      ? distinct
      : Array.from({ length: MOST_STOPS + 1 }, (_, stop) => low + ((high - low) * stop) / MOST_STOPS);
  return { low, high, stops };
};

/**
 * Clocks that vary over the checkpoints of a scene.
 * @param {Scene} scene
 */
export const clocksOf = (scene) => CLOCKS.filter((clock) => clockOf(scene, clock).high > clockOf(scene, clock).low);

/**
 * End of a run's trajectory in a picture: its last model, or its first crossing of the picture's moment. Progress may
 * fall again, but a run that has passed a moment stays past it. In a transition, runs new to the picture grow from their
 * start.
 * @param {Reached} picture
 * @param {number} run
 */
export const headOf = ({ scene, moment, growth }, run) => {
  const { first, count } = scene.spans[run];
  const head = moment ? reached(valuesOf(scene, moment.clock), first, first + count - 1, moment.at) : first + count - 1;
  return growth?.isNew(run) ? first + growth.share * (head - first) : head;
};

/**
 * @param {ArrayLike<number>} values
 * @param {number} first
 * @param {number} last
 * @param {number} at
 */
const reached = (values, first, last, at) => {
  for (let model = first; model <= last; model += 1) {
    if (!(values[model] >= at)) continue;
    const before = values[model - 1];
    return model === first || !(before < at) ? model : model - 1 + (at - before) / (values[model] - before);
  }
  return last;
};

/**
 * Vertices of a run's line up to its head, with the head as the last one.
 * @param {Reached & Picture} picture
 * @param {number} run
 * @param {Int32Array} vertices
 */
export const upToHead = (picture, run, vertices) => {
  const head = headOf(picture, run);
  if (vertices[vertices.length - 1] <= head) return vertices;
  const passed = vertices.filter((model) => model < head);
  return Float64Array.of(...passed, head);
};
