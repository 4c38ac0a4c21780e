/*
 * Recipes: a file that says what was embedded and which numbers came out (engine/recipe.py), written and followed.
 *
 * Following one opens its study with its runs; when the embedding is there, the server compares it with the recipe, and
 * the page says "the same numbers" or what differs.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});
  const { state } = inpca;

  const FORMAT = "inpca-explorer recipe";
  const VERSION = 1;
  const SIZE_LIMIT = 4e6;
  const LONGEST_ADDRESS = 4000;
  const RUN_KEYS = ["v", "d", "split", "div", "ref", "f", "r", "q", "runs", "mask", "th", "at"];

  /** A recipe on its way to the screen: {recipe, name}; name is that of the question, once it is asked. */
  let followed = null;

  /* ------------------------------------------------------------------ writing */

  /** The recipe of the scene on screen, with the view that it is looked at with. */
  inpca.recipe = async () => {
    const recipe = await inpca.reach(`api/scenes/${encodeURIComponent(state.scene.key)}/recipe`);
    recipe.versions["plotly.js"] = Plotly.version;
    return { ...recipe, view: { address: inpca.query(), written: new Date().toISOString() } };
  };

  const takeRecipe = async () => new Blob([JSON.stringify(await inpca.recipe(), null, 1)], { type: "application/json" });

  /* ------------------------------------------------------------------ reading */

  const isTexts = (value) =>
    value !== null && typeof value === "object" && !Array.isArray(value) && Object.values(value).every((entry) => typeof entry === "string");
  const isNumbers = (value) => Array.isArray(value) && value.every(Number.isFinite);

  const RULES = [
    ["version", (value) => Number.isInteger(value) && value >= 1 && value <= VERSION, `a version up to ${VERSION}`],
    ["study", (value) => typeof value === "string" && value.length > 0, "the name of a study"],
    ["split", (value) => value === "train" || value === "test", "train or test"],
    ["divergence", (value) => inpca.divergenceWords(value) !== undefined, "one that this program knows"],
    ["runs", (value) => isTexts(value) && Object.keys(value).length > 0, "run names with their digests"],
    ["fit_references", (value) => typeof value === "boolean", "true or false"],
    ["eigenvalues", (value) => isNumbers(value) && value.length > 0, "a list of numbers"],
  ];

  /** Text of a file -> recipe; throws an error that names what is wrong with it. */
  inpca.readRecipe = (text) => {
    if (text.length > SIZE_LIMIT) throw new Error(`A recipe has at most ${SIZE_LIMIT / 1e6} MB; this file is larger.`);
    let recipe = null;
    try {
      recipe = JSON.parse(text);
    } catch (error) {
      throw new Error(`This file is no JSON (${error.message}).`);
    }
    if (recipe?.format !== FORMAT) throw new Error(`This file is no recipe: its format must be "${FORMAT}".`);
    for (const [name, isRight, rule] of RULES) {
      if (!isRight(recipe[name])) throw new Error(`The recipe's ${name} must be ${rule}.`);
    }
    return recipe;
  };

  /** Address of the recipe's study and of its view; the runs follow when the study is open, however many they are. */
  const addressOf = (recipe) => {
    const query = new URLSearchParams({ v: "1", d: recipe.study, split: recipe.split, div: recipe.divergence });
    if (recipe.fit_references) query.set("ref", "fit");
    const written = typeof recipe.view?.address === "string" ? recipe.view.address.slice(0, LONGEST_ADDRESS) : "";
    for (const [key, text] of new URLSearchParams(written)) if (!RUN_KEYS.includes(key)) query.set(key, text);
    if (!recipe.fit_references && new URLSearchParams(written).get("ref") === "hide") query.set("ref", "hide");
    query.set("at", String(Date.now()));
    return `?${query}`;
  };

  inpca.followRecipe = (recipe) => {
    followed = { recipe, name: null };
    Object.assign(state, { camera: null, constraints: [] });
    document.getElementById("export-panel").hidePopover();
    inpca.setProps("location", { search: addressOf(recipe) });
  };

  const openRecipe = () => {
    const input = document.createElement("input");
    Object.assign(input, { type: "file", accept: ".json,application/json" });
    input.addEventListener("change", async () => {
      const [file] = input.files;
      if (!file) return;
      try {
        if (file.size > SIZE_LIMIT) throw new Error(`A recipe has at most ${SIZE_LIMIT / 1e6} MB; this file is larger.`);
        inpca.followRecipe(inpca.readRecipe(await file.text()));
      } catch (error) {
        inpca.sayInExport(error.message, true);
      }
    });
    input.click();
  };

  /* ------------------------------------------------------------------ comparing */

  const close = { label: "close", action: () => inpca.hideNotice() };

  const giveUp = (title, advice) => {
    followed = null;
    // After the study's own notices, which are shown or taken away on the way there.
    setTimeout(() => inpca.showNotice("error", title, advice, close), 50);
  };

  inpca.on("study", (study) => {
    if (!followed) return;
    const { recipe } = followed;
    if (study.study !== recipe.study) return giveUp(`The recipe's study ${recipe.study} is not here.`, "Another study is shown.");
    const there = Object.keys(recipe.runs).filter((runId) => inpca.row(study, runId) !== undefined);
    if (there.length === 0) return giveUp("None of the recipe's runs is in this study any more.", "All runs are shown.");
    state.kept = new Set(there);
    inpca.picture.lookFrom(state.camera ?? "default");
  });

  inpca.on("select", () => {
    if (!followed || !state.study?.study) return;
    followed.name = followed.name ?? inpca.wantedName();
    // Whoever goes on to another selection has left the recipe.
    if (followed.name !== inpca.wantedName()) followed = null;
    else if (state.scene && !state.scene.is_preview && followed.name === state.embeddedName) compare(state.scene);
  });

  inpca.on("scene", (scene) => {
    if (!scene.is_preview && followed && followed.name === state.embeddedName) compare(scene);
  });

  const compare = async (scene) => {
    const { view, ...recipe } = followed.recipe;
    followed = null;
    try {
      showComparison(await inpca.post(`api/scenes/${encodeURIComponent(scene.key)}/recipe`, { recipe }), recipe);
    } catch (error) {
      inpca.showNotice("error", "The embedding could not be compared with the recipe.", error.message, close);
    }
  };

  const showComparison = ({ is_same: isSame, differences, eigenvalue_difference: apart, versions }, recipe) => {
    const agreement = apart === 0 ? "to the last digit" : `to ${Number(apart?.toPrecision(1))} of the largest`;
    const title = isSame ? "The same numbers as in the recipe." : "Not the recipe's numbers.";
    const words = isSame ? [`All ${recipe.eigenvalues.length} eigenvalues agree ${agreement}.`] : [...differences];
    if (versions.length) words.push(`Other versions: ${versions.join("; ")}.`);
    inpca.showNotice(isSame ? "hint" : "error", title, words.join(" "), close);
    document.getElementById("announcer").textContent = `${title} ${words.join(" ")}`;
  };

  Object.assign(inpca.actions, {
    "export-recipe": () => inpca.takeAway(state.scene && inpca.fileName("recipe", "json"), takeRecipe),
    "open-recipe": openRecipe,
  });
})();
