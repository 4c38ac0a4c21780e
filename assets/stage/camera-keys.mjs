/* Keyboard control of the camera: orbit, pan, zoom. */

import { cameraMoves } from "../values/geometry.mjs";
import { actions } from "../page/actions.mjs";
import { writeAddress } from "../page/address.mjs";
import { state } from "../page/state.mjs";
import { targetOf } from "../page/words.mjs";
import { mainPicture } from "../study/drawing.mjs";

/**
 * @param {keyof typeof cameraMoves} change
 * @param {...any} amounts
 */
const move = (change, ...amounts) => {
  const camera = mainPicture?.camera();
  // No camera moves while the picture is hidden.
  if (!camera || !["3d", "compare"].includes(state.view)) return;
  const { eye, center, up } = /** @type {any} */ (cameraMoves)[change](camera, ...amounts);
  const next = { ...camera, eye, center, up };
  mainPicture.setCamera(next);
  writeAddress();
};

export const install = () => {
  Object.assign(actions, {
    "orbit-left": () => move("orbit", -1, 0),
    "orbit-right": () => move("orbit", 1, 0),
    "orbit-up": () => move("orbit", 0, 1),
    "orbit-down": () => move("orbit", 0, -1),
    "pan-left": () => move("pan", -1, 0),
    "pan-right": () => move("pan", 1, 0),
    "pan-up": () => move("pan", 0, 1),
    "pan-down": () => move("pan", 0, -1),
    "zoom-in": () => move("zoom", 1),
    "zoom-out": () => move("zoom", -1),
  });

  // Plotly stops pointer presses from bubbling: without this, a click on the picture would not focus it.
  document.addEventListener(
    "pointerdown",
    (event) => targetOf(event).closest("#picture")?.focus({ preventScroll: true }),
    true,
  );
};
