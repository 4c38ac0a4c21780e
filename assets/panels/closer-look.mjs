/*
 * Lazy requests of panels.
 *
 * Sent once the panel is visible and the picture drawn. An answer is cached with its embedding, shared by all alignments
 * of it (values/alignment.mjs).
 */

import { isVisible } from "../page/charts.mjs";
import { on } from "../page/events.mjs";
import { fetchOfScene } from "../page/jobs.mjs";
import { state } from "../page/state.mjs";
import { showHint } from "../page/words.mjs";

/** @typedef {{ element(): HTMLElement, ask(scene: AlignedScene): void }} Look a panel that asks when it is seen */

const PAUSE_MS = 120;
/** Checkpoints from which on reading all distances of the selection is offered as a button, since it takes long. */
export const heavy = { models: 20000 };
/** @type {Look[]} */
const looks = [];
let timer = 0;

/**
 * Register a lazy panel: {element, ask(scene)}. ask is called when the element is visible and the selection has settled;
 * it decides whether a request is needed.
 * @param {Look} look
 */
export const addLook = (look) => looks.push(look);

export const lookSoon = () => {
  clearTimeout(timer);
  timer = setTimeout(() => {
    const { scene } = state;
    if (!scene || scene.is_preview) return;
    for (const look of looks) if (isVisible(look.element())) look.ask(scene);
  }, PAUSE_MS);
};

/**
 * Answer of a route of a scene, requested once; read converts the response into the cached value.
 * @param {Scene} scene
 * @param {string} path
 * @param {(response: Response) => any} read
 */
export const askAbout = (scene, path, read) => {
  const { answers } = scene.closer;
  const known = answers.get(path);
  if (known) return known;
  const answer = fetchOfScene(scene, path).then(read);
  answers.set(path, answer);
  answer.catch(() => answers.delete(path));
  return answer;
};

/**
 * Whether reading all distances of the selection takes long.
 * @param {Scene} scene
 */
export const isHeavy = (scene) => scene.n_models > heavy.models;

/** @type {WeakMap<HTMLElement, object>} the last question of each panel */
const lastQuestion = new WeakMap();

/**
 * Fill a panel with an answer about a scene, marked as waiting meanwhile. An answer about a scene or to a choice that is
 * no longer the present one is dropped; the reason why there is none stands in the hint, with a button to ask again.
 * @template Answer
 * @param {AlignedScene} scene
 * @param {{
 *   element: HTMLElement, hint: HTMLElement, path: string, read(response: Response): any, isWanted(): boolean,
 *   take(answer: Answer): void, again(): void,
 * }} panel
 */
export const fill = async (scene, { element, hint, path, read, isWanted, take, again }) => {
  const question = {};
  lastQuestion.set(element, question);
  const mark = element.closest(".panel");
  mark?.toggleAttribute("data-waiting", true);
  const isCurrent = () => state.scene === scene && isWanted();
  try {
    const answer = await askAbout(scene, path, read);
    if (isCurrent()) take(answer);
  } catch (failure) {
    if (isCurrent()) showHint(hint, [/** @type {Error} */ (failure).message], { label: "try again", action: again });
  }
  if (lastQuestion.get(element) === question) mark?.toggleAttribute("data-waiting", false);
};

export const install = () => {
  on("scene", lookSoon);
};
