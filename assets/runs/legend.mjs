/* Legend: names of the colours, with clicks that hide or isolate levels. */

import { format, levelName } from "../values/study.mjs";
import { on } from "../page/events.mjs";
import { state } from "../page/state.mjs";
import { byId, cutName, say } from "../page/words.mjs";
import { toggleLevel } from "../study/drawing.mjs";
import { chooseContext } from "../study/linking.mjs";

/**
 * Draw the legend of the given runs; a click on a level calls onToggle(entryName, isolate). A double click, or a click
 * with shift (also from the keyboard), isolates.
 * @param {PageElement} element
 * @param {Colouring} colouring
 * @param {number[]} runs
 * @param {Set<string>} hidden
 * @param {(name: string, isolate: boolean) => void} onToggle
 */
const drawLegend = (element, colouring, runs, hidden, onToggle) => {
  // Rebuilt only when its content changes: a replaced button loses the keyboard focus.
  const content = JSON.stringify([colouring.label, colouring.kind === "levels" ? colouring.entries : [colouring.low, colouring.high]]);
  if (element.dataset.content !== content) {
    element.dataset.content = content;
    const title = document.createElement("div");
    title.className = "legend-title";
    title.textContent = colouring.label;
    const body = colouring.kind === "levels" ? colouring.entries.map((entry) => levelButton(entry, onToggle)) : [gradient(colouring)];
    element.replaceChildren(title, ...body);
  }
  if (colouring.kind !== "levels") return;
  const counts = new Array(colouring.entries.length).fill(0);
  for (const run of runs) counts[colouring.entryOfRun(run)] += 1;
  element.querySelectorAll(".legend-entry").forEach((button, position) => {
    button.setAttribute("aria-pressed", String(!hidden.has(colouring.entries[position].name)));
    say(button.querySelector(".pill-count"), String(counts[position]));
  });
};

const CONTEXTS = { faint: "Drawn thin and pale behind the rest", hidden: "Not drawn" };

/**
 * Switch at the legend's foot: whether embedded runs that are filtered out or hidden are drawn faint; shown only while
 * there are any. Called after drawLegend; onChoose(context) with "faint" or "hidden".
 * @param {PageElement} element
 * @param {boolean} isAway
 * @param {Context} context
 * @param {(context: Context) => void} onChoose
 */
const drawContextSwitch = (element, isAway, context, onChoose) => {
  let foot = /** @type {HTMLElement | null} */ (element.querySelector(".legend-foot"));
  if (!foot) {
    foot = document.createElement("div");
    foot.className = "legend-foot";
    foot.setAttribute("role", "group");
    foot.setAttribute("aria-label", "Filtered runs");
    foot.append("filtered", .../** @type {Context[]} */ (Object.keys(CONTEXTS)).map((name) => contextButton(name, onChoose)));
    element.append(foot);
  }
  foot.hidden = !isAway;
  for (const button of foot.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.textContent === context));
};

/**
 * @param {Context} name
 * @param {(context: Context) => void} onChoose
 */
const contextButton = (name, onChoose) => {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "segment", textContent: name, title: CONTEXTS[name] });
  button.addEventListener("click", () => onChoose(name));
  return button;
};

/** @param {PageElement} element */
const clearLegend = (element) => {
  element.replaceChildren();
  delete element.dataset.content;
};

/**
 * @param {LegendEntry} entry
 * @param {(name: string, isolate: boolean) => void} onToggle
 */
const levelButton = (entry, onToggle) => {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "legend-entry";
  button.title = `${levelName(entry.name)}. Click: show or hide. Double click, or shift: only this.`;
  const swatch = document.createElement("span");
  swatch.className = "swatch";
  swatch.style.background = entry.color;
  const name = cutName(levelName(entry.name));
  const count = document.createElement("span");
  count.className = "pill-count";
  button.append(swatch, name, count);
  button.addEventListener("click", (event) => onToggle(entry.name, event.detail > 1 || event.shiftKey));
  return button;
};

/** @param {NumberColouring} colouring */
const gradient = (colouring) => {
  const box = document.createElement("div");
  box.className = "gradient";
  const bar = document.createElement("div");
  bar.className = "gradient-bar";
  bar.style.background = `linear-gradient(to right, ${colouring.scale.join(",")})`;
  const ends = document.createElement("div");
  ends.className = "limits";
  for (const text of [format(colouring.low), colouring.isLogarithmic ? "log" : "", format(colouring.high)]) {
    const span = document.createElement("span");
    span.textContent = text;
    ends.append(span);
  }
  box.append(bar, ends);
  return box;
};

/**
 * Test of the runs that passed when the legend was last drawn: it does not change while training is played.
 * @type {((run: number) => boolean) | null}
 */
let drawnFor = null;

export const install = () => {
  on("draw", ({ scene, colouring, isShown, context }) => {
    if (state.passes === drawnFor) return;
    drawnFor = state.passes;
    const runs = scene.run_ids.map((/** @type {string} */ _, /** @type {number} */ run) => run);
    drawLegend(byId("legend"), colouring, runs.filter(state.passes), state.hidden, toggleLevel);
    drawContextSwitch(byId("legend"), !runs.every(isShown), context, chooseContext);
  });

  on("forget", () => clearLegend(byId("legend")));
};
