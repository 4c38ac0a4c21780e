/* Divergence menu, its address key, and definitions of D in panels. */

import { addressFields } from "../page/address.mjs";
import { on } from "../page/events.mjs";
import { state, writerOf } from "../page/state.mjs";
import { byId, DEFAULT_DIVERGENCE, divergenceWords, make, otherDivergence, targetOf } from "../page/words.mjs";
import { reselect } from "./explorer.mjs";

const write = writerOf("divergence");

const menu = () => byId("divergence");

const show = () => {
  menu().value = state.divergence;
  menu().title = divergenceWords(state.divergence).sentences.join(" ");
};

/**
 * Explain D in the panels: that of the embedding on screen, which may differ from the one requested.
 * @param {Pick<Scene, "divergence">} scene
 */
const explain = ({ divergence }) => {
  const { sentences } = divergenceWords(divergence);
  for (const place of document.querySelectorAll("[data-divergence-words]")) {
    place.replaceChildren(make("p", "", sentences.join(" ")));
  }
};

/**
 * Fill the second picture's menu: all divergences but the first picture's; after a choice, no empty entry.
 * @param {PageElement} element
 * @param {string} chosen
 * @param {string} first
 */
export const offerDivergences = (element, chosen, first) => {
  element.classList.toggle("chosen", chosen !== "");
  element.value = chosen;
  for (const option of element.options) option.hidden = option.disabled = option.value === first || (chosen !== "" && !option.value);
};

export const install = () => {
  document.addEventListener("change", (event) => {
    const target = targetOf(event);
    if (target.id !== "divergence" || !state.study?.study) return;
    write({ divergence: target.value });
    show();
    reselect();
  });

  on("study", ({ view }) => {
    write({ divergence: view?.divergence ?? DEFAULT_DIVERGENCE });
    show();
  });

  on("scene", explain);

  addressFields.push(["div", otherDivergence]);
};
