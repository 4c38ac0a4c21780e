/*
 * The 3D picture: trajectories of the embedding as lines, their ends, and the reference points.
 *
 * Plotly is called directly on a plain element. Dash's own graph component copies the scene's layout back into its
 * figure after every rotation, which makes later updates lose the camera; with plotly.js alone a constant uirevision
 * keeps it.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const VIEW_DIRECTION = { x: 0.55, y: -1.15, z: 0.55 };
  const HALF_FIELD_OF_VIEW = Math.tan(Math.PI / 8);
  const MARGIN = 0.74;
  const CONFIG = {
    displaylogo: false,
    responsive: true,
    showSendToCloud: false,
    scrollZoom: true,
    modeBarButtonsToRemove: ["resetCameraLastSave3d", "tableRotation", "sendDataToCloud"],
    toImageButtonOptions: { scale: 2 },
  };
  const DENSE = 10000;

  const state = { isDragging: false, pending: null, traces: [], listeners: {}, camera: null };
  let element = null;

  /** Attach to the page once; onHover(model or null, event), onClick(model), onCamera(camera) are optional. */
  inpca.attachPicture = (target, listeners) => {
    if (element === target) return;
    element = target;
    state.listeners = listeners;
    element.addEventListener("pointerdown", () => (state.isDragging = true), true);
    for (const name of ["pointerup", "pointercancel"]) {
      window.addEventListener(name, () => {
        state.isDragging = false;
        if (state.pending) setTimeout(flush, 0);
      });
    }
  };

  /** Camera in use, as plotly writes it. */
  inpca.currentCamera = () => element?._fullLayout?.scene?._scene?.getCamera() ?? state.camera;

  inpca.resetCamera = () => {
    state.camera = defaultCamera(element._fullLayout.scene.aspectratio);
    return Plotly.relayout(element, { "scene.camera": structuredClone(state.camera) });
  };

  /**
   * A view in which the whole box fits. With equal aspect the box keeps its volume, so a long one needs more distance:
   * half its apparent width (height) over the tangent of half the field of view, plus half its depth.
   */
  const defaultCamera = (aspect) => {
    const across = (Math.abs(aspect.x * VIEW_DIRECTION.y) + Math.abs(aspect.y * VIEW_DIRECTION.x)) / 2;
    const upward = (aspect.z + 0.5 * aspect.y) / 2;
    const ratio = element.clientWidth / Math.max(1, element.clientHeight);
    const distance = MARGIN * Math.max(across / ratio, upward) / HALF_FIELD_OF_VIEW + aspect.y / 2;
    return {
      eye: { x: VIEW_DIRECTION.x * distance, y: VIEW_DIRECTION.y * distance, z: VIEW_DIRECTION.z * distance },
      center: { x: 0, y: 0, z: 0 },
      up: { x: 0, y: 0, z: 1 },
    };
  };

  /** The aspect plotly will choose for mode "data": extents divided by their geometric mean. */
  const aspectOf = (entries) => {
    const extents = ["x", "y", "z"].map((letter) => {
      let low = Infinity;
      let high = -Infinity;
      for (const { trace } of entries) {
        for (const value of trace[letter]) {
          if (value < low) low = value;
          if (value > high) high = value;
        }
      }
      return Math.max(high - low, 1e-12);
    });
    const mean = Math.cbrt(extents[0] * extents[1] * extents[2]);
    return { x: extents[0] / mean, y: extents[1] / mean, z: extents[2] / mean };
  };

  /**
   * Draw a scene. An update that arrives while a pointer is down would throw the camera back (plotly.js#6359), so it
   * waits for the release; only the latest is kept.
   */
  inpca.drawPicture = (picture) => {
    state.pending = picture;
    return state.isDragging ? Promise.resolve() : flush();
  };

  const flush = async () => {
    const picture = state.pending;
    if (!picture || state.isDragging) return;
    state.pending = null;
    const isFirst = !element._fullLayout;
    state.traces = traces(picture);
    if (isFirst) state.camera = picture.camera || defaultCamera(aspectOf(state.traces));
    await Plotly.react(
      element,
      state.traces.map((entry) => entry.trace),
      layout(picture),
      { ...CONFIG, plotGlPixelRatio: picture.scene.n_models > DENSE ? 1 : 2 },
    );
    if (isFirst) listen();
  };

  const listen = () => {
    element.on("plotly_hover", (event) => {
      const point = event.points[0];
      const model = state.traces[point.curveNumber]?.models?.[point.pointNumber];
      state.listeners.onHover(model === undefined || model < 0 ? null : model, point.bbox);
    });
    element.on("plotly_unhover", () => state.listeners.onHover(null));
    element.on("plotly_relayout", () => state.listeners.onCamera(inpca.currentCamera()));
  };

  const layout = ({ scene, axes, style, theme, showReferences }) => ({
    template: style.templates[theme],
    uirevision: "camera",
    margin: { l: 0, r: 0, t: 0, b: 0 },
    showlegend: false,
    scene: {
      uirevision: "camera",
      aspectmode: "data",
      dragmode: "orbit",
      camera: structuredClone(state.camera),
      annotations: showReferences ? referenceLabels(scene, axes, style.surfaces[theme].reference) : [],
      ...Object.fromEntries(axes.map((component, index) => [`${"xyz"[index]}axis`, axis(scene, component, style)])),
    },
  });

  /** Signed share of tr W that one component carries: negative on an imaginary axis; all shares add up to one. */
  inpca.share = (scene, component) => {
    const ratio = scene.diagnostics.explained_variance;
    return ratio[component - 1] - (component > 1 ? ratio[component - 2] : 0);
  };

  const axis = (scene, component, style) => {
    if (component > scene.n_components) return { title: { text: `${component} (not there)` } };
    const isImaginary = scene.diagnostics.signature[component - 1] < 0;
    const percent = Number((100 * inpca.share(scene, component)).toPrecision(2));
    const title = `${component} · ${isImaginary ? "imaginary" : "real"} · ${percent} %`.replace("-", "−");
    const color = isImaginary ? style.timeLike : undefined;
    return {
      title: { text: title, font: { size: 12, ...(color && { color }) } },
      ...(color && { color }),
      tickfont: { size: 10 },
      nticks: 6,
    };
  };

  const traces = (picture) => {
    const { colouring } = picture;
    const drawn = visibleRuns(picture);
    const groups = colouring.kind === "levels" ? colouring.entries.map(() => []) : [[]];
    for (const run of drawn) groups[colouring.kind === "levels" ? colouring.entryOfRun(run) : 0].push(run);
    const lines = groups.map((runs, index) =>
      lineTrace(picture, runs, colouring.kind === "levels" ? colouring.entries[index].color : null),
    );
    return [
      ...lines.filter((entry) => entry.models.length > 0),
      endTrace(picture, drawn, "start"),
      endTrace(picture, drawn, "end"),
      ...referenceTraces(picture),
      ...highlightTraces(picture, drawn),
    ];
  };

  const visibleRuns = ({ scene, isShown }) => scene.run_ids.map((_, run) => run).filter(isShown);

  /** One polyline per run, separated by NaN, so that a whole colour group is a single trace. */
  const lineTrace = ({ scene, axes, colouring }, runs, color) => {
    const length = runs.reduce((sum, run) => sum + scene.spans[run].count + 1, 0);
    const models = new Int32Array(Math.max(0, length - 1)).fill(-1);
    let position = 0;
    for (const run of runs) {
      const { first, count } = scene.spans[run];
      for (let step = 0; step < count; step += 1) models[position++] = first + step;
      position += 1;
    }
    const line = color
      ? { color, width: 3 }
      : { color: Array.from(models, (model) => (model < 0 ? "rgba(0,0,0,0)" : colouring.colorOfModel(model))), width: 3 };
    return { models, trace: { ...points(scene, axes, models), mode: "lines", line, hoverinfo: "none" } };
  };

  const points = (scene, axes, models) => {
    const trace = { type: "scatter3d" };
    axes.forEach((component, index) => {
      const values = new Float32Array(models.length);
      for (let point = 0; point < models.length; point += 1) values[point] = coordinate(scene, models[point], component);
      trace["xyz"[index]] = values;
    });
    return trace;
  };

  const coordinate = (scene, model, component) =>
    model < 0 ? NaN : component > scene.n_components ? 0 : scene.arrays.coordinates[model * scene.n_components + component - 1];

  const endTrace = ({ scene, axes, colouring, style, theme }, runs, which) => {
    const models = Int32Array.from(runs, (run) => {
      const { first, count } = scene.spans[run];
      return which === "start" ? first : first + count - 1;
    });
    const color =
      which === "start"
        ? style.surfaces[theme].muted
        : Array.from(runs, (run, index) =>
            colouring.kind === "levels" ? colouring.entries[colouring.entryOfRun(run)].color : colouring.colorOfModel(models[index]),
          );
    const marker = { symbol: "diamond", size: which === "start" ? 2.5 : 5, color, line: { width: 0 } };
    return { models, trace: { ...points(scene, axes, models), mode: "markers", marker, hoverinfo: "none" } };
  };

  const referencePoint = (scene, point, component) =>
    component > scene.n_components ? 0 : scene.arrays.reference_coordinates[point * scene.n_components + component - 1];

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

  const highlightTraces = ({ scene, axes, picked, style, theme }, drawn) => {
    const runs = drawn.filter((run) => picked.has(scene.run_ids[run]));
    if (runs.length === 0) return [];
    const entry = lineTrace({ scene, axes }, runs, style.surfaces[theme].reference);
    entry.trace.line.width = 7;
    return [entry];
  };
})();
