/* Toolbar controls of the main picture's camera and scale. */

import { isStill } from "../picture/motion.mjs";
import { actions } from "../page/actions.mjs";
import { addressFields, writeAddress } from "../page/address.mjs";
import { setProps } from "../page/dash.mjs";
import { on } from "../page/events.mjs";
import { state, writerOf } from "../page/state.mjs";
import { byId } from "../page/words.mjs";
import { draw, lookFrom, mainPicture } from "../study/drawing.mjs";

const write = writerOf("scale");

/* ------------------------------------------------------------------ camera */

/** Whether the input being handled has stopped the rotation: the key that starts it must not start it again. */
let wasTurning = false;

const stopTurning = () => {
  wasTurning = mainPicture?.isTurning() ?? false;
  if (!wasTurning) return;
  mainPicture.stopTurning();
  writeAddress();
};

/* ------------------------------------------------------------------ scale */

const showScale = () => {
  byId("scale").setAttribute("aria-pressed", String(state.scale === "equal"));
  byId("scale-badge").hidden = state.scale === "equal" || !state.scene;
};

/** @param {Scale} scale */
export const chooseScale = (scale) => {
  write({ scale });
  showScale();
  draw();
  writeAddress();
};

export const install = () => {
  // Any input stops the rotation before it is handled, so that the target under the pointer does not move.
  for (const input of ["pointerdown", "wheel", "keydown"]) window.addEventListener(input, stopTurning, { capture: true, passive: true });
  document.addEventListener("visibilitychange", () => document.hidden && stopTurning());

  Object.assign(actions, {
    "view-isometric": () => lookFrom("isometric"),
    "view-x": () => lookFrom("x"),
    "view-y": () => lookFrom("y"),
    "view-z": () => lookFrom("z"),
    turn: () => mainPicture.turn(),
    "rotate-toggle": () => wasTurning || mainPicture.turn(),
    scale: () => chooseScale(state.scale === "equal" ? "stretched" : "equal"),
  });

  on("study", ({ view }) => {
    write({ scale: view?.scale ?? "equal" });
    setProps("turn", isStill() ? { disabled: true, children: "Turn slowly (your system asks for less motion)" } : { disabled: false });
    showScale();
  });
  on("scene", showScale);

  addressFields.push(["scale", (view) => (view.scale === "equal" ? "" : view.scale)]);
};
