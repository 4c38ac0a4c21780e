/*
 * The live part: what is wanted, what is embedded, what is shown, and the way from one to the next.
 *
 * Showing and hiding happen here at once; embedding a selection is asked of the server, and the old picture stays
 * until the new one is ready.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const AUTOMATIC_SECONDS = 1.0;
  const OTHER_QUESTION_SECONDS = 15.0;
  const WITHOUT_LIMIT = 1e9;
  const DEBOUNCE_MS = 40;
  const PROGRESS_DELAY_MS = 300;
  const PATIENCE_MS = 180;
  const byId = (id) => document.getElementById(id);
  const set = (id, properties) => window.dash_clientside.set_props(id, properties);

  const state = {
    study: null,
    style: null,
    theme: "light",
    chosenTheme: "",
    constraints: [],
    split: "train",
    references: "project",
    automatic: true,
    colorBy: "model:progress",
    axes: [1, 2, 3],
    camera: null,
    mask: new Uint8Array(0),
    kept: new Set(),
    picked: new Set(),
    hidden: new Set(),
    hovered: null,
    scene: null,
    colouring: null,
    isShown: () => false,
    isOpening: true,
    embeddedName: "",
    nOffered: 0,
    timer: null,
    drawTimer: null,
  };
  inpca.state = state;

  /* ------------------------------------------------------------------ opening and selecting */

  inpca.openStudy = (study, style) => {
    const isSame = state.study?.study === study.study;
    Object.assign(state, { study, style, isOpening: true });
    if (!isSame) forget();
    state.kept = new Set(study.view?.picked);
    if (study.view?.camera.length && !state.camera) state.camera = cameraOf(study.view.camera);
    if (study.view && study.view.dark !== null) chooseTheme(study.view.dark ? "dark" : "light");
    byId("page").dataset.state = study.study ? "ready" : "empty";
    inpca.listProblems(study.problems);
    inpca.attachPicture(byId("picture"), { onHover, onCamera });
    watchTheme();
    if (!study.study) inpca.showNotice("empty", study.title, study.notice || study.advice);
    else if (study.run_ids.length === 0) inpca.showNotice("empty", "This study has no usable run.", "The reasons are listed under Filters.");
    else if (study.notice) inpca.showNotice("hint", study.notice, "");
    else inpca.hideNotice();
  };

  /** Another study: nothing on screen answers for it any more. */
  const forget = () => {
    inpca.withdraw();
    setBusy(false);
    Object.assign(state, { scene: null, colouring: null, embeddedName: "", hovered: null, picked: new Set(), hidden: new Set() });
    delete byId("page").dataset.scene;
    inpca.clearPicture();
    inpca.clearLegend(byId("legend"));
    inpca.clearPanels();
    inpca.hideDetail();
    byId("status-line").textContent = "";
  };

  const cameraOf = (numbers) => {
    const vector = (at) => ({ x: numbers[at], y: numbers[at + 1], z: numbers[at + 2] });
    return { eye: vector(0), center: vector(3), up: vector(6) };
  };

  /** Called whenever a control that decides the selection has moved. */
  inpca.select = ({ constraints, split, references, automatic }) => {
    Object.assign(state, { constraints, split, references, automatic });
    state.mask = inpca.passingRuns(state.study, constraints, state.kept);
    byId("clear-picked").hidden = state.kept.size === 0;
    filterTable();
    writeAddress();
    clearTimeout(state.timer);
    state.timer = setTimeout(considerEmbedding, state.isOpening ? 0 : DEBOUNCE_MS);
    // Drawing twice costs more than the embedding: what only hides runs waits a moment for the picture that replaces it.
    const isReplaced = state.automatic && state.scene && wantedName() !== state.embeddedName;
    clearTimeout(state.drawTimer);
    if (isReplaced) state.drawTimer = setTimeout(draw, PATIENCE_MS);
    else draw();
    decideShown();
    updateHeadline();
  };

  const reselect = () => inpca.select(state);

  const isFitted = () => state.references === "fit";

  /** Two selections with the same name are the same question. */
  const wantedName = () =>
    [state.study.study, state.study.fingerprint, state.split, isFitted(), inpca.encodeMask(state.mask)].join("|");

  const considerEmbedding = () => {
    if (state.study.run_ids.length === 0) return;
    if (inpca.count(state.mask) === 0) return showNothingPasses();
    const { scene } = state;
    if (scene && wantedName() === state.embeddedName) {
      inpca.withdraw();
      setBusy(false);
      inpca.hideNotice();
    } else if (state.isOpening) embed(state.study.opening_seconds);
    else if (state.automatic) {
      // Another split or fit is another question: the old picture says nothing about it, so more patience is right.
      const isOther = !scene || scene.split !== state.split || scene.fit_references !== isFitted();
      embed(isOther ? OTHER_QUESTION_SECONDS : AUTOMATIC_SECONDS);
    }
    updateHeadline();
  };

  const showNothingPasses = () => {
    inpca.withdraw();
    setBusy(false);
    updateHeadline();
    const loosest = inpca.loosestConstraint(state.study, state.constraints, state.kept);
    if (!loosest) {
      inpca.showNotice("hint", "No run passes the filters.", "", { label: "clear filters", action: () => byId("clear-filters").click() });
      return;
    }
    const { constraint, gain } = loosest;
    const label = inpca.column(state.study, constraint.name).label;
    const everything = constraint.kind === "levels" ? [] : [0, constraint.stops.length - 1];
    inpca.showNotice("hint", "No run passes the filters.", `Without the filter on ${label}, ${gain} would.`, {
      label: `drop the filter on ${label}`,
      action: () => set({ type: `filter-${constraint.kind}`, name: constraint.name }, { value: everything }),
    });
  };

  /* ------------------------------------------------------------------ asking for an embedding */

  const embed = (limit) => {
    const name = wantedName();
    setBusy(true);
    set("embed-button", { children: "Re-embed" });
    inpca.ask(
      name,
      {
        study: state.study.study,
        fingerprint: state.study.fingerprint,
        split: state.split,
        mask: inpca.encodeMask(state.mask),
        fit_references: isFitted(),
      },
      limit,
      { onStatus, onScene: (scene, ms) => accept(scene, name, ms), onExpensive, onRefused, onLost },
    );
    updateHeadline();
  };

  inpca.embedNow = () => embed(WITHOUT_LIMIT);

  const onStatus = (status, milliseconds) => {
    if (milliseconds < PROGRESS_DELAY_MS) return;
    inpca.showProgress(state.style.stages[status.stage || status.state] || "Working", status.fraction, status.remaining);
  };

  const accept = (scene, name, milliseconds) => {
    setBusy(false);
    state.scene = inpca.orient(scene, state.scene);
    state.embeddedName = name;
    state.isOpening = false;
    inpca.hideNotice();
    offerComponents();
    draw();
    // The picture first; the panels a frame later.
    requestAnimationFrame(() => setTimeout(() => state.scene === scene && inpca.drawPanels(scene, state.style, state.theme)));
    document.querySelector(".device").textContent = scene.device;
    byId("status-line").textContent = summary(scene, milliseconds);
    byId("announcer").textContent = spokenSummary(scene);
    byId("page").dataset.scene = scene.key;
    // Fewer runs than asked for: some turned out damaged while they were read. Open the study again to name them.
    if (scene.run_ids.length < inpca.count(state.mask) && name === wantedName()) reopen();
  };

  const onExpensive = (predicted) => {
    setBusy(inpca.askedName() !== null);
    const cost = `about ${predicted >= 10 ? Math.round(predicted) : Number(predicted.toPrecision(1))} s`;
    set("embed-button", { children: `Re-embed, ${cost}` });
    updateHeadline();
    if (!state.scene) {
      inpca.showNotice("hint", `This selection takes ${cost} to embed.`, "", { label: "embed it", action: inpca.embedNow });
    }
  };

  const onRefused = (error) => {
    setBusy(false);
    if (error.kind === "StaleStudyError") return reopen();
    state.isOpening = false;
    inpca.showNotice("error", "This selection could not be embedded.", error.message, { label: "try again", action: inpca.embedNow });
    updateHeadline();
  };

  const onLost = () =>
    inpca.showNotice("error", "The connection to the server was lost.", "Nothing on screen is lost; trying again every two seconds.");

  inpca.cancel = () => {
    inpca.withdraw();
    setBusy(false);
    state.isOpening = false;
    byId("status-line").textContent = "cancelled";
    if (!state.scene) inpca.showNotice("hint", "Cancelled.", "", { label: "embed again", action: inpca.embedNow });
    updateHeadline();
  };

  /** The study has changed on disk: open it again with the same view, which the address holds whole. */
  const reopen = () => set("location", { search: `${inpca.query(view())}&at=${Date.now()}` });

  const setBusy = (isBusy) => {
    byId("page").toggleAttribute("data-busy", isBusy);
    if (!isBusy) inpca.hideProgress();
  };

  const summary = (scene, milliseconds) => {
    const { residual } = scene.diagnostics;
    const isKept = milliseconds < 1000 * scene.seconds;
    return [
      `${inpca.format(scene.n_models)} checkpoints of ${inpca.format(scene.run_ids.length)} runs, ${scene.split}`,
      isKept ? `from cache in ${(milliseconds / 1000).toFixed(2)} s` : `embedded in ${(milliseconds / 1000).toFixed(2)} s`,
      residual === null ? "" : `residual ${residual.toExponential(0)}`,
      scene.n_capped ? `${inpca.format(scene.n_capped)} overlaps capped` : "no overlap capped",
      scene.is_streamed ? "multiplied straight from the disk" : "",
    ]
      .filter(Boolean)
      .join(" · ");
  };

  const spokenSummary = (scene) => {
    const stress = scene.diagnostics.explained_stress[Math.min(2, scene.n_components - 1)];
    return `Embedded ${scene.run_ids.length} runs; the first three components explain ${stress.toFixed(2)} of the stress.`;
  };

  /* ------------------------------------------------------------------ drawing */

  /** Which runs of the scene are drawn: those that pass the filters and are not hidden by the legend. */
  const decideShown = () => {
    const { scene, study, style, hidden } = state;
    if (!scene) return;
    const colouring = inpca.colouring(study, scene, state.colorBy, style);
    const isHidden = (run) => colouring.kind === "levels" && hidden.has(colouring.entries[colouring.entryOfRun(run)].name);
    state.passes = (run) => state.mask[inpca.row(study, scene.run_ids[run])] === 1;
    state.isShown = (run) => state.passes(run) && !isHidden(run);
    state.colouring = colouring;
  };

  const draw = () => {
    clearTimeout(state.drawTimer);
    decideShown();
    const { scene, colouring, axes, isShown, picked, hovered, style, theme, camera, hidden } = state;
    if (scene) {
      inpca.hideDetail();
      inpca.drawLegend(byId("legend"), colouring, scene.run_ids.map((_, run) => run).filter(state.passes), hidden, toggleEntry);
      byId("picture").setAttribute("aria-label", `3D InPCA embedding coloured by ${colouring.label}. ${spokenSummary(scene)}`);
      const showReferences = state.references !== "hide";
      inpca.drawPicture({ scene, axes, colouring, isShown, picked, hovered, style, theme, camera, showReferences });
    }
    updateHeadline();
  };

  const updateHeadline = () => {
    const { scene, study } = state;
    if (!study || !study.study) return;
    inpca.showCounts({
      shown: scene ? scene.run_ids.filter((_, run) => state.isShown(run)).length : 0,
      embedded: scene ? scene.run_ids.length : 0,
      total: study.run_ids.length,
      leftOut: study.problems.length,
    });
    const isWanted = inpca.count(state.mask) > 0 && wantedName() !== state.embeddedName;
    const isOnItsWay = inpca.askedName() === wantedName();
    byId("stale-badge").hidden = !(scene && isWanted);
    byId("stale-badge").title = scene ? `The picture shows ${scene.split}, ${scene.run_ids.length} runs` : "";
    set("embed-button", { disabled: !isWanted || isOnItsWay, variant: isWanted && !isOnItsWay ? "filled" : "light" });
    if (!isWanted) set("embed-button", { children: "Re-embed" });
  };

  /** Components that came with the scene are what an axis can show, beside the one it has been set to. */
  const offerComponents = () => {
    const n = Math.max(state.scene.n_components, ...state.axes);
    if (n === state.nOffered) return;
    state.nOffered = n;
    const data = Array.from({ length: n }, (_, index) => String(index + 1));
    for (const axis of ["axis-x", "axis-y", "axis-z"]) set(axis, { data });
  };

  const toggleEntry = (name, isolate) => {
    const others = state.colouring.entries.map((entry) => entry.name).filter((other) => other !== name);
    if (isolate) {
      const isIsolated = others.length > 0 && others.every((other) => state.hidden.has(other)) && !state.hidden.has(name);
      state.hidden = new Set(isIsolated ? [] : others);
    } else if (!state.hidden.delete(name)) state.hidden.add(name);
    draw();
  };

  const onHover = (model, box) => {
    if (model === null || !state.scene) inpca.hideDetail();
    else inpca.showDetail(state.scene, state.study, state.style, model, box);
  };

  const onCamera = (camera) => {
    state.camera = camera;
    writeAddress();
  };

  inpca.resetView = () => {
    state.camera = null;
    inpca.forgetCamera();
    draw();
    writeAddress();
  };

  /** Choosing a component that another axis shows swaps the two: three axes always show three components. */
  inpca.paint = (colorBy, chosen) => {
    const axes = chosen.map((component, index) => (component >= 1 ? component : state.axes[index]));
    const changed = axes.findIndex((component, index) => component !== state.axes[index]);
    const twin = axes.findIndex((component, index) => index !== changed && component === axes[changed]);
    if (changed >= 0 && twin >= 0) {
      axes[twin] = state.axes[changed];
      set(`axis-${"xyz"[twin]}`, { value: String(axes[twin]) });
    }
    if (colorBy !== state.colorBy) state.hidden = new Set();
    Object.assign(state, { colorBy, axes });
    draw();
    writeAddress();
  };

  /* ------------------------------------------------------------------ run table */

  inpca.pick = (runIds) => {
    state.picked = new Set(runIds);
    byId("only-picked").disabled = runIds.length === 0;
    draw();
  };

  inpca.keepOnlyPicked = () => {
    state.kept = new Set(state.picked);
    reselect();
  };

  inpca.keepAll = () => {
    state.kept = new Set();
    reselect();
  };

  const hover = (runId) => {
    if (runId === state.hovered) return;
    state.hovered = runId;
    draw();
  };

  inpca.connectTable = (table) => {
    if (inpca.table === table) return;
    inpca.table = table;
    table.addEventListener("cellMouseOver", (event) => hover(event.data.run_id));
    table.addEventListener("cellMouseOut", () => hover(null));
    filterTable();
  };

  const filterTable = () => {
    if (!inpca.table) return;
    inpca.table.setGridOption("isExternalFilterPresent", () => true);
    inpca.table.setGridOption("doesExternalFilterPass", (node) => state.mask[inpca.row(state.study, node.data.run_id)] === 1);
    inpca.table.onFilterChanged();
  };

  /* ------------------------------------------------------------------ theme and address */

  const chooseTheme = (theme) => {
    state.chosenTheme = theme;
    set("provider", { forceColorScheme: theme });
  };

  inpca.toggleTheme = () => {
    chooseTheme(state.theme === "dark" ? "light" : "dark");
    writeAddress();
  };

  const watchTheme = () => {
    const root = document.documentElement;
    const apply = () => {
      const theme = root.dataset.mantineColorScheme === "dark" ? "dark" : "light";
      document.body.dataset.agThemeMode = theme;
      if (theme === state.theme) return;
      state.theme = theme;
      draw();
      if (state.scene) inpca.drawPanels(state.scene, state.style, theme);
    };
    apply();
    if (root.dataset.isWatched) return;
    root.dataset.isWatched = "yes";
    new MutationObserver(apply).observe(root, { attributeFilter: ["data-mantine-color-scheme"] });
  };

  const view = () => ({
    study: state.study.study,
    split: state.split,
    constraints: state.constraints,
    kept: state.kept,
    keptMask: `${state.study.fingerprint.slice(0, 12)}.${inpca.encodeMask(state.study.run_ids.map((id) => (state.kept.has(id) ? 1 : 0)))}`,
    references: state.references,
    axes: state.axes,
    colorBy: state.colorBy,
    theme: state.chosenTheme,
    camera: state.camera,
  });

  const writeAddress = () => {
    if (state.study?.study) inpca.writeAddress(view());
  };
})();
