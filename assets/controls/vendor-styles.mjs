/*
 * Styles of Mantine and Dash in the layer "vendor".
 *
 * Their scripts insert them as style elements outside all layers, where they would beat every rule of the page's own
 * layers (assets/styles/main.css). ag-grid names the layer itself (dashboard/layout/table.py).
 */

/** Wrap the text of every style element in the head that lies in no layer yet. */
export const install = () => {
  for (const element of document.head.querySelectorAll("style:not([data-ag-css])")) {
    const text = element.textContent ?? "";
    if (text.trim() && !text.startsWith("@layer")) element.textContent = `@layer vendor {\n${text}\n}`;
  }
};
