/* Motion: between two pictures, between two cameras, and around one. Values in, values out, and the frames between. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const asksForStillness = window.matchMedia("(prefers-reduced-motion: reduce)");

  /** A picture that takes longer than slowMs to draw does not move; it changes at once. */
  inpca.motion = { pictureMs: 420, cameraMs: 350, slowMs: 120, secondsPerTurn: 30 };

  /** Whether the visitor's system asks for less motion. */
  inpca.isStill = () => asksForStillness.matches;

  /** The next frame of the screen, or a moment later where the tab is hidden and has none. */
  inpca.nextFrame = () =>
    new Promise((resolve) => (document.hidden ? setTimeout(resolve, 16) : requestAnimationFrame(resolve)));

  /** Slow at both ends. */
  inpca.eased = (share) => (share < 0.5 ? 4 * share ** 3 : 1 - (2 - 2 * share) ** 3 / 2);

  const mixed = (from, to, share) => from + share * (to - from);

  /* ------------------------------------------------------------------ pictures */

  /**
   * The way from one picture to another of the same study: a function of a share between 0 and 1 that gives the picture
   * there, or null where they have no run in common. Runs of both move, with ranges and reference points; runs that are
   * new grow from their start; those that are gone are gone. At 1 it is the new picture in all but identity.
   */
  inpca.journey = (from, to) => {
    if (from.scene.study !== to.scene.study) return null;
    const was = new Map(from.scene.run_ids.map((runId, run) => [runId, run]));
    const origin = to.scene.run_ids.map((runId, run) => {
      const before = was.get(runId);
      return before !== undefined && from.isShown(before) && to.isShown(run) ? before : -1;
    });
    if (origin.every((before) => before < 0)) return null;
    const coordinates = to.scene.arrays.coordinates.slice();
    // One scene for the whole way: what others keep per scene is then made once, not for every frame.
    const scene = { ...to.scene, arrays: { ...to.scene.arrays, coordinates } };
    const moving = startOf(from, to, origin);
    const [oldRanges, newRanges] = [inpca.rangesOf(from), inpca.rangesOf(to)];
    const references = referencesBetween(from, to);
    const place = (share) => {
      to.axes.forEach((component, axis) => {
        if (component > to.scene.n_components) return;
        for (let at = 0; at < moving.models.length; at += 1) {
          const index = moving.models[at] * to.scene.n_components + component - 1;
          coordinates[index] = mixed(moving.starts[axis][at], to.scene.arrays.coordinates[index], share);
        }
      });
    };
    return (share) => {
      place(share);
      scene.arrays.reference_coordinates = references(share);
      return {
        ...to,
        scene,
        ranges: newRanges.map((range, axis) => range.map((end, side) => mixed(oldRanges[axis][side], end, share))),
        growth: { isNew: (run) => origin[run] < 0, share },
      };
    };
  };

  /** Models of the runs that move, and where each was on the three axes; further checkpoints start from the last. */
  const startOf = (from, to, origin) => {
    const [models, sources] = [[], []];
    origin.forEach((before, run) => {
      if (before < 0) return;
      const [old, own] = [from.scene.spans[before], to.scene.spans[run]];
      for (let step = 0; step < own.count; step += 1) {
        models.push(own.first + step);
        sources.push(old.first + Math.min(step, old.count - 1));
      }
    });
    const { arrays, n_components: n } = from.scene;
    const starts = from.axes.map((component) =>
      Float32Array.from(sources, (model) => (component <= n ? arrays.coordinates[model * n + component - 1] : 0)),
    );
    return { models, starts };
  };

  const referencesBetween = (from, to) => {
    const [old, own] = [from.scene.arrays.reference_coordinates, to.scene.arrays.reference_coordinates];
    const [width, n] = [from.scene.n_components, to.scene.n_components];
    if (!old || !own || old.length / width !== own.length / n) return () => own;
    return (share) => {
      const between = own.slice();
      to.axes.forEach((component, axis) => {
        if (component > n || from.axes[axis] > width) return;
        for (let point = 0; point < own.length / n; point += 1) {
          const [target, source] = [point * n + component - 1, point * width + from.axes[axis] - 1];
          between[target] = mixed(old[source], own[target], share);
        }
      });
      return between;
    };
  };

  /* ------------------------------------------------------------------ cameras */

  const vector = ({ x, y, z }) => [x, y, z];
  const named = ([x, y, z]) => ({ x, y, z });
  const length = (a) => Math.hypot(...a);
  const scaled = (a, factor) => a.map((value) => value * factor);
  const sum = (a, b) => a.map((value, axis) => value + b[axis]);
  const difference = (a, b) => a.map((value, axis) => value - b[axis]);
  const blend = (a, b, share) => a.map((value, axis) => mixed(value, b[axis], share));

  /** A camera that has gone about the upright through what it looks at; plotly's "up" leans, so it goes along. */
  inpca.turnedCamera = (camera, angle) => {
    const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
    const turned = ([x, y, z]) => [cosine * x - sine * y, sine * x + cosine * y, z];
    const center = vector(camera.center);
    return {
      ...camera,
      eye: named(sum(center, turned(difference(vector(camera.eye), center)))),
      up: named(turned(vector(camera.up))),
    };
  };

  /** A camera part of the way from one to another, on an arc: the picture must not come nearer in between. */
  inpca.cameraBetween = (from, to, share) => {
    const center = blend(vector(from.center), vector(to.center), share);
    const [start, end] = [from, to].map(({ eye, center: middle }) => difference(vector(eye), vector(middle)));
    const straight = blend(scaled(start, 1 / length(start)), scaled(end, 1 / length(end)), share);
    // Opposite directions have no shortest arc; a step aside chooses one.
    const outward = length(straight) > 1e-3 ? straight : sum(straight, [0, 0, 1e-3]);
    const distance = mixed(length(start), length(end), share);
    return {
      ...to,
      eye: named(sum(center, scaled(outward, distance / length(outward)))),
      center: named(center),
      up: named(blend(vector(from.up), vector(to.up), share)),
    };
  };
})();
