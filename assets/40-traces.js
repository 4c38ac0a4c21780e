/* A picture as plotly's data: trajectories as lines, their ends and the reference points. Pure; 41-frame.js is the rest. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const CONTEXT = 0.82;

  /* ------------------------------------------------------------------ traces */

  /**
   * [{trace, models}]: plotly's traces, and for those made of checkpoints the model of each vertex (-1 in gaps). A head on
   * its way lies between two models of a run and has a fractional one (46-time.js); rounded down, it is a checkpoint.
   */
  inpca.pictureTraces = (picture) => {
    const { scene, colouring, isShown, picked, hovered } = picture;
    const drawn = scene.run_ids.map((_, run) => run).filter(isShown);
    const isPicked = (run) => picked.has(scene.run_ids[run]);
    const strong = drawn.filter((run) => isPicked(run) || scene.run_ids[run] === hovered);
    const recede = drawn.some(isPicked);
    const groups = new Map();
    for (const run of drawn) {
      const group = colouring.kind === "levels" ? colouring.entryOfRun(run) : 0;
      groups.set(group, [...(groups.get(group) || []), run]);
    }
    return [
      ...[...groups.values()].map((runs) => lineTrace(picture, runs, { width: 3, recede })),
      ...strong.map((run) => lineTrace(picture, [run], { width: 7, recede: false })),
      endTrace(picture, drawn, "start", recede),
      endTrace(picture, drawn, "end", recede),
      ...referenceTraces(picture),
    ];
  };

  const colorOf = ({ colouring }, run, model) =>
    colouring.kind === "levels" ? colouring.entries[colouring.entryOfRun(run)].color : colouring.colorOfModel(Math.floor(model));

  /** Models that a run's line goes through, in order. The one place that decides which vertices are drawn. */
  inpca.verticesOf = (picture, run) => {
    const { first, count } = picture.scene.spans[run];
    return inpca.upToHead(picture, run, Int32Array.from({ length: count }, (_, step) => first + step));
  };

  /** One polyline per run, separated by NaN, so that a whole colour group is a single trace. */
  const lineTrace = (picture, runs, { width, recede }) => {
    const { scene, axes, colouring, style, theme, emphasis = 1 } = picture;
    const lines = runs.map((run) => inpca.verticesOf(picture, run));
    const length = lines.reduce((sum, line) => sum + line.length + 1, -1);
    const models = new Float64Array(Math.max(0, length)).fill(-1);
    let position = 0;
    for (const line of lines) {
      models.set(line, position);
      position += line.length + 1;
    }
    const shade = (color) => (recede ? inpca.mix(color, style.surfaces[theme].wall, CONTEXT) : color);
    const color =
      colouring.kind === "levels"
        ? shade(colorOf(picture, runs[0]))
        : Array.from(models, (model) => shade(model < 0 ? style.other : colouring.colorOfModel(Math.floor(model))));
    return { models, trace: { ...points(scene, axes, models), mode: "lines", line: { color, width: width * emphasis }, hoverinfo: "none" } };
  };

  const points = (scene, axes, models) => {
    const trace = { type: "scatter3d" };
    axes.forEach((component, index) => {
      trace["xyz"[index]] = Float32Array.from(models, (model) => coordinate(scene, model, component));
    });
    return trace;
  };

  const isThere = (scene, component) => component >= 1 && component <= scene.n_components;

  const coordinate = (scene, model, component) => {
    if (model < 0) return NaN;
    if (!isThere(scene, component)) return 0;
    const at = (index) => scene.arrays.coordinates[index * scene.n_components + component - 1];
    const before = Math.floor(model);
    return model === before ? at(before) : at(before) + (model - before) * (at(before + 1) - at(before));
  };

  const endTrace = (picture, runs, which, recede) => {
    const { scene, axes, picked, style, theme, emphasis = 1 } = picture;
    const { muted, wall } = style.surfaces[theme];
    const models = Float64Array.from(runs, (run) => (which === "start" ? scene.spans[run].first : inpca.headOf(picture, run)));
    const color = runs.map((run, index) => {
      const own = which === "start" ? muted : colorOf(picture, run, models[index]);
      return recede && !picked.has(scene.run_ids[run]) ? inpca.mix(own, wall, CONTEXT) : own;
    });
    const marker = { symbol: "diamond", size: (which === "start" ? 2.5 : 5) * emphasis, color, line: { width: 0 } };
    return { models, trace: { ...points(scene, axes, models), mode: "markers", marker, hoverinfo: "none" } };
  };

  /* ------------------------------------------------------------------ reference points */

  const referencePoint = (scene, point, component) =>
    isThere(scene, component) ? scene.arrays.reference_coordinates[point * scene.n_components + component - 1] : 0;

  const referenceCount = (scene) => (scene.arrays.reference_positions || []).length;

  const referenceTraces = ({ scene, axes, style, theme, emphasis = 1, showReferences }) => {
    const n = referenceCount(scene);
    if (!showReferences || n === 0) return [];
    const [x, y, z] = axes.map((component) => Float32Array.from({ length: n }, (_, point) => referencePoint(scene, point, component)));
    const color = style.surfaces[theme].reference;
    const ends = ([first, ...rest]) => [first, rest.at(-1)];
    const shared = { type: "scatter3d", hoverinfo: "skip" };
    return [
      { trace: { ...shared, x, y, z, mode: "lines", line: { color, width: 4 * emphasis, dash: "dash" } } },
      { trace: { ...shared, x: ends(x), y: ends(y), z: ends(z), mode: "markers", marker: { symbol: "diamond", size: 6 * emphasis, color } } },
    ];
  };

  /** Labels as annotations: unlike text in the scene they are never hidden behind a line. */
  inpca.referenceLabels = ({ scene, axes, style, theme, emphasis = 1, showReferences }) => {
    const last = referenceCount(scene) - 1;
    if (!showReferences || last < 0) return [];
    const color = style.surfaces[theme].reference;
    return [
      ["P₀ ignorance", 0],
      ["P* truth", last],
    ].map(([text, point]) => ({
      text,
      font: { color, size: 12 * emphasis },
      showarrow: false,
      yshift: 14 * emphasis,
      ...Object.fromEntries(axes.map((component, index) => ["xyz"[index], referencePoint(scene, point, component)])),
    }));
  };
})();
