/*
 * One run, everywhere: what is hovered and what is picked, whoever says so.
 *
 * Pins and the table's selection are the same set, state.picked. Every panel that shows runs listens to "hover" and
 * "pins", and reports what happens in it with inpca.hover and inpca.togglePin.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});
  const { state } = inpca;
  const { byId } = inpca;

  /** Where on the stage a point with a card was drawn, by who reports it. */
  const PANES = { picture: "picture", second: "second-picture", pairs: "pairs" };

  /**
   * The run under the pointer or the keyboard's focus: a model of a scene (the one on screen, if no other is named), or a
   * run without one; neither for none.
   * source: "picture", "second", "pairs", "table", "pins" or a panel's name; box: where in the window, for the card.
   * Listeners are told the model only where it is one of the scene on screen; the checkpoint, its position in the run, is
   * what other embeddings share.
   */
  inpca.hover = ({ model = null, scene = state.scene, runId = null, source, box = null }) => {
    const pointed = model === null ? runId : scene.run_ids[scene.arrays.run[model]];
    if (pointed === null && state.hovered === null) return;
    state.hovered = pointed;
    const checkpoint = model === null ? null : scene.arrays.checkpoint[model];
    inpca.emit("hover", { runId: pointed, model: scene === state.scene ? model : null, checkpoint, source, box });
    if (model !== null && box) inpca.showDetail(scene, state.study, state.style, model, box, byId(PANES[source]));
    else inpca.hideDetail();
  };

  /** Pick these runs and no others: drawn strong, selected in the table, with a swatch each while they are few. */
  inpca.pick = (runIds) => {
    const picked = new Set(runIds);
    if (picked.size === 0) state.isAlone = false;
    if (picked.size === state.picked.size && runIds.every((runId) => state.picked.has(runId))) return;
    state.picked = picked;
    state.pins = inpca.pinsOf(picked, state.pins);
    byId("only-picked").disabled = picked.size === 0;
    inpca.emit("pins");
    inpca.draw();
    inpca.writeAddress();
  };

  inpca.togglePin = (runId) => {
    const isPinned = state.picked.has(runId);
    if (!isPinned && state.picked.size === inpca.MOST_PINS) {
      byId("announcer").textContent = `${inpca.MOST_PINS} runs are pinned, the most there can be. Unpin one first.`;
      byId("pins").dataset.full = "yes";
      setTimeout(() => delete byId("pins").dataset.full, 1200);
      return;
    }
    inpca.pick(isPinned ? [...state.picked].filter((other) => other !== runId) : [...state.picked, runId]);
    byId("announcer").textContent = `${runId} ${isPinned ? "unpinned" : "pinned"}`;
  };

  /** Show the picked runs alone, or all again. */
  inpca.toggleOthers = () => {
    state.isAlone = !state.isAlone && state.picked.size > 0;
    inpca.draw();
  };

  inpca.keepOnlyPicked = () => {
    state.kept = new Set(state.picked);
    inpca.reselect();
  };

  inpca.keepAll = () => {
    state.kept = new Set();
    inpca.reselect();
  };

  inpca.chooseContext = (context) => {
    state.context = context;
    inpca.draw();
    inpca.writeAddress();
  };

  const isDrawn = (runId) => {
    const run = state.scene ? state.scene.run_ids.indexOf(runId) : -1;
    return run >= 0 && state.isShown(run);
  };

  const listPins = () =>
    inpca.drawPins(byId("pins"), state.pins, state.picked.size, isDrawn, {
      onReveal: inpca.revealRow,
      onHover: (runId) => inpca.hover({ runId, source: "pins" }),
      onRemove: inpca.togglePin,
      onClear: () => inpca.pick([]),
    });

  inpca.on("study", (study) => {
    const { style } = state;
    style.pins?.forEach((color, slot) => document.documentElement.style.setProperty(`--pin-${slot + 1}`, color));
    if (!study.view) return;
    if (study.view.context) state.context = study.view.context;
    // Opened again because it has changed on disk: what was picked stays, which may be more than a link can name.
    const isThere = (runId) => inpca.row(study, runId) !== undefined;
    const picked = state.picked.size ? [...state.picked] : study.view.pinned;
    inpca.pick(picked.filter(isThere));
  });
  inpca.on("forget", () => {
    state.pins = [];
    listPins();
    inpca.emit("hover", { runId: null, model: null, checkpoint: null, source: "page", box: null });
  });
  inpca.on("pins", listPins);
  inpca.on("draw", listPins);

  /* Escape lets go of everything, unless it is meant for what is open or being typed. */
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || state.picked.size === 0) return;
    if (event.target.closest("input, textarea, select, dialog, [role=dialog], [role=listbox], [aria-expanded=true]")) return;
    inpca.pick([]);
  });

  inpca.addressFields.push(
    ["pin", ({ pins }) => pins.map(({ runId }) => encodeURIComponent(runId)).join(",")],
    ["ctx", ({ context }) => (context === "faint" ? "" : context)],
  );
})();
