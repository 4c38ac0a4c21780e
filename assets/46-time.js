/*
 * Time along trajectories: how far each run has come at a moment of a clock. Pure.
 *
 * A moment is {clock, at}: the clock's name, a column of the checkpoints, and a value on it; no moment means whole runs.
 * A place on a trajectory is a fractional model: 12.4 lies between models 12 and 13, which follow each other in one run.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const CLOCKS = ["progress", "epoch", "step"];
  const MOST_STOPS = 200;
  const known = new WeakMap();

  /** A component at a place on a trajectory; column counts from zero. */
  inpca.coordinateAt = (coordinates, nComponents, model, column) => {
    const before = Math.floor(model);
    const at = before * nComponents + column;
    return model === before ? coordinates[at] : coordinates[at] + (model - before) * (coordinates[at + nComponents] - coordinates[at]);
  };

  const valuesOf = ({ arrays }, clock) => arrays[`model:${clock}`] || [];

  /** What a scene's clock runs over: {low, high, stops}; stops are what stepping by key visits, from low to high. */
  inpca.clockOf = (scene, clock) => {
    if (!known.has(scene)) known.set(scene, new Map());
    const clocks = known.get(scene);
    if (!clocks.has(clock)) clocks.set(clock, measured(valuesOf(scene, clock)));
    return clocks.get(clock);
  };

  const measured = (values) => {
    const distinct = [...new Set(values)].filter(Number.isFinite).sort((a, b) => a - b);
    const [low, high] = [distinct[0], distinct.at(-1)];
    const stops =
      distinct.length <= MOST_STOPS
        ? distinct
        : Array.from({ length: MOST_STOPS + 1 }, (_, stop) => low + ((high - low) * stop) / MOST_STOPS);
    return { low, high, stops };
  };

  /** Clocks that tell the checkpoints of a scene apart. */
  inpca.clocksOf = (scene) => CLOCKS.filter((clock) => inpca.clockOf(scene, clock).high > inpca.clockOf(scene, clock).low);

  /**
   * Where a run's trajectory ends in a picture: its last model, or the place it has reached at the picture's moment. That
   * is the first crossing: progress may fall back later, and a run that has once passed a moment stays past it. While a
   * picture comes in, runs that are new to it grow from their start.
   */
  inpca.headOf = ({ scene, moment, growth }, run) => {
    const { first, count } = scene.spans[run];
    const head = moment ? reached(valuesOf(scene, moment.clock), first, first + count - 1, moment.at) : first + count - 1;
    return growth?.isNew(run) ? first + growth.share * (head - first) : head;
  };

  const reached = (values, first, last, at) => {
    for (let model = first; model <= last; model += 1) {
      if (!(values[model] >= at)) continue;
      const before = values[model - 1];
      return model === first || !(before < at) ? model : model - 1 + (at - before) / (values[model] - before);
    }
    return last;
  };

  /** The vertices of a run's line up to its head, which becomes the last one. */
  inpca.upToHead = (picture, run, vertices) => {
    const head = inpca.headOf(picture, run);
    if (vertices.at(-1) <= head) return vertices;
    const passed = vertices.filter((model) => model < head);
    return Float64Array.of(...passed, head);
  };
})();
