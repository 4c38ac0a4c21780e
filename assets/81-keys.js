/*
 * Keys: a registry of single keys and the actions they stand for, and who may press them when.
 *
 * A feature adds its own: inpca.keys.push({key, label, action, group}). A key whose action nobody has added does nothing
 * and is not listed. Printable keys work while the picture, a plain button or nothing in particular has the focus, never
 * while something is being typed or chosen, and can be switched off for good (WCAG 2.1.4).
 */
(() => {
  "use strict";
  const inpca = window.inpca;

  const key = (group) => (name, label, action, also = []) => ({ key: name, label, action, group, also });
  const [view, time, runs, page] = ["View", "Time", "Runs and filters", "Page"].map(key);

  /** {key, label, action, group, also}: key as the event names it, in front of it "Shift+" for keys that print nothing. */
  inpca.keys = [
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
  ];

  /** Those that do something. */
  inpca.liveKeys = () => inpca.keys.filter(({ action }) => inpca.actions[action]);

  const CHOOSING = "dialog, [role=dialog], [role=listbox], [role=menu], [role=option], [role=combobox], [aria-haspopup=listbox]";
  const WITHOUT_TEXT = ["checkbox", "radio", "button", "submit"];
  const BUTTONS = "button, summary, a, input, [role=button], [role=slider], [role=tab], [role=separator], [role=gridcell]";
  // A focused button has its own use for these.
  const OF_BUTTONS = ["Space", "Enter", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];

  const isTyping = (element) =>
    element.matches("textarea, select, [contenteditable]") || (element.matches("input") && !WITHOUT_TEXT.includes(element.type));

  const nameOf = (event) => {
    if (event.key === " ") return "Space";
    if (event.key.length > 1) return (event.shiftKey ? "Shift+" : "") + event.key;
    return event.key.toLowerCase();
  };

  /** Whether a key may act where the focus is. */
  const isFree = (name, element) => {
    if (isTyping(element) || element.closest(CHOOSING)) return false;
    return !(element.matches(BUTTONS) && OF_BUTTONS.includes(name.replace("Shift+", "")));
  };

  /** What is a button by name only gets a button's keys. */
  document.addEventListener("keydown", (event) => {
    if (!event.target.matches("div[role=button]") || !["Enter", " "].includes(event.key)) return;
    event.preventDefault();
    event.target.click();
  });

  /** Mantine's menus focus a nameless placeholder first, which is no part of a menu: go on to the first item. */
  document.addEventListener("focusin", (event) => {
    if (!event.target.matches("[role=menu] > [data-autofocus]")) return;
    event.target.parentElement.querySelector("[role=menuitem]:not(:disabled)")?.focus();
    event.target.removeAttribute("tabindex");
  });

  inpca.areKeysOn = () => inpca.recall("singleKeys", true);

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (document.querySelector("dialog[open]")) return;
    const name = nameOf(event);
    const prints = name.length === 1 || name === "Space";
    if ((prints && !inpca.areKeysOn()) || !isFree(name, event.target)) return;
    const entry = inpca.liveKeys().find((candidate) => candidate.key === name || candidate.also?.includes(name));
    if (!entry) return;
    event.preventDefault();
    const button = document.getElementById(entry.action);
    if (!button?.disabled) inpca.actions[entry.action](button);
  });
})();
