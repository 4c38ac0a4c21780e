/*
 * The live part: what is wanted, what is embedded, and the way from one to the other.
 *
 * Showing and hiding happen in the browser at once (72-drawing.js); embedding a selection is asked of the server, and
 * the old picture stays until the new one is ready.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});
  const { state } = inpca;
  const { byId, setProps } = inpca;

  const AUTOMATIC_SECONDS = 1.0;
  const OTHER_QUESTION_SECONDS = 15.0;
  const WITHOUT_LIMIT = 1e9;
  /** A change that comes sooner after another one than this is part of a movement, whose end counts. */
  const MOVEMENT_MS = 150;
  const PROGRESS_DELAY_MS = 300;
  const PATIENCE_MS = 180;
  const IDLE_MS = 250;

  inpca.asker = inpca.makeAsker();
  let timer = null;
  let lastSelected = -Infinity;
  let isAnotherView = false;
  let shownAsItCame = null;

  /* ------------------------------------------------------------------ opening and selecting */

  inpca.openStudy = (study, style) => {
    const isSame = state.study?.study === study.study;
    if (study.view && !study.is_link) study.view = { ...study.view, ...habits() };
    Object.assign(state, { study, style, isOpening: true });
    if (!isSame) forget();
    if (study.view) takeUp(study.view);
    byId("page").dataset.state = study.study ? "ready" : "empty";
    inpca.listProblems(study.problems);
    inpca.attachMainPicture();
    inpca.watchTheme();
    if (!study.study) inpca.showNotice("empty", study.title, study.notice || study.advice);
    else if (study.run_ids.length === 0) inpca.showNotice("empty", "This study has no usable run.", "The reasons are listed under Filters.");
    else inpca.hideNotice();
    inpca.showLinkNote(study.study ? study.notice : "");
    inpca.emit("study", study);
  };

  /** How somebody looks at studies, and would look at another one: nothing in it names a run, a place or a moment. */
  const habits = () => {
    const { divergence, view, pairedComponents, figure, scale, clock, context, tab } = state;
    return { divergence, mode: view, paired: pairedComponents, figure, scale, clock, context, tab };
  };

  /** What of a view no control of Dash's holds: the same view gives the same picture, whatever was on screen before. */
  const takeUp = (view) => {
    Object.assign(state, { kept: new Set(view.picked), colorBy: view.color_by, axes: view.axes, flips: new Set(view.flips) });
    if (view.dark !== null) inpca.chooseTheme(view.dark ? "dark" : "light");
    if (isAnotherView) {
      isAnotherView = false;
      state.hidden = new Set();
      inpca.pick([]);
    }
    // The address rounds the camera: where it says what is on screen, what is on screen is the more exact.
    const camera = view.camera.length ? cameraOf(view.camera) : null;
    if (inpca.cameraText(camera) === inpca.cameraText(state.camera)) return;
    state.camera = camera;
    inpca.picture?.stopTurning();
    if (inpca.picture) inpca.lookFrom(camera ?? "default");
  };

  /**
   * Open another view in place, all of it but what is the reader's own (theme, rails); the browser's Back leads here
   * again. The time makes the address differ from the last one opened, which Dash would otherwise pass over.
   */
  inpca.openView = (query) => {
    isAnotherView = true;
    if (state.study?.study) history.replaceState(history.state, "", inpca.query());
    setProps("location", { search: `${query}&at=${Date.now()}` });
  };

  /** Another study: nothing on screen answers for it any more. */
  const forget = () => {
    inpca.asker.withdraw();
    setBusy(false);
    Object.assign(state, { scene: null, colouring: null, camera: null, embeddedName: "", hovered: null, picked: new Set(), hidden: new Set() });
    delete byId("page").dataset.scene;
    inpca.picture?.clear();
    inpca.clearLegend(byId("legend"));
    inpca.clearPanels();
    inpca.hideDetail();
    byId("status-line").textContent = "";
    inpca.emit("forget");
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
    clearTimeout(timer);
    const isMoving = performance.now() - lastSelected < MOVEMENT_MS;
    lastSelected = performance.now();
    // The server computes while the page is still being brought up to date.
    if (isMoving && !state.isOpening) timer = setTimeout(considerEmbedding, MOVEMENT_MS);
    else considerEmbedding();
    inpca.writeAddress();
    // Drawing twice costs more than the embedding: what only hides runs waits a moment for the picture that replaces it.
    const isReplaced = state.automatic && state.scene && inpca.wantedName() !== state.embeddedName;
    if (isReplaced) {
      inpca.filterTableSoon(PATIENCE_MS);
      inpca.drawSoon(PATIENCE_MS);
      inpca.decideShown();
      inpca.updateHeadline();
    } else {
      inpca.filterTable();
      inpca.draw();
    }
    inpca.emit("select");
  };

  inpca.reselect = () => inpca.select(state);

  const isFitted = () => state.references === "fit";

  /** Two selections with the same name are the same question. */
  inpca.wantedName = () =>
    [state.study.study, state.study.fingerprint, state.split, state.divergence, isFitted(), inpca.encodeMask(state.mask)].join("|");

  const considerEmbedding = () => {
    if (state.study.run_ids.length === 0) return;
    if (inpca.count(state.mask) === 0) return showNothingPasses();
    const { scene } = state;
    if (scene && inpca.wantedName() === state.embeddedName) {
      inpca.asker.withdraw();
      setBusy(false);
      inpca.hideNotice();
      state.isOpening = false;
      if (state.flips && !isOrientedAs(scene, state.flips)) show(shownAsItCame, state.embeddedName);
      state.flips = null;
    } else if (state.isOpening) embed(state.study.opening_seconds);
    else if (state.automatic) {
      // Another split, divergence or fit is another question: the old picture says nothing about it, so more patience is
      // right. Nobody waits for what has grown meanwhile, so it may take as long.
      const isOther = state.isGrown || !scene || scene.split !== state.split || scene.divergence !== state.divergence || scene.fit_references !== isFitted();
      embed(isOther ? OTHER_QUESTION_SECONDS : AUTOMATIC_SECONDS);
    }
    state.isGrown = false;
    inpca.updateHeadline();
  };

  const showNothingPasses = () => {
    inpca.asker.withdraw();
    setBusy(false);
    inpca.updateHeadline();
    const loosest = inpca.loosestConstraint(state.study, state.constraints, state.kept);
    if (!loosest) {
      inpca.showNotice("hint", "No run passes the filters.", "", { label: "clear filters", action: () => byId("clear-filters").click() });
      return;
    }
    const { constraint, gain } = loosest;
    const { phrase } = inpca.constraintWords(state.study, constraint);
    inpca.showNotice("hint", "No run passes the filters.", `Without ${phrase}, ${inpca.format(gain)} would.`, {
      label: `drop ${phrase}`,
      action: () => inpca.dropConstraint(constraint),
    });
  };

  /* ------------------------------------------------------------------ asking for an embedding */

  const embed = (limit) => {
    const name = inpca.wantedName();
    setBusy(true);
    inpca.nameEmbedButton("Re-embed");
    inpca.asker.ask(
      name,
      {
        study: state.study.study,
        fingerprint: state.study.fingerprint,
        split: state.split,
        divergence: state.divergence,
        mask: inpca.encodeMask(state.mask),
        fit_references: isFitted(),
      },
      limit,
      { onStatus, onPreview, onScene: (scene, ms) => accept(scene, name, ms), onExpensive, onRefused, onLost },
    );
    inpca.updateHeadline();
  };

  inpca.embedNow = () => embed(WITHOUT_LIMIT);

  const onStatus = (status, milliseconds) => {
    if (milliseconds < PROGRESS_DELAY_MS) return;
    inpca.showProgress(state.style.stages[status.stage || status.state] || "Working", status.fraction, status.remaining);
  };

  /** Put another embedding on screen, as it is drawn there; name is that of the question it answers exactly, or empty. */
  const show = (decoded, name) => {
    const previous = state.scene;
    // A study may grow elsewhere than in what is shown: then nothing is to be turned, and nothing moves.
    const isSame = previous?.key === decoded.key && previous.is_preview === decoded.is_preview && !state.flips;
    const scene = isSame ? previous : inpca.orient(decoded, previous, state.flips);
    shownAsItCame = decoded;
    state.scene = scene;
    if (!scene.is_preview) state.flips = null;
    state.embeddedName = name;
    state.isOpening = false;
    byId("page").toggleAttribute("data-preview", scene.is_preview);
    inpca.hideNotice();
    inpca.emit("scene", scene, previous);
    inpca.offerComponents();
    const drawing = inpca.draw();
    inpca.writeAddress();
    return { scene, drawing };
  };

  const whenIdle = (task) => (window.requestIdleCallback ? requestIdleCallback(task, { timeout: IDLE_MS }) : setTimeout(task, IDLE_MS));

  const isOrientedAs = ({ alignment: { flipped, rotated } }, flips) =>
    rotated.length === 0 && flipped.size === flips.size && [...flips].every((component) => flipped.has(component));

  /** Approximate: the panels keep what they had, faint, and the badge says so until the exact scene replaces it. */
  const onPreview = (scene, milliseconds) => {
    show(scene, "");
    byId("status-line").textContent = [
      `preview of ${inpca.format(scene.n_models)} checkpoints in ${(milliseconds / 1000).toFixed(2)} s`,
      `estimated error ${inpca.previewError(scene)} of the first axis`,
      inpca.asker.askedName() ? "the exact embedding follows" : "re-embed for the exact one",
    ].join(" · ");
  };

  const accept = (decoded, name, milliseconds) => {
    setBusy(false);
    const { scene, drawing } = show(decoded, name);
    // The picture first, its way there included; the panels when there is nothing else to do.
    drawing.then(() => whenIdle(() => state.scene === scene && inpca.drawPanels(scene, state.style, state.theme)));
    document.querySelector(".device").textContent = scene.device;
    byId("status-line").textContent = summary(scene, milliseconds);
    byId("announcer").textContent = `Embedded: ${inpca.describePicture()}`;
    byId("page").dataset.scene = scene.key;
    // Fewer runs than asked for: some turned out damaged while they were read. The study as it is now names them.
    if (scene.run_ids.length < inpca.count(state.mask) && name === inpca.wantedName()) inpca.catchUp().catch(inpca.reopen);
  };

  const onExpensive = (predicted) => {
    setBusy(inpca.asker.askedName() !== null);
    const cost = `about ${predicted >= 10 ? Math.round(predicted) : Number(predicted.toPrecision(1))} s`;
    inpca.nameEmbedButton(`Re-embed, ${cost}`);
    inpca.updateHeadline();
    if (!state.scene) {
      inpca.showNotice("hint", `This selection takes ${cost} to embed.`, "", { label: "embed it", action: inpca.embedNow });
    }
  };

  const onRefused = (error) => {
    setBusy(false);
    if (error.kind === "StaleStudyError") return inpca.catchUpOrReopen();
    state.isOpening = false;
    inpca.showNotice("error", "This selection could not be embedded.", error.message, { label: "try again", action: inpca.embedNow });
    inpca.updateHeadline();
  };

  const onLost = () =>
    inpca.showNotice("error", "The connection to the server was lost.", "Nothing on screen is lost; trying again every two seconds.");

  inpca.cancel = () => {
    inpca.asker.withdraw();
    setBusy(false);
    state.isOpening = false;
    byId("status-line").textContent = "cancelled";
    if (!state.scene) inpca.showNotice("hint", "Cancelled.", "", { label: "embed again", action: inpca.embedNow });
    inpca.updateHeadline();
  };

  /** Open the study again with the same view, as far as the address holds it. */
  inpca.reopen = () => setProps("location", { search: `${inpca.query()}&at=${Date.now()}` });

  const setBusy = (isBusy) => {
    byId("page").toggleAttribute("data-busy", isBusy);
    if (!isBusy) inpca.hideProgress();
  };

  const summary = (scene, milliseconds) => {
    const { residual } = scene.diagnostics;
    const { short, capped } = inpca.divergenceWords(scene.divergence);
    const isKept = milliseconds < 1000 * scene.seconds;
    return [
      `${inpca.format(scene.n_models)} checkpoints of ${inpca.format(scene.run_ids.length)} runs, ${scene.split}, ${short}`,
      isKept ? `from cache in ${(milliseconds / 1000).toFixed(2)} s` : `embedded in ${(milliseconds / 1000).toFixed(2)} s`,
      residual === null ? "" : `residual ${residual.toExponential(0)}`,
      scene.n_capped ? `${inpca.format(scene.n_capped)} ${capped}` : "nothing capped",
      scene.is_streamed ? "multiplied straight from the disk" : "",
      inpca.movesInWords(scene, state.axes),
    ]
      .filter(Boolean)
      .join(" · ");
  };

  /** Estimated error of a preview in the components on the axes, in words. */
  inpca.previewError = (scene) => {
    const errors = state.axes.map((component) => scene.diagnostics.error_estimate[component - 1] ?? 0);
    return `${Number((100 * Math.max(...errors)).toPrecision(1))} %`;
  };
})();
