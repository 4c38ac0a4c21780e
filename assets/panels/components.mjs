/*
 * Panels of the components, in the current theme.
 *
 * Panels that came with the scene are drawn first; panels with further components replace them once they are solved for,
 * and panels with shuffled runs once these are computed, which begins when the picture stands still.
 */

import { clearChart, drawChart, hasChart, setMerit } from "../page/charts.mjs";
import { setProps } from "../page/dash.mjs";
import { on } from "../page/events.mjs";
import { makeJobAsker } from "../page/jobs.mjs";
import { state } from "../page/state.mjs";
import { byId, showHint } from "../page/words.mjs";
import { addLook, askAbout, isHeavy, lookSoon } from "./closer-look.mjs";

const MOST_COMPONENTS = 50;

const PALE = 0.4;

/** Seconds up to which shuffled runs are computed unasked. */
const UNASKED_SECONDS = 20;
const asker = makeJobAsker("api/shuffled");
/** Key of the scene whose picture stands still. */
let settled = "";

/** @param {Scene} scene */
const panelsOf = (scene) => scene.closer?.panels || scene.panels;

const clearPanels = () => {
  for (const element of document.querySelectorAll("#panels-components .panel-figure")) {
    clearChart(element);
    setMerit(element.id, "");
  }
};

/**
 * Draw the component panels of a scene, {name: {data, layout, merit}}; scene.closer.panels has more components.
 * @param {Scene} scene
 * @param {Style} style
 * @param {Theme} theme
 */
export const drawPanels = (scene, style, theme) => {
  if (!scene.panels) return;
  for (const [name, figure] of Object.entries(panelsOf(scene) ?? {})) {
    if (name === "spectrum") drawSpectrum(scene, style, theme);
    else drawChart(byId(name), figure, style.templates[theme]);
    setMerit(name, figure.merit ?? "");
  }
};

/**
 * @param {Scene} scene
 * @param {Style} style
 * @param {Theme} theme
 */
const drawSpectrum = (scene, style, theme) => {
  const figure = withAxes(/** @type {PanelFigures} */ (panelsOf(scene)).spectrum, scene, state.axes, style.surfaces[theme].ink);
  drawChart(byId("spectrum"), figure, style.templates[theme], { plotly_click: onBar });
};

/** @param {any} event */
const onBar = (event) => putOnAxis(event.points[0].x);

/**
 * Spectrum with axis letters over the components shown; bars of components without coordinates are pale.
 * @param {PanelFigure} figure
 * @param {Scene} scene
 * @param {Axes} axes
 * @param {string} color
 */
const withAxes = (figure, scene, axes, color) => {
  /** @type {Map<number, number>} */
  const heights = new Map();
  for (const { x, y } of figure.data) x.forEach((/** @type {number} */ component, /** @type {number} */ index) => heights.set(component, y[index]));
  const bars = figure.data.map((trace) => ({
    ...trace,
    marker: { ...trace.marker, opacity: trace.x.map((/** @type {number} */ component) => (component <= scene.n_components ? 1 : PALE)) },
  }));
  const drawn = axes.map((component, index) => ({ component, letter: "xyz"[index] })).filter(({ component }) => heights.has(component));
  // Bars are narrower than letters: next to another lettered bar, the letter goes to the right of its bar.
  /** @param {{ component: number }} options */
  const isBeside = ({ component }) => axes.includes(component - 1);
  const letters = {
    type: "scatter",
    mode: "text",
    x: drawn.map(({ component }) => component),
    y: drawn.map(({ component }) => heights.get(component)),
    text: drawn.map(({ letter }) => `<b>${letter}</b>`),
    textposition: drawn.map((entry) => (isBeside(entry) ? "top right" : "top center")),
    textfont: { size: 10, color },
    cliponaxis: false,
    hoverinfo: "skip",
    showlegend: false,
  };
  return { data: [...bars, letters], layout: figure.layout };
};

/* ------------------------------------------------------------------ further components */

let nextAxis = 0;

/**
 * Put a component on the next axis in turn; an axis that already shows it gets the other's component.
 * @param {number} component
 */
const putOnAxis = (component) => {
  if (!state.scene || component > state.scene.n_components) return;
  const letter = "xyz"[nextAxis];
  nextAxis = (nextAxis + 1) % 3;
  setProps(`axis-${letter}`, { value: String(component) });
  byId("announcer").textContent = `Component ${component} is on the ${letter} axis.`;
  describeSpectrum(state.scene);
};

/**
 * @param {Scene} scene
 * @param {NoticeButton} [button]
 */
const describeSpectrum = (scene, button) => {
  const n = scene.n_components;
  const words = n > 1 ? `1 to ${n} can be put on an axis; a click puts one on ${"xyz"[nextAxis]}.` : "";
  showHint(byId("spectrum-hint"), [words, " ", scene.closer.compared ?? ""], button);
};

/** @param {Scene} scene */
const hasMore = (scene) => !scene.closer.panels && scene.n_components < Math.min(MOST_COMPONENTS, scene.n_models - 1);

/** @param {Scene} scene */
const solveFurther = async (scene) => {
  describeSpectrum(scene);
  const { panels } = await askAbout(scene, "components", (response) => response.json()).catch(() => ({}));
  if (!panels) return describeSpectrum(scene, { label: `more than ${scene.n_components}: try again`, action: () => solveFurther(scene) });
  scene.closer.panels ??= panels;
  if (state.scene === scene) drawPanels(scene, state.style, state.theme);
};

/**
 * @param {Scene} scene
 * @param {number} [limit]
 */
const compare = (scene, limit = UNASKED_SECONDS) => {
  if (scene.closer.compared || settled !== scene.key) return;
  /** @param {string} words */
  const say = (words) => {
    scene.closer.compared = words;
    describeSpectrum(scene);
  };
  asker.ask(scene.key, { scene: scene.key, limit }, {
    onRefused: (error) => say(error.message),
    onExpensive: (seconds) =>
      describeSpectrum(scene, { label: `compare with shuffled runs: about ${Math.round(seconds)} s`, action: () => compare(scene, 1e9) }),
    onResult: ({ panels }) => {
      scene.closer.panels = panels;
      say(panels.spectrum.verdict);
      drawPanels(scene, state.style, state.theme);
    },
  });
};

export const install = () => {
  addLook({
    element: () => byId("spectrum"),
    /** @param {Scene} scene */
    ask: (scene) => {
      describeSpectrum(scene);
      if (hasMore(scene)) {
        if (isHeavy(scene)) return describeSpectrum(scene, { label: `solve for ${MOST_COMPONENTS}`, action: () => solveFurther(scene) });
        solveFurther(scene);
      }
      compare(scene);
    },
  });

  on("scene", asker.withdraw);
  on("forget", () => {
    asker.withdraw();
    clearPanels();
    byId("spectrum-hint").replaceChildren();
  });
  on("idle", (scene) => {
    settled = scene.key;
    drawPanels(scene, state.style, state.theme);
    lookSoon();
  });
  on("theme", (theme) => state.scene && drawPanels(state.scene, state.style, theme));
  on("changed", (before) => {
    if (before.axes && state.scene?.panels && hasChart(byId("spectrum"))) drawSpectrum(state.scene, state.style, state.theme);
  });
};
