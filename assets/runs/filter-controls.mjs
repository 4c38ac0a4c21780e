/*
 * Filter controls: pills for categories, histograms with two handles for numbers.
 *
 * Plain elements, not Dash components: a change of a Dash component runs through its callbacks and visits every other
 * component, which took longer than drawing the picture.
 */

import { columnOf, format, levelName } from "../values/study.mjs";
import { on } from "../page/events.mjs";
import { state, writerOf } from "../page/state.mjs";
import { byId, make } from "../page/words.mjs";
import { refilter } from "../study/explorer.mjs";
import { grownChoices } from "../study/growth.mjs";

const write = writerOf("choices");

/** A category with more levels shows this many, the chosen ones, and a button for the rest (10-controls.css). */
const PILLS_AT_ONCE = 14;

/** Width of a range's handle (10-controls.css). */
const THUMB = 14;

/** Filter name -> function that shows a choice in its control. */
let controls = new Map();
/** What the standing controls were made for: a study and its filters. */
let made = "";

/* ------------------------------------------------------------------ choices */

/**
 * Set one filter: its chosen levels, or the end stops of its range.
 * @param {string} name
 * @param {any} choice
 */
export const choose = (name, choice) => {
  write({ choices: new Map(state.choices).set(name, choice) });
  controls.get(name)?.(choice);
  refilter();
};

/** Clear all choices; the caller then applies the selection. */
export const clearChoices = () => {
  write({ choices: new Map() });
  for (const filter of state.study.filters) controls.get(filter.name)(wholeChoice(filter));
};

/** @param {Filter} filter */
export const wholeChoice = (filter) => (filter.kind === "levels" ? [] : [0, filter.stops.length - 1]);

/* ------------------------------------------------------------------ pills */

/** @param {string} level */
const pill = (level) => {
  const label = make("label", "pill");
  const box = make("input", "visually-hidden");
  box.type = "checkbox";
  const name = make("bdi", "pill-name", levelName(level));
  name.title = level;
  const count = make("span", "pill-count");
  count.dataset.part = "";
  label.append(box, name, count);
  return label;
};

/** @param {LevelsFilter} filter */
const levelsControl = (filter) => {
  const pills = make("div", "pills");
  pills.append(...filter.levels.map(pill));
  const boxes = [...pills.querySelectorAll("input")];
  pills.addEventListener("change", () => choose(filter.name, filter.levels.filter((_, at) => boxes[at].checked)));
  /** @type {HTMLElement[]} */
  const body = [pills];
  const nMore = filter.levels.length - PILLS_AT_ONCE;
  if (nMore > 0) {
    const more = linkButton(`${nMore} more`);
    more.dataset.more = more.textContent;
    more.setAttribute("aria-expanded", "false");
    body.push(more);
  }
  /** @param {any} chosen */
  const show = (chosen) => boxes.forEach((box, at) => (box.checked = chosen.includes(filter.levels[at])));
  return { body, show };
};

/* ------------------------------------------------------------------ ranges */

/**
 * @param {RangeFilter} filter
 * @param {string} label
 */
const rangeControl = (filter, label) => {
  const last = filter.stops.length - 1;
  // A continuous range must span at least one bin.
  const least = filter.discrete ? 0 : 1;
  const range = make("div", "range");
  const handles = ["lowest", "highest"].map((end) => {
    const handle = make("input");
    Object.assign(handle, { type: "range", min: 0, max: last, step: 1 });
    handle.setAttribute("aria-label", `${label}, ${end}`);
    handle.addEventListener("input", () => move(handle, Number(handle.value)));
    return handle;
  });
  range.append(...handles);

  /**
   * @param {HTMLInputElement} handle
   * @param {number} stop
   */
  const move = (handle, stop) => {
    const [from, to] = handles.map(({ value }) => Number(value));
    const choice = handle === handles[0] ? [Math.min(stop, to - least), to] : [from, Math.max(stop, from + least)];
    choose(filter.name, choice);
  };

  /** @param {any} choice */
  const show = (choice) => {
    handles.forEach((handle, at) => {
      handle.value = choice[at];
      handle.setAttribute("aria-valuetext", format(filter.stops[choice[at]]));
    });
    range.style.setProperty("--from", String(choice[0] / last));
    range.style.setProperty("--to", String(choice[1] / last));
    // If both handles coincide, the one that can still move lies on top.
    handles[0].classList.toggle("on-top", choice[0] > last / 2);
  };

  // A press beside the handles moves the nearer one.
  range.addEventListener("pointerdown", (event) => {
    if (event.target !== range || event.button !== 0) return;
    const { left, width } = range.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - left - THUMB / 2) / (width - THUMB)));
    const away = handles.map(({ value }) => Math.abs(share * last - Number(value)));
    const nearer = handles[away[0] <= away[1] ? 0 : 1];
    move(nearer, Math.round(share * last));
    nearer.focus({ preventScroll: true });
    event.preventDefault();
  });
  return { body: [histogram(filter), range, limits(filter)], show };
};

/** @param {RangeFilter} filter */
const histogram = (filter) => {
  const box = make("div", filter.discrete ? "histogram discrete" : "histogram");
  box.setAttribute("aria-hidden", "true");
  box.style.setProperty("--gaps", String(filter.stops.length - 1));
  const highest = Math.max(1, ...filter.counts);
  box.append(
    ...filter.counts.map((count, at) => {
      const bar = make("span", "bar");
      // Centred at the handle position of its stop, as wide as the spacing allows (10-controls.css).
      bar.style.setProperty("--at", String(at / (filter.stops.length - 1)));
      bar.style.height = `${(100 * count) / highest}%`;
      bar.dataset.part = String(count);
      const [from, to] = filter.stops.slice(at, at + 2).map(format);
      bar.dataset.values = filter.discrete ? from : `${from} to ${to}`;
      bar.append(make("span", "passing"));
      return bar;
    }),
  );
  return box;
};

/** @param {RangeFilter} filter */
const limits = ({ stops, logarithmic }) => {
  const box = make("div", "limits");
  const [low, high] = [stops[0], stops.at(-1)].map(format);
  box.append(...[low, logarithmic ? "log" : "", high].map((text) => make("span", "", text)));
  return box;
};

/* ------------------------------------------------------------------ groups */

/** @param {string} text */
const linkButton = (text) => {
  const button = make("button", "link-button", text);
  button.type = "button";
  return button;
};

/**
 * Titled group that can be folded and reset (filter-rail.mjs).
 * @param {Filter} filter
 * @param {string} label
 * @param {Element[]} body
 */
const group = (filter, label, body) => {
  const fieldset = make("fieldset", "filter");
  fieldset.dataset.filter = filter.name;
  fieldset.setAttribute("aria-label", label);
  const name = make("button", "filter-name");
  name.type = "button";
  name.setAttribute("aria-expanded", "true");
  name.append(make("bdi", "", label));
  const wish = make("span", "range-text");
  wish.setAttribute("aria-live", "polite");
  const reset = linkButton("reset");
  Object.assign(reset, { hidden: true });
  reset.dataset.reset = "";
  reset.setAttribute("aria-label", `reset ${label}`);
  const head = make("div", "filter-head");
  head.append(name, wish, reset);
  const content = make("div", "filter-body");
  content.append(...body);
  fieldset.append(head, content);
  return fieldset;
};

/**
 * @param {Study} study
 * @param {Filter} filter
 */
const build = (study, filter) => {
  const { label } = columnOf(study, filter.name);
  const { body, show } = filter.kind === "levels" ? levelsControl(filter) : rangeControl(filter, label);
  show(state.choices.get(filter.name) ?? wholeChoice(filter));
  controls.set(filter.name, show);
  return group(filter, label, body);
};

/* ------------------------------------------------------------------ a study that has grown */

const SHOWN = ["kind", "levels", "stops", "counts", "discrete", "logarithmic"];
/** @param {Filter | null} filter */
const looks = (filter) => JSON.stringify(filter, SHOWN);

/**
 * Focusable elements of a filter's control, and a name by which each is found again in the control's successor.
 * @param {PageElement} fieldset
 */
const places = (fieldset) => [...fieldset.querySelectorAll("button, input")];
/** @param {Element} element */
const placeName = (element) => element.getAttribute("aria-label") ?? element.parentElement?.querySelector("bdi")?.title ?? element.className;

/**
 * Replace a control by its successor, with the same unfolded state and focus.
 * @param {PageElement} old
 * @param {PageElement} fieldset
 */
const replace = (old, fieldset) => {
  if (old.querySelector(".pills[data-open]")) {
    fieldset.querySelector(".pills").toggleAttribute("data-open", true);
    const more = fieldset.querySelector("[data-more]");
    if (more) Object.assign(more, { textContent: "fewer" }).setAttribute("aria-expanded", "true");
  }
  const focused = places(old).find((element) => element === document.activeElement);
  old.replaceWith(fieldset);
  if (focused) places(fieldset).find((element) => placeName(element) === placeName(focused))?.focus({ preventScroll: true });
};

/** @param {Study} study */
const madeFor = (study) => JSON.stringify([study.study, study.unfiltered, (study.filters ?? []).map((filter) => [filter.name, columnOf(study, filter.name).label, looks(filter)])]);

/** @param {Study} study */
const whyNone = ({ unfiltered }) => (unfiltered ? [make("p", "hint", unfiltered)] : []);

export const install = () => {
  on("study", (study) => {
    write({ choices: new Map(study.view?.choices) });
    // Another view of the same study: its controls keep their focus and their place in the rail.
    if (made === madeFor(study)) {
      for (const filter of study.filters ?? []) controls.get(filter.name)(state.choices.get(filter.name) ?? wholeChoice(filter));
      return;
    }
    made = madeFor(study);
    controls = new Map();
    const groups = (study.filters ?? []).map((/** @type {Filter} */ filter) => build(study, filter));
    byId("filters").replaceChildren(...groups, ...whyNone(study));
  });

  // Only changed controls are replaced: a new checkpoint usually changes the error histograms alone.
  on("grown", (study, before) => {
    const rail = document.querySelector(".rail.left");
    const { scrollTop } = rail;
    const was = new Map(/** @type {Filter[]} */ (before.filters).map((filter) => [filter.name, filter]));
    const old = controls;
    const children = /** @type {PageElement[]} */ ([...byId("filters").children]);
    const standing = new Map(children.map((element) => [element.dataset.filter, element]));
    write({ choices: grownChoices(study) });
    controls = new Map();
    study.filters.forEach((/** @type {Filter} */ filter, /** @type {number} */ at) => {
      const { name } = filter;
      const there = standing.get(name);
      const isSame = there && looks(filter) === looks(was.get(name) ?? null);
      if (isSame) controls.set(name, old.get(name));
      const fieldset = isSame ? there : build(study, filter);
      if (there && !isSame) replace(there, /** @type {PageElement} */ (fieldset));
      const next = byId("filters").children[at];
      if (next !== fieldset) byId("filters").insertBefore(fieldset, next ?? null);
    });
    while (byId("filters").children.length > study.filters.length) byId("filters").lastElementChild?.remove();
    byId("filters").append(...whyNone(study));
    rail.scrollTop = scrollTop;
    made = madeFor(study);
  });
};
