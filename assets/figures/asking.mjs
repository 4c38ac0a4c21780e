/*
 * Question of the open figure: its options, its job, and the words on both.
 *
 * A figure is requested while it is open. Its options come with the answer, since they depend on the selection.
 */

import { maskOf } from "../values/selection.mjs";
import { format } from "../values/study.mjs";
import { writeAddress } from "../page/address.mjs";
import { makeJobAsker } from "../page/jobs.mjs";
import { recall, remember } from "../page/memory.mjs";
import { state, writerOf } from "../page/state.mjs";
import { byId, showHint } from "../page/words.mjs";
import { catchUpOrReopen } from "../study/growth.mjs";
import { holdWhile } from "../study/live.mjs";
import { clearFigures, showFigures } from "./cards.mjs";
import { figureControls } from "./controls.mjs";

const HEAVY_MODELS = 20000;
const WAIT_MS = 250;

const write = writerOf("figureOptions");
const asker = makeJobAsker("api/analyses");
/** Name of the question that is shown, being asked, or refused; a question is not asked twice. */
let asked = "";
let allowed = "";
let late = 0;

const isOpen = () => state.view === "figures";

/* ------------------------------------------------------------------ asking */

const question = () => ({
  study: state.study.study,
  fingerprint: state.study.fingerprint,
  split: state.scene.split,
  divergence: state.scene.divergence,
  mask: maskOf(state.study, state.scene.run_ids),
  kind: state.figure,
  options: state.figureOptions,
});

/** Ask the open figure's question, if it is to be seen and has not been asked. */
export const askIfSeen = () => {
  if (!isOpen() || !state.scene || state.scene.is_preview || !state.figure) return;
  const body = question();
  const name = JSON.stringify(Object.values(body));
  if (name === asked) return;
  if (state.scene.n_models > HEAVY_MODELS && allowed !== name) {
    withdraw();
    clearFigures();
    showTrouble(`${format(state.scene.n_models)} checkpoints: this may take minutes.`, "compute it", () => {
      allowed = name;
      askIfSeen();
    });
    return;
  }
  ask(name, body);
};

/**
 * @param {string} name
 * @param {{ kind: string }} body
 */
const ask = (name, body) => {
  asked = name;
  hideTrouble();
  const page = byId("figure-page");
  page.dataset.waiting = "yes";
  clearTimeout(late);
  late = setTimeout(() => showJob({ fraction: 0 }), WAIT_MS);
  asker.ask(name, body, {
    onAnswer: takeUpOptions,
    onStatus: (status) => byId("figure-progress").hidden || showJob(status),
    onResult: (found) => {
      setIdle();
      showFigures({ ...found, kind: body.kind });
      byId("announcer").textContent = `Figure: ${titleOf(body.kind)}`;
    },
    onRefused: (error) => {
      setIdle();
      if (error.kind === "StaleStudyError") {
        asked = "";
        catchUpOrReopen();
        return;
      }
      clearFigures();
      const isChosen = Object.keys(state.figureOptions).length > 0;
      showTrouble(error.message, isChosen ? "with the defaults" : "try again", () => {
        asked = "";
        remember(roles(), {});
        write({ figureOptions: {} });
        writeAddress();
        askIfSeen();
      });
    },
    onLost: () => {
      setIdle();
      showTrouble("The connection to the server was lost; trying again every two seconds.");
    },
    mayRepeat: () => {
      asked = "";
      const isSame = isOpen() && state.scene && !state.scene.is_preview && name === JSON.stringify(Object.values(question()));
      if (isSame) [asked, page.dataset.waiting] = [name, "yes"];
      return isSame;
    },
  });
};

/** @param {string} name */
const titleOf = (name) => document.querySelector(`#figure-list .figure-entry[data-figure="${name}"]`).textContent;

const setIdle = () => {
  clearTimeout(late);
  byId("figure-progress").hidden = true;
  delete byId("figure-page").dataset.waiting;
};

const withdraw = () => {
  asked = "";
  asker.withdraw();
  setIdle();
};

/** Stop the computation; the figure can be asked for again. */
export const cancel = () => {
  const name = asked;
  withdraw();
  asked = name;
  showTrouble("Stopped.", "compute it", () => {
    asked = "";
    askIfSeen();
  });
};

/** Put away the answer, the options and the words: another figure or another study is about to open. */
export const startAfresh = () => {
  withdraw();
  clearFigures();
  hideTrouble();
  setOptions({});
  byId("figure-options").replaceChildren();
};

/* ------------------------------------------------------------------ words around the figure */

/** @param {{ fraction?: number, remaining?: number }} status */
const showJob = ({ fraction, remaining }) => {
  byId("figure-progress").hidden = false;
  byId("figure-stage").textContent = remaining ? `Computing · about ${Math.max(1, Math.round(remaining))} s left` : "Computing";
  byId("figure-bar").value = fraction;
};

/**
 * @param {string} words
 * @param {string} [label]
 * @param {() => void} [action]
 */
const showTrouble = (words, label, action) => {
  const element = byId("figure-trouble");
  showHint(element, [words], label && action ? { label, action } : undefined);
  element.hidden = false;
};

const hideTrouble = () => {
  byId("figure-trouble").hidden = true;
};

/* ------------------------------------------------------------------ options */

/** Where the role of a study's columns is remembered: it holds for all figures, and for the next visit. */
const roles = () => `roles.${state.study?.study}`;

/**
 * Set all options, as a view does.
 * @param {Record<string, any>} options
 */
export const setOptions = (options) => write({ figureOptions: { ...recall(roles(), {}), ...options } });

/**
 * @param {string} key
 * @param {any} value
 * @param {string[]} forgotten
 */
const choose = (key, value, forgotten) => {
  const kept = Object.entries(state.figureOptions).filter(([name]) => !forgotten.includes(name));
  if (key === "replicates") remember(roles(), { [key]: value });
  setOptions({ ...Object.fromEntries(kept), [key]: value });
  writeAddress();
  askIfSeen();
};

/** @param {any} status */
const takeUpOptions = (status) => {
  const host = byId("figure-options");
  const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset?.option;
  host.replaceChildren(...figureControls(status, choose, showTrouble));
  host.querySelector(`[data-option="${focused}"]`)?.focus();
};

export const install = () => holdWhile(() => isOpen() && byId("figure-page").dataset.waiting === "yes");
