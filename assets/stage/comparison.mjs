/*
 * Question of the second embedding in a comparison.
 *
 * It is the first one's question with another split, selection or divergence; state.comparison and the address hold which.
 */

import { decodeMask, maskOf } from "../values/selection.mjs";
import { actions } from "../page/actions.mjs";
import { addressFields, writeAddress } from "../page/address.mjs";
import { emit, on } from "../page/events.mjs";
import { state, writerOf } from "../page/state.mjs";
import { targetOf } from "../page/words.mjs";

const write = writerOf("comparison");

/** @param {string} split */
const splitBeside = (split) => state.study.splits?.find((other) => other !== split);

export const otherSplit = () => splitBeside(state.scene?.split ?? state.split);

/** Changes to the left picture's question; null without a comparison. */
const changes = () => {
  const { comparison } = state;
  if (comparison?.kind === "selection") return comparison.mask ? { mask: comparison.mask } : null;
  if (comparison?.kind === "divergence") return { divergence: secondDivergence() };
  return otherSplit() ? { split: otherSplit() } : null;
};

export const leftDivergence = () => (state.scene ?? state).divergence;

/** Divergence on the right: the chosen one or, if the left picture shows it, the first other one. */
export const secondDivergence = (left = leftDivergence()) => {
  const others = Object.keys(state.style.divergences).filter((key) => key !== left);
  const wanted = state.comparison?.kind === "divergence" ? state.comparison.divergence : "";
  return others.includes(wanted) ? wanted : others[0];
};

/** Request for the second embedding, or null. */
export const secondQuestion = () => {
  const { study, fingerprint } = state.study;
  const { split, divergence, run_ids, fit_references } = state.scene;
  const changed = changes();
  return changed && { study, fingerprint, split, divergence, mask: maskOf(state.study, run_ids), fit_references, ...changed };
};

/** @param {Comparison} comparison */
const choose = (comparison) => {
  write({ comparison });
  emit("comparison");
  writeAddress();
};

const keepSelection = () => {
  if (state.scene) choose({ kind: "selection", mask: maskOf(state.study, state.scene.run_ids) });
};

/**
 * Beside the wanted embedding, not the one on screen: its arrival is no step (page/history.mjs).
 * @param {State} state
 */
const written = ({ view, comparison, study, split, divergence }) => {
  if (view !== "compare" || !comparison) return "";
  const beside = splitBeside(split);
  if (comparison.kind === "split") return beside ? `split:${beside}` : "";
  if (comparison.kind === "divergence") return `div:${secondDivergence(divergence)}`;
  return comparison.mask ? `sel:${study.fingerprint.slice(0, 12)}.${comparison.mask}` : "";
};

export const install = () => {
  document.addEventListener("change", (event) => {
    const target = targetOf(event);
    if (target.id === "second-divergence" && target.value) choose({ kind: "divergence", divergence: target.value });
  });

  on("view", (view) => {
    if (view === "compare") write({ comparison: state.comparison || (otherSplit() ? { kind: "split" } : null) });
  });

  on("forget", () => {
    if (state.comparison?.kind === "selection") write({ comparison: null });
  });

  on("study", ({ view, fingerprint }) => {
    if (!view) return;
    if (!view.comparison) {
      write({ comparison: state.view === "compare" && otherSplit() ? { kind: "split" } : null });
      return;
    }
    const [kind, ...rest] = view.comparison.split(":");
    const [prefix, mask] = rest.join(":").split(".");
    if (kind === "div") {
      write({ comparison: { kind: "divergence", divergence: rest[0] } });
      return;
    }
    const isCurrent = kind === "sel" && fingerprint.startsWith(prefix);
    write({ comparison: kind === "split" ? { kind: "split" } : { kind: "selection", mask: isCurrent ? mask : "" } });
  });

  /** A kept selection is a mask of run positions, which change as the study grows. */
  on("grown", (study, before) => {
    if (state.comparison?.kind !== "selection" || !state.comparison.mask) return;
    write({ comparison: { kind: "selection", mask: maskOf(state.study, decodeMask(state.comparison.mask, before)) } });
  });

  addressFields.push(["cmp", written]);

  Object.assign(actions, {
    "second-split": () => choose({ kind: "split" }),
    "second-selection": () => state.comparison?.kind !== "selection" && keepSelection(),
    "keep-selection": keepSelection,
  });
};
