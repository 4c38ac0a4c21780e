/*
 * Event bus between modules.
 *
 * Features do not import each other: they meet here. What any of them may call is below them, in page/ and study/.
 *
 * "study"  (study)            a study or a view of it was opened: apply study.view, defaults for its missing fields
 * "grown"  (study, before)    the study has changed on disk and its tables were replaced in place: keep the choices
 * "forget" ()                 another study is about to open: discard what belongs to the present one
 * "changed" (before)          fields of the state have changed: {field: its value before} (page/state.mjs)
 * "select" (patience)         filters, split or references have changed; the milliseconds for which what follows may wait,
 *                             since a new embedding is about to replace the picture
 * "nothing" ()                no run passes the filters: there is nothing to embed
 * "stale"  (isRefused)        the server knows a newer state of the study; whether it refused a question for that
 * "scene"  (scene, previous)  a new embedding was accepted, before it is drawn
 * "idle"   (scene)            the picture of a new embedding stands still and the browser has time: draw what can wait
 * "draw"   (picture)          drawing of a picture was requested
 * "drawn"  (picture)          the picture is on screen
 * "camera" (camera)           the main picture's camera has changed, by any means; at most once a frame
 * "hover"  ({runId, model, checkpoint, source, box})  the run pointed at anywhere on the page, runId null for none;
 *                             emitted by hover (study/linking.mjs)
 * "pins"   ()                 the picked runs have changed
 * "order"  (order)            the table was sorted or filtered; order() maps runs to their places in it
 * "statuses" (runIds)         the status of these runs has changed
 * "view"   (view)             "3d", "pairs", "compare" or "figures"
 * "comparison" ()             the second embedding of a comparison has changed (stage/comparison.mjs)
 * "lost"   (picture)          the browser took a 3D picture's WebGL context away
 * "theme"  (theme)            light or dark
 * "address" ()                the view was written into the browser's history and the address bar
 * "travel" ()                 back or forward in the browser's history: another view is about to open in place
 * "pulse"  (told)             the server has answered with the state of the study and its own (dashboard/routes/live.py)
 * "views"  ()                 the list of named views has changed (namedViews)
 * "tour"   ()                 the tour of the study starts
 */

/** @type {Map<string, ((...details: any[]) => unknown)[]>} */
const listeners = new Map();

/**
 * @param {string} event
 * @param {(...details: any[]) => unknown} listener
 */
export const on = (event, listener) => {
  listeners.set(event, [...(listeners.get(event) || []), listener]);
};

/**
 * @param {string} event
 * @param {...any} details
 */
export const emit = (event, ...details) => {
  for (const listener of listeners.get(event) || []) listener(...details);
};
