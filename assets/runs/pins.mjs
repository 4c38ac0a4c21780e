/* Chips of pinned runs. */

import { MOST_PINS, pinClass } from "../values/pins.mjs";
import { format } from "../values/study.mjs";
import { on } from "../page/events.mjs";
import { state } from "../page/state.mjs";
import { byId, cutName } from "../page/words.mjs";
import { hover, pick, togglePin } from "../study/linking.mjs";
import { revealRow } from "./table.mjs";

/**
 * @typedef {{
 *   onReveal(runId: string): void, onHover(runId: string | null): void, onRemove(runId: string): void, onClear(): void,
 * }} PinListener
 */

/**
 * Characters of a name shown on each of n pins.
 * @param {number} n
 */
const longest = (n) => (n <= 3 ? 22 : n <= 6 ? 18 : 12);

/**
 * @param {string} className
 * @param {string} text
 * @param {string} label
 * @param {() => void} action
 */
const button = (className, text, label, action) => {
  const element = document.createElement("button");
  Object.assign(element, { type: "button", className, textContent: text, title: label });
  element.setAttribute("aria-label", label);
  element.addEventListener("click", action);
  return element;
};

/**
 * @param {Pin} pin
 * @param {boolean} isShown
 * @param {PinListener} listener
 */
const chip = (pin, isShown, listener) => {
  const item = document.createElement("li");
  item.className = `pin ${pinClass(pin)}`;
  item.classList.toggle("away", !isShown);
  const name = button("pin-name", "", `${pin.letter}, ${pin.runId}: show its row${isShown ? "" : "; not in the picture now"}`, () =>
    listener.onReveal(pin.runId),
  );
  name.append(cutName(pin.runId));
  for (const event of ["pointerenter", "focus"]) name.addEventListener(event, () => listener.onHover(pin.runId));
  for (const event of ["pointerleave", "blur"]) name.addEventListener(event, () => listener.onHover(null));
  item.append(name, button("pin-remove", "×", `Unpin ${pin.runId}`, () => listener.onRemove(pin.runId)));
  return item;
};

/**
 * Fill the list of pins; n is the number of picked runs. listener: onReveal(runId), onHover(runId or null),
 * onRemove(runId), onClear().
 * The list is rebuilt only when its content changes, and keyboard focus moves to the successor of the focused element.
 * @param {PageElement} element
 * @param {Pin[]} pins
 * @param {number} n
 * @param {(runId: string) => boolean} isShown
 * @param {PinListener} listener
 */
export const drawPins = (element, pins, n, isShown, listener) => {
  const content = JSON.stringify([n, pins.map((pin) => [pin, isShown(pin.runId)])]);
  if (element.dataset.content === content) return;
  element.dataset.content = content;
  element.hidden = n === 0;
  const hadFocus = [...element.querySelectorAll("button")].findIndex((button) => button === document.activeElement);
  const title = document.createElement("div");
  title.className = "legend-title";
  title.textContent = pins.length ? `pinned, ${pins.length} of ${MOST_PINS}` : `${format(n)} runs selected`;
  title.append(button("link-button", "clear", "Unpin all", () => listener.onClear()));
  const rest = document.createElement(pins.length ? "ul" : "p");
  rest.style.setProperty("--letters", String(longest(pins.length)));
  if (pins.length) rest.append(...pins.map((pin) => chip(pin, isShown(pin.runId), listener)));
  else rest.textContent = `Swatches are for up to ${MOST_PINS}.`;
  element.replaceChildren(title, rest);
  if (hadFocus >= 0) [...element.querySelectorAll("button")].slice(0, hadFocus + 1).at(-1)?.focus();
};

/** @param {string} runId */
const isDrawn = (runId) => {
  const run = state.scene ? state.scene.run_ids.indexOf(runId) : -1;
  return run >= 0 && state.isShown(run);
};

const listPins = () =>
  drawPins(byId("pins"), state.pins, state.picked.size, isDrawn, {
    onReveal: revealRow,
    /** @param {string} runId */
    onHover: (runId) => hover({ runId, source: "pins" }),
    onRemove: togglePin,
    onClear: () => pick([]),
  });

export const install = () => {
  on("forget", listPins);
  on("pins", listPins);
  on("draw", listPins);
};
