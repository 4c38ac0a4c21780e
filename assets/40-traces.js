/* A picture as plotly's data: trajectories as lines, their ends, the reference points, and the frame. Pure. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const PADDING = 0.04;
  const CONTEXT = 0.82;
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
    colouring.kind === "levels" ? colouring.entries[colouring.entryOfRun(run)].color : colouring.colorOfModel(model);

  /** Models that a run's line goes through, in order. The one place that decides which vertices are drawn. */
  inpca.verticesOf = ({ scene }, run) => {
    const { first, count } = scene.spans[run];
    return Int32Array.from({ length: count }, (_, step) => first + step);
  };

  /** One polyline per run, separated by NaN, so that a whole colour group is a single trace. */
  const lineTrace = (picture, runs, { width, recede }) => {
    const { scene, axes, colouring, style, theme } = picture;
    const lines = runs.map((run) => inpca.verticesOf(picture, run));
    const length = lines.reduce((sum, line) => sum + line.length + 1, -1);
    const models = new Int32Array(Math.max(0, length)).fill(-1);
    let position = 0;
    for (const line of lines) {
      models.set(line, position);
      position += line.length + 1;
    }
    const shade = (color) => (recede ? inpca.mix(color, style.surfaces[theme].wall, CONTEXT) : color);
    const color =
      colouring.kind === "levels"
        ? shade(colorOf(picture, runs[0]))
        : Array.from(models, (model) => shade(model < 0 ? style.other : colouring.colorOfModel(model)));
    return { models, trace: { ...points(scene, axes, models), mode: "lines", line: { color, width }, hoverinfo: "none" } };
  };

  const points = (scene, axes, models) => {
    const trace = { type: "scatter3d" };
    axes.forEach((component, index) => {
      trace["xyz"[index]] = Float32Array.from(models, (model) => coordinate(scene, model, component));
    });
    return trace;
  };

  const coordinate = (scene, model, component) => {
    if (model < 0) return NaN;
    return isThere(scene, component) ? scene.arrays.coordinates[model * scene.n_components + component - 1] : 0;
  };

  const endTrace = (picture, runs, which, recede) => {
    const { scene, axes, picked, style, theme } = picture;
    const { muted, wall } = style.surfaces[theme];
    const models = Int32Array.from(runs, (run) => {
      const { first, count } = scene.spans[run];
      return which === "start" ? first : first + count - 1;
    });
    const color = runs.map((run, index) => {
      const own = which === "start" ? muted : colorOf(picture, run, models[index]);
      return recede && !picked.has(scene.run_ids[run]) ? inpca.mix(own, wall, CONTEXT) : own;
    });
    const marker = { symbol: "diamond", size: which === "start" ? 2.5 : 5, color, line: { width: 0 } };
    return { models, trace: { ...points(scene, axes, models), mode: "markers", marker, hoverinfo: "none" } };
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
      { trace: { ...shared, x, y, z, mode: "lines", line: { color, width: 4, dash: "dash" } } },
      { trace: { ...shared, x: ends(x), y: ends(y), z: ends(z), mode: "markers", marker: { symbol: "diamond", size: 6, color } } },
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
