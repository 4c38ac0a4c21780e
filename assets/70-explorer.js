/*
 * The live part: what is wanted, what is embedded, what is shown, and the way from one to the next.
 *
 * Showing and hiding happen here at once; embedding a selection is asked of the server, one request at a time, and
 * the old picture stays until the new one is ready.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const AUTOMATIC_SECONDS = 1.0;
  const DEBOUNCE_MS = 90;
  const RETRY_MS = 2000;
  const PROGRESS_DELAY_MS = 300;
  const byId = (id) => document.getElementById(id);

  const state = {
    client: Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join(""),
    study: null,
    style: null,
    theme: "light",
    chosenTheme: "",
    mask: new Uint8Array(0),
    constraints: [],
    split: "train",
    references: "project",
    automatic: true,
    isOpening: true,
    kept: new Set(),
    picked: new Set(),
    hidden: new Set(),
    colorBy: "",
    axes: [1, 2, 3],
    camera: null,
    scene: null,
    embeddedName: "",
    failedName: "",
    generation: 0,
    runningKey: null,
    timer: null,
  };
  inpca.state = state;

  /* ------------------------------------------------------------------ opening and selecting */

  inpca.openStudy = (study, style) => {
    state.study = study;
    state.style = style;
    state.scene = state.scene && state.scene.study === study.study ? state.scene : null;
    state.isOpening = true;
    state.hidden.clear();
    state.picked.clear();
    state.kept = new Set(study.view ? study.view.picked : []);
    if (study.view && study.view.camera.length && !state.camera) state.camera = cameraOf(study.view.camera);
    if (study.view && study.view.dark !== null) setTheme(study.view.dark ? "dark" : "light");
    byId("page").dataset.state = study.study ? "ready" : "empty";
    listProblems(study.problems);
    announceNotice(study);
    watchTheme();
  };

  const cameraOf = (numbers) => {
    const vector = (at) => ({ x: numbers[at], y: numbers[at + 1], z: numbers[at + 2] });
    return { eye: vector(0), center: vector(3), up: vector(6) };
  };

  const announceNotice = (study) => {
    if (!study.study) showNotice("empty", study.title, study.notice || study.advice);
    else if (study.run_ids.length === 0) showNotice("empty", "This study has no usable run", "The reasons are listed under Filters.");
    else if (study.notice) showNotice("hint", study.notice, "");
    else hideNotice();
  };

  const listProblems = (problems) => {
    const box = byId("problems");
    box.replaceChildren();
    if (!problems || problems.length === 0) return;
    const summary = document.createElement("details");
    summary.open = problems.length <= 3;
    const title = document.createElement("summary");
    title.textContent = problems.length === 1 ? "1 run left out" : `${problems.length} runs left out`;
    summary.append(title);
    for (const { run_id: runId, reason } of problems) {
      const line = document.createElement("p");
      const name = document.createElement("bdi");
      name.className = "run-name";
      name.textContent = runId;
      line.append(name, document.createTextNode(reason));
      summary.append(line);
    }
    box.append(summary);
  };

  /** Called whenever a control that decides the selection has moved. */
  inpca.select = ({ constraints, split, references, automatic }) => {
    if (!state.study || !state.study.study) return;
    Object.assign(state, { constraints, split, references, automatic });
    state.mask = inpca.passingRuns(state.study, constraints, state.kept);
    filterTable();
    draw();
    updateHeadline();
    writeAddress();
    clearTimeout(state.timer);
    state.timer = setTimeout(considerEmbedding, state.isOpening ? 0 : DEBOUNCE_MS);
  };

  const reselect = () => inpca.select(state);

  /** Two selections with the same name are the same question. */
  const wantedName = () =>
    [state.study.study, state.study.fingerprint, state.split, state.references === "fit", inpca.encodeMask(state.mask)].join("|");

  const considerEmbedding = () => {
    const n = inpca.count(state.mask);
    if (n === 0) return showNothingPasses();
    if (wantedName() === state.embeddedName) {
      abandon();
      return hideNotice();
    }
    if (state.automatic || state.isOpening) {
      embed(state.isOpening ? state.study.opening_seconds : AUTOMATIC_SECONDS);
    }
  };

  const showNothingPasses = () => {
    abandon();
    const loosest = inpca.loosestConstraint(state.study, state.constraints, state.kept);
    const advice = loosest ? `Without the filter on ${labelOf(loosest.name)} there would be ${loosest.gain}.` : "";
    showNotice("hint", "No run passes the filters.", advice, { label: "clear filters", action: () => byId("clear-filters").click() });
  };

  const labelOf = (name) => state.study.columns.find((column) => column.name === name)?.label ?? name;

  /* ------------------------------------------------------------------ asking for an embedding */

  const post = (path, body) =>
    fetch(inpca.address(path), { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

  const abandon = () => {
    state.generation += 1;
    hideProgress();
    if (state.runningKey) post(`api/scenes/${state.runningKey}/cancel`, { client: state.client }).catch(() => {});
    state.runningKey = null;
  };

  const embed = async (limit) => {
    abandon();
    const generation = state.generation;
    const isCurrent = () => generation === state.generation;
    const name = wantedName();
    const began = performance.now();
    setBusy(true);
    try {
      let status = await answer(
        await post("api/scenes", {
          study: state.study.study,
          fingerprint: state.study.fingerprint,
          split: state.split,
          mask: inpca.encodeMask(state.mask),
          fit_references: state.references === "fit",
          limit,
          client: state.client,
        }),
      );
      if (!isCurrent()) return;
      if (status.state === "expensive") return offer(status.predicted);
      while (!["done", "failed", "cancelled"].includes(status.state)) {
        state.runningKey = status.key;
        if (performance.now() - began > PROGRESS_DELAY_MS) showProgress(status);
        status = await answer(await fetch(inpca.address(`api/scenes/${status.key}/status`)));
        if (!isCurrent()) return;
      }
      state.runningKey = null;
      if (status.state === "failed") throw new Refusal(status.message);
      if (status.state === "cancelled") throw new Error("The server forgot the computation, as after a restart.");
      const scene = await inpca.fetchScene(status.key);
      if (isCurrent()) accept(scene, name, performance.now() - began);
    } catch (error) {
      if (isCurrent()) failed(error, name, limit);
    } finally {
      if (isCurrent()) {
        hideProgress();
        setBusy(false);
      }
    }
  };

  /** The server understood and said no; everything else that goes wrong is the connection. */
  class Refusal extends Error {
    constructor(message, kind) {
      super(message);
      this.kind = kind;
    }
  }

  const answer = async (response) => {
    const body = await response.json().catch(() => ({}));
    if (!response.ok) throw new Refusal(body.error || `The server answered ${response.status}.`, body.kind);
    return body;
  };

  const accept = (scene, name, milliseconds) => {
    state.scene = inpca.matchSigns(scene, state.scene);
    document.querySelector(".device").textContent = scene.device;
    state.embeddedName = name;
    state.isOpening = false;
    hideNotice();
    offerComponents(scene);
    draw();
    inpca.drawPanels(scene, state.style, state.theme);
    updateHeadline();
    byId("status-line").textContent = summary(scene, milliseconds);
    byId("announcer").textContent = spokenSummary(scene);
    byId("page").dataset.scene = scene.key;
    // Fewer runs than asked for: some turned out damaged while they were read. Open the study again to name them.
    if (scene.run_ids.length < inpca.count(state.mask)) reopen();
  };

  const summary = (scene, milliseconds) => {
    const residual = scene.diagnostics.residual === null ? "" : ` · residual ${scene.diagnostics.residual.toExponential(0)}`;
    const capped = scene.n_capped ? ` · ${inpca.format(scene.n_capped)} overlaps capped` : " · no overlap capped";
    return (
      `${inpca.format(scene.n_models)} checkpoints of ${inpca.format(scene.run_ids.length)} runs, ${scene.split} · ` +
      `on screen after ${(milliseconds / 1000).toFixed(2)} s (computed in ${scene.seconds.toFixed(2)} s)` +
      residual +
      capped
    );
  };

  const spokenSummary = (scene) => {
    const stress = scene.diagnostics.explained_stress[Math.min(2, scene.n_components - 1)];
    return `Embedded ${scene.run_ids.length} runs; the first three components explain ${stress.toFixed(2)} of the stress.`;
  };

  const offer = (predicted) => {
    const seconds = predicted >= 10 ? Math.round(predicted) : Number(predicted.toPrecision(1));
    byId("embed-button").title = `Predicted to take about ${seconds} s`;
    if (!state.scene) {
      showNotice("hint", `This selection takes about ${seconds} s to embed.`, "", { label: "embed it", action: () => embed(1e9) });
    }
  };

  const stopped = () => {
    state.isOpening = false;
    byId("status-line").textContent = "cancelled";
    if (!state.scene) showNotice("hint", "Cancelled.", "", { label: "embed again", action: () => embed(1e9) });
  };

  const failed = (error, name, limit) => {
    if (error instanceof Refusal) {
      if (error.kind === "StaleStudyError") return reopen();
      state.isOpening = false;
      showNotice("error", "This selection could not be embedded.", error.message, {
        label: "try again",
        action: () => embed(1e9),
      });
      return;
    }
    showNotice("error", "The connection to the server was lost.", "Nothing on screen is lost; trying again every two seconds.");
    const generation = state.generation;
    setTimeout(() => {
      if (generation === state.generation) embed(limit);
    }, RETRY_MS);
  };

  /** The study has changed on disk: open it again with the same view, which the address holds whole. */
  const reopen = () => dash_clientside.set_props("location", { search: `${inpca.query(view())}&at=${Date.now()}` });

  /* ------------------------------------------------------------------ drawing */

  const draw = () => {
    const { scene, study, style } = state;
    if (!scene || !style) return;
    byId("detail").hidden = true;
    const element = byId("picture");
    inpca.attachPicture(element, { onHover: showDetail, onCamera });
    const colouring = inpca.colouring(study, scene, state.colorBy, style);
    const index = new Map(study.run_ids.map((runId, run) => [runId, run]));
    const passes = (run) => state.mask[index.get(scene.run_ids[run])] === 1;
    const isShown = (run) =>
      passes(run) && !(colouring.kind === "levels" && state.hidden.has(colouring.entries[colouring.entryOfRun(run)].name));
    state.isShown = isShown;
    inpca.drawLegend(byId("legend"), colouring, scene.run_ids.map((_, run) => run).filter(passes), state.hidden, toggleEntry);
    element.setAttribute("aria-label", `3D InPCA embedding coloured by ${colouring.label}. ${spokenSummary(scene)}`);
    return inpca.drawPicture({
      scene,
      axes: state.axes,
      colouring,
      isShown,
      picked: state.picked,
      style,
      theme: state.theme,
      camera: state.camera,
      showReferences: state.references !== "hide",
    });
  };

  const toggleEntry = (name, isolate) => {
    const names = inpca.colouring(state.study, state.scene, state.colorBy, state.style).entries.map((entry) => entry.name);
    if (isolate) {
      const others = names.filter((other) => other !== name);
      const isIsolated = others.every((other) => state.hidden.has(other)) && others.length > 0;
      state.hidden = new Set(isIsolated ? [] : others);
    } else if (!state.hidden.delete(name)) state.hidden.add(name);
    draw();
    updateHeadline();
  };

  const onCamera = (camera) => {
    state.camera = camera;
    writeAddress();
  };

  inpca.resetView = async () => {
    await inpca.resetCamera();
    state.camera = null;
    writeAddress();
  };

  inpca.paint = (colorBy, axes) => {
    if (colorBy !== state.colorBy) state.hidden.clear();
    Object.assign(state, { colorBy, axes });
    draw();
    updateHeadline();
    writeAddress();
  };

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
    state.kept.clear();
    reselect();
  };

  inpca.embedNow = () => embed(1e9);
  inpca.cancel = () => {
    abandon();
    setBusy(false);
    stopped();
  };

  /** Components that came with the scene are what an axis can show. */
  const offerComponents = (scene) => {
    const data = Array.from({ length: scene.n_components }, (_, index) => String(index + 1));
    for (const axis of ["axis-x", "axis-y", "axis-z"]) dash_clientside.set_props(axis, { data });
  };

  const filterTable = () => {
    const api = inpca.table;
    byId("clear-picked").hidden = state.kept.size === 0;
    if (!api) return;
    const index = new Map(state.study.run_ids.map((runId, run) => [runId, run]));
    api.setGridOption("isExternalFilterPresent", () => true);
    api.setGridOption("doesExternalFilterPass", (node) => state.mask[index.get(node.data.run_id)] === 1);
    api.onFilterChanged();
  };
  inpca.filterTable = filterTable;

  /* ------------------------------------------------------------------ words on screen */

  const updateHeadline = () => {
    const { scene, study } = state;
    if (!study || !study.study) return;
    const embedded = scene ? scene.run_ids.length : 0;
    const shown = scene && state.isShown ? scene.run_ids.filter((_, run) => state.isShown(run)).length : 0;
    byId("counts").textContent = `${shown} shown / ${embedded} embedded / ${study.run_ids.length} runs`;
    const isStale = Boolean(scene) && inpca.count(state.mask) > 0 && wantedName() !== state.embeddedName;
    byId("stale-badge").hidden = !isStale;
    dash_clientside.set_props("embed-button", { disabled: !isStale, variant: isStale ? "filled" : "light" });
  };

  const showDetail = (model, box) => {
    const detail = byId("detail");
    if (model === null || model === undefined) {
      detail.hidden = true;
      return;
    }
    const { scene, study } = state;
    const runIndex = scene.arrays.run[model];
    const runId = scene.run_ids[runIndex];
    const row = study.run_ids.indexOf(runId);
    detail.replaceChildren();
    const title = document.createElement("bdi");
    title.className = "detail-title";
    title.textContent = runId;
    const list = document.createElement("dl");
    const add = (term, value) => {
      const dt = document.createElement("dt");
      const dd = document.createElement("dd");
      dt.textContent = term;
      dd.textContent = value;
      list.append(dt, dd);
    };
    add("checkpoint", `${scene.arrays.checkpoint[model] + 1} of ${scene.spans[runIndex].count}`);
    for (const name of scene.model_columns) {
      if (name !== "time") add(state.style.labels[name] || name.replaceAll("_", " "), inpca.format(scene.arrays[`model:${name}`][model]));
    }
    for (const column of study.columns.filter((entry) => study.differing.includes(entry.name))) {
      add(column.label, column.levels ? column.levels[column.level[row]] : inpca.format(column.numbers[row]));
    }
    detail.append(title, list);
    detail.hidden = false;
    placeDetail(detail, box);
  };

  const placeDetail = (detail, box) => {
    const canvas = detail.parentElement.getBoundingClientRect();
    const x = (box ? box.x1 : canvas.left) - canvas.left;
    const y = (box ? box.y0 : canvas.top) - canvas.top;
    const fitsRight = x + 16 + detail.offsetWidth < canvas.width;
    detail.style.left = `${Math.max(4, fitsRight ? x + 16 : x - 16 - detail.offsetWidth)}px`;
    detail.style.top = `${Math.min(Math.max(4, y - 20), Math.max(4, canvas.height - detail.offsetHeight - 4))}px`;
  };

  const showNotice = (kind, title, advice, button) => {
    const notice = byId("notice");
    notice.replaceChildren();
    notice.className = `notice ${kind}`;
    const heading = document.createElement("strong");
    heading.textContent = title;
    notice.append(heading);
    if (advice) {
      const text = document.createElement("p");
      text.textContent = advice;
      notice.append(text);
    }
    if (button) {
      const element = document.createElement("button");
      element.type = "button";
      element.className = "link-button";
      element.textContent = button.label;
      element.addEventListener("click", button.action);
      notice.append(element);
    }
    notice.hidden = false;
  };

  const hideNotice = () => {
    byId("notice").hidden = true;
  };

  const showProgress = (status) => {
    byId("progress").hidden = false;
    const remaining = status.remaining ? ` · about ${Math.max(1, Math.round(status.remaining))} s left` : "";
    byId("progress-stage").textContent = (state.style.stages[status.stage || status.state] || "Working") + remaining;
    byId("progress-bar").value = status.fraction;
  };

  const hideProgress = () => {
    byId("progress").hidden = true;
  };

  const setBusy = (isBusy) => byId("page").toggleAttribute("data-busy", isBusy);

  /* ------------------------------------------------------------------ theme and address */

  const setTheme = (theme) => {
    state.chosenTheme = theme;
    dash_clientside.set_props("provider", { forceColorScheme: theme });
  };

  inpca.toggleTheme = () => {
    setTheme(state.theme === "dark" ? "light" : "dark");
    writeAddress();
  };

  let isWatching = false;
  const watchTheme = () => {
    const apply = () => {
      const theme = document.documentElement.dataset.mantineColorScheme === "dark" ? "dark" : "light";
      document.body.dataset.agThemeMode = theme;
      if (theme === state.theme) return;
      state.theme = theme;
      draw();
      if (state.scene) inpca.drawPanels(state.scene, state.style, theme);
    };
    apply();
    if (isWatching) return;
    isWatching = true;
    new MutationObserver(apply).observe(document.documentElement, { attributeFilter: ["data-mantine-color-scheme"] });
  };

  const view = () => ({
    study: state.study.study,
    split: state.split,
    constraints: state.constraints,
    kept: state.kept,
    references: state.references,
    axes: state.axes,
    colorBy: state.colorBy,
    theme: state.chosenTheme,
    camera: state.camera,
  });

  const writeAddress = () => {
    if (state.study && state.study.study) inpca.writeAddress(view());
  };
})();
