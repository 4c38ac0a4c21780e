/* Drawing of the state: shown runs, picture, legend, head line. */

import { colouringOf } from "../values/colouring.mjs";
import { cameraOf, cameraText } from "../values/geometry.mjs";
import { count } from "../values/selection.mjs";
import { rowOf } from "../values/study.mjs";
import { makePicture } from "../picture/picture.mjs";
import { actions } from "../page/actions.mjs";
import { writeAddress } from "../page/address.mjs";
import { setProps } from "../page/dash.mjs";
import { emit, on } from "../page/events.mjs";
import { state, writerOf } from "../page/state.mjs";
import { byId, divergenceWords, hideDetail, say, showCounts, spokenSummary } from "../page/words.mjs";
import { mainAsker, previewError, wantedName } from "./question.mjs";

const write = writerOf("colorBy", "axes", "hidden", "camera", "colouring", "passes", "isShown");

let drawTimer = 0;
let nOffered = 0;

/** Decide the shown runs of the scene: those that pass the filters and are not hidden in the legend. */
export const decideShown = () => {
  const { scene, study, style, hidden, alongside } = state;
  if (!scene) return;
  const colouring = colouringOf(study, scene, state.colorBy, style, alongside);
  /** @param {number} run */
  const isHidden = (run) => colouring.kind === "levels" && hidden.has(colouring.entries[colouring.entryOfRun(run)].name);
  /** @param {number} run */
  const passes = (run) => state.mask[rowOf(study, scene.run_ids[run])] === 1;
  /** @param {number} run */
  const isAway = (run) => state.isAlone && state.picked.size > 0 && !state.picked.has(scene.run_ids[run]);
  write({ colouring, passes, isShown: (run) => passes(run) && !isHidden(run) && !isAway(run) });
};

/**
 * Picture of an embedding under the present view: exactly the input of picture/traces.mjs.
 * @param {Scene} scene
 * @param {Colouring} colouring
 * @param {(run: number) => boolean} isShown
 */
export const pictureOf = (scene, colouring, isShown) => {
  const { alongside, context, inFull, axes, picked, pins, style, theme, camera, scale, moment, emphasis } = state;
  const showReferences = state.references !== "hide";
  return {
    scene, colouring, isShown, alongside, context, inFull, axes, picked, pins, style, theme, camera, scale, moment, emphasis, showReferences,
  };
};

export const describePicture = () => {
  const { scene, axes, colouring, study } = state;
  const nShown = scene.run_ids.filter((_, run) => state.isShown(run)).length;
  return spokenSummary({ scene, axes, colouring, nShown, nTotal: study.run_ids.length });
};

/** Draw the state; resolves when the picture is on screen, or waits for a pointer release. */
export const draw = () => {
  clearTimeout(drawTimer);
  decideShown();
  const { scene, colouring } = state;
  let drawn = Promise.resolve();
  if (scene) {
    hideDetail();
    byId("picture").setAttribute("aria-label", `3D InPCA embedding: ${describePicture()}`);
    const shown = pictureOf(scene, colouring, state.isShown);
    drawn = mainPicture.draw(shown);
    emit("draw", shown);
  }
  updateHeadline();
  return drawn;
};

/** Draw the picture again, of the same runs: at another moment. */
export const redraw = () => {
  const shown = pictureOf(state.scene, state.colouring, state.isShown);
  mainPicture.draw(shown);
  emit("draw", shown);
};

/**
 * Draw unless another drawing comes within the given time: two drawings cost more than the embedding.
 * @param {number} milliseconds
 */
export const drawSoon = (milliseconds) => {
  clearTimeout(drawTimer);
  drawTimer = setTimeout(draw, milliseconds);
};

export const updateHeadline = () => {
  const { scene, study } = state;
  if (!study || !study.study) return;
  showCounts({
    shown: scene ? scene.run_ids.filter((_, run) => state.isShown(run)).length : 0,
    embedded: scene ? scene.run_ids.length : 0,
    total: study.run_ids.length,
    leftOut: study.problems.length,
  });
  const isWanted = count(state.mask) > 0 && wantedName() !== state.embeddedName;
  const isOnItsWay = mainAsker.askedName() === wantedName();
  const badge = byId("stale-badge");
  badge.hidden = !(scene && isWanted);
  say(badge, scene?.is_preview ? `preview, error ≲ ${previewError(scene)}` : "stale");
  badge.title = scene ? `The picture shows ${scene.split}, ${divergenceWords(scene.divergence).short}, ${scene.run_ids.length} runs` : "";
  byId("embed-button").disabled = !isWanted || isOnItsWay;
  if (!isWanted) nameEmbedButton("Re-embed");
};

/** @param {string} words */
export const nameEmbedButton = (words) => say(byId("embed-button"), words);

/** Offer on each axis the components that came with the scene, and the one it is set to. */
export const offerComponents = () => {
  const n = Math.max(state.scene.n_components, ...state.axes);
  if (n === nOffered) return;
  nOffered = n;
  const data = Array.from({ length: n }, (_, index) => String(index + 1));
  for (const axis of ["axis-x", "axis-y", "axis-z"]) setProps(axis, { data });
};

/**
 * Show or hide a level of the colouring, or show only this.
 * @param {string} name
 * @param {boolean} isolate
 */
export const toggleLevel = (name, isolate) => {
  const { colouring } = state;
  const entries = colouring.kind === "levels" ? colouring.entries : [];
  const others = entries.map((entry) => entry.name).filter((other) => other !== name);
  let hidden = new Set(state.hidden);
  if (isolate) {
    const isIsolated = others.length > 0 && others.every((other) => hidden.has(other)) && !hidden.has(name);
    hidden = new Set(isIsolated ? [] : others);
  } else if (!hidden.delete(name)) hidden.add(name);
  write({ hidden });
  draw();
  writeAddress();
};

/** @param {Camera} camera */
const onTurn = (camera) => {
  write({ camera: mainPicture.isFitted() ? null : camera });
  emit("camera", camera);
};

/** Rectangles of the overlays, in pixels of the picture. */
const taken = () => {
  const origin = byId("picture").getBoundingClientRect();
  return ["legend", "pins"].map((id) => {
    const { left, top, width, height } = byId(id).getBoundingClientRect();
    const [x, y] = [left - origin.left, top - origin.top];
    return { left: x, top: y, right: x + width, bottom: y + height };
  });
};

/**
 * The main picture; null until a study has opened.
 * @type {MadePicture}
 */
export let mainPicture = /** @type {any} */ (null);

/**
 * Attach the main picture, once. pointing: onHover(model or null, box), onClick(model).
 * @param {Pick<PictureListeners, "onHover" | "onClick">} pointing
 */
export const attachMainPicture = (pointing) => {
  mainPicture = mainPicture || makePicture(byId("picture"), {
    ...pointing,
    onTurn,
    taken,
    onCamera: writeAddress,
    onDrawn: (picture) => emit("drawn", picture),
    onLost: () => emit("lost", mainPicture),
  });
};

/**
 * Move the camera to a view (a camera or a preset's name), and update the address.
 * @param {Camera | string} view
 */
export const lookFrom = async (view) => {
  await mainPicture.lookFrom(view);
  writeAddress();
};

/**
 * Take up the colouring, axes and camera of a view, before it is drawn, and the hidden levels of another view than the one
 * on screen. exact: the camera that the address rounds, if it is known.
 * @param {Pick<StudyView, "color_by" | "axes" | "camera">} view
 * @param {string[] | null} hidden
 * @param {Camera | null} exact
 */
export const takeUpLook = ({ color_by: colorBy, axes, camera: numbers }, hidden, exact) => {
  write({ colorBy, axes });
  if (hidden) write({ hidden: new Set(hidden) });
  // The address rounds the camera; if it equals the rounded camera on screen, that one is kept.
  const rounded = numbers.length ? cameraOf(numbers) : null;
  const camera = cameraText(exact) === cameraText(rounded) ? exact : rounded;
  if (cameraText(camera) === cameraText(state.camera)) return;
  write({ camera });
  mainPicture?.stopTurning();
  if (mainPicture) lookFrom(camera ?? "default");
};

/** Forget the camera, so that the next view starts from its own. */
export const forgetCamera = () => write({ camera: null });

/** Clear the picture, and forget what was decided about its runs. */
export const clearPicture = () => {
  write({ colouring: /** @type {any} */ (null), camera: null, hidden: new Set() });
  mainPicture?.clear();
  hideDetail();
};

/**
 * Apply colouring and axes; choosing a component that another axis shows swaps the two, so all three stay distinct.
 * @param {string} colorBy
 * @param {number[]} chosen
 */
export const paint = (colorBy, chosen) => {
  const axes = chosen.map((component, index) => (component >= 1 ? component : state.axes[index]));
  const changed = axes.findIndex((component, index) => component !== state.axes[index]);
  const twin = axes.findIndex((component, index) => index !== changed && component === axes[changed]);
  if (changed >= 0 && twin >= 0) {
    axes[twin] = state.axes[changed];
    setProps(`axis-${"xyz"[twin]}`, { value: String(axes[twin]) });
  }
  // Already set by opening a view.
  if (colorBy === state.colorBy && axes.join() === state.axes.join()) return;
  if (colorBy !== state.colorBy) write({ hidden: new Set() });
  write({ colorBy, axes });
  draw();
  writeAddress();
};

export const install = () => {
  on("hover", ({ runId, checkpoint }) => mainPicture?.highlight(runId, checkpoint));

  actions["reset-camera"] = () => lookFrom("default");
};
