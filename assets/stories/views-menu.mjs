/* Views menu: saving, opening, presenting, editing, ordering, linking and deleting views. */

import { Lost } from "../page/requests.mjs";
import { actions } from "../page/actions.mjs";
import { on } from "../page/events.mjs";
import { state } from "../page/state.mjs";
import { byId, make, targetOf } from "../page/words.mjs";
import { openView } from "../study/explorer.mjs";
import { leaveSteps, presentSteps, takeTour } from "./presentation.mjs";
import { viewButton, viewForm } from "./view-forms.mjs";
import {
  addView, changeView, deleteView, isOnScreen, loadViews, moveView, namedViews, presentQuery,
} from "./view-lists.mjs";

let message = "";
/** @type {(SavedView & { position: number }) | null} */
let deleted = null;
/** @type {SavedView | null} */
let edited = null;
const draft = { title: "", sentence: "" };

const isOpen = () => !byId("views-menu").hidden;

/**
 * Run a task that needs the server; report a failure in the menu.
 * @param {() => Promise<unknown>} work
 */
const attempt = async (work) => {
  message = "";
  try {
    await work();
  } catch (error) {
    message = error instanceof Lost ? "The server cannot be reached; nothing was changed." : /** @type {Error} */ (error).message;
  }
  if (isOpen()) render();
};

/* ------------------------------------------------------------------ pieces */

const saveForm = () =>
  viewForm(draft, {
    label: "Save what is on screen",
    focusKey: "save",
    action: () =>
      attempt(async () => {
        await addView({ ...draft, query: await presentQuery() });
        Object.assign(draft, { title: "", sentence: "" });
      }),
  });

/** @param {SavedView} view */
const editForm = (view) => {
  /** @param {string | Promise<string>} query */
  const save = (query) =>
    attempt(async () => {
      await changeView({ .../** @type {SavedView} */ (edited), query: await query });
      edited = null;
    });
  return viewForm(
    /** @type {SavedView} */ (edited),
    // Focus returns to the button that opened the form.
    { label: "Save", focusKey: `edit ${view.view_id}`, action: () => save(view.query) },
    viewButton("save with what is on screen", "", () => save(presentQuery())),
    viewButton("cancel", "", () => {
      edited = null;
      render();
    }),
  );
};

/** @param {SavedView} view */
const opener = (view) => {
  const element = make("button", "view-open");
  element.type = "button";
  element.dataset.focusKey = `open ${view.view_id}`;
  element.setAttribute("aria-current", String(isOnScreen(view)));
  element.append(make("bdi", "view-title", view.title));
  if (view.sentence) element.append(make("bdi", "view-sentence", view.sentence));
  element.addEventListener("click", () => {
    leaveSteps();
    openView(view.query);
  });
  return element;
};

/**
 * @param {SavedView} view
 * @param {number} position
 * @param {SavedView[]} views
 */
const savedItem = (view, position, views) => {
  const item = make("li", "view");
  if (edited?.view_id === view.view_id) {
    item.append(editForm(view));
    return item;
  }
  /**
   * @param {string} label
   * @param {string} name
   * @param {string} key
   * @param {(event: any) => void} action
   */
  const act = (label, name, key, action) => viewButton(label, `${name} “${view.title}”`, action, `${key} ${view.view_id}`);
  const up = act("↑", "Move up", "up", () => attempt(() => moveView(view, -1)));
  const down = act("↓", "Move down", "down", () => attempt(() => moveView(view, 1)));
  up.disabled = position === 0;
  down.disabled = position === views.length - 1;
  const actions = make("div", "view-actions");
  actions.append(
    up,
    down,
    act("edit", "Edit", "edit", () => {
      edited = { ...view };
      render();
      byId("views-menu").querySelector(".view input").focus();
    }),
    act("copy link", "Copy the link of", "link", (event) => copyLink(view, event.currentTarget)),
    act("delete", "Delete", "delete", () =>
      attempt(async () => {
        await deleteView(view);
        deleted = { ...view, position };
      }).then(() => byId("views-menu").querySelector('[data-focus-key="undo"]')?.focus()),
    ),
  );
  item.append(opener(view), actions);
  return item;
};

/**
 * Copy a view's link; over plain http from another host the clipboard is unavailable, and the link is shown instead.
 * @param {SavedView} view
 * @param {HTMLElement} element
 */
const copyLink = async (view, element) => {
  const link = `${location.origin}${location.pathname}${view.query}`;
  try {
    await navigator.clipboard.writeText(link);
    element.textContent = "copied";
    byId("announcer").textContent = `Link of ${view.title} copied.`;
  } catch {
    const shown = make("input", "text-field");
    shown.readOnly = true;
    shown.value = link;
    shown.setAttribute("aria-label", `Link of ${view.title}`);
    element.replaceWith(shown);
    shown.select();
  }
};

/** @param {SavedView} gone */
const undoRow = (gone) => {
  const row = make("p", "view-undo", "");
  row.append(make("bdi", "", `Deleted “${gone.title}”. `));
  const restore = () =>
    attempt(async () => {
      const { title, sentence, query, position } = gone;
      await addView({ title, sentence, query, position });
      deleted = null;
    });
  row.append(viewButton("undo", "", restore, "undo"));
  return row;
};

/**
 * @param {"ol" | "ul"} kind
 * @param {Node[]} items
 */
const list = (kind, items) => {
  const element = make(kind, "view-list");
  element.append(...items);
  return element;
};

/**
 * @param {string} text
 * @param {...Node} buttons
 */
const heading = (text, ...buttons) => {
  const row = make("div", "view-heading");
  row.append(make("h2", "", text), ...buttons);
  return row;
};

/* ------------------------------------------------------------------ the menu */

const render = () => {
  const menu = byId("views-menu");
  const focused = menu.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement) : null;
  const { saved, tour, problems } = namedViews;
  /** @type {HTMLElement[]} */
  const parts = [heading("Saved views", ...(saved.length ? [viewButton("present them", "", () => present(saved))] : []))];
  for (const text of [message, ...problems].filter(Boolean)) {
    const line = make("p", "view-problem", text);
    line.setAttribute("role", "alert");
    parts.push(line);
  }
  if (saved.length) parts.push(list("ol", saved.map(savedItem)));
  else if (!deleted) parts.push(make("p", "hint", "None yet. A view keeps everything that the address says: selection, axes, colours, camera."));
  if (deleted) parts.push(undoRow(deleted));
  parts.push(saveForm());
  if (tour.length) {
    const ways = [viewButton("take it", "Take the tour", () => close(takeTour)), viewButton("present it", "Present the tour", () => present(tour))];
    const steps = tour.map((view) => {
      const item = make("li", "view");
      item.append(opener(view));
      return item;
    });
    parts.push(heading("Tour of this study", ...ways), list("ol", steps));
  }
  menu.replaceChildren(...parts);
  if (focused) refocus(menu, focused.dataset.focusKey);
};

/**
 * After a rebuild of the list, focus the same control, or the first field if it is gone or disabled.
 * @param {PageElement} menu
 * @param {string | undefined} key
 */
const refocus = (menu, key) => {
  const same = [...menu.querySelectorAll("[data-focus-key]")].find((element) => element.dataset.focusKey === key && !element.disabled);
  (same || menu.querySelector("input")).focus();
};

/** @param {SavedView[]} steps */
const present = (steps) => close(() => presentSteps(steps));

const open = () => {
  byId("views-menu").hidden = false;
  byId("views-button").setAttribute("aria-expanded", "true");
  render();
  byId("views-menu").querySelector("input").focus();
  if (state.study?.study) attempt(loadViews);
};

/** @param {() => void} [then] */
const close = (then) => {
  byId("views-menu").hidden = true;
  byId("views-button").setAttribute("aria-expanded", "false");
  [message, deleted, edited] = ["", null, null];
  then?.();
};

export const install = () => {
  on("views", () => isOpen() && render());
  on("drawn", () => isOpen() && render());

  Object.assign(actions, { "views-button": () => (isOpen() ? close() : open()) });

  document.addEventListener("pointerdown", (event) => {
    if (targetOf(event).isConnected && byId("views-menu") && isOpen() && !targetOf(event).closest(".views")) close();
  });

  document.addEventListener("keydown", (event) => {
    const isHere = targetOf(event) === document.body || targetOf(event).closest(".views");
    if (event.key !== "Escape" || !isHere || !isOpen()) return;
    event.stopPropagation();
    close();
    byId("views-button").focus();
  });
};
