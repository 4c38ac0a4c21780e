/* Words of the page: elements, notices, progress, excluded runs, cards of checkpoints. */

import { movesInWords } from "../values/alignment.mjs";
import { columnOf, format, labelOf, rowOf } from "../values/study.mjs";
import { state } from "./state.mjs";

const CARD_GAP = 13;
const CARD_EDGE = 4;
const TAIL = 7;
const SHOWN_ALONG = ["epoch", "progress", "train_error", "test_error"];

/**
 * Element of the page by its id.
 * @param {string} id
 */
export const byId = (id) => /** @type {PageElement} */ (document.getElementById(id));

/**
 * Element that an event is about.
 * @param {Event} event
 */
export const targetOf = ({ target }) => /** @type {PageElement} */ (target instanceof Element ? target : document.documentElement);

/**
 * Element with text content, never markup: names come from files.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {string} [className]
 * @param {string} [text]
 */
export const make = (tag, className, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};

/**
 * Name in two parts, of which CSS truncates the first if space is short (styles/picture.css): names of runs often share their
 * beginning and differ at the end. The caller puts the whole name in a label.
 * @param {string} name
 */
export const cutName = (name) => {
  const letters = [...name];
  const element = make("bdi", "cut-name");
  element.append(...[letters.slice(0, -TAIL), letters.slice(-TAIL)].map((part) => make("span", "", part.join(""))));
  return element;
};

/**
 * Set an element's text if it differs: setting equal text would force a layout.
 * @param {Element} element
 * @param {string} text
 */
export const say = (element, text) => {
  if (element.textContent !== text) element.textContent = text;
};

/**
 * kind: empty, hint or error; button: {label, action} or nothing.
 * @param {string} kind
 * @param {string} title
 * @param {string} [advice]
 * @param {NoticeButton} [button]
 */
export const showNotice = (kind, title, advice, button) => showNoticeIn(byId("notice"), kind, title, advice, button);

/**
 * @param {HTMLElement} notice
 * @param {string} kind
 * @param {string} title
 * @param {string} [advice]
 * @param {NoticeButton} [button]
 */
export const showNoticeIn = (notice, kind, title, advice, button) => {
  notice.className = `notice ${kind}`;
  notice.replaceChildren(make("strong", "", title));
  if (advice) notice.append(make("p", "", advice));
  if (button) {
    const element = make("button", "link-button", button.label);
    element.type = "button";
    element.addEventListener("click", button.action);
    notice.append(element);
  }
  notice.hidden = false;
};

export const hideNotice = () => {
  byId("notice").hidden = true;
};

/**
 * Show the note on the parts of the opened link that do not apply, until dismissed.
 * @param {string} text
 */
export const showLinkNote = (text) => {
  const note = byId("link-note");
  note.hidden = !text;
  if (!text) return;
  const dismiss = make("button", "icon-button", "×");
  dismiss.type = "button";
  dismiss.setAttribute("aria-label", "put this note away");
  dismiss.addEventListener("click", () => {
    note.hidden = true;
    byId("picture").focus({ preventScroll: true });
  });
  note.replaceChildren(make("p", "", text), dismiss);
};

/**
 * @param {string} stage
 * @param {number} fraction
 * @param {number | undefined} remaining
 */
export const showProgress = (stage, fraction, remaining) => {
  byId("progress").hidden = false;
  byId("progress-stage").textContent = stage + (remaining ? ` · about ${Math.max(1, Math.round(remaining))} s left` : "");
  byId("progress-bar").value = fraction;
};

export const hideProgress = () => {
  byId("progress").hidden = true;
};

/**
 * List the unusable runs with reasons.
 * @param {Problem[]} problems
 */
export const listProblems = (problems) => {
  const box = byId("problems");
  box.replaceChildren();
  if (problems.length === 0) return;
  const list = make("details");
  list.open = problems.length <= 3;
  list.append(make("summary", "", problems.length === 1 ? "1 run left out" : `${problems.length} runs left out`));
  for (const problem of problems) {
    const line = make("p");
    line.append(make("bdi", "run-name", problem.run_id), document.createTextNode(problem.reason));
    list.append(line);
  }
  box.append(list);
};

/** @param {{ shown: number, embedded: number, total: number, leftOut: number }} options */
export const showCounts = ({ shown, embedded, total, leftOut }) => {
  const counts = byId("counts");
  const [some, those, all] = [shown, embedded, total].map(format);
  const words = [some, make("span", "word", " shown"), ` / ${those}`, make("span", "word", " embedded"), ` / ${all} runs`];
  if (counts.textContent !== words.map((word) => (typeof word === "string" ? word : word.textContent)).join("")) counts.replaceChildren(...words);
  counts.title = "Drawn now / in this embedding / recorded in the study";
  const link = byId("left-out");
  link.hidden = leftOut === 0;
  say(link, `${format(leftOut)} left out`);
};

/**
 * Description of the picture in a sentence, for screen readers.
 * @param {{ scene: Scene, axes: Axes, colouring: Colouring, nShown: number, nTotal: number }} facts
 */
export const spokenSummary = ({ scene, axes, colouring, nShown, nTotal }) => {
  const k = Math.min(3, scene.n_components);
  const stress = scene.diagnostics.explained_stress?.[k - 1];
  const imaginary = axes.filter((component) => scene.diagnostics.signature[component - 1] < 0);
  const hidden = scene.run_ids.length - nShown;
  return [
    `${format(scene.run_ids.length)} of ${format(nTotal)} runs, ${scene.split} split, ${divergenceWords(scene.divergence).title}, coloured by ${colouring.label}`,
    hidden ? `${format(hidden)} of them hidden` : "",
    `components ${axes.join(", ")} on the axes`,
    imaginary.length ? `component ${imaginary.join(" and ")} imaginary` : "all of them real",
    stress == null ? "" : `explained stress of the first ${k} components ${stress.toFixed(2)}`,
  ].filter(Boolean).join("; ") + ".";
};

/**
 * Show the card of a checkpoint beside its point in a pane of the stage; box: the point's box in the window.
 * @param {Scene} scene
 * @param {Study} study
 * @param {Style} style
 * @param {number} model
 * @param {Box} box
 * @param {HTMLElement} pane
 */
export const showDetail = (scene, study, style, model, box, pane) => {
  const card = byId("detail");
  const run = scene.arrays.run[model];
  const row = rowOf(study, scene.run_ids[run]);
  const list = make("dl");
  /**
   * @param {string} term
   * @param {string} value
   */
  const add = (term, value) => list.append(make("dt", "", term), make("dd", "", value));
  const step = format(scene.arrays["model:step"][model]);
  add("checkpoint", `${scene.arrays.checkpoint[model] + 1} of ${scene.spans[run].count}, step ${step}`);
  for (const name of SHOWN_ALONG.filter((column) => scene.arrays[`model:${column}`])) {
    add(labelOf(style, name), format(scene.arrays[`model:${name}`][model]));
  }
  for (const name of study.differing) {
    const column = columnOf(study, name);
    add(column.label, column.levels ? column.levels[column.level[row]] : format(column.numbers[row]));
  }
  card.replaceChildren(make("bdi", "detail-title", scene.run_ids[run]), list);
  card.hidden = false;
  putBeside(card, box, pane.getBoundingClientRect());
};

/**
 * Place a card beside a box, inside the pane: a neighbouring pane has its own card and points.
 * @param {HTMLElement} card
 * @param {Box} box
 * @param {DOMRect} pane
 */
const putBeside = (card, box, pane) => {
  const canvas = /** @type {HTMLElement} */ (card.parentElement).getBoundingClientRect();
  card.style.setProperty("--room", `${pane.width - 2 * CARD_EDGE}px`);
  // Measured at the upper left: near the right edge the card would be laid out narrower.
  Object.assign(card.style, { left: "0", top: "0" });
  const { offsetWidth: width, offsetHeight: height } = card;
  /**
   * @param {number} value
   * @param {number} low
   * @param {number} high
   */
  const within = (value, low, high) => Math.max(low, Math.min(value, high));
  const [left, right] = [box.x1 + CARD_GAP, box.x0 - CARD_GAP - width];
  const isBeside = left + width <= pane.right - CARD_EDGE || right >= pane.left + CARD_EDGE;
  const x = left + width <= pane.right - CARD_EDGE ? left : right;
  // Without room on either side, below the point or above it.
  const below = box.y1 + CARD_GAP;
  const y = isBeside ? box.y0 - 20 : below + height <= pane.bottom - CARD_EDGE ? below : box.y0 - CARD_GAP - height;
  card.style.left = `${within(x, pane.left + CARD_EDGE, pane.right - CARD_EDGE - width) - canvas.left}px`;
  card.style.top = `${Math.max(pane.top + CARD_EDGE, Math.min(y, pane.bottom - CARD_EDGE - height)) - canvas.top}px`;
};

export const hideDetail = () => {
  byId("detail").hidden = true;
};

export const DEFAULT_DIVERGENCE = "bhattacharyya";

/** @param {string} key */
export const divergenceWords = (key) => state.style.divergences[key];

/**
 * Divergence of a scene or of the state; empty if it is the default.
 * @param {{ divergence: string }} scene
 */
export const otherDivergence = ({ divergence }) => (divergence === DEFAULT_DIVERGENCE ? "" : divergence);

/**
 * One-line description of an embedding: split, divergence, runs and stress, without what the comparison fixes.
 * @param {Scene} scene
 */
export const factsOf = ({ split, divergence, run_ids, diagnostics }) => {
  const { explained_stress: stress } = diagnostics;
  const { short } = divergenceWords(divergence);
  const names = state.comparison?.kind === "divergence" ? [short] : [split, otherDivergence({ divergence }) && short];
  const start = [...names, `${format(run_ids.length)} runs`].filter(Boolean).join(" · ");
  // A preview has no explained stress.
  if (!stress) return `${start} · preview`;
  const k = Math.min(3, stress.length);
  return `${start} · top-${k} stress ${stress[k - 1].toFixed(3)}`;
};

/** @param {number} milliseconds */
const inSeconds = (milliseconds) => `${(milliseconds / 1000).toFixed(2)} s`;

/**
 * The embedding in one line: what it holds, how long it took, and how exact it is.
 * @param {AlignedScene} scene
 * @param {number} milliseconds
 */
export const summaryOf = (scene, milliseconds) => {
  const { residual } = scene.diagnostics;
  const { short, capped } = divergenceWords(scene.divergence);
  const isKept = milliseconds < 1000 * scene.seconds;
  return [
    `${format(scene.n_models)} checkpoints of ${format(scene.run_ids.length)} runs, ${scene.split}, ${short}`,
    `${isKept ? "from cache" : "embedded"} in ${inSeconds(milliseconds)}`,
    residual == null ? "" : `residual ${residual.toExponential(0)}`,
    scene.n_capped ? `${format(scene.n_capped)} ${capped}` : "nothing capped",
    scene.is_streamed ? "multiplied straight from the disk" : "",
    movesInWords(scene, state.axes),
  ]
    .filter(Boolean)
    .join(" · ");
};

/**
 * The same of a preview.
 * @param {Scene} scene
 * @param {number} milliseconds
 * @param {string} error
 */
export const previewSummary = (scene, milliseconds, error) =>
  `preview of ${format(scene.n_models)} checkpoints in ${inSeconds(milliseconds)} · estimated error ${error} of the first axis`;

/**
 * Show a hint under a panel, optionally with a button.
 * @param {HTMLElement} element
 * @param {(string | Node)[]} parts
 * @param {NoticeButton} [button]
 */
export const showHint = (element, parts, button) => {
  element.replaceChildren(...parts);
  if (!button) return;
  const made = Object.assign(document.createElement("button"), { type: "button", className: "link-button", textContent: button.label });
  made.addEventListener("click", button.action);
  element.append(" ", made);
};

export const today = () => {
  const now = new Date();
  return [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
};
