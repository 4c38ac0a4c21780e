/* Preferences kept in the browser's local storage: never data. */

const PREFIX = "inpca.";

// Storage can be full, disabled or corrupt; the page then works without it.
/**
 * @param {string} name
 * @param {any} otherwise
 */
export const recall = (name, otherwise) => {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + name) ?? "null") ?? otherwise;
  } catch {
    return otherwise;
  }
};

/**
 * @param {string} name
 * @param {unknown} value
 */
export const remember = (name, value) => {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    /* forgotten */
  }
};
