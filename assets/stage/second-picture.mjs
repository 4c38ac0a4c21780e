/*
 * Second picture of a comparison, linked to the first.
 *
 * Camera, colouring and highlight are shared, and so is the frame, unless the divergences differ: their units then do too.
 */

import { colouringOf } from "../values/colouring.mjs";
import { rowOf } from "../values/study.mjs";
import { makePicture } from "../picture/picture.mjs";
import { writeAddress } from "../page/address.mjs";
import { emit, on } from "../page/events.mjs";
import { state, writerOf } from "../page/state.mjs";
import { byId, factsOf } from "../page/words.mjs";
import { mainPicture, pictureOf } from "../study/drawing.mjs";
import { hover, togglePin } from "../study/linking.mjs";
import { secondScene, withSharedFrame } from "./second-embedding.mjs";

const write = writerOf("secondSeen");

/** @type {MadePicture | null} */
let picture = null;

const isOn = () => state.view === "compare";

/** Second picture as now shown; null if there is none. */
const secondSeen = () => {
  const scene = secondScene();
  if (!isOn() || !scene || !state.scene) return null;
  const { study, style, hidden, mask, comparison } = state;
  const colouring = colouringOf(study, scene, state.colorBy, style, state.scene);
  /** @param {number} run */
  const isHidden = (run) => colouring.kind === "levels" && hidden.has(colouring.entries[colouring.entryOfRun(run)].name);
  /** @param {number} run */
  const isSelected = (run) => comparison?.kind === "selection" || mask[rowOf(study, scene.run_ids[run])] === 1;
  const seen = pictureOf(scene, colouring, (run) => isSelected(run) && !isHidden(run));
  return { ...seen, alongside: withSharedFrame(state.scene, scene), camera: mainPicture.camera() };
};

/** Draw the second picture after the left one, with the left one's camera. */
const drawSecond = () => {
  const seen = secondSeen();
  if (!seen || !picture) return;
  follow(picture, seen.camera);
  picture.draw(seen);
  byId("second-picture").setAttribute("aria-label", `Second 3D InPCA embedding, ${factsOf(seen.scene)}`);
};

/* ------------------------------------------------------------------ one camera, one highlight */

/**
 * @param {number | null} model
 * @param {Box} box
 */
const onHover = (model, box) => hover({ model, scene: secondScene() ?? undefined, source: "second", box });

/** @param {number} model */
const onClick = (model) => {
  const { run_ids: runIds, arrays } = /** @type {Scene} */ (secondScene());
  togglePin(runIds[arrays.run[model]]);
};

/** Guard: copying the camera makes the other picture report a change as well. */
let isFollowing = false;
/**
 * @param {MadePicture} follower
 * @param {Camera | null} camera
 */
const follow = (follower, camera) => {
  if (isFollowing || !camera) return;
  isFollowing = true;
  follower.setCamera(camera);
  isFollowing = false;
};

const attach = () => {
  picture = picture || makePicture(byId("second-picture"), {
    onHover,
    onClick,
    onTurn: (camera) => follow(mainPicture, camera),
    onCamera: writeAddress,
    onLost: () => emit("lost", picture),
  });
};

export const secondPicture = () => picture;

export const install = () => {
  on("camera", (camera) => isOn() && picture && follow(picture, camera));
  on("drawn", drawSecond);

  on("view", () => {
    for (const id of ["comparison", "second"]) byId(id).hidden = !isOn();
    if (isOn()) attach();
    picture?.rest(!isOn());
  });

  on("forget", () => picture?.clear());

  on("hover", ({ runId, checkpoint }) => picture?.highlight(runId, checkpoint));

  write({ secondSeen });
};
