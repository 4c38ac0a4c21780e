/* The Views menu: save what is on screen under a name; open, present, edit, order, link and delete what was saved. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});
  const { byId, make, state } = inpca;

  let message = "";
  let deleted = null;
  let edited = null;
  const draft = { title: "", sentence: "" };

  const isOpen = () => !byId("views-menu").hidden;

  /** Do what may fail for want of a server, and say so in the menu where it does. */
  const attempt = async (work) => {
    message = "";
    try {
      await work();
    } catch (error) {
      message = error.message || "The server cannot be reached; nothing was changed.";
    }
    if (isOpen()) render();
  };

  /* ------------------------------------------------------------------ pieces */

  const button = (label, name, action, focusKey) => {
    const element = make("button", "link-button", label);
    element.type = "button";
    if (name) element.setAttribute("aria-label", name);
    if (name) element.title = name;
    if (focusKey) element.dataset.focusKey = focusKey;
    element.addEventListener("click", action);
    return element;
  };

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

  const form = (values, submit, ...buttons) => {
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

  const saveForm = () =>
    form(draft, {
      label: "Save what is on screen",
      focusKey: "save",
      action: () =>
        attempt(async () => {
          await inpca.addView({ ...draft, query: await inpca.presentQuery() });
          Object.assign(draft, { title: "", sentence: "" });
        }),
    });

  const editForm = (view) => {
    const save = (query) =>
      attempt(async () => {
        await inpca.changeView({ ...edited, query: await query });
        edited = null;
      });
    return form(
      edited,
      // The key of the button that opened the form: there the focus goes back.
      { label: "Save", focusKey: `edit ${view.view_id}`, action: () => save(view.query) },
      button("save with what is on screen", "", () => save(inpca.presentQuery())),
      button("cancel", "", () => {
        edited = null;
        render();
      }),
    );
  };

  const opener = (view) => {
    const element = make("button", "view-open");
    element.type = "button";
    element.dataset.focusKey = `open ${view.view_id}`;
    element.setAttribute("aria-current", String(inpca.isOnScreen(view)));
    element.append(make("bdi", "view-title", view.title));
    if (view.sentence) element.append(make("bdi", "view-sentence", view.sentence));
    element.addEventListener("click", () => {
      inpca.leaveSteps();
      inpca.openView(view.query);
    });
    return element;
  };

  const savedItem = (view, position, views) => {
    const item = make("li", "view");
    if (edited?.view_id === view.view_id) {
      item.append(editForm(view));
      return item;
    }
    const act = (label, name, key, action) => button(label, `${name} “${view.title}”`, action, `${key} ${view.view_id}`);
    const up = act("↑", "Move up", "up", () => attempt(() => inpca.moveView(view, -1)));
    const down = act("↓", "Move down", "down", () => attempt(() => inpca.moveView(view, 1)));
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
          await inpca.deleteView(view);
          deleted = { ...view, position };
        }).then(() => byId("views-menu").querySelector('[data-focus-key="undo"]')?.focus()),
      ),
    );
    item.append(opener(view), actions);
    return item;
  };

  /** Clipboards are kept from pages that came over plain http from another machine: the link is then shown to be copied. */
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

  const undoRow = () => {
    const row = make("p", "view-undo", "");
    row.append(make("bdi", "", `Deleted “${deleted.title}”. `));
    const restore = () =>
      attempt(async () => {
        const { title, sentence, query, position } = deleted;
        await inpca.addView({ title, sentence, query, position });
        deleted = null;
      });
    row.append(button("undo", "", restore, "undo"));
    return row;
  };

  const list = (kind, items) => {
    const element = make(kind, "view-list");
    element.append(...items);
    return element;
  };

  const heading = (text, ...buttons) => {
    const row = make("div", "view-heading");
    row.append(make("h2", "", text), ...buttons);
    return row;
  };

  /* ------------------------------------------------------------------ the menu */

  const render = () => {
    const menu = byId("views-menu");
    const focused = menu.contains(document.activeElement) ? document.activeElement : null;
    const { saved, tour, problems } = inpca.views;
    const parts = [heading("Saved views", ...(saved.length ? [button("present them", "", () => present(saved))] : []))];
    for (const text of [message, ...problems].filter(Boolean)) {
      const line = make("p", "view-problem", text);
      line.setAttribute("role", "alert");
      parts.push(line);
    }
    if (saved.length) parts.push(list("ol", saved.map(savedItem)));
    else if (!deleted) parts.push(make("p", "hint", "None yet. A view keeps everything that the address says: selection, axes, colours, camera."));
    if (deleted) parts.push(undoRow());
    parts.push(saveForm());
    if (tour.length) {
      const ways = [button("take it", "Take the tour", () => close(inpca.takeTour)), button("present it", "Present the tour", () => present(tour))];
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

  /** The list was made anew: back to the same control, or where it is gone or dead to the first field. */
  const refocus = (menu, key) => {
    const same = [...menu.querySelectorAll("[data-focus-key]")].find((element) => element.dataset.focusKey === key && !element.disabled);
    (same || menu.querySelector("input")).focus();
  };

  const present = (steps) => close(() => inpca.presentSteps(steps));

  const open = () => {
    byId("views-menu").hidden = false;
    byId("views-button").setAttribute("aria-expanded", "true");
    render();
    byId("views-menu").querySelector("input").focus();
    if (state.study?.study) attempt(inpca.loadViews);
  };

  const close = (then) => {
    byId("views-menu").hidden = true;
    byId("views-button").setAttribute("aria-expanded", "false");
    [message, deleted, edited] = ["", null, null];
    then?.();
  };

  inpca.on("views", () => isOpen() && render());
  inpca.on("drawn", () => isOpen() && render());

  Object.assign(inpca.actions, { "views-button": () => (isOpen() ? close() : open()) });

  document.addEventListener("pointerdown", (event) => {
    if (event.target.isConnected && byId("views-menu") && isOpen() && !event.target.closest(".views")) close();
  });

  document.addEventListener("keydown", (event) => {
    const isHere = event.target === document.body || event.target.closest?.(".views");
    if (event.key !== "Escape" || !isHere || !isOpen()) return;
    event.stopPropagation();
    close();
    byId("views-button").focus();
  });
})();
