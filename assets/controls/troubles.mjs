/* Notice of server problems, such as a full disk. Shown until dismissed or resolved. */

import { on } from "../page/events.mjs";
import { byId, showNoticeIn } from "../page/words.mjs";

let putAway = "";

const strip = () => byId("trouble-notice");

/**
 * Show or hide the line; the picture below it changes its height.
 * @param {boolean} isHidden
 */
const toggle = (isHidden) => {
  if (strip().hidden === isHidden) return;
  strip().hidden = isHidden;
  window.dispatchEvent(new Event("resize"));
};

/** @param {string} text */
const dismiss = (text) => {
  putAway = text;
  toggle(true);
  byId("picture").focus({ preventScroll: true });
};

export const install = () => {
  on("pulse", ({ troubles }) => {
    const text = troubles.join(" ");
    if (!text) putAway = "";
    if (!text || text === putAway) return toggle(true);
    if (!strip().hidden && strip().dataset.text === text) return;
    strip().dataset.text = text;
    strip().hidden = true;
    const button = { label: "put this note away", action: () => dismiss(text) };
    showNoticeIn(strip(), "strip", "The server has a trouble.", text, button);
    window.dispatchEvent(new Event("resize"));
  });
};
