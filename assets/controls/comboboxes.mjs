/* ARIA roles and states of Mantine's select menus, which lack them. */

import { on } from "../page/events.mjs";

/** @param {Element} input */
const tell = (input) => input.setAttribute("aria-expanded", String(input.hasAttribute("data-expanded")));

const observer = new MutationObserver((changes) => changes.forEach(({ target }) => tell(/** @type {Element} */ (target))));

export const install = () => {
  on("study", () => {
    for (const input of document.querySelectorAll("input[aria-haspopup=listbox]:not([role])")) {
      input.setAttribute("role", "combobox");
      tell(input);
      observer.observe(input, { attributeFilter: ["data-expanded"] });
    }
  });
};
