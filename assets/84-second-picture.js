/*
 * The second picture of a comparison: one camera, one colouring and one highlight with the first, and one frame, except
 * that divergences have units of their own, so pictures of two of them have a frame each.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});
  const { state, byId } = inpca;

  let picture = null;

  const isOn = () => state.view === "compare";

  /** What the second picture shows now; null where there is none. */
  inpca.secondSeen = () => {
    const scene = inpca.secondScene();
    if (!isOn() || !scene || !state.scene) return null;
    const { study, style, hidden, mask, comparison } = state;
    const colouring = inpca.colouring(study, scene, state.colorBy, style, state.scene);
    const isHidden = (run) => colouring.kind === "levels" && hidden.has(colouring.entries[colouring.entryOfRun(run)].name);
    const isSelected = (run) => comparison?.kind === "selection" || mask[inpca.row(study, scene.run_ids[run])] === 1;
    const seen = inpca.pictureOf(scene, colouring, (run) => isSelected(run) && !isHidden(run));
    return { ...seen, alongside: inpca.withSharedFrame(state.scene, scene), camera: inpca.picture.camera() };
  };

  /** After the left picture, with its camera: wherever that was turned, and however it was chosen. */
  const drawSecond = () => {
    const seen = inpca.secondSeen();
    if (!seen) return;
    follow(picture, seen.camera);
    picture.draw(seen);
    byId("second-picture").setAttribute("aria-label", `Second 3D InPCA embedding, ${inpca.factsOf(seen.scene)}`);
  };

  /* ------------------------------------------------------------------ one camera, one highlight */

  const onHover = (model, box) => inpca.hover({ model, scene: inpca.secondScene(), source: "second", box });

  const onClick = (model) => {
    const { run_ids: runIds, arrays } = inpca.secondScene();
    inpca.togglePin(runIds[arrays.run[model]]);
  };

  /** One picture takes up the other's view; each tells of every change of its own, this one included. */
  let isFollowing = false;
  const follow = (follower, camera) => {
    if (isFollowing || !camera) return;
    isFollowing = true;
    follower.setCamera(camera);
    isFollowing = false;
  };

  const attach = () => {
    picture = picture || inpca.makePicture(byId("second-picture"), {
      onHover,
      onClick,
      onTurn: (camera) => follow(inpca.picture, camera),
      onCamera: inpca.writeAddress,
      onLost: () => inpca.emit("lost", picture),
    });
  };

  inpca.secondPicture = () => picture;

  inpca.on("camera", (camera) => isOn() && picture && follow(picture, camera));
  inpca.on("drawn", drawSecond);

  inpca.on("view", () => {
    for (const id of ["comparison", "second"]) byId(id).hidden = !isOn();
    if (isOn()) attach();
    picture?.rest(!isOn());
  });

  inpca.on("forget", () => picture?.clear());
})();
