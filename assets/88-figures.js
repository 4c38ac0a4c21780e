/*
 * The figures view: every other figure of the embedded selection, asked for while it is looked at. What can be chosen
 * about a figure comes with the answer, since it depends on the selection.
 */
(() => {
  "use strict";
  const inpca = window.inpca;
  const { state, byId } = inpca;

  const HEAVY_MODELS = 20000;
  const WAIT_MS = 250;
  const RETRY_MS = 2000;
  const client = inpca.newClient();

  Object.assign(state, { figure: "", figureOptions: {} });
  let turn = 0;
  let running = null;
  let asked = "";
  let allowed = "";

  const entries = () => [...document.querySelectorAll("#figure-list .figure-entry")];
  const titleOf = (name) => entries().find(({ dataset }) => dataset.figure === name).textContent;
  const isOpen = () => state.view === "figures";

  /* ------------------------------------------------------------------ asking */

  const question = () => ({
    study: state.study.study,
    fingerprint: state.study.fingerprint,
    split: state.scene.split,
    divergence: state.scene.divergence,
    mask: inpca.maskOf(state.study, state.scene.run_ids),
    kind: state.figure,
    options: state.figureOptions,
    client,
  });

  const nameOf = (body) => JSON.stringify([body.study, body.fingerprint, body.split, body.divergence, body.mask, body.kind, body.options]);

  const askIfSeen = () => {
    if (!isOpen() || !state.scene || state.scene.is_preview || !state.figure) return;
    const body = question();
    const name = nameOf(body);
    if (name === asked) return;
    if (state.scene.n_models > HEAVY_MODELS && allowed !== name) {
      withdraw();
      inpca.clearFigures();
      showTrouble(`${inpca.format(state.scene.n_models)} checkpoints: this may take minutes.`, "compute it", () => {
        allowed = name;
        askIfSeen();
      });
      return;
    }
    ask(name, body);
  };

  const ask = async (name, body) => {
    turn += 1;
    const mine = turn;
    asked = name;
    hideTrouble();
    const page = byId("figure-page");
    page.dataset.waiting = "yes";
    const late = setTimeout(() => mine === turn && showJob({ state: "queued", fraction: 0 }), WAIT_MS);
    try {
      const status = await inpca.post("api/analyses", body);
      if (mine !== turn) return;
      running = status.key;
      takeUpOptions(status);
      const last = await follow(status, mine);
      if (!last) return;
      if (last.state === "failed") throw new Error(last.message);
      if (last.state === "cancelled") throw new Error("It was stopped on the server.");
      const found = await inpca.reach(`api/analyses/${encodeURIComponent(status.key)}`);
      if (mine !== turn) return;
      running = null;
      delete page.dataset.waiting;
      hideJob();
      inpca.showFigures({ ...found, key: status.key, kind: body.kind });
      byId("announcer").textContent = `Figure: ${titleOf(body.kind)}`;
    } catch (error) {
      if (mine !== turn) return;
      running = null;
      delete page.dataset.waiting;
      hideJob();
      if (error.kind === "StaleStudyError") {
        asked = "";
        return inpca.catchUpOrReopen();
      }
      if (!error.message) return retryLater(mine);
      inpca.clearFigures();
      asked = name;
      const isChosen = Object.keys(state.figureOptions).length > 0;
      showTrouble(error.message, isChosen ? "with the defaults" : "try again", () => {
        asked = "";
        state.figureOptions = {};
        inpca.writeAddress();
        askIfSeen();
      });
    } finally {
      clearTimeout(late);
    }
  };

  const follow = async (status, mine) => {
    let current = status;
    while (current.state === "queued" || current.state === "running") {
      if (!byId("figure-progress").hidden) showJob(current);
      current = await inpca.reach(`api/analyses/${encodeURIComponent(status.key)}/status`);
      if (mine !== turn) return null;
    }
    return current;
  };

  const retryLater = (mine) => {
    asked = "";
    showTrouble("The connection to the server was lost; trying again every two seconds.");
    setTimeout(() => mine === turn && askIfSeen(), RETRY_MS);
  };

  const withdraw = () => {
    turn += 1;
    asked = "";
    if (running) inpca.post(`api/analyses/${encodeURIComponent(running)}/cancel`, { client }).catch(() => {});
    running = null;
    hideJob();
    delete byId("figure-page").dataset.waiting;
  };

  const cancel = () => {
    const name = asked;
    withdraw();
    asked = name;
    showTrouble("Stopped.", "compute it", () => {
      asked = "";
      askIfSeen();
    });
  };

  /* ------------------------------------------------------------------ words around the figure */

  const showJob = ({ fraction, remaining }) => {
    byId("figure-progress").hidden = false;
    byId("figure-stage").textContent = remaining ? `Computing · about ${Math.max(1, Math.round(remaining))} s left` : "Computing";
    byId("figure-bar").value = fraction;
  };

  const hideJob = () => {
    byId("figure-progress").hidden = true;
  };

  const showTrouble = (words, label, action) => {
    const element = byId("figure-trouble");
    inpca.showHint(element, [words], label && { label, action });
    element.hidden = false;
  };

  const hideTrouble = () => {
    byId("figure-trouble").hidden = true;
  };

  /* ------------------------------------------------------------------ options */

  const choose = (key, value, forgotten) => {
    const kept = Object.entries(state.figureOptions).filter(([name]) => !forgotten.includes(name));
    state.figureOptions = { ...Object.fromEntries(kept), [key]: value };
    inpca.writeAddress();
    askIfSeen();
  };

  const takeUpOptions = (status) => {
    const host = byId("figure-options");
    const focused = document.activeElement?.dataset?.option;
    host.replaceChildren(...inpca.figureControls(status, choose, showTrouble));
    host.querySelector(`[data-option="${focused}"]`)?.focus();
  };

  /* ------------------------------------------------------------------ opening */

  /** The legend lies over all views; here the list ends where it begins. */
  const legendSize = new ResizeObserver(([{ target }]) => byId("figure-page").style.setProperty("--legend-height", `${target.offsetHeight}px`));

  const open = (name) => {
    const all = entries();
    const chosen = all.find(({ dataset }) => dataset.figure === name) ?? all[0];
    state.figure = chosen.dataset.figure;
    for (const entry of all) entry.setAttribute("aria-pressed", String(entry === chosen));
    for (const head of document.querySelectorAll("[data-head]")) head.hidden = head.dataset.head !== state.figure;
  };

  const openAnother = (name) => {
    if (name === state.figure) return;
    open(name);
    withdraw();
    inpca.clearFigures();
    hideTrouble();
    state.figureOptions = {};
    byId("figure-options").replaceChildren();
    inpca.writeAddress();
    askIfSeen();
  };

  inpca.on("study", (study) => {
    if (!study.view) return;
    const isOther = study.view.figure !== state.figure;
    open(study.view.figure);
    state.figureOptions = { ...study.view.figure_options };
    if (isOther) inpca.clearFigures();
    askIfSeen();
  });
  inpca.on("forget", () => {
    withdraw();
    inpca.clearFigures();
    hideTrouble();
    state.figureOptions = {};
    byId("figure-options").replaceChildren();
  });
  inpca.on("view", () => {
    byId("figure-page").hidden = !isOpen();
    if (isOpen()) legendSize.observe(document.querySelector(".corner"));
    else legendSize.disconnect();
    askIfSeen();
  });
  inpca.on("scene", () => setTimeout(askIfSeen));

  document.addEventListener("click", (event) => {
    const entry = event.target.closest?.(".figure-entry");
    if (entry) openAnother(entry.dataset.figure);
  });

  inpca.addressFields.push(
    ["fig", ({ view, figure }) => (view === "figures" ? figure : "")],
    ["fo", ({ view, figureOptions }) => (view === "figures" && Object.keys(figureOptions).length ? JSON.stringify(figureOptions) : "")],
  );

  Object.assign(inpca.actions, { "view-figures": () => inpca.look("figures"), "figure-cancel": cancel });
})();
