/* Charts: plotly figures in elements that may be hidden. */

import { isDrawn } from "../picture/plotly-scene.mjs";

/** Two bars clicked within 0.3 s are two clicks: what plotly takes for a double click would reset the axes between. */
const CONFIG = { doubleClick: false, displayModeBar: false, showSendToCloud: false };
const EMPTY = {
  xaxis: { visible: false },
  yaxis: { visible: false },
  paper_bgcolor: "rgba(0,0,0,0)",
  plot_bgcolor: "rgba(0,0,0,0)",
};
/** @type {WeakSet<HTMLElement>} */
const shown = new WeakSet();

/**
 * The one number in a panel's title, in words.
 * @param {string} name
 * @param {string} text
 */
export const setMerit = (name, text) => {
  /** @type {HTMLElement} */ (document.querySelector(`[data-merit="${name}"]`)).textContent = text;
};

/**
 * Whether a panel has a size; without one, plotly would use its default.
 * @param {HTMLElement} element
 */
export const isVisible = (element) => element.offsetParent !== null && element.clientHeight > 0;

/**
 * Attach {plotly event: listener} to a chart that has just been drawn for the first time.
 *
 * Plotly looks for the point of a click as it does for the mouse, at most every 50 ms: a click sooner after a move or a
 * redraw would be on the point before. Taking back the hover, at the press of the button, ends that pause.
 * @param {HTMLElement} element
 * @param {Record<string, (event: any) => void>} listeners
 */
export const listen = (element, listeners) => {
  for (const [event, listener] of Object.entries(listeners)) /** @type {Graph} */ (element).on(event, listener);
  element.addEventListener("mousedown", () => Plotly.Fx.unhover(element), true);
};

/**
 * Draw a figure into a visible panel; false if it is hidden, or if plotly has not been loaded yet. listeners: {plotly event: listener}, attached once.
 * @param {HTMLElement} element
 * @param {PanelFigure} figure
 * @param {object} template
 * @param {Record<string, (event: any) => void>} [listeners]
 */
export const drawChart = (element, figure, template, listeners = {}) => {
  if (!isVisible(element) || !("Plotly" in window)) return false;
  const isFirst = !isDrawn(element);
  shown.add(element);
  Plotly.react(element, figure.data, { ...figure.layout, dragmode: false, template }, CONFIG);
  if (isFirst) listen(element, listeners);
  return true;
};

/**
 * Whether an element shows a chart.
 * @param {HTMLElement} element
 */
export const hasChart = (element) => shown.has(element);

/**
 * Empty a chart. It is not purged: after a purge, plotly listens to the element's wheel once more with every new chart.
 * @param {HTMLElement} element
 */
export const clearChart = (element) => {
  if (shown.delete(element)) Plotly.react(element, [], EMPTY, CONFIG);
};
