/* Charts: plotly figures in elements that may be hidden. */

import { isDrawn } from "../picture/plotly-scene.mjs";

const CONFIG = { displayModeBar: false, showSendToCloud: false };
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
  if (isFirst) for (const [event, listener] of Object.entries(listeners)) /** @type {Graph} */ (element).on(event, listener);
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
