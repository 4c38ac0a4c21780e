/* Dash: properties of its components, callbacks that run in the browser, functions of its grid. */

/**
 * Set a Dash component's properties from outside a callback.
 * @param {string} id
 * @param {Record<string, any>} properties
 */
export const setProps = (id, properties) => window.dash_clientside.set_props(id, properties);

/** Value by which a callback leaves its output as it is. */
export const unchanged = () => window.dash_clientside.no_update;

/**
 * Offer functions to Dash as clientside callbacks of the namespace "inpca".
 * @param {Record<string, Function>} functions
 */
export const offerCallbacks = (functions) => {
  window.dash_clientside = Object.assign({}, window.dash_clientside, { inpca: functions });
};

/**
 * Offer functions to the expressions in column definitions of Dash's grid.
 * @param {Record<string, Function>} functions
 */
export const offerToGrid = (functions) => {
  window.dashAgGridFunctions = { ...window.dashAgGridFunctions, ...functions };
};
