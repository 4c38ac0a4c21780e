/* Where the main picture is seen from, and the scale of its axes: the toolbar's part of it. */
(() => {
  "use strict";
  const inpca = window.inpca;
  const { state, byId, setProps } = inpca;

  /* ------------------------------------------------------------------ camera */

  const stopTurning = () => {
    if (!inpca.picture?.isTurning()) return;
    inpca.picture.stopTurning();
    inpca.writeAddress();
  };

  // Any input stops it, before it is acted upon: nothing should be aimed at while it moves.
  for (const input of ["pointerdown", "wheel", "keydown"]) window.addEventListener(input, stopTurning, { capture: true, passive: true });
  document.addEventListener("visibilitychange", () => document.hidden && stopTurning());

  Object.assign(inpca.actions, {
    "view-isometric": () => inpca.lookFrom("isometric"),
    "view-x": () => inpca.lookFrom("x"),
    "view-y": () => inpca.lookFrom("y"),
    "view-z": () => inpca.lookFrom("z"),
    turn: () => inpca.picture.turn(),
    scale: () => inpca.chooseScale(state.scale === "equal" ? "stretched" : "equal"),
  });

  /* ------------------------------------------------------------------ scale */

  const showScale = () => {
    byId("scale").setAttribute("aria-pressed", String(state.scale === "equal"));
    byId("scale-badge").hidden = state.scale === "equal" || !state.scene;
  };

  inpca.chooseScale = (scale) => {
    state.scale = scale;
    showScale();
    inpca.draw();
    inpca.writeAddress();
  };

  inpca.on("study", ({ view }) => {
    state.scale = view?.scale ?? "equal";
    setProps("turn", inpca.isStill() ? { disabled: true, children: "Turn slowly (your system asks for less motion)" } : { disabled: false });
    showScale();
  });
  inpca.on("scene", showScale);

  inpca.addressFields.push(["scale", (view) => (view.scale === "equal" ? "" : view.scale)]);
})();
