/*
 * Second embedding of a comparison: request, progress, alignment.
 *
 * It follows the embedding on the left, not the filters, so that both always match their heads.
 */

import { orient } from "../values/alignment.mjs";
import { actions } from "../page/actions.mjs";
import { on } from "../page/events.mjs";
import { makeSceneAsker } from "../page/jobs.mjs";
import { state, writerOf } from "../page/state.mjs";
import { byId, factsOf, showNoticeIn } from "../page/words.mjs";
import { draw } from "../study/drawing.mjs";
import { catchUpOrReopen } from "../study/growth.mjs";
import { holdWhile } from "../study/live.mjs";
import { mainAsker, wantedName } from "../study/question.mjs";
import { secondQuestion } from "./comparison.mjs";
import { describePanes } from "./pane-heads.mjs";

const write = writerOf("alongside");

const PATIENT_SECONDS = 15.0;
const WITHOUT_LIMIT = 1e9;
const PROGRESS_DELAY_MS = 300;
const RESUME_MS = 400;

const asker = makeSceneAsker();
/** @type {Scene | null} */
let raw = null;
/** @type {AlignedScene | null} */
let scene = null;
let answered = "";
let resumption = 0;

const isOn = () => state.view === "compare";

const ask = (limit = state.automatic ? PATIENT_SECONDS : 0) => {
  clearTimeout(resumption);
  if (!isOn() || !state.scene) return;
  describePanes(scene);
  const wanted = secondQuestion();
  if (!wanted) return explain();
  const name = JSON.stringify(wanted);
  if (name === answered) {
    asker.withdraw();
    setIdle();
    return show();
  }
  byId("second-notice").hidden = true;
  asker.ask(name, wanted, limit, {
    onStatus,
    onScene: (found) => accept(found, name),
    onExpensive,
    onRefused: (error) => (error.kind === "StaleStudyError" ? catchUpOrReopen() : tell("error", "This embedding could not be made.", error.message, "try again")),
    onLost: () => tell("error", "The connection to the server was lost.", "Trying again every two seconds."),
  });
};

/**
 * @param {Scene} found
 * @param {string} name
 */
const accept = (found, name) => {
  [raw, answered] = [found, name];
  setIdle();
  align();
  show();
  byId("announcer").textContent = `Second picture: ${factsOf(scene ?? found)}`;
};

/** Align by shared checkpoints: all of them for another split, those of shared runs for another selection. */
const align = () => {
  scene = orient(/** @type {Scene} */ (raw), state.scene);
  write({ alongside: withSharedFrame(scene, state.scene) });
};

/**
 * The other picture, if both have the same divergence, so that lengths are comparable; else null.
 * @param {Scene} other
 * @param {Pick<Scene, "divergence">} scene
 */
export const withSharedFrame = (other, { divergence }) => (other.divergence === divergence ? other : null);

/**
 * @param {JobStatus} status
 * @param {number} milliseconds
 */
const onStatus = (status, milliseconds) => {
  if (milliseconds < PROGRESS_DELAY_MS) return;
  byId("second-progress").hidden = false;
  byId("second-progress-stage").textContent = state.style.stages[status.stage || status.state] || "Working";
  byId("second-progress-bar").value = status.fraction;
};

const setIdle = () => {
  byId("second-progress").hidden = true;
  byId("second-notice").hidden = true;
};

/** @param {number} seconds */
const onExpensive = (seconds) =>
  tell("hint", `This embedding takes about ${seconds >= 10 ? Math.round(seconds) : Number(seconds.toPrecision(1))} s.`, "", "embed it");

/**
 * @param {string} kind
 * @param {string} title
 * @param {string} advice
 * @param {string} [label]
 */
const tell = (kind, title, advice, label) => {
  setIdle();
  const button = label ? { label, action: () => ask(WITHOUT_LIMIT) } : undefined;
  showNoticeIn(byId("second-notice"), kind, title, advice, button);
};

const explain = () => {
  asker.withdraw();
  setIdle();
  if (state.comparison?.kind === "selection") tell("hint", "The selection in this link is of another state of the study.", "Keep the left one to compare with it.");
  else tell("hint", "This study has one split only.", "Keep the left selection, then filter, to compare two selections.");
};

/** Yield to the left picture's request: the engine runs one job at a time. */
const standBack = () => {
  asker.withdraw();
  byId("second-progress").hidden = true;
  clearTimeout(resumption);
  resumption = setTimeout(() => (mainAsker.askedName() ? standBack() : ask()), RESUME_MS);
};

const show = () => {
  if (!isOn() || !scene) return;
  write({ alongside: withSharedFrame(scene, state.scene) });
  describePanes(scene);
  draw();
};

/** Embedding on the right, aligned to the left one; null until it arrives. */
export const secondScene = () => scene;

export const install = () => {
  holdWhile(() => asker.askedName() !== null);

  /* ------------------------------------------------------------------ events */

  on("view", () => {
    if (isOn()) {
      if (scene && state.scene) align();
      describePanes(scene);
      return ask();
    }
    asker.withdraw();
    clearTimeout(resumption);
    write({ alongside: null });
  });

  on("comparison", () => ask());

  on("scene", () => {
    if (!isOn()) return;
    if (raw) align();
    ask();
  });

  on("select", () => {
    if (!isOn() || !state.scene) return;
    if (wantedName() !== state.embeddedName) standBack();
  });

  on("forget", () => {
    asker.withdraw();
    clearTimeout(resumption);
    [raw, scene, answered] = [null, null, ""];
    write({ alongside: null });
    setIdle();
  });

  actions["second-cancel"] = () => {
    asker.withdraw();
    tell("hint", "Cancelled.", "", "embed again");
  };
};
