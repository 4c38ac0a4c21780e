/* The stage's three views: the 3D picture, pairs of components, and two embeddings side by side. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});
  const { state } = inpca;
  const { byId } = inpca;

  const BUTTONS = { "3d": "view-3d", pairs: "view-pairs", compare: "view-compare", figures: "view-figures" };
  let pairs = null;
  let latest = null;

  const inWebgl = (view) => view === "3d" || view === "compare";

  /** Show one of the views; those in 3D need WebGL. */
  inpca.look = (view) => {
    state.view = inpca.webglProblem() && inWebgl(view) ? "pairs" : view;
    apply();
    inpca.draw();
    inpca.writeAddress();
  };

  const apply = () => {
    const { view } = state;
    byId("page").dataset.view = view;
    byId("pairs").hidden = view !== "pairs";
    for (const [name, id] of Object.entries(BUTTONS)) byId(id).setAttribute("aria-pressed", String(name === view));
    byId("paired-components").value = String(state.pairedComponents);
    inpca.emit("view", view);
    window.dispatchEvent(new Event("resize"));
    inpca.picture.rest(!inWebgl(view));
  };

  /* ------------------------------------------------------------------ pairs */

  const onHover = (model, box) => inpca.hover({ model, scene: latest.scene, source: "pairs", box });

  const onClick = (model) => inpca.togglePin(latest.scene.run_ids[latest.scene.arrays.run[model]]);

  const legendWidth = () => Math.max(byId("legend").offsetWidth, byId("pins").offsetWidth) + 12;

  const drawPairs = () => {
    if (state.view !== "pairs" || !latest) return;
    pairs = pairs || inpca.makePairs(byId("pairs"), { onHover, onClick, reserved: legendWidth });
    pairs.draw(latest, state.pairedComponents);
    const { scene } = latest;
    const n = Math.min(state.pairedComponents, scene.n_components);
    pairs.canvas.setAttribute(
      "aria-label",
      `${(n * (n - 1)) / 2} 2D projections, every pair of the first ${n} components: ${inpca.describePicture()} ` +
        "The run table lists the same runs.",
    );
  };

  inpca.pairs = () => pairs;

  inpca.on("draw", (picture) => {
    latest = picture;
    drawPairs();
  });

  inpca.on("hover", ({ runId, checkpoint }) => pairs?.mark(runId, checkpoint));

  inpca.on("forget", () => {
    latest = null;
    pairs?.clear();
  });

  /* ------------------------------------------------------------------ address and buttons */

  inpca.on("study", (study) => {
    if (study.view) Object.assign(state, { view: study.view.mode, pairedComponents: study.view.paired });
    const problem = inpca.webglProblem();
    if (problem && inWebgl(state.view)) state.view = "pairs";
    for (const view of ["3d", "compare"]) {
      byId(BUTTONS[view]).disabled = Boolean(problem);
      if (problem) byId(BUTTONS[view]).title = problem;
    }
    apply();
  });

  inpca.addressFields.push(["m", ({ view }) => (view === "3d" || (inpca.webglProblem() && view !== "figures") ? "" : view)]);
  inpca.addressFields.push(["pc", ({ view, pairedComponents }) => (view === "pairs" && pairedComponents !== 4 ? String(pairedComponents) : "")]);

  Object.assign(inpca.actions, {
    "view-3d": () => inpca.look("3d"),
    "view-pairs": () => inpca.look("pairs"),
    "view-compare": () => inpca.look("compare"),
  });

  document.addEventListener("change", (event) => {
    if (event.target.id !== "paired-components") return;
    state.pairedComponents = Number(event.target.value);
    drawPairs();
    inpca.writeAddress();
  });
})();
