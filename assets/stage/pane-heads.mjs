/* Pane heads of a comparison: facts and choices of each embedding. */

import { state } from "../page/state.mjs";
import { byId, factsOf } from "../page/words.mjs";
import { offerDivergences } from "../study/divergence.mjs";
import { leftDivergence, otherSplit, secondDivergence } from "./comparison.mjs";

/**
 * Update both heads; scene: the second embedding, or null.
 * @param {Scene | null} scene
 */
export const describePanes = (scene) => {
  const kind = state.comparison?.kind ?? "split";
  const [frame, explained] = state.style.frames[kind === "divergence" ? "own" : "shared"];
  Object.assign(byId("one-frame"), { textContent: frame, title: explained });
  byId("first-head").textContent = state.scene ? factsOf(state.scene) : "";
  byId("second-head").textContent = scene ? factsOf(scene) : "";
  byId("second-split").textContent = otherSplit() ? `${otherSplit()} split` : "other split";
  byId("second-split").disabled = !otherSplit();
  for (const other of ["split", "selection"]) byId(`second-${other}`).setAttribute("aria-pressed", String(other === kind));
  byId("keep-selection").hidden = kind !== "selection";
  offerDivergences(byId("second-divergence"), kind === "divergence" ? secondDivergence() : "", leftDivergence());
};
