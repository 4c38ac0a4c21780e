/* Help sheet: keyboard shortcuts from the registry, and their switch. */

import { actions } from "../page/actions.mjs";
import { setProps } from "../page/dash.mjs";
import { remember } from "../page/memory.mjs";
import { byId, make, targetOf } from "../page/words.mjs";
import { areKeysOn, liveKeys } from "./keys.mjs";

/** @type {Record<string, string>} */
const SYMBOLS = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc", Space: "space", "-": "−" };
/** @param {string} name */
const symbol = (name) => name.split(/(?<=Shift)\+/).map((part) => SYMBOLS[part] || part);

/**
 * Lines of the sheet: keys with the same label share one.
 * @param {any[]} entries
 */
const linesOf = (entries) => {
  const lines = new Map();
  for (const { key, label } of entries) lines.set(label, [...(lines.get(label) || []), key]);
  return lines;
};

/** @param {[string, string[]]} pair */
const lineOf = ([label, keys]) => {
  const isShifted = keys[0].startsWith("Shift+");
  const term = make("dt");
  if (isShifted) term.append(make("kbd", "", "Shift"), " + ");
  for (const name of keys) term.append(make("kbd", "", symbol(name).at(-1)));
  return [term, make("dd", "", label)];
};

const list = () => {
  const entries = liveKeys();
  const groups = [...new Set(entries.map((entry) => entry.group))];
  byId("help-keys").replaceChildren(...groups.map((group) => {
    const box = make("section", "help-group");
    const lines = make("dl");
    for (const line of linesOf(entries.filter((entry) => entry.group === group))) lines.append(...lineOf(line));
    box.append(make("h3", "", group), lines);
    return box;
  }));
  setProps("single-keys", { checked: areKeysOn() });
};

export const install = () => {
  document.addEventListener("change", (event) => {
    if (targetOf(event).id === "single-keys") remember("singleKeys", targetOf(event).checked);
  });

  // A click on the backdrop has the dialog itself as its target.
  document.addEventListener("click", (event) => {
    if (targetOf(event).id === "help-sheet") targetOf(event).close();
    if (targetOf(event).id !== "skip-link") return;
    // Following the fragment would change the address, and so reload the view.
    event.preventDefault();
    byId("picture").focus();
  });

  Object.assign(actions, {
    "help-button": () => {
      list();
      byId("help-sheet").showModal();
    },
    "help-close": () => byId("help-sheet").close(),
  });
};
