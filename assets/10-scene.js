/* One embedding as the browser holds it: typed arrays under an immutable key. Reader of dashboard/scene_payload.py. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const MAGIC = "INP1";
  const DTYPES = { "<f4": Float32Array, "<u4": Uint32Array };

  const config = () => JSON.parse(document.getElementById("_dash-config").textContent);
  let prefix = null;

  /** Address of one of the server's own routes, whatever path the app is served under. */
  inpca.address = (path) => {
    prefix = prefix ?? config().requests_pathname_prefix;
    return prefix + path;
  };

  /** ArrayBuffer -> the header's fields, and its arrays by name. */
  inpca.decodeArrays = (buffer) => {
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
    return { ...header, arrays };
  };

  /**
   * ArrayBuffer -> {key, run_ids, diagnostics, panels, ..., arrays: {coordinates, run, checkpoint, "model:epoch", ...}}.
   * closer: what is asked about it later (82-closer-look.js); values made from this one share it.
   */
  inpca.decodeScene = (buffer) => {
    const scene = inpca.decodeArrays(buffer);
    return { ...scene, spans: runSpans(scene.arrays.run, scene.run_ids.length), closer: { answers: new Map(), panels: null } };
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
})();
