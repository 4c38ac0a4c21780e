/*
 * State of the page: every field with one writer.
 *
 * A module that owns fields takes their writer once, and others call the module. What has changed is announced by the
 * event "changed".
 */

import { emit } from "./events.mjs";

/**
 * What each field is stands with its type, State (values/types.d.ts). Study and style are there once a study has opened.
 * @type {Readonly<State>}
 */
export const state = {
  study: /** @type {any} */ (null),
  style: /** @type {any} */ (null),
  split: "train",
  divergence: "bhattacharyya",
  choices: new Map(),
  constraints: [],
  search: "",
  references: "project",
  automatic: true,
  mask: new Uint8Array(0),
  kept: new Set(),
  theme: "light",
  chosenTheme: "",
  emphasis: 1,
  colorBy: "model:progress",
  view: "3d",
  axes: [1, 2, 3],
  pairedComponents: 4,
  tab: "components",
  figure: "",
  figureOptions: {},
  comparison: null,
  camera: null,
  scale: "equal",
  clock: "progress",
  moment: null,
  flips: null,
  picked: new Set(),
  pins: [],
  isAlone: false,
  hidden: new Set(),
  context: "faint",
  inFull: false,
  hovered: null,
  scene: /** @type {any} */ (null),
  alongside: null,
  embeddedName: "",
  colouring: /** @type {any} */ (null),
  passes: () => false,
  isShown: () => false,
  secondSeen: () => null,
  isOpening: true,
  isGrown: false,
};

/** @type {Set<string>} */
const owned = new Set();

/**
 * Whether a value says the same as the present one: lists, which callbacks of Dash give anew each time, by their entries.
 * @param {unknown} present
 * @param {unknown} value
 */
const isSame = (present, value) =>
  Array.isArray(present) && Array.isArray(value)
    ? present.length === value.length && present.every((entry, place) => Object.is(entry, value[place]))
    : Object.is(present, value);

/**
 * Writer of some fields, given once: a function that sets those of them that differ, and emits "changed" with their values
 * before.
 * @template {keyof State} K
 * @param {...K} names
 * @returns {(changes: Partial<Pick<State, K>>) => void}
 */
export const writerOf = (...names) => {
  for (const name of names) {
    if (!Object.hasOwn(state, name)) throw new Error(`The state has no field ${name}.`);
    if (owned.has(name)) throw new Error(`The field ${name} of the state has two writers.`);
    owned.add(name);
  }
  const fields = /** @type {Record<string, any>} */ (state);
  return (changes) => {
    /** @type {Record<string, any>} */
    const before = {};
    for (const [name, value] of Object.entries(changes)) {
      if (!names.includes(/** @type {any} */ (name))) throw new Error(`The field ${name} of the state belongs to another module.`);
      if (isSame(fields[name], value)) continue;
      before[name] = fields[name];
      fields[name] = value;
    }
    if (Object.keys(before).length) emit("changed", before);
  };
};
