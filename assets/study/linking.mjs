/*
 * Linked hovering and picking of runs across all panels.
 *
 * Pins and the table's selection are the same set, state.picked. Every panel that shows runs listens to "hover" and
 * "pins", and calls hover and togglePin.
 */

import { MOST_PINS, pinsOf } from "../values/pins.mjs";
import { rowOf } from "../values/study.mjs";
import { actions } from "../page/actions.mjs";
import { addressFields, writeAddress } from "../page/address.mjs";
import { emit, on } from "../page/events.mjs";
import { state, writerOf } from "../page/state.mjs";
import { byId, hideDetail, showDetail, targetOf } from "../page/words.mjs";
import { draw } from "./drawing.mjs";

const write = writerOf("hovered", "picked", "pins", "isAlone", "context");

/**
 * Hover source -> pane of the stage in which the card is placed.
 * @type {Record<string, string>}
 */
const PANES = { picture: "picture", second: "second-picture", pairs: "pairs" };

/**
 * Set the run under the pointer or keyboard focus: a model of a scene (by default the one on screen), or a run without a
 * model, or neither for none.
 * source: "picture", "second", "pairs", "table", "pins" or a panel's name; box: position in the window, for the card.
 * Listeners receive the model only if it belongs to the scene on screen; other embeddings use the checkpoint, its
 * position in the run.
 * @param {{ model?: number | null, scene?: Scene, runId?: string | null, source: string, box?: Box | null }} pointed
 */
export const hover = ({ model = null, scene = state.scene, runId = null, source, box = null }) => {
  const pointed = model === null ? runId : scene.run_ids[scene.arrays.run[model]];
  if (pointed === null && state.hovered === null) return;
  write({ hovered: pointed });
  const checkpoint = model === null ? null : scene.arrays.checkpoint[model];
  emit("hover", { runId: pointed, model: scene === state.scene ? model : null, checkpoint, source, box });
  if (model !== null && box) showDetail(scene, state.study, state.style, model, box, byId(PANES[source]));
  else hideDetail();
};

/**
 * Pick exactly these runs: drawn strong, selected in the table, each with a swatch while they are few.
 * @param {string[]} runIds
 * @param {boolean} [isAlone]
 */
export const pick = (runIds, isAlone = state.isAlone) => {
  const picked = new Set(runIds);
  write({ isAlone: isAlone && picked.size > 0 });
  if (picked.size === state.picked.size && runIds.every((runId) => state.picked.has(runId))) return;
  write({ picked, pins: pinsOf(picked, state.pins) });
  byId("only-picked").disabled = picked.size === 0;
  emit("pins");
  draw();
  writeAddress();
};

/** @param {string} runId */
export const togglePin = (runId) => {
  const isPinned = state.picked.has(runId);
  if (!isPinned && state.picked.size === MOST_PINS) {
    byId("announcer").textContent = `${MOST_PINS} runs are pinned, the most there can be. Unpin one first.`;
    byId("pins").dataset.full = "yes";
    setTimeout(() => delete byId("pins").dataset.full, 1200);
    return;
  }
  pick(isPinned ? [...state.picked].filter((other) => other !== runId) : [...state.picked, runId]);
  byId("announcer").textContent = `${runId} ${isPinned ? "unpinned" : "pinned"}`;
};

/**
 * Pick runs, or unpick them if all are picked.
 * @param {string[]} runIds
 */
export const togglePicked = (runIds) => {
  const isPicking = !runIds.every((runId) => state.picked.has(runId));
  for (const runId of runIds) if (state.picked.has(runId) !== isPicking) togglePin(runId);
};

/** Toggle between the picked runs alone and all runs. */
export const toggleOthers = () => {
  write({ isAlone: !state.isAlone && state.picked.size > 0 });
  draw();
  writeAddress();
};

/** @param {Context} context */
export const chooseContext = (context) => {
  write({ context });
  draw();
  writeAddress();
};

export const install = () => {
  on("study", (study) => {
    const { style } = state;
    style.pins?.forEach((color, slot) => document.documentElement.style.setProperty(`--pin-${slot + 1}`, color));
    if (!study.view) return;
    if (study.view.context) write({ context: study.view.context });
    // Reopened after a change on disk: keep the picked runs, which may be more than a link can name.
    /** @param {string} runId */
    const isThere = (runId) => rowOf(study, runId) !== undefined;
    const picked = state.picked.size ? [...state.picked] : study.view.pinned;
    pick(picked.filter(isThere));
  });
  on("forget", () => {
    write({ hovered: null, picked: new Set(), pins: [] });
    emit("hover", { runId: null, model: null, checkpoint: null, source: "page", box: null });
  });

  /* Escape clears the picks, unless a menu or dialog is open or text is being typed. */
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || state.picked.size === 0) return;
    if (targetOf(event).closest("input, textarea, select, dialog, [role=dialog], [role=listbox], [aria-expanded=true]")) return;
    pick([]);
  });

  addressFields.push(
    ["pin", ({ pins }) => pins.map(({ runId }) => encodeURIComponent(runId)).join(",")],
    ["ctx", ({ context }) => (context === "faint" ? "" : context)],
  );

  Object.assign(actions, {
    "pin-hovered": () => state.hovered && togglePin(state.hovered),
    "hide-others": toggleOthers,
  });
};
