/* Chip that reports and toggles the level of detail. */

import { detailOf } from "../values/detail.mjs";
import { format } from "../values/study.mjs";
import { actions } from "../page/actions.mjs";
import { on } from "../page/events.mjs";
import { state, writerOf } from "../page/state.mjs";
import { byId } from "../page/words.mjs";
import { draw } from "./drawing.mjs";

const write = writerOf("inFull");

const SLOW_MS = 300;
let began = 0;

/** @param {number} share */
const percent = (share) => `${Number((100 * share).toPrecision(1))} % of the picture`;

/** @param {Detail} detail */
const words = ({ isReduced, drawn, total, share }) => {
  if (!isReduced) return `all ${format(total)} vertices drawn`;
  const manner = Number.isFinite(share) ? `simplified to ${percent(share)}` : "ends of the runs only";
  return `${format(drawn)} of ${format(total)} vertices drawn, ${manner}`;
};

/** @param {Picture} picture */
const show = (picture) => {
  const detail = detailOf(picture);
  const chip = byId("level-of-detail");
  chip.hidden = !detail.canReduce;
  if (!detail.canReduce) return;
  chip.textContent = words(detail);
  chip.setAttribute("aria-pressed", String(!detail.isReduced));
  chip.title = detail.isReduced
    ? "Click to draw every checkpoint: every change then takes longer. Pinned runs are drawn in full already."
    : "Click to simplify again.";
  delete chip.dataset.slow;
};

/**
 * Warn about slow drawing in full; its cost is known only after the first time.
 * @param {Picture} picture
 */
const warn = (picture) => {
  const detail = detailOf(picture);
  const spent = performance.now() - began;
  if (detail.isReduced || !detail.canReduce || spent < SLOW_MS) return;
  const chip = byId("level-of-detail");
  chip.textContent = `${words(detail)}: ${(spent / 1000).toFixed(1)} s for every change`;
  chip.dataset.slow = "yes";
};

export const toggleDetail = () => {
  write({ inFull: !state.inFull });
  draw();
};

export const install = () => {
  on("draw", (picture) => {
    began = performance.now();
    show(picture);
  });
  on("drawn", warn);
  on("forget", () => {
    byId("level-of-detail").hidden = true;
    write({ inFull: false });
  });

  actions["level-of-detail"] = toggleDetail;
};
