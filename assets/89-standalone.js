/*
 * One HTML file that rotates without a server: the view goes into the empty page of dashboard/export/standalone.py.
 *
 * Numbers travel as float32 in base64, which plotly reads by itself; names only as JSON in which no "<" is left.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});
  const { state } = inpca;

  const PLACE = "<!--view-->";
  const KINDS = new Map([[Float32Array, "f4"], [Int32Array, "i4"], [Uint32Array, "u4"]]);
  const ALONG = ["step", "epoch", "progress", "train_error", "test_error"];
  const CHUNK = 0x8000;

  /** Typed array -> {dtype, bdata}. */
  const encoded = (array) => {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    let text = "";
    for (let at = 0; at < bytes.length; at += CHUNK) text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
    return { dtype: KINDS.get(array.constructor), bdata: btoa(text) };
  };

  const packed = (trace) =>
    Object.fromEntries(Object.entries(trace).map(([key, value]) => [key, ArrayBuffer.isView(value) ? encoded(value) : value]));

  const legendOf = ({ scene, colouring, isShown }) => {
    const { label } = colouring;
    if (colouring.kind === "levels") {
      const counts = new Array(colouring.entries.length).fill(0);
      scene.run_ids.forEach((_, run) => isShown(run) && (counts[colouring.entryOfRun(run)] += 1));
      return { label, entries: colouring.entries.map((entry, at) => ({ ...entry, count: counts[at] })).filter((entry) => entry.count) };
    }
    const { low, high, isLogarithmic, scale } = colouring;
    return { label, scale, low: inpca.format(low), high: inpca.format(high), middle: isLogarithmic ? "log" : "" };
  };

  /** What the card of a run says beside its checkpoint: the hyperparameters that differ. */
  const factsOf = (runId) =>
    state.study.differing.map((name) => {
      const column = inpca.column(state.study, name);
      const row = inpca.row(state.study, runId);
      return [column.label, column.levels ? column.levels[column.level[row]] : inpca.format(column.numbers[row])];
    });

  /** The view as plain values, which standalone.js draws. */
  inpca.standaloneView = (recipe) => {
    const picture = inpca.seenPicture();
    const { scene, style, theme } = picture;
    const { clientWidth, clientHeight } = inpca.picture.element;
    // While pairs of components are looked at, the 3D picture has no size.
    const size = clientWidth && clientHeight ? { width: clientWidth, height: clientHeight } : { width: 1000, height: 700 };
    const traces = inpca.pictureTraces(picture);
    const layout = inpca.pictureLayout(picture, size);
    const { title, subtitle } = inpca.captionOf(picture);
    const versions = Object.entries(recipe.versions).filter(([name]) => name !== "scene").map((entry) => entry.join(" "));
    const along = ALONG.filter((name) => scene.arrays[`model:${name}`]);
    return {
      title,
      subtitle: `${subtitle} · InPCA Explorer with ${versions.join(", ")}`,
      theme,
      traces: traces.map(({ trace }) => packed(trace)),
      // A head between two checkpoints is the one it comes from.
      models: traces.map(({ models }) => (models ? encoded(Int32Array.from(models, Math.floor)) : null)),
      layout: { ...layout, paper_bgcolor: style.surfaces[theme].paper },
      legend: legendOf(picture),
      runs: scene.run_ids.map((runId) => ({ name: runId, facts: factsOf(runId) })),
      run: encoded(scene.arrays.run),
      along: along.map((name) => ({ label: inpca.labelOf(style, name), values: encoded(scene.arrays[`model:${name}`]) })),
      recipeName: inpca.fileName("recipe", "json"),
    };
  };

  const dataBlock = (id, value) =>
    `<script type="application/json" id="${id}">${JSON.stringify(value).replaceAll("<", "\\u003c")}</script>`;

  inpca.standalonePage = async () => {
    const recipe = await inpca.recipe();
    const response = await fetch(inpca.address("api/standalone.html"));
    if (!response.ok) throw new Error(`The server answered ${response.status}.`);
    const [before, after] = (await response.text()).split(PLACE);
    const blocks = [dataBlock("view-data", inpca.standaloneView(recipe)), dataBlock("recipe-data", recipe)];
    return new Blob([before, ...blocks, after], { type: "text/html" });
  };

  Object.assign(inpca.actions, {
    "export-html": () => inpca.takeAway(state.scene && inpca.fileName("view", "html"), inpca.standalonePage),
  });
})();
