/* Actions of buttons, by id, and switches that show and hide a part of the page. */

import { byId, targetOf } from "./words.mjs";

/** Actions by button id. A feature adds its own: Object.assign(actions, {...}). */
export const actions = /** @type {Record<string, (button?: any) => unknown>} */ ({});

export const install = () => {
  document.addEventListener("click", (event) => {
    const button = targetOf(event).closest("button");
    if (!button) return;
    if (actions[button.id] && !button.disabled) actions[button.id](button);
    if (button.dataset.toggle) {
      const isShown = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(isShown));
      byId("page").toggleAttribute(`data-hide-${button.dataset.toggle}`, !isShown);
      window.dispatchEvent(new Event("resize"));
    }
  });
};
