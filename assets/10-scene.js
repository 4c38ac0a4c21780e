/* One embedding as the browser holds it: typed arrays under an immutable key. Reader of dashboard/scene_payload.py. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const MAGIC = "INP1";
  const DTYPES = { "<f4": Float32Array, "<u4": Uint32Array };
  const SCENES_KEPT = 8;
  const kept = new Map();

  const config = () => JSON.parse(document.getElementById("_dash-config").textContent);
  let prefix = null;

  /** Address of one of the server's own routes, whatever path the app is served under. */
  inpca.address = (path) => {
    prefix = prefix ?? config().requests_pathname_prefix;
    return prefix + path;
  };

  /** ArrayBuffer -> {key, run_ids, diagnostics, panels, ..., arrays: {coordinates, run, checkpoint, "model:epoch", ...}}. */
  inpca.decodeScene = (buffer) => {
    const view = new DataView(buffer);
    const magic = String.fromCharCode(...new Uint8Array(buffer, 0, 4));
    if (magic !== MAGIC) throw new Error("The server sent something that is not an embedding.");
    const headerLength = view.getUint32(4, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, headerLength)));
    const start = 8 + headerLength;
    const arrays = {};
    for (const [name, { dtype, shape, offset }] of Object.entries(header.arrays)) {
      const length = shape.reduce((product, size) => product * size, 1);
      arrays[name] = new DTYPES[dtype](buffer, start + offset, length);
    }
    return { ...header, arrays, spans: runSpans(arrays.run, header.run_ids.length) };
  };

  /** First model and number of models of each run; the models of a run lie together, in order of training. */
  const runSpans = (run, nRuns) => {
    const spans = Array.from({ length: nRuns }, () => ({ first: 0, count: 0 }));
    for (let model = 0; model < run.length; model += 1) {
      const span = spans[run[model]];
      if (span.count === 0) span.first = model;
      span.count += 1;
    }
    return spans;
  };

  inpca.fetchScene = async (key) => {
    if (!kept.has(key)) {
      const response = await fetch(inpca.address(`api/scenes/${encodeURIComponent(key)}.bin`));
      if (!response.ok) throw new Error((await response.json()).error);
      kept.set(key, inpca.decodeScene(await response.arrayBuffer()));
      if (kept.size > SCENES_KEPT) kept.delete(kept.keys().next().value);
    }
    return kept.get(key);
  };

  /**
   * Eigenvectors have no sign of their own: flip the components of a new scene that point against the old one on the
   * models both have, so that nobody loses their place. Mutates the new scene once, before it is first drawn.
   */
  inpca.matchSigns = (scene, previous) => {
    if (!previous || previous === scene || previous.study !== scene.study || scene.isAligned) return scene;
    const runOf = new Map(previous.run_ids.map((runId, index) => [runId, index]));
    const width = Math.min(scene.n_components, previous.n_components);
    const agreement = new Float64Array(width);
    scene.run_ids.forEach((runId, index) => {
      if (!runOf.has(runId)) return;
      const mine = scene.spans[index];
      const theirs = previous.spans[runOf.get(runId)];
      for (let step = 0; step < Math.min(mine.count, theirs.count); step += 1) {
        for (let k = 0; k < width; k += 1) {
          agreement[k] +=
            scene.arrays.coordinates[(mine.first + step) * scene.n_components + k] *
            previous.arrays.coordinates[(theirs.first + step) * previous.n_components + k];
        }
      }
    });
    for (const name of ["coordinates", "reference_coordinates"]) {
      const values = scene.arrays[name];
      if (!values) continue;
      for (let index = 0; index < values.length; index += 1) {
        const k = index % scene.n_components;
        if (k < width && agreement[k] < 0) values[index] = -values[index];
      }
    }
    scene.isAligned = true;
    return scene;
  };
})();
