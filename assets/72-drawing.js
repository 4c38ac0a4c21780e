/* From the state to the screen: which runs are shown, the picture, its legend, and the head line. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});
  const { state } = inpca;
  const { byId } = inpca;
  let drawTimer = null;
  let nOffered = 0;

  /** Which runs of the scene are drawn: those that pass the filters and are not hidden by the legend. */
  inpca.decideShown = () => {
    const { scene, study, style, hidden, alongside } = state;
    if (!scene) return;
    const colouring = inpca.colouring(study, scene, state.colorBy, style, alongside);
    const isHidden = (run) => colouring.kind === "levels" && hidden.has(colouring.entries[colouring.entryOfRun(run)].name);
    state.passes = (run) => state.mask[inpca.row(study, scene.run_ids[run])] === 1;
    const isAway = (run) => state.isAlone && state.picked.size > 0 && !state.picked.has(scene.run_ids[run]);
    state.isShown = (run) => state.passes(run) && !isHidden(run) && !isAway(run);
    state.colouring = colouring;
  };

  /** The picture of an embedding under the present view: everything that 40-traces.js needs, and nothing else. */
  inpca.pictureOf = (scene, colouring, isShown) => {
    const { alongside, context, inFull, axes, picked, pins, style, theme, camera, scale, moment, emphasis } = state;
    const showReferences = state.references !== "hide";
    return {
      scene, colouring, isShown, alongside, context, inFull, axes, picked, pins, style, theme, camera, scale, moment, emphasis, showReferences,
    };
  };

  inpca.describePicture = () => {
    const { scene, axes, colouring, study } = state;
    const nShown = scene.run_ids.filter((_, run) => state.isShown(run)).length;
    return inpca.spokenSummary({ scene, axes, colouring, nShown, nTotal: study.run_ids.length });
  };

  /** Draw what the state says; resolves when the picture is on screen, or waits until it can be. */
  inpca.draw = () => {
    clearTimeout(drawTimer);
    inpca.decideShown();
    const { scene, colouring } = state;
    let drawn = Promise.resolve();
    if (scene) {
      inpca.hideDetail();
      const runs = scene.run_ids.map((_, run) => run);
      const isAway = !runs.every(state.isShown);
      inpca.drawLegend(byId("legend"), colouring, runs.filter(state.passes), state.hidden, toggleEntry);
      inpca.drawContextSwitch(byId("legend"), isAway, state.context, inpca.chooseContext);
      byId("picture").setAttribute("aria-label", `3D InPCA embedding: ${inpca.describePicture()}`);
      const shown = inpca.pictureOf(scene, colouring, state.isShown);
      drawn = inpca.picture.draw(shown);
      inpca.emit("draw", shown);
    }
    inpca.updateHeadline();
    return drawn;
  };

  /** Draw unless another drawing comes within the given time: two cost more than the embedding between them. */
  inpca.drawSoon = (milliseconds) => {
    clearTimeout(drawTimer);
    drawTimer = setTimeout(inpca.draw, milliseconds);
  };

  inpca.updateHeadline = () => {
    const { scene, study } = state;
    if (!study || !study.study) return;
    inpca.showCounts({
      shown: scene ? scene.run_ids.filter((_, run) => state.isShown(run)).length : 0,
      embedded: scene ? scene.run_ids.length : 0,
      total: study.run_ids.length,
      leftOut: study.problems.length,
    });
    const isWanted = inpca.count(state.mask) > 0 && inpca.wantedName() !== state.embeddedName;
    const isOnItsWay = inpca.asker.askedName() === inpca.wantedName();
    const badge = byId("stale-badge");
    badge.hidden = !(scene && isWanted);
    inpca.say(badge, scene?.is_preview ? `preview, error ≲ ${inpca.previewError(scene)}` : "stale");
    badge.title = scene ? `The picture shows ${scene.split}, ${inpca.divergenceWords(scene.divergence).short}, ${scene.run_ids.length} runs` : "";
    byId("embed-button").disabled = !isWanted || isOnItsWay;
    if (!isWanted) inpca.nameEmbedButton("Re-embed");
  };

  inpca.nameEmbedButton = (words) => inpca.say(byId("embed-button"), words);

  /** Components that came with the scene are what an axis can show, beside the one it has been set to. */
  inpca.offerComponents = () => {
    const n = Math.max(state.scene.n_components, ...state.axes);
    if (n === nOffered) return;
    nOffered = n;
    const data = Array.from({ length: n }, (_, index) => String(index + 1));
    for (const axis of ["axis-x", "axis-y", "axis-z"]) inpca.setProps(axis, { data });
  };

  const toggleEntry = (name, isolate) => {
    const others = state.colouring.entries.map((entry) => entry.name).filter((other) => other !== name);
    if (isolate) {
      const isIsolated = others.length > 0 && others.every((other) => state.hidden.has(other)) && !state.hidden.has(name);
      state.hidden = new Set(isIsolated ? [] : others);
    } else if (!state.hidden.delete(name)) state.hidden.add(name);
    inpca.draw();
  };

  const onHover = (model, box) => {
    if (state.scene) inpca.hover({ model, source: "picture", box });
  };

  const onTurn = (camera) => {
    state.camera = inpca.picture.isFitted() ? null : camera;
    inpca.emit("camera", camera);
  };

  /** What lies over the picture, in its pixels. */
  const taken = () => {
    const origin = byId("picture").getBoundingClientRect();
    return ["legend", "pins"].map((id) => {
      const { left, top, width, height } = byId(id).getBoundingClientRect();
      const [x, y] = [left - origin.left, top - origin.top];
      return { left: x, top: y, right: x + width, bottom: y + height };
    });
  };

  const onClick = (model) => inpca.togglePin(state.scene.run_ids[state.scene.arrays.run[model]]);

  inpca.attachMainPicture = () => {
    inpca.picture = inpca.picture || inpca.makePicture(byId("picture"), {
      onHover,
      onClick,
      onTurn,
      taken,
      onCamera: inpca.writeAddress,
      onDrawn: (picture) => inpca.emit("drawn", picture),
      onLost: () => inpca.emit("lost", inpca.picture),
    });
  };

  /** Let the camera go to a view (a camera, or a preset's name), and the address with it. */
  inpca.lookFrom = async (view) => {
    await inpca.picture.lookFrom(view);
    inpca.writeAddress();
  };

  /** Choosing a component that another axis shows swaps the two: three axes always show three components. */
  inpca.paint = (colorBy, chosen) => {
    const axes = chosen.map((component, index) => (component >= 1 ? component : state.axes[index]));
    const changed = axes.findIndex((component, index) => component !== state.axes[index]);
    const twin = axes.findIndex((component, index) => index !== changed && component === axes[changed]);
    if (changed >= 0 && twin >= 0) {
      axes[twin] = state.axes[changed];
      inpca.setProps(`axis-${"xyz"[twin]}`, { value: String(axes[twin]) });
    }
    // Opening a view has set them already.
    if (colorBy === state.colorBy && axes.join() === state.axes.join()) return;
    if (colorBy !== state.colorBy) state.hidden = new Set();
    Object.assign(state, { colorBy, axes });
    inpca.draw();
    inpca.writeAddress();
  };
})();
