/* Option controls of a figure, from the server's description of each option. */

import { state } from "../page/state.mjs";
import { make } from "../page/words.mjs";

const MOST_INLINE = 4;
let areMoreOpen = false;

/**
 * Controls of a figure. answer: {options: {key: value}, alternatives: {key: [[value, words]]}, described: [{key, title,
 * kind, applies, governs, low, high, is_whole}]}; choose(key, value, forgotten) receives the choice and the keys of
 * options that it invalidates; complain(words) receives the reason why a choice is invalid.
 * @param {{ options: Record<string, any>, alternatives: Record<string, Alternatives>, described: FigureOption[] }} answer
 * @param {(key: string, value: any, forgotten: string[]) => void} choose
 * @param {(words: string) => void} complain
 */
export const figureControls = ({ options, alternatives, described }, choose, complain) => {
  /**
   * @param {FigureOption} option
   * @param {any} value
   * @param {Alternatives} alternatives
   */
  const control = (option, value, alternatives) => {
    const label = make("label", "figure-option");
    label.append(make("span", "", option.title));
    if (option.kind === "number") label.append(numberBox(option, value));
    else if (option.kind === "columns") return checks(option, value, alternatives);
    else label.append(menu(option, value, option.kind === "model" ? withPins(alternatives) : alternatives));
    return label;
  };

  /**
   * Alternatives of a checkpoint option, with the first and last checkpoints of pinned runs.
   * @param {Alternatives} alternatives
   */
  const withPins = (alternatives) => {
    const known = new Set(alternatives.map(([value]) => value));
    const ends = state.pins.flatMap(({ runId }) => {
      const run = state.scene.run_ids.indexOf(runId);
      if (run < 0) return [];
      const last = state.scene.spans[run].count - 1;
      return /** @type {Alternatives} */ ([[`${runId}:0`, `start of ${runId}`], [`${runId}:${last}`, `end of ${runId}`]]);
    });
    return [...alternatives, ...ends.filter(([value]) => !known.has(value))];
  };

  /**
   * @param {FigureOption} option
   * @param {any} value
   * @param {Alternatives} alternatives
   */
  const menu = (option, value, alternatives) => {
    const select = make("select", "plain-select");
    select.dataset.option = option.key;
    for (const [name, words] of alternatives) {
      const item = make("option", "", words);
      item.value = name;
      select.append(item);
    }
    select.value = value;
    select.disabled = alternatives.length === 0;
    select.addEventListener("change", () => {
      // A value chosen for one column is invalid for another.
      choose(option.key, select.value, option.governs);
    });
    return select;
  };

  /**
   * @param {FigureOption} option
   * @param {any} value
   */
  const numberBox = (option, value) => {
    const box = make("input", "number-box");
    Object.assign(box, { type: "number", min: option.low, max: option.high, step: option.is_whole ? 1 : "any", value });
    box.dataset.option = option.key;
    box.addEventListener("change", () => {
      const typed = Number(box.value);
      const isFine = box.value !== "" && typed >= option.low && typed <= option.high && (!option.is_whole || Number.isInteger(typed));
      box.setAttribute("aria-invalid", String(!isFine));
      if (isFine) choose(option.key, typed, []);
      else complain(`${option.title} must lie between ${option.low} and ${option.high}.`);
    });
    return box;
  };

  /**
   * @param {FigureOption} option
   * @param {any} value
   * @param {Alternatives} alternatives
   */
  const checks = (option, value, alternatives) => {
    const group = make("div", "figure-option figure-checks");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", option.title);
    group.append(make("span", "", option.title));
    for (const [name, words] of alternatives) {
      const label = make("label", "figure-check");
      const box = make("input");
      Object.assign(box, { type: "checkbox", checked: value.includes(name), value: name });
      box.addEventListener("change", () => {
        const chosen = [...group.querySelectorAll("input:checked")].map((one) => one.value);
        if (chosen.length) choose(option.key, chosen, []);
        else box.checked = true;
      });
      label.append(box, make("span", "", words));
      group.append(label);
    }
    return group;
  };

  const controls = described
    .filter(({ key, kind, applies }) => applies && (kind !== "columns" || alternatives[key].length > 1))
    .map((option) => control(option, options[option.key], alternatives[option.key]));
  if (controls.length <= MOST_INLINE) return controls;
  const more = make("details", "figure-more");
  more.open = areMoreOpen;
  more.addEventListener("toggle", () => {
    areMoreOpen = more.open;
  });
  more.append(make("summary", "", `${controls.length - MOST_INLINE + 1} more`), ...controls.splice(MOST_INLINE - 1));
  return [...controls, more];
};
