/* Offer of the study's tour, once per browser. */

import { on } from "../page/events.mjs";
import { recall, remember } from "../page/memory.mjs";
import { state } from "../page/state.mjs";
import { byId, make } from "../page/words.mjs";
import { takeTour } from "./presentation.mjs";
import { namedViews } from "./view-lists.mjs";

const OFFERED = "tourOffered";

const putAway = () => {
  byId("tour-card").hidden = true;
  remember(OFFERED, true);
};

/**
 * @param {string} label
 * @param {string} className
 * @param {() => void} [action]
 */
const choice = (label, className, action) => {
  const element = make("button", className, label);
  element.type = "button";
  element.addEventListener("click", () => {
    putAway();
    action?.();
  });
  return element;
};

const offer = () => {
  const { tour } = namedViews;
  const card = byId("tour-card");
  if (!state.scene || !tour.length || !card.hidden || recall(OFFERED, false)) return;
  const row = make("div", "view-actions");
  row.append(choice(`Take the tour, ${tour.length} steps`, "primary-button", takeTour), choice("not now", "link-button"));
  card.replaceChildren(
    make("strong", "", "New here?"),
    make("p", "", "A short tour tells what this study shows, on its real runs. It stays under Views."),
    row,
  );
  card.hidden = false;
};

export const install = () => {
  // A tour started from the menu counts as offered.
  on("tour", putAway);

  on("views", () => (namedViews.tour.length ? offer() : (byId("tour-card").hidden = true)));
  on("drawn", offer);
};
