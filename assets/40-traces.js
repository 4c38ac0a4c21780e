/* A picture as plotly's data: trajectories as lines, their ends and the reference points. Pure; 41-frame.js is the rest. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  // How far towards the background: what is filtered away, and what is not picked while something is.
  const FAINT = 0.82;
  const RECEDED = 0.5;

  /* ------------------------------------------------------------------ traces */

  /**
   * [{trace, models}]: plotly's traces, and for those made of checkpoints the model of each vertex (-1 in gaps). A head on
   * its way lies between two models of a run and has a fractional one (46-time.js); rounded down, it is a checkpoint.
   */
  inpca.pictureTraces = (picture) => {
    const { context, shown, picked } = rolesOf(picture);
    const recede = picked.length > 0;
    const inFull = picked.length <= inpca.MOST_PINS;
    const lines = (runs, manner) => groupsOf(picture, runs).map(([key, group]) => lineTrace(picture, key, group, manner));
    const pale = recede ? RECEDED : 0;
    return [
      ...lines(context, { width: 1.5, share: FAINT, role: "context" }),
      ...lines(shown, { width: recede ? 2.5 : 3, share: pale, role: "shown" }),
      ...lines(picked, { width: 7, share: 0, role: "picked", inFull }),
      // Above the budget a thousand starts in one place are a blot that costs more than the lines.
      ...(inpca.detailOf(picture).isReduced ? [] : [startTrace(picture, [...shown, ...picked], pale)]),
      endTrace(picture, shown, "end", pale),
      endTrace(picture, picked, "picked-end", 0),
      ...referenceTraces(picture),
    ].filter(({ models }) => !models || models.length > 0);
  };

  /** Runs of the scene by the part they play: {context, shown, picked}; those that play none are not drawn. */
  const rolesOf = ({ scene, isShown, context, picked: pickedIds }) => {
    const roles = { context: [], shown: [], picked: [] };
    scene.run_ids.forEach((runId, run) => {
      if (isShown(run)) (pickedIds.has(runId) ? roles.picked : roles.shown).push(run);
      else if (context === "faint") roles.context.push(run);
    });
    return roles;
  };

  /** [[key, runs]]: runs that share a colour, and hence can share a trace. */
  const groupsOf = (picture, runs) => {
    const { scene } = picture;
    if (changesAlong(picture)) return [["all", runs]];
    const groups = new Map();
    for (const run of runs) {
      const key = positionOf(picture, run, scene.spans[run].first);
      if (groups.has(key)) groups.get(key).push(run);
      else groups.set(key, [run]);
    }
    return [...groups];
  };

  const changesAlong = ({ colouring }) => colouring.kind === "numbers" && !colouring.isOfRuns;

  const paletteOf = ({ colouring, style }) =>
    colouring.kind === "levels" ? colouring.entries.map((entry) => entry.color) : [...colouring.scale, style.other];

  /** Where in the palette a run's colour at a checkpoint is. */
  const positionOf = ({ colouring }, run, model) => {
    if (colouring.kind === "levels") return colouring.entryOfRun(run);
    const step = colouring.stepOfModel(Math.floor(model));
    return step < 0 ? colouring.scale.length : step;
  };

  /** A trace's colour at one of its vertices, as CSS writes it; see channelTable. */
  inpca.colorAt = (color, index) => {
    const own = Array.isArray(color) ? color[index] : color;
    return typeof own === "string" ? own : `rgb(${own.slice(0, 3).join(",")})`;
  };

  /** Colour of a run at a checkpoint. */
  inpca.colorOf = (picture, run, model) => paletteOf(picture)[positionOf(picture, run, model)];

  /**
   * Models that a run's line goes through, in order. The one place that decides which vertices are drawn.
   * inFull: whatever the level of detail, for runs that are pointed at or pinned.
   */
  inpca.verticesOf = (picture, run, inFull = false) => {
    const { first, count } = picture.scene.spans[run];
    const { isReduced, importance, tolerance } = inpca.detailOf(picture);
    const vertices = new Int32Array(count);
    let n = 0;
    for (let model = first; model < first + count; model += 1) {
      if (inFull || !isReduced || importance[model] >= tolerance) vertices[n++] = model;
    }
    return inpca.upToHead(picture, run, vertices.subarray(0, n));
  };

  /** One polyline per run, separated by NaN, so that a whole colour group is a single trace. */
  const lineTrace = (picture, key, runs, { width, share, role, inFull }) => {
    const lines = runs.map((run) => inpca.verticesOf(picture, run, inFull));
    const length = lines.reduce((sum, line) => sum + line.length + 1, -1);
    const models = new Float64Array(Math.max(0, length)).fill(-1);
    let position = 0;
    for (const line of lines) {
      models.set(line, position);
      position += line.length + 1;
    }
    const line = { color: lineColor(picture, key, models, share), width: width * (picture.emphasis ?? 1) };
    return { role, models, trace: { ...points(picture, models, `${role}-${key}`), mode: "lines", line } };
  };

  /** One colour, or one per vertex where it changes along the run. */
  const lineColor = (picture, key, models, share) => {
    const { scene, style, theme } = picture;
    const { wall } = style.surfaces[theme];
    if (!changesAlong(picture)) return inpca.mix(paletteOf(picture)[key], wall, share);
    const table = channelTable(picture, share);
    return Array.from(models, (model) => table[model < 0 ? 0 : positionOf(picture, scene.arrays.run[Math.floor(model)], model)]);
  };

  /** The palette as channels, which vertices share: plotly takes these at once, but parses a name for every vertex. */
  const channelTable = (picture, share) =>
    paletteOf(picture).map((color) => {
      const mixed = inpca.mix(color, picture.style.surfaces[picture.theme].wall, share);
      return [...[1, 3, 5].map((at) => parseInt(mixed.slice(at, at + 2), 16)), 1];
    });

  // Hovering is ours (46-pointing.js). A name of its own lets plotly keep what it has on the graphics card for a trace
  // when there are more or fewer before it.
  const points = ({ scene, axes }, models, uid) => {
    const trace = { type: "scatter3d", uid, hoverinfo: "skip" };
    const { coordinates } = scene.arrays;
    axes.forEach((component, index) => {
      const values = new Float32Array(models.length);
      for (let at = 0; at < models.length; at += 1) {
        if (models[at] < 0) values[at] = NaN;
        else if (isThere(scene, component)) values[at] = inpca.coordinateAt(coordinates, scene.n_components, models[at], component - 1);
      }
      trace["xyz"[index]] = values;
    });
    return trace;
  };

  const isThere = (scene, component) => component >= 1 && component <= scene.n_components;

  const startTrace = (picture, runs, share) => {
    const { muted, wall } = picture.style.surfaces[picture.theme];
    const models = Int32Array.from(runs, (run) => picture.scene.spans[run].first);
    const marker = { symbol: "diamond", size: 2.5 * (picture.emphasis ?? 1), color: inpca.mix(muted, wall, share), line: { width: 0 } };
    return { role: "start", models, trace: { ...points(picture, models, "start"), mode: "markers", marker } };
  };

  const endTrace = (picture, runs, role, share) => {
    const models = Float64Array.from(runs, (run) => inpca.headOf(picture, run));
    const table = channelTable(picture, share);
    const color = runs.map((run, index) => table[positionOf(picture, run, models[index])]);
    const marker = { symbol: "diamond", size: 5 * (picture.emphasis ?? 1), color, line: { width: 0 } };
    return { role, models, trace: { ...points(picture, models, role), mode: "markers", marker } };
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
      { trace: { ...shared, uid: "geodesic", x, y, z, mode: "lines", line: { color, width: 4 * emphasis, dash: "dash" } } },
      { trace: { ...shared, uid: "references", x: ends(x), y: ends(y), z: ends(z), mode: "markers", marker: { symbol: "diamond", size: 6 * emphasis, color } } },
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
