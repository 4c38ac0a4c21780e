/* Question of the wanted embedding, and its asker. */

import { encodeMask } from "../values/selection.mjs";
import { makeSceneAsker } from "../page/jobs.mjs";
import { state } from "../page/state.mjs";

/** Asker of the main picture's embedding. */
export let mainAsker = makeSceneAsker();

/**
 * Put another asker in its place, as measurements with made-up embeddings do.
 * @param {SceneAsker} other
 */
export const replaceAsker = (other) => {
  mainAsker = other;
};

export const isFitted = () => state.references === "fit";

/** Name of the wanted embedding; equal names mean equal questions. */
export const wantedName = () =>
  [state.study.study, state.study.fingerprint, state.split, state.divergence, isFitted(), encodeMask(state.mask)].join("|");

/** The question that the filters, the split and the divergence ask, as the server reads it. */
export const wantedQuestion = () => ({
  study: state.study.study,
  fingerprint: state.study.fingerprint,
  split: state.split,
  divergence: state.divergence,
  mask: encodeMask(state.mask),
  fit_references: isFitted(),
});

/**
 * Text on the estimated error of a preview in the components on the axes.
 * @param {Scene} scene
 */
export const previewError = (scene) => {
  const errors = state.axes.map((component) => scene.diagnostics.error_estimate?.[component - 1] ?? 0);
  return `${Number((100 * Math.max(...errors)).toPrecision(1))} %`;
};
