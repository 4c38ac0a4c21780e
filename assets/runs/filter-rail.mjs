/* Filter rail: counts, chips of active filters, search, folding. */

import { constraintWords, filterCounts, keptConstraint, loosestConstraint, rangeEnds } from "../values/selection.mjs";
import { format } from "../values/study.mjs";
import { actions } from "../page/actions.mjs";
import { addressFields } from "../page/address.mjs";
import { setProps } from "../page/dash.mjs";
import { on } from "../page/events.mjs";
import { recall, remember } from "../page/memory.mjs";
import { state, writerOf } from "../page/state.mjs";
import { byId, make, say, showNotice, targetOf } from "../page/words.mjs";
import { keepAll, keepRuns, refilter } from "../study/explorer.mjs";
import { choose, clearChoices, wholeChoice } from "./filter-controls.mjs";

const write = writerOf("search");

const SEARCH_PAUSE_MS = 150;
const UNFOLDED_AT_FIRST = 10;
const MANY_FILTERS = 14;
let searchTimer = 0;

/** Nothing is left to draw: offer to drop the constraint that leaves out most. */
const showNothingPasses = () => {
  const loosest = loosestConstraint(state.study, state.constraints, state.kept);
  if (!loosest) {
    showNotice("hint", "No run passes the filters.", "", { label: "clear filters", action: () => byId("clear-filters").click() });
    return;
  }
  const { constraint, gain } = loosest;
  const { phrase } = constraintWords(state.study, constraint);
  showNotice("hint", "No run passes the filters.", `Without ${phrase}, ${format(gain)} would.`, { label: `drop ${phrase}`, action: () => dropConstraint(constraint) });
};

const groups = () => [...byId("filters").querySelectorAll("[data-filter]")];

/* ------------------------------------------------------------------ counts */

const showCounts = () => {
  const counts = filterCounts(state.study, state.constraints, state.kept);
  const constraintOn = new Map(state.constraints.map((constraint) => [constraint.name, constraint]));
  for (const group of groups()) {
    const filter = /** @type {Filter} */ (state.study.filters.find((entry) => entry.name === group.dataset.filter));
    const count = counts.get(filter.name) ?? [];
    const constraint = constraintOn.get(filter.name);
    group.querySelector("[data-reset]").hidden = !constraint;
    if (filter.kind === "levels") showPills(group, count);
    else showBars(group, filter, count, constraint);
  }
};

/**
 * @param {PageElement} group
 * @param {number[]} counts
 */
const showPills = (group, counts) => {
  group.querySelectorAll("[data-part]").forEach((pill, part) => {
    say(pill, format(counts[part]));
    pill.closest("label")?.toggleAttribute("data-empty", counts[part] === 0);
  });
};

/**
 * Histogram bars: faint for all runs of the study, solid for those that pass the other filters.
 * @param {PageElement} group
 * @param {RangeFilter} filter
 * @param {number[]} counts
 * @param {any} constraint
 */
const showBars = (group, filter, counts, constraint) => {
  const [first, last] = rangeEnds(filter, constraint);
  say(group.querySelector(".range-text"), constraint ? constraintWords(state.study, constraint).wish : "");
  group.querySelectorAll("[data-part]").forEach((bar, part) => {
    const all = Number(bar.dataset.part);
    bar.querySelector(".passing").style.height = all && counts[part] ? `max(2px, ${(100 * counts[part]) / all}%)` : "0";
    bar.classList.toggle("outside", part < first || part > (filter.discrete ? last : last - 1));
    bar.title = `${bar.dataset.values}: ${counts[part]} of ${all} runs`;
  });
};

/* ------------------------------------------------------------------ active filters */

/** @param {any} constraint */
export const dropConstraint = (constraint) => {
  if (constraint.kind === "search") search("");
  else if (constraint.kind === "kept") keepAll();
  else choose(constraint.name, wholeChoice(constraint));
};

/** @param {Constraint | KeptConstraint} constraint */
const chip = (constraint) => {
  const { subject, wish } = constraintWords(state.study, constraint);
  const button = make("button", "active-filter");
  button.type = "button";
  button.title = `Drop: ${subject}: ${wish}`;
  const text = make("span", "active-text");
  text.append(make("bdi", "active-subject", subject), " ", make("bdi", "", wish));
  const cross = make("span", "", "×");
  cross.setAttribute("aria-hidden", "true");
  button.append(text, make("span", "visually-hidden", ": drop this filter"), cross);
  button.addEventListener("click", () => dropConstraint(constraint));
  return button;
};

const showActive = () => {
  const box = byId("active-filters");
  const active = [...state.constraints, ...keptConstraint(state.kept)];
  const content = JSON.stringify(active.map((constraint) => constraintWords(state.study, constraint)));
  if (box.dataset.content === content) return;
  const focused = [...box.children].findIndex((child) => child === document.activeElement);
  box.dataset.content = content;
  box.replaceChildren(...active.map(chip));
  // Keep the focus on the next chip, so that filters can be removed one after another by keyboard.
  if (focused >= 0) /** @type {HTMLElement} */ (box.children[Math.min(focused, active.length - 1)] || byId("search")).focus();
  byId("clear-filters").disabled = active.length === 0;
};

/* ------------------------------------------------------------------ search */

/**
 * Set the search text.
 * @param {string} text
 */
export const search = (text) => {
  setProps("search", { value: text });
  takeUp(text);
};

/** @param {string} text */
const takeUp = (text) => {
  clearTimeout(searchTimer);
  if (!state.study?.study || text === state.search) return;
  write({ search: text });
  refilter();
};

/* ------------------------------------------------------------------ folding */

/**
 * Names of folded filters: as last left, else all beyond the first few if there are many.
 * @param {Study} study
 */
const foldedNames = (study) => {
  const late = study.filters.length > MANY_FILTERS ? study.filters.slice(UNFOLDED_AT_FIRST) : [];
  return new Set(recall(`folded.${study.study}`, late.map((filter) => filter.name)));
};

/**
 * @param {PageElement} group
 * @param {boolean} isFolded
 */
const fold = (group, isFolded) => {
  group.querySelector(".filter-name").setAttribute("aria-expanded", String(!isFolded));
  group.querySelector(".filter-body").hidden = isFolded;
};

const areFolded = () => groups().filter((group) => group.querySelector(".filter-body").hidden);

const rememberFolds = () => {
  remember(`folded.${state.study.study}`, areFolded().map((group) => group.dataset.filter ?? ""));
  byId("fold-filters").textContent = areFolded().length ? "unfold all" : "fold all";
};

const showFolds = () => {
  const folded = foldedNames(state.study);
  const active = new Set(state.constraints.map((constraint) => constraint.name));
  for (const group of groups()) fold(group, folded.has(group.dataset.filter ?? "") && !active.has(group.dataset.filter ?? null));
  const button = byId("fold-filters");
  button.hidden = state.study.filters.length <= UNFOLDED_AT_FIRST;
  button.textContent = areFolded().length ? "unfold all" : "fold all";
};

/**
 * Focus an element of the rail, after unfolding the rail if needed.
 * @param {any} place
 */
const focusIn = (place) => {
  const toggle = document.querySelector('[data-toggle="filters"]');
  if (toggle?.getAttribute("aria-pressed") === "false") toggle.click();
  const element = typeof place === "string" ? byId(place) : place;
  element?.focus();
  element?.select?.();
};

/** @type {Study | null} */
let shownFor = null;

export const install = () => {
  document.addEventListener("input", (event) => {
    if (targetOf(event).id !== "search") return;
    clearTimeout(searchTimer);
    const { value } = targetOf(event);
    searchTimer = setTimeout(() => takeUp(value), SEARCH_PAUSE_MS);
  });

  document.addEventListener("keydown", (event) => {
    if (targetOf(event).id !== "search") return;
    if (event.key === "Enter") takeUp(targetOf(event).value);
    if (event.key !== "Escape") return;
    if (targetOf(event).value) search("");
    else targetOf(event).blur();
  });

  addressFields.push(["q", ({ search }) => search]);

  document.addEventListener("click", (event) => {
    const group = targetOf(event).closest("[data-filter]");
    if (!group) return;
    const name = targetOf(event).closest(".filter-name");
    if (name) {
      fold(group, name.getAttribute("aria-expanded") === "true");
      rememberFolds();
    }
    const reset = targetOf(event).closest("[data-reset]");
    if (reset) {
      group.querySelector(".filter-name").focus();
      const constraint = state.constraints.find((entry) => entry.name === group.dataset.filter);
      if (constraint) dropConstraint(constraint);
    }
    const more = targetOf(event).closest("[data-more]");
    if (more) {
      const isOpen = group.querySelector(".pills").toggleAttribute("data-open");
      more.textContent = isOpen ? "fewer" : (more.dataset.more ?? "");
      more.setAttribute("aria-expanded", String(isOpen));
    }
  });

  Object.assign(actions, {
    "clear-filters": () => {
      clearTimeout(searchTimer);
      setProps("search", { value: "" });
      write({ search: "" });
      keepRuns([]);
      clearChoices();
      refilter();
    },
    "fold-filters": () => {
      const isFolding = areFolded().length === 0;
      for (const group of groups()) fold(group, isFolding);
      rememberFolds();
    },
    "focus-search": () => focusIn("search"),
    "focus-filters": () => focusIn(groups()[0]?.querySelector(".filter-name")),
  });

  on("study", (study) => {
    shownFor = null;
    write({ search: study.view?.search ?? "" });
    setProps("search", { value: state.search });
  });

  on("grown", () => {
    shownFor = null;
  });

  on("select", () => {
    if (!state.study.study) return;
    showCounts();
    showActive();
    // Active filters stay unfolded; the first selection determines them.
    if (shownFor !== state.study) showFolds();
    shownFor = state.study;
  });

  on("nothing", showNothingPasses);

  // What is being typed belongs to the view that is left.
  on("travel", () => clearTimeout(searchTimer));
};
