/* A picture as plotly's data: trajectories as lines, their ends, the reference points, and the frame. Pure. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const PADDING = 0.04;
  // How far towards the background: what is filtered away, and what is not picked while something is.
  const FAINT = 0.82;
  const RECEDED = 0.5;
  const VIEW_DIRECTION = { x: 0.55, y: -1.15, z: 0.55 };
  const HALF_FIELD_OF_VIEW = Math.tan(Math.PI / 8);
  const MARGIN = 0.9;

  /* ------------------------------------------------------------------ frame */

  /** Layout of a picture in an element of the given width and height. */
  inpca.pictureLayout = ({ scene, axes, style, theme, camera, showReferences }, size, revision) => {
    const extents = axes.map((component) => extent(scene, component));
    const spans = extents.map(([low, high]) => high - low);
    const mean = Math.cbrt(spans[0] * spans[1] * spans[2]);
    const aspect = { x: spans[0] / mean, y: spans[1] / mean, z: spans[2] / mean };
    const titled = axes.map((component, index) => [`${"xyz"[index]}axis`, axis(scene, component, extents[index], style)]);
    return {
      template: style.templates[theme],
      uirevision: revision,
      margin: { l: 0, r: 0, t: 0, b: 0 },
      showlegend: false,
      scene: {
        uirevision: revision,
        dragmode: "orbit",
        // Equal scale on all axes, fixed by the whole scene: hiding runs must not stretch what is left.
        aspectmode: "manual",
        aspectratio: aspect,
        camera: camera ? structuredClone(camera) : defaultCamera(aspect, size),
        annotations: showReferences ? referenceLabels(scene, axes, style.surfaces[theme].reference) : [],
        ...Object.fromEntries(titled),
      },
    };
  };

  /**
   * A view in which the whole box fits: half its apparent width (or height) over the tangent of half the field of
   * view, plus half its depth. A box keeps its volume under equal scale, so a long one needs more distance.
   */
  const defaultCamera = (aspect, size) => {
    const across = (Math.abs(aspect.x * VIEW_DIRECTION.y) + Math.abs(aspect.y * VIEW_DIRECTION.x)) / 2;
    const upward = (aspect.z + 0.5 * aspect.y) / 2;
    const ratio = size.width / Math.max(1, size.height);
    const distance = (MARGIN * Math.max(across / ratio, upward)) / HALF_FIELD_OF_VIEW + aspect.y / 2;
    const scaled = (value) => value * distance;
    return {
      eye: { x: scaled(VIEW_DIRECTION.x), y: scaled(VIEW_DIRECTION.y), z: scaled(VIEW_DIRECTION.z) },
      center: { x: 0, y: 0, z: -0.04 * aspect.z },
      up: { x: 0, y: 0, z: 1 },
    };
  };

  /** Lowest and highest coordinate of all models and reference points along one component, with some air. */
  const extent = (scene, component) => {
    scene.extents = scene.extents || new Map();
    if (!scene.extents.has(component)) {
      let [low, high] = [0, 0];
      for (const values of [scene.arrays.coordinates, scene.arrays.reference_coordinates || []]) {
        for (let at = component - 1; at < values.length && isThere(scene, component); at += scene.n_components) {
          if (values[at] < low) low = values[at];
          if (values[at] > high) high = values[at];
        }
      }
      const air = PADDING * (high - low) || 0.5;
      scene.extents.set(component, [low - air, high + air]);
    }
    return scene.extents.get(component);
  };

  const isThere = (scene, component) => component >= 1 && component <= scene.n_components;

  /** Signed share of tr W that one component carries: negative on an imaginary axis; all shares add up to one. */
  inpca.share = (scene, component) => {
    const ratio = scene.diagnostics.explained_variance;
    return ratio[component - 1] - (component > 1 ? ratio[component - 2] : 0);
  };

  const axis = (scene, component, range, style) => {
    if (!isThere(scene, component)) return { range, title: { text: `${component} · not in this embedding` }, nticks: 2 };
    const isImaginary = scene.diagnostics.signature[component - 1] < 0;
    const percent = Number((100 * inpca.share(scene, component)).toPrecision(2));
    const title = `${component} · ${isImaginary ? "imaginary" : "real"} · ${percent} %`.replace("-", "−");
    const color = isImaginary ? { color: style.timeLike } : {};
    return { range, title: { text: title, font: { size: 12, ...color } }, ...color, tickfont: { size: 10 }, nticks: 6 };
  };

  /* ------------------------------------------------------------------ traces */

  /** [{trace, models}]: plotly's traces, and for those made of checkpoints the model of each vertex (-1 in gaps). */
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
    const step = colouring.stepOfModel(model);
    return step < 0 ? colouring.scale.length : step;
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
    return vertices.subarray(0, n);
  };

  /** One polyline per run, separated by NaN, so that a whole colour group is a single trace. */
  const lineTrace = (picture, key, runs, { width, share, role, inFull }) => {
    const lines = runs.map((run) => inpca.verticesOf(picture, run, inFull));
    const length = lines.reduce((sum, line) => sum + line.length + 1, -1);
    const models = new Int32Array(Math.max(0, length)).fill(-1);
    let position = 0;
    for (const line of lines) {
      models.set(line, position);
      position += line.length + 1;
    }
    const line = { color: lineColor(picture, key, models, share), width };
    return { role, models, trace: { ...points(picture, models, `${role}-${key}`), mode: "lines", line } };
  };

  /** One colour, or one per vertex where it changes along the run. */
  const lineColor = (picture, key, models, share) => {
    const { scene, style, theme } = picture;
    const { wall } = style.surfaces[theme];
    if (!changesAlong(picture)) return inpca.mix(paletteOf(picture)[key], wall, share);
    const table = channelTable(picture, share);
    return Array.from(models, (model) => table[model < 0 ? 0 : positionOf(picture, scene.arrays.run[model], model)]);
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
        else if (isThere(scene, component)) values[at] = coordinates[models[at] * scene.n_components + component - 1];
      }
      trace["xyz"[index]] = values;
    });
    return trace;
  };

  const startTrace = (picture, runs, share) => {
    const { muted, wall } = picture.style.surfaces[picture.theme];
    const models = Int32Array.from(runs, (run) => inpca.verticesOf(picture, run)[0]);
    const marker = { symbol: "diamond", size: 2.5, color: inpca.mix(muted, wall, share), line: { width: 0 } };
    return { role: "start", models, trace: { ...points(picture, models, "start"), mode: "markers", marker } };
  };

  const endTrace = (picture, runs, role, share) => {
    const models = Int32Array.from(runs, (run) => inpca.verticesOf(picture, run).at(-1));
    const table = channelTable(picture, share);
    const color = runs.map((run, index) => table[positionOf(picture, run, models[index])]);
    const marker = { symbol: "diamond", size: 5, color, line: { width: 0 } };
    return { role, models, trace: { ...points(picture, models, role), mode: "markers", marker } };
  };

  /* ------------------------------------------------------------------ reference points */

  const referencePoint = (scene, point, component) =>
    isThere(scene, component) ? scene.arrays.reference_coordinates[point * scene.n_components + component - 1] : 0;

  const referenceCount = (scene) => (scene.arrays.reference_positions || []).length;

  const referenceTraces = ({ scene, axes, style, theme, showReferences }) => {
    const n = referenceCount(scene);
    if (!showReferences || n === 0) return [];
    const [x, y, z] = axes.map((component) => Float32Array.from({ length: n }, (_, point) => referencePoint(scene, point, component)));
    const color = style.surfaces[theme].reference;
    const ends = ([first, ...rest]) => [first, rest.at(-1)];
    const shared = { type: "scatter3d", hoverinfo: "skip" };
    return [
      { trace: { ...shared, uid: "geodesic", x, y, z, mode: "lines", line: { color, width: 4, dash: "dash" } } },
      { trace: { ...shared, uid: "references", x: ends(x), y: ends(y), z: ends(z), mode: "markers", marker: { symbol: "diamond", size: 6, color } } },
    ];
  };

  /** Labels as annotations: unlike text in the scene they are never hidden behind a line. */
  const referenceLabels = (scene, axes, color) => {
    const last = referenceCount(scene) - 1;
    if (last < 0) return [];
    return [
      ["P₀ ignorance", 0],
      ["P* truth", last],
    ].map(([text, point]) => ({
      text,
      font: { color, size: 12 },
      showarrow: false,
      yshift: 14,
      ...Object.fromEntries(axes.map((component, index) => ["xyz"[index], referencePoint(scene, point, component)])),
    }));
  };
})();
