/* Named views of the study: views.saved and views.tour. */

import { viewQuery } from "../page/address.mjs";
import { emit, on } from "../page/events.mjs";
import { post, reach } from "../page/requests.mjs";
import { state } from "../page/state.mjs";
import { nameSelection } from "../study/kept-selections.mjs";

const NOT_COMPARED = new Set(["v", "at", "th"]);
/** @returns {{ study: string | null, saved: SavedView[], tour: SavedView[], problems: string[] }} */
const none = () => ({ study: null, saved: [], tour: [], problems: [] });

/** Views of the open study: {study, saved, tour, problems}. */
export let namedViews = none();

/** @param {...string} parts */
const path = (...parts) => ["api/studies", state.study.study, "views", ...parts].map((part, at) => (at ? encodeURIComponent(part) : part)).join("/");

/** Fetch the lists; throws like reach. */
export const loadViews = async () => {
  const { study } = state.study;
  const { views, tour, problems } = await reach(path());
  if (study !== state.study.study) return;
  namedViews = { study, saved: views, tour, problems };
  emit("views");
};

/**
 * @param {string[]} parts
 * @param {object} body
 */
const change = async (parts, body) => {
  const { study } = state.study;
  const { views } = await post(path(...parts), body);
  if (study !== namedViews.study) return;
  namedViews = { ...namedViews, saved: views };
  emit("views");
};

/** Query of the view on screen, after long selections have received short names. */
export const presentQuery = async () => {
  await nameSelection();
  return viewQuery();
};

/** @param {object} view */
export const addView = (view) => change([], view);
/** @param {SavedView} view */
export const changeView = ({ view_id, title, sentence, query }) => change([view_id], { title, sentence, query });
/**
 * @param {Pick<SavedView, "view_id">} view
 * @param {number} steps
 */
export const moveView = ({ view_id }, steps) => change([view_id, "move"], { steps });
/** @param {Pick<SavedView, "view_id">} view */
export const deleteView = ({ view_id }) => change([view_id, "delete"], {});

/**
 * @param {string} query
 * @param {string[]} aside
 */
const essence = (query, aside) =>
  JSON.stringify([...new URLSearchParams(query)].filter(([key]) => !NOT_COMPARED.has(key) && !aside.includes(key)).sort());

/**
 * Whether a view equals the page's, ignoring the reader's preferences and the given address keys.
 * @param {Pick<SavedView, "query">} view
 * @param {string[]} [aside]
 */
export const isOnScreen = (view, aside = []) => Boolean(state.study?.study) && essence(view.query, aside) === essence(viewQuery(), aside);

export const install = () => {
  on("study", ({ study }) => {
    if (study === namedViews.study) return;
    namedViews = none();
    emit("views");
    // If unreachable, the menu asks again when opened, and reports it.
    if (study) loadViews().catch(() => {});
  });
};
