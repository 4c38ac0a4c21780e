/* Frame of a notebook, which is low: run table and, where it is narrow, panels are closed at first. */

import { on } from "../page/events.mjs";

const NARROW = 1240;

export const install = () => {
  let isFresh = window.top !== window;
  on("study", () => {
    if (!isFresh) return;
    isFresh = false;
    for (const part of innerWidth > NARROW ? ["table"] : ["table", "panels"]) {
      /** @type {HTMLElement | null} */ (document.querySelector(`[data-toggle="${part}"][aria-pressed="true"]`))?.click();
    }
  });
};
