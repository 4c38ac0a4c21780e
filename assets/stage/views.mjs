/* Switch of the stage: 3D, pairs, compare. */

import { webglProblem } from "../picture/webgl.mjs";
import { makePairs } from "../pairs/pairs.mjs";
import { actions } from "../page/actions.mjs";
import { addressFields, writeAddress } from "../page/address.mjs";
import { emit, on } from "../page/events.mjs";
import { state, writerOf } from "../page/state.mjs";
import { byId, targetOf } from "../page/words.mjs";
import { describePicture, draw, mainPicture } from "../study/drawing.mjs";
import { hover, togglePin } from "../study/linking.mjs";

const write = writerOf("view", "pairedComponents");

/** @type {Record<string, string>} */
const BUTTONS = { "3d": "view-3d", pairs: "view-pairs", compare: "view-compare", figures: "view-figures" };
/** @type {ReturnType<typeof makePairs> | null} */
let pairs = null;
/** @type {Picture | null} */
let latest = null;

/** @param {ViewName} view */
const inWebgl = (view) => view === "3d" || view === "compare";

/**
 * Show a view; 3D views need WebGL.
 * @param {ViewName} view
 */
export const look = (view) => {
  write({ view: webglProblem() && inWebgl(view) ? "pairs" : view });
  apply();
  draw();
  writeAddress();
};

const apply = () => {
  const { view } = state;
  byId("page").dataset.view = view;
  byId("pairs").hidden = view !== "pairs";
  for (const [name, id] of Object.entries(BUTTONS)) byId(id).setAttribute("aria-pressed", String(name === view));
  byId("paired-components").value = String(state.pairedComponents);
  emit("view", view);
  window.dispatchEvent(new Event("resize"));
  mainPicture.rest(!inWebgl(view));
};

/* ------------------------------------------------------------------ pairs */

/**
 * @param {number | null} model
 * @param {Box} box
 */
const onHover = (model, box) => hover({ model, scene: latest?.scene, source: "pairs", box });

/** @param {number} model */
const onClick = (model) => {
  if (latest) togglePin(latest.scene.run_ids[latest.scene.arrays.run[model]]);
};

const legendWidth = () => Math.max(byId("legend").offsetWidth, byId("pins").offsetWidth) + 12;

const drawPairs = () => {
  if (state.view !== "pairs" || !latest) return;
  pairs = pairs || makePairs(byId("pairs"), { onHover, onClick, reserved: legendWidth });
  pairs.draw(latest, state.pairedComponents);
  const { scene } = latest;
  const n = Math.min(state.pairedComponents, scene.n_components);
  pairs.canvas.setAttribute(
    "aria-label",
    `${(n * (n - 1)) / 2} 2D projections, every pair of the first ${n} components: ${describePicture()} ` +
      "The run table lists the same runs.",
  );
};

/** The pairs of components; null until they have been shown. */
export const shownPairs = () => pairs;

export const install = () => {
  on("draw", (picture) => {
    latest = picture;
    drawPairs();
  });

  on("hover", ({ runId, checkpoint }) => pairs?.mark(runId, checkpoint));

  on("forget", () => {
    latest = null;
    pairs?.clear();
  });

  /* ------------------------------------------------------------------ address and buttons */

  on("study", (study) => {
    if (study.view) write({ view: study.view.mode, pairedComponents: study.view.paired });
    const problem = webglProblem();
    if (problem && inWebgl(state.view)) write({ view: "pairs" });
    for (const view of ["3d", "compare"]) {
      byId(BUTTONS[view]).disabled = Boolean(problem);
      if (problem) byId(BUTTONS[view]).title = problem;
    }
    apply();
  });

  addressFields.push(["m", ({ view }) => (view === "3d" || (webglProblem() && view !== "figures") ? "" : view)]);
  addressFields.push(["pc", ({ view, pairedComponents }) => (view === "pairs" && pairedComponents !== 4 ? String(pairedComponents) : "")]);

  Object.assign(actions, {
    "view-3d": () => look("3d"),
    "view-pairs": () => look("pairs"),
    "view-compare": () => look("compare"),
    "view-figures": () => look("figures"),
  });

  document.addEventListener("change", (event) => {
    if (targetOf(event).id !== "paired-components") return;
    write({ pairedComponents: Number(targetOf(event).value) });
    drawPairs();
    writeAddress();
  });
};
