/* Named views of the open study: those people saved (inpca.views.saved) and the study's own tour (inpca.views.tour). */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});
  const { state } = inpca;

  const NOT_COMPARED = new Set(["v", "at", "th"]);
  const none = () => ({ study: null, saved: [], tour: [], problems: [] });

  inpca.views = none();

  const path = (...parts) => ["api/studies", state.study.study, "views", ...parts].map((part, at) => (at ? encodeURIComponent(part) : part)).join("/");

  /** Ask for the lists again; throws what inpca.reach throws. */
  inpca.loadViews = async () => {
    const { study } = state.study;
    const { views, tour, problems } = await inpca.reach(path());
    if (study !== state.study.study) return;
    inpca.views = { study, saved: views, tour, problems };
    inpca.emit("views");
  };

  const change = async (parts, body) => {
    const { study } = state.study;
    const { views } = await inpca.post(path(...parts), body);
    if (study !== inpca.views.study) return;
    inpca.views = { ...inpca.views, saved: views };
    inpca.emit("views");
  };

  /** The address of what is on screen, once every long selection in it has its short name. */
  inpca.presentQuery = async () => {
    await inpca.nameSelection();
    return inpca.query();
  };

  inpca.addView = (view) => change([], view);
  inpca.changeView = ({ view_id, title, sentence, query }) => change([view_id], { title, sentence, query });
  inpca.moveView = ({ view_id }, steps) => change([view_id, "move"], { steps });
  inpca.deleteView = ({ view_id }) => change([view_id, "delete"], {});

  const essence = (query, aside) =>
    JSON.stringify([...new URLSearchParams(query)].filter(([key]) => !NOT_COMPARED.has(key) && !aside.includes(key)).sort());

  /** Whether a view is what the page shows, up to what is the reader's own and the keys of an address that are put aside. */
  inpca.isOnScreen = (view, aside = []) => Boolean(state.study?.study) && essence(view.query, aside) === essence(inpca.query(), aside);

  inpca.on("study", ({ study }) => {
    if (study === inpca.views.study) return;
    inpca.views = none();
    inpca.emit("views");
    // Out of reach: the menu asks again when it is opened, and says so.
    if (study) inpca.loadViews().catch(() => {});
  });
})();
