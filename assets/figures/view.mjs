/* Figures view: list of the analysis figures, and the one that is open. */

import { actions } from "../page/actions.mjs";
import { addressFields, writeAddress } from "../page/address.mjs";
import { on } from "../page/events.mjs";
import { state, writerOf } from "../page/state.mjs";
import { byId, targetOf } from "../page/words.mjs";
import { askIfSeen, cancel, setOptions, startAfresh } from "./asking.mjs";
import { clearFigures } from "./cards.mjs";

const write = writerOf("figure");

const entries = () => [...document.querySelectorAll("#figure-list .figure-entry")];
const isOpen = () => state.view === "figures";

/** The legend overlays all views; the list of figures ends above it. */
const legendSize = new ResizeObserver(([{ target }]) => byId("figure-page").style.setProperty("--legend-height", `${/** @type {HTMLElement} */ (target).offsetHeight}px`));

/** @param {string} name */
const open = (name) => {
  const all = entries();
  const chosen = all.find(({ dataset }) => dataset.figure === name) ?? all[0];
  write({ figure: chosen.dataset.figure });
  for (const entry of all) entry.setAttribute("aria-pressed", String(entry === chosen));
  for (const head of document.querySelectorAll("[data-head]")) head.hidden = head.dataset.head !== state.figure;
};

/** @param {string} name */
const openAnother = (name) => {
  if (name === state.figure) return;
  open(name);
  startAfresh();
  writeAddress();
  askIfSeen();
};

export const install = () => {
  on("study", (study) => {
    if (!study.view) return;
    const isOther = study.view.figure !== state.figure;
    open(study.view.figure);
    setOptions(study.view.figure_options);
    if (isOther) clearFigures();
    askIfSeen();
  });
  on("forget", startAfresh);
  on("view", () => {
    byId("figure-page").hidden = !isOpen();
    if (isOpen()) legendSize.observe(document.querySelector(".corner"));
    else legendSize.disconnect();
    askIfSeen();
  });
  on("scene", () => setTimeout(askIfSeen));

  document.addEventListener("click", (event) => {
    const entry = targetOf(event).closest(".figure-entry");
    if (entry) openAnother(entry.dataset.figure ?? "");
  });

  addressFields.push(
    ["fig", ({ view, figure }) => (view === "figures" ? figure : "")],
    ["fo", ({ view, figureOptions }) => (view === "figures" && Object.keys(figureOptions).length ? JSON.stringify(figureOptions) : "")],
  );

  actions["figure-cancel"] = cancel;
};
