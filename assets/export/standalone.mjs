/*
 * Standalone HTML export of the 3D view, without a server.
 *
 * The view is inserted into the page of dashboard/payloads/standalone.py. Numbers are float32 in base64, which plotly
 * decodes; names are JSON with every "<" escaped.
 */

import { columnOf, format, labelOf, rowOf } from "../values/study.mjs";
import { pictureLayout } from "../picture/fit.mjs";
import { pictureTraces } from "../picture/traces.mjs";
import { actions } from "../page/actions.mjs";
import { fetchFrom } from "../page/requests.mjs";
import { state } from "../page/state.mjs";
import { mainPicture } from "../study/drawing.mjs";
import { captionOf, seenPicture } from "./composition.mjs";
import { fileName, takeAway } from "./menu.mjs";
import { writeRecipe } from "./recipe.mjs";

const PLACE = "<!--view-->";
/** @type {Map<any, string>} */
const KINDS = new Map(/** @type {[any, string][]} */ ([[Float32Array, "f4"], [Int32Array, "i4"], [Uint32Array, "u4"]]));
const ALONG = ["step", "epoch", "progress", "train_error", "test_error"];
const CHUNK = 0x8000;

/**
 * Typed array -> {dtype, bdata}.
 * @param {any} array
 */
const encoded = (array) => {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK) text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return { dtype: KINDS.get(array.constructor), bdata: btoa(text) };
};

/** @param {PlotlyTrace} trace */
const packed = (trace) =>
  Object.fromEntries(Object.entries(trace).map(([key, value]) => [key, ArrayBuffer.isView(value) ? encoded(value) : value]));

/** @param {Picture} picture */
const legendOf = ({ scene, colouring, isShown }) => {
  const { label } = colouring;
  if (colouring.kind === "levels") {
    const counts = new Array(colouring.entries.length).fill(0);
    scene.run_ids.forEach((_, run) => isShown(run) && (counts[colouring.entryOfRun(run)] += 1));
    return { label, entries: colouring.entries.map((entry, at) => ({ ...entry, count: counts[at] })).filter((entry) => entry.count) };
  }
  const { low, high, isLogarithmic, scale } = colouring;
  return { label, scale, low: format(low), high: format(high), middle: isLogarithmic ? "log" : "" };
};

/**
 * Differing hyperparameters of a run, for its card.
 * @param {string} runId
 */
const factsOf = (runId) =>
  state.study.differing.map((name) => {
    const column = columnOf(state.study, name);
    const row = rowOf(state.study, runId);
    return [column.label, column.levels ? column.levels[column.level[row]] : format(column.numbers[row])];
  });

/**
 * The view as plain values, drawn by standalone.js.
 * @param {Recipe} recipe
 */
export const standaloneView = (recipe) => {
  const picture = seenPicture();
  const { scene, style, theme } = picture;
  const { clientWidth, clientHeight } = mainPicture.element;
  // In the pairs view, the 3D picture has no size.
  const size = clientWidth && clientHeight ? { width: clientWidth, height: clientHeight } : { width: 1000, height: 700 };
  const traces = pictureTraces(picture);
  const layout = pictureLayout(picture, size);
  const { title, subtitle } = captionOf(picture);
  const versions = Object.entries(recipe.versions).filter(([name]) => name !== "scene").map((entry) => entry.join(" "));
  const along = ALONG.filter((name) => scene.arrays[`model:${name}`]);
  return {
    title,
    subtitle: `${subtitle} · InPCA Explorer with ${versions.join(", ")}`,
    theme,
    traces: traces.map(({ trace }) => packed(trace)),
    // A head between two checkpoints counts as the earlier one.
    models: traces.map(({ models }) => (models ? encoded(Int32Array.from(models, Math.floor)) : null)),
    layout: { ...layout, paper_bgcolor: style.surfaces[theme].paper },
    legend: legendOf(picture),
    runs: scene.run_ids.map((runId) => ({ name: runId, facts: factsOf(runId) })),
    run: encoded(scene.arrays.run),
    along: along.map((name) => ({ label: labelOf(style, name), values: encoded(scene.arrays[`model:${name}`]) })),
    recipeName: fileName("recipe", "json"),
  };
};

/**
 * @param {string} id
 * @param {unknown} value
 */
const dataBlock = (id, value) =>
  `<script type="application/json" id="${id}">${JSON.stringify(value).replaceAll("<", "\\u003c")}</script>`;

export const standalonePage = async () => {
  const recipe = await writeRecipe();
  const response = await fetchFrom("api/standalone.html");
  const [before, after] = (await response.text()).split(PLACE);
  const blocks = [dataBlock("view-data", standaloneView(recipe)), dataBlock("recipe-data", recipe)];
  return new Blob([before, ...blocks, after], { type: "text/html" });
};

export const install = () => {
  Object.assign(actions, {
    "export-html": () => takeAway(state.scene && fileName("view", "html"), standalonePage),
  });
};
