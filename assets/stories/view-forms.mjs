/* Buttons and forms of the views menu. */

import { make } from "../page/words.mjs";

/**
 * @param {string} label
 * @param {string} name
 * @param {(event: any) => void} action
 * @param {string} [focusKey]
 */
export const viewButton = (label, name, action, focusKey) => {
  const element = make("button", "link-button", label);
  element.type = "button";
  if (name) element.setAttribute("aria-label", name);
  if (name) element.title = name;
  if (focusKey) element.dataset.focusKey = focusKey;
  element.addEventListener("click", action);
  return element;
};

/**
 * @param {string} label
 * @param {Record<string, any>} values
 * @param {string} key
 * @param {number} longest
 */
const field = (label, values, key, longest) => {
  const input = make("input", "text-field");
  input.type = "text";
  input.maxLength = longest;
  input.placeholder = label;
  input.setAttribute("aria-label", label);
  input.value = values[key];
  input.dataset.focusKey = `field ${key}`;
  input.addEventListener("input", () => (values[key] = input.value));
  return input;
};

/**
 * @param {Record<string, any>} values
 * @param {{ label: string, focusKey: string, action: () => void }} submit
 * @param {...Node} buttons
 */
export const viewForm = (values, submit, ...buttons) => {
  const element = make("form", "view-form");
  const save = make("button", "primary-button", submit.label);
  save.type = "submit";
  save.dataset.focusKey = submit.focusKey;
  const row = make("div", "view-actions");
  row.append(save, ...buttons);
  const title = field("Name of the view", values, "title", 80);
  title.required = true;
  element.append(title, field("What it shows, in a sentence", values, "sentence", 400), row);
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    submit.action();
  });
  return element;
};
