/*
 * Recipe files: export, import and comparison.
 *
 * A recipe records the specification of an embedding and its numbers (engine/formats/recipe.py). Opening one opens its
 * study with its runs; once the embedding is done, the server compares it with the recipe, and the page reports "the same
 * numbers" or the differences.
 */

import { forgetFilters, keepRuns } from "../study/explorer.mjs";
import { rowOf } from "../values/study.mjs";
import { actions } from "../page/actions.mjs";
import { openAddress, viewQuery } from "../page/address.mjs";
import { on } from "../page/events.mjs";
import { fetchOfScene } from "../page/jobs.mjs";
import { state } from "../page/state.mjs";
import { byId, divergenceWords, hideNotice, showNotice } from "../page/words.mjs";
import { forgetCamera, mainPicture } from "../study/drawing.mjs";
import { wantedName } from "../study/question.mjs";
import { fileName, sayInExport, takeAway } from "./menu.mjs";

const FORMAT = "inpca-explorer recipe";
const VERSION = 1;
const SIZE_LIMIT = 4e6;
const LONGEST_ADDRESS = 4000;
const RUN_KEYS = ["v", "d", "split", "div", "ref", "f", "r", "q", "runs", "mask", "th", "at"];

/**
 * Recipe being opened: {recipe, name}; name is that of the question, once requested.
 * @type {{ recipe: Recipe, name: string | null } | null}
 */
let followed = null;

/* ------------------------------------------------------------------ writing */

/** Recipe of the scene on screen, with its view. */
export const writeRecipe = async () => {
  const recipe = await (await fetchOfScene(state.scene, "recipe")).json();
  recipe.versions["plotly.js"] = Plotly.version;
  return { ...recipe, view: { address: viewQuery(), written: new Date().toISOString() } };
};

const takeRecipe = async () => new Blob([JSON.stringify(await writeRecipe(), null, 1)], { type: "application/json" });

/* ------------------------------------------------------------------ reading */

/** @param {unknown} value */
const isTexts = (value) =>
  value !== null && typeof value === "object" && !Array.isArray(value) && Object.values(value).every((entry) => typeof entry === "string");
/** @param {unknown} value */
const isNumbers = (value) => Array.isArray(value) && value.every(Number.isFinite);

/** @type {{ name: string, isRight: (value: any) => boolean, rule: string }[]} */
const RULES = [
  { name: "version", isRight: (value) => Number.isInteger(value) && value >= 1 && value <= VERSION, rule: `a version up to ${VERSION}` },
  { name: "study", isRight: (value) => typeof value === "string" && value.length > 0, rule: "the name of a study" },
  { name: "split", isRight: (value) => value === "train" || value === "test", rule: "train or test" },
  { name: "divergence", isRight: (value) => divergenceWords(value) !== undefined, rule: "one that this program knows" },
  { name: "runs", isRight: (value) => isTexts(value) && Object.keys(value).length > 0, rule: "run names with their digests" },
  { name: "fit_references", isRight: (value) => typeof value === "boolean", rule: "true or false" },
  { name: "eigenvalues", isRight: (value) => isNumbers(value) && value.length > 0, rule: "a list of numbers" },
];

/**
 * Text of a file -> recipe; throws an error that names the fault.
 * @param {string} text
 */
export const readRecipe = (text) => {
  if (text.length > SIZE_LIMIT) throw new Error(`A recipe has at most ${SIZE_LIMIT / 1e6} MB; this file is larger.`);
  let recipe;
  try {
    recipe = JSON.parse(text);
  } catch (error) {
    throw new Error(`This file is no JSON (${/** @type {Error} */ (error).message}).`, { cause: error });
  }
  if (recipe?.format !== FORMAT) throw new Error(`This file is no recipe: its format must be "${FORMAT}".`);
  for (const { name, isRight, rule } of RULES) {
    if (!isRight(recipe[name])) throw new Error(`The recipe's ${name} must be ${rule}.`);
  }
  return recipe;
};

/**
 * Address of the recipe's study and view; the runs are set once the study is open, since they may be too many for it.
 * @param {Recipe} recipe
 */
const addressOf = (recipe) => {
  const query = new URLSearchParams({ v: "1", d: recipe.study, split: recipe.split, div: recipe.divergence });
  if (recipe.fit_references) query.set("ref", "fit");
  const written = typeof recipe.view?.address === "string" ? recipe.view.address.slice(0, LONGEST_ADDRESS) : "";
  for (const [key, text] of new URLSearchParams(written)) if (!RUN_KEYS.includes(key)) query.set(key, text);
  if (!recipe.fit_references && new URLSearchParams(written).get("ref") === "hide") query.set("ref", "hide");
  return `?${query}`;
};

/** @param {Recipe} recipe */
export const followRecipe = (recipe) => {
  followed = { recipe, name: null };
  openAddress(addressOf(recipe));
  forgetCamera();
  forgetFilters();
  byId("export-panel").hidePopover();
};

const openRecipe = () => {
  const input = document.createElement("input");
  Object.assign(input, { type: "file", accept: ".json,application/json" });
  input.addEventListener("change", async () => {
    const [file] = input.files ?? [];
    if (!file) return;
    try {
      if (file.size > SIZE_LIMIT) throw new Error(`A recipe has at most ${SIZE_LIMIT / 1e6} MB; this file is larger.`);
      followRecipe(readRecipe(await file.text()));
    } catch (error) {
      sayInExport(/** @type {Error} */ (error).message, true);
    }
  });
  input.click();
};

/* ------------------------------------------------------------------ comparing */

const close = { label: "close", action: () => hideNotice() };

/**
 * @param {string} title
 * @param {string} advice
 */
const giveUp = (title, advice) => {
  followed = null;
  // After the notices of the study's opening, which may replace or clear this one.
  setTimeout(() => showNotice("error", title, advice, close), 50);
};

/** @param {Scene} scene */
const compare = async (scene) => {
  if (!followed) return;
  const { view: _view, ...recipe } = followed.recipe;
  followed = null;
  try {
    const answer = await fetchOfScene(scene, "recipe", { recipe });
    showComparison(await answer.json(), recipe);
  } catch (error) {
    showNotice("error", "The embedding could not be compared with the recipe.", /** @type {Error} */ (error).message, close);
  }
};

/**
 * @param {any} answer
 * @param {Recipe} recipe
 */
const showComparison = ({ is_same: isSame, differences, eigenvalue_difference: apart, versions }, recipe) => {
  const agreement = apart === 0 ? "to the last digit" : `to ${Number(apart?.toPrecision(1))} of the largest`;
  const title = isSame ? "The same numbers as in the recipe." : "Not the recipe's numbers.";
  const words = isSame ? [`All ${recipe.eigenvalues.length} eigenvalues agree ${agreement}.`] : [...differences];
  if (versions.length) words.push(`Other versions: ${versions.join("; ")}.`);
  showNotice(isSame ? "hint" : "error", title, words.join(" "), close);
  byId("announcer").textContent = `${title} ${words.join(" ")}`;
};

export const install = () => {
  on("study", (study) => {
    if (!followed) return;
    const { recipe } = followed;
    if (study.study !== recipe.study) return giveUp(`The recipe's study ${recipe.study} is not here.`, "Another study is shown.");
    const there = Object.keys(recipe.runs).filter((runId) => rowOf(study, runId) !== undefined);
    if (there.length === 0) return giveUp("None of the recipe's runs is in this study any more.", "All runs are shown.");
    keepRuns(there);
    mainPicture.lookFrom(state.camera ?? "default");
  });

  on("select", () => {
    if (!followed || !state.study?.study) return;
    followed.name = followed.name ?? wantedName();
    // Another selection ends the comparison with the recipe.
    if (followed.name !== wantedName()) followed = null;
    else if (state.scene && !state.scene.is_preview && followed.name === state.embeddedName) compare(state.scene);
  });

  on("scene", (scene) => {
    if (!scene.is_preview && followed && followed.name === state.embeddedName) compare(scene);
  });

  Object.assign(actions, {
    "export-recipe": () => takeAway(state.scene && fileName("recipe", "json"), takeRecipe),
    "open-recipe": openRecipe,
  });
};
