/*
 * Registry of keyboard shortcuts.
 *
 * A feature adds its own: keys.push({key, label, action, group}). A key without a registered action does nothing and
 * is not listed. Printable keys work while the picture, a plain button or no control has the focus, never while text is
 * typed or an option chosen, and can be disabled permanently (WCAG 2.1.4).
 */

import { actions } from "../page/actions.mjs";
import { recall } from "../page/memory.mjs";
import { byId, targetOf } from "../page/words.mjs";

/** @typedef {{ key: string, label: string, action: string, group: string, also: string[] }} Key */

/**
 * @param {string} group
 * @returns {(name: string, label: string, action: string, also?: string[]) => Key}
 */
const key = (group) => (name, label, action, also = []) => ({ key: name, label, action, group, also });
const [view, time, runs, page] = ["View", "Time", "Runs and filters", "Page"].map(key);

/** {key, label, action, group, also}: key as in KeyboardEvent, with prefix "Shift+" for keys that print nothing. */
export const keys = [
  view("ArrowLeft", "orbit", "orbit-left"),
  view("ArrowRight", "orbit", "orbit-right"),
  view("ArrowUp", "orbit", "orbit-up"),
  view("ArrowDown", "orbit", "orbit-down"),
  view("Shift+ArrowLeft", "move", "pan-left"),
  view("Shift+ArrowRight", "move", "pan-right"),
  view("Shift+ArrowUp", "move", "pan-up"),
  view("Shift+ArrowDown", "move", "pan-down"),
  view("+", "zoom", "zoom-in", ["="]),
  view("-", "zoom", "zoom-out", ["_"]),
  view("0", "reset the view", "reset-camera"),
  view("1", "look along the x, y or z axis", "view-x"),
  view("2", "look along the x, y or z axis", "view-y"),
  view("3", "look along the x, y or z axis", "view-z"),
  view("r", "turn by itself", "rotate-toggle"),
  time("Space", "play or pause", "time-play"),
  time("[", "a step back or forward", "time-back"),
  time("]", "a step back or forward", "time-forward"),
  runs("/", "search runs", "focus-search"),
  runs("f", "go to the filters", "focus-filters"),
  runs("p", "pin the run under the pointer", "pin-hovered"),
  runs("h", "hide all but the pinned", "hide-others"),
  page("e", "embed this selection", "embed-button"),
  page("d", "dark or light", "theme-toggle"),
  page("g", "present", "present-toggle"),
  page("c", "copy the link", "copy-link"),
  page("s", "save a PNG", "export-png"),
  page("?", "this sheet", "help-button"),
  page("l", "follow or freeze a study that is being recorded", "live-follow"),
];

/** Keys with a registered action. */
export const liveKeys = () => keys.filter(({ action }) => actions[action]);

const CHOOSING = "dialog, [role=dialog], [role=listbox], [role=menu], [role=option], [role=combobox], [aria-haspopup=listbox]";
const WITHOUT_TEXT = ["checkbox", "radio", "button", "submit"];
const BUTTONS = "button, summary, a, input, [role=button], [role=slider], [role=tab], [role=separator], [role=gridcell]";
// Keys that a focused button uses itself.
const OF_BUTTONS = ["Space", "Enter", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];

/** @param {PageElement} element */
const isTyping = (element) =>
  element.matches("textarea, select, [contenteditable]") || (element.matches("input") && !WITHOUT_TEXT.includes(element.type));

/** @param {KeyboardEvent} event */
const nameOf = (event) => {
  if (event.key === " ") return "Space";
  if (event.key.length > 1) return (event.shiftKey ? "Shift+" : "") + event.key;
  return event.key.toLowerCase();
};

/**
 * Whether a key may act where the focus is.
 * @param {string} name
 * @param {PageElement} element
 */
const isFree = (name, element) => {
  if (isTyping(element) || element.closest(CHOOSING)) return false;
  return !(element.matches(BUTTONS) && OF_BUTTONS.includes(name.replace("Shift+", "")));
};

export const areKeysOn = () => recall("singleKeys", true);

export const install = () => {
  /** Give elements with role="button" the keys of a button. */
  document.addEventListener("keydown", (event) => {
    if (!targetOf(event).matches("div[role=button]") || !["Enter", " "].includes(event.key)) return;
    event.preventDefault();
    targetOf(event).click();
  });

  /** Mantine's menus first focus an unnamed placeholder outside the menu's items: move on to the first item. */
  document.addEventListener("focusin", (event) => {
    if (!targetOf(event).matches("[role=menu] > [data-autofocus]")) return;
    targetOf(event).parentElement?.querySelector("[role=menuitem]:not(:disabled)")?.focus();
    targetOf(event).removeAttribute("tabindex");
  });

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (document.querySelector("dialog[open]")) return;
    const name = nameOf(event);
    const prints = name.length === 1 || name === "Space";
    if ((prints && !areKeysOn()) || !isFree(name, targetOf(event))) return;
    const entry = liveKeys().find((candidate) => candidate.key === name || candidate.also?.includes(name));
    if (!entry) return;
    event.preventDefault();
    const button = byId(entry.action);
    if (!button?.disabled) actions[entry.action](button);
  });
};
