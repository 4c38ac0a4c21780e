/*
 * Selection to embedding: wanted selection, embedded selection, and the request between.
 *
 * Showing and hiding runs happens in the browser at once (drawing.mjs); an embedding is requested from the server, and
 * the old picture stays until the new one is ready.
 */

import { isOrientedAs, orient } from "../values/alignment.mjs";
import { searchConstraint } from "../values/search.mjs";
import { constraints, count, passingRuns } from "../values/selection.mjs";
import { rowOf } from "../values/study.mjs";
import { whenIdle } from "../picture/motion.mjs";
import { actions } from "../page/actions.mjs";
import { openAddress, writeAddress } from "../page/address.mjs";
import { emit, on } from "../page/events.mjs";
import { besideAddress } from "../page/history.mjs";
import { state, writerOf } from "../page/state.mjs";
import {
  byId, hideNotice, hideProgress, listProblems, previewSummary, showLinkNote, showNotice, showProgress, summaryOf,
} from "../page/words.mjs";
import {
  attachMainPicture, clearPicture, decideShown, describePicture, draw, drawSoon, nameEmbedButton, offerComponents,
  takeUpLook, updateHeadline,
} from "./drawing.mjs";
import { hover, pick, togglePin } from "./linking.mjs";
import { isFitted, mainAsker, previewError, wantedName, wantedQuestion } from "./question.mjs";

const write = writerOf(
  "study", "style", "split", "references", "automatic", "constraints", "mask", "kept", "flips", "scene", "embeddedName",
  "isOpening", "isGrown",
);

const AUTOMATIC_SECONDS = 1.0;
const OTHER_QUESTION_SECONDS = 15.0;
const WITHOUT_LIMIT = 1e9;
/** Changes closer in time than this form one movement; only its end triggers an embedding. */
const MOVEMENT_MS = 150;
const PROGRESS_DELAY_MS = 300;
const PATIENCE_MS = 180;

let timer = 0;
let lastSelected = -Infinity;
let isAnotherView = false;
/** @type {Scene | null} */
let shownAsItCame = null;
/** Rotations of the scene of the view that is opened. */
let turns = /** @type {Aside["turns"]} */ (null);

/* ------------------------------------------------------------------ opening and selecting */

/**
 * @param {Study} study
 * @param {Style} style
 */
export const openStudy = (study, style) => {
  const isSame = state.study?.study === study.study;
  if (study.view && !study.is_link) study.view = { ...study.view, ...habits() };
  write({ study, style, isOpening: true });
  if (!isSame) forget();
  if (study.view) takeUp(study.view);
  byId("page").dataset.state = study.study ? "ready" : "empty";
  listProblems(study.problems);
  attachMainPicture({ onHover, onClick });
  if (!study.study) showNotice("empty", study.title, study.notice || study.advice);
  else if (study.empty) showNotice("empty", ...study.empty);
  else hideNotice();
  showLinkNote(study.study ? study.notice : "");
  emit("study", study);
};

/** View settings that carry over to another study: none names a run, a place or a moment. */
const habits = () => {
  const { divergence, view, pairedComponents, figure, scale, clock, context, tab } = state;
  return { divergence, mode: view, paired: pairedComponents, figure, scale, clock, context, tab };
};

/**
 * Apply the fields of a view without a Dash control; the result does not depend on the previous picture.
 * @param {StudyView} view
 */
const takeUp = (view) => {
  write({ kept: new Set(view.picked), flips: new Set(view.flips) });
  const { picked = [], isAlone = false, hidden = [], camera = null, turns: wanted = null } = isAnotherView ? besideAddress() : {};
  turns = wanted;
  if (isAnotherView) {
    pick([]);
    pick((picked.length ? picked : view.pinned).filter((runId) => rowOf(state.study, runId) !== undefined), isAlone);
  }
  takeUpLook(view, isAnotherView ? hidden : null, camera);
  isAnotherView = false;
};

/**
 * Open another view in place, except for the reader's preferences (theme, rails); the browser's Back returns here.
 * @param {string} query
 */
export const openView = (query) => {
  isAnotherView = true;
  openAddress(query);
};

/** Back or forward: what is being computed belongs to the view that is left. */
const onTravel = () => {
  isAnotherView = true;
  clearTimeout(timer);
  stopAsking();
};

/** Discard all that belongs to the present study before another opens. */
const forget = () => {
  stopAsking();
  write({ scene: /** @type {any} */ (null), embeddedName: "" });
  delete byId("page").dataset.scene;
  clearPicture();
  byId("status-line").textContent = "";
  emit("forget");
};

/**
 * Apply a change of a control that decides the selection.
 * @param {Pick<State, "constraints" | "split" | "references" | "automatic">} selection
 */
export const select = ({ constraints, split, references, automatic }) => {
  write({ constraints, split, references, automatic, mask: passingRuns(state.study, constraints, state.kept) });
  byId("clear-picked").hidden = state.kept.size === 0;
  clearTimeout(timer);
  const isMoving = performance.now() - lastSelected < MOVEMENT_MS;
  lastSelected = performance.now();
  // Requested before the page is updated, so that the server computes meanwhile.
  if (isMoving && !state.isOpening) timer = setTimeout(considerEmbedding, MOVEMENT_MS);
  else considerEmbedding();
  writeAddress();
  // Drawing twice costs more than the embedding: hiding runs waits a moment for the picture that replaces this one.
  const isReplaced = state.automatic && state.scene && wantedName() !== state.embeddedName;
  if (isReplaced) {
    drawSoon(PATIENCE_MS);
    decideShown();
    updateHeadline();
  } else draw();
  emit("select", isReplaced ? PATIENCE_MS : 0);
};

export const reselect = () => select(state);

/** Constraints set by the filters and the search box. */
export const wantedConstraints = () => [
  ...constraints(state.study, state.choices),
  ...searchConstraint(state.study, state.search),
];

export const refilter = () => select({ ...state, constraints: wantedConstraints() });

/**
 * Keep only these runs; none for all. The caller then applies the selection.
 * @param {Iterable<string>} runIds
 */
export const keepRuns = (runIds) => write({ kept: new Set(runIds) });

/** Forget the filters: another view is about to open, with its own. */
export const forgetFilters = () => write({ constraints: [] });

/**
 * Take up another state of the study on disk, whose tables replace the present ones.
 * @param {Study} study
 */
export const adoptStudy = (study) => {
  /** @param {string} runId */
  const isThere = (runId) => rowOf(study, runId) !== undefined;
  write({ study, isGrown: true });
  if (![...state.kept].every(isThere)) keepRuns([...state.kept].filter(isThere));
};

const considerEmbedding = () => {
  if (state.study.run_ids.length === 0) return;
  if (count(state.mask) === 0) {
    stopAsking();
    updateHeadline();
    return emit("nothing");
  }
  const { scene } = state;
  if (scene && wantedName() === state.embeddedName) {
    stopAsking();
    hideNotice();
    write({ isOpening: false });
    if (state.flips && !isOrientedAs(scene, state.flips, turnsOf(scene))) show(shownAsItCame ?? scene, state.embeddedName);
    write({ flips: null });
  } else if (state.isOpening) embed(state.study.opening_seconds);
  else if (state.automatic) {
    // Another split, divergence or fit is a new question, about which the old picture says nothing, so the time limit is
    // higher. So it is after growth of the study, which happens in the background.
    const isOther = state.isGrown || !scene || scene.split !== state.split || scene.divergence !== state.divergence || scene.fit_references !== isFitted();
    embed(isOther ? OTHER_QUESTION_SECONDS : AUTOMATIC_SECONDS);
  }
  write({ isGrown: false });
  updateHeadline();
};

/** @param {Iterable<string>} runIds */
const keepOnly = (runIds) => {
  keepRuns(runIds);
  reselect();
};

export const keepOnlyPicked = () => keepOnly(state.picked);
export const keepAll = () => keepOnly([]);

/**
 * @param {number | null} model
 * @param {Box} box
 */
const onHover = (model, box) => {
  if (state.scene) hover({ model, source: "picture", box });
};

/** @param {number} model */
const onClick = (model) => togglePin(state.scene.run_ids[state.scene.arrays.run[model]]);

/* ------------------------------------------------------------------ asking for an embedding */

/** @param {number} limit */
const embed = (limit) => {
  const name = wantedName();
  setBusy(true);
  nameEmbedButton("Re-embed");
  mainAsker.ask(
    name,
    wantedQuestion(),
    limit,
    { onStatus, onPreview, onScene: (scene, ms) => accept(scene, name, ms), onExpensive, onRefused, onLost },
  );
  updateHeadline();
};

export const embedNow = () => embed(WITHOUT_LIMIT);

/**
 * @param {JobStatus} status
 * @param {number} milliseconds
 */
const onStatus = (status, milliseconds) => {
  if (milliseconds < PROGRESS_DELAY_MS) return;
  showProgress(state.style.stages[status.stage || status.state] || "Working", status.fraction, status.remaining);
};

/**
 * Show another embedding, aligned to the present one; name: the question it answers exactly, or empty.
 * @param {Scene} decoded
 * @param {string} name
 */
const show = (decoded, name) => {
  const previous = state.scene;
  // A study may grow outside the selection shown: same scene, so no alignment and no motion.
  const isSame = previous?.key === decoded.key && previous.is_preview === decoded.is_preview && !state.flips;
  const scene = isSame ? previous : orient(decoded, previous, state.flips, turnsOf(decoded));
  shownAsItCame = decoded;
  write({ scene, embeddedName: name, isOpening: false });
  if (!scene.is_preview) write({ flips: null });
  byId("page").toggleAttribute("data-preview", scene.is_preview);
  hideNotice();
  emit("scene", scene, previous);
  offerComponents();
  const drawing = draw();
  writeAddress();
  return { scene, drawing };
};

/** @param {Scene} scene */
const turnsOf = ({ key }) => (state.flips && turns?.key === key ? turns.blocks : []);

/**
 * Show a preview: the panels keep their old content, faint, and a badge stays until the exact scene replaces it.
 * @param {Scene} scene
 * @param {number} milliseconds
 */
const onPreview = (scene, milliseconds) => {
  show(scene, "");
  const next = mainAsker.askedName() ? "the exact embedding follows" : "re-embed for the exact one";
  byId("status-line").textContent = [previewSummary(scene, milliseconds, previewError(scene)), next].join(" · ");
};

/**
 * @param {Scene} decoded
 * @param {string} name
 * @param {number} milliseconds
 */
const accept = (decoded, name, milliseconds) => {
  setBusy(false);
  const { scene, drawing } = show(decoded, name);
  // The picture and its transition first; the panels when the browser is idle.
  drawing.then(() => whenIdle(() => state.scene === scene && emit("idle", scene)));
  document.querySelector(".device").textContent = scene.device;
  byId("status-line").textContent = summaryOf(scene, milliseconds);
  byId("announcer").textContent = `Embedded: ${describePicture()}`;
  byId("page").dataset.scene = scene.key;
  // Fewer runs than requested: some were found damaged on reading. The current study lists them.
  if (scene.run_ids.length < count(state.mask) && name === wantedName()) emit("stale", false);
};

/** @param {number} predicted */
const onExpensive = (predicted) => {
  setBusy(mainAsker.askedName() !== null);
  const cost = `about ${predicted >= 10 ? Math.round(predicted) : Number(predicted.toPrecision(1))} s`;
  nameEmbedButton(`Re-embed, ${cost}`);
  updateHeadline();
  if (!state.scene) {
    showNotice("hint", `This selection takes ${cost} to embed.`, "", { label: "embed it", action: embedNow });
  }
};

/** @param {Error & { kind: string }} error */
const onRefused = (error) => {
  setBusy(false);
  if (error.kind === "StaleStudyError") return emit("stale", true);
  write({ isOpening: false });
  showNotice("error", "This selection could not be embedded.", error.message, { label: "try again", action: embedNow });
  updateHeadline();
};

const onLost = () => showNotice("error", "The connection to the server was lost.", "Nothing on screen is lost; trying again every two seconds.");

export const cancel = () => {
  stopAsking();
  write({ isOpening: false });
  byId("status-line").textContent = "cancelled";
  if (!state.scene) showNotice("hint", "Cancelled.", "", { label: "embed again", action: embedNow });
  updateHeadline();
};

/** Withdraw the question that is asked or computed. */
const stopAsking = () => {
  mainAsker.withdraw();
  setBusy(false);
};

/** @param {boolean} isBusy */
const setBusy = (isBusy) => {
  byId("page").toggleAttribute("data-busy", isBusy);
  if (!isBusy) hideProgress();
};

export const install = () => {
  on("travel", onTravel);
  Object.assign(actions, {
    "embed-button": embedNow,
    "cancel-button": cancel,
    "only-picked": keepOnlyPicked,
    "clear-picked": keepAll,
    "left-out": () => byId("problems").scrollIntoView({ block: "nearest" }),
  });
};
