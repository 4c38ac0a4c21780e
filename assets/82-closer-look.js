/*
 * A closer look at the embedding on screen: what is asked of the server only once somebody looks at the panel that
 * shows it, and never before the picture is there. An answer is kept with the embedding it is about, however that is
 * turned (12-alignment.js).
 */
(() => {
  "use strict";
  const inpca = window.inpca;
  const { state, byId } = inpca;

  const PAUSE_MS = 120;
  const HEAVY_MODELS = 20000;
  const MOST_COMPONENTS = 50;
  const looks = [];
  let timer = null;

  /**
   * Add something to look at: {element, ask(scene): look if needed}. ask is called when the element is in sight of a
   * scene, after a selection has come to rest.
   */
  inpca.addLook = (look) => looks.push(look);

  inpca.lookSoon = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const { scene } = state;
      if (!scene || scene.is_preview) return;
      for (const look of looks) if (inpca.isVisible(look.element())) look.ask(scene);
    }, PAUSE_MS);
  };

  /** The answer of one of a scene's addresses, asked for once; read turns the response into what is kept. */
  inpca.askAbout = (scene, path, read) => {
    const { answers } = scene.closer;
    if (!answers.has(path)) {
      const answer = fetchAnswer(`api/scenes/${encodeURIComponent(scene.key)}/${path}`, read);
      answers.set(path, answer);
      answer.catch(() => answers.delete(path));
    }
    return answers.get(path);
  };

  const fetchAnswer = async (path, read) => {
    const response = await fetch(inpca.address(path)).catch(() => {
      throw new Error("The connection to the server was lost.");
    });
    if (!response.ok) throw new Error((await response.json().catch(() => ({}))).error || `The server answered ${response.status}.`);
    return read(response);
  };

  /** Reading all distances of so large a selection takes long: it is offered, not done unasked. */
  inpca.isHeavy = (scene) => scene.n_models > HEAVY_MODELS;

  inpca.setWaiting = (element, isWaiting) => element.closest(".panel").toggleAttribute("data-waiting", isWaiting);

  /** Words under a panel, and a button where there is something to be done. */
  inpca.showHint = (element, parts, button) => {
    element.replaceChildren(...parts);
    if (!button) return;
    const made = Object.assign(document.createElement("button"), { type: "button", className: "link-button", textContent: button.label });
    made.addEventListener("click", button.action);
    element.append(" ", made);
  };

  /** Pick runs, or let go of them where all are picked already. */
  inpca.togglePicked = (runIds) => {
    const isPicking = !runIds.every((runId) => state.picked.has(runId));
    for (const runId of runIds) if (state.picked.has(runId) !== isPicking) inpca.togglePin(runId);
  };

  /* ------------------------------------------------------------------ further components */

  let nextAxis = 0;

  /** Put a component on the next axis in turn; whoever shows it already takes the other's in exchange. */
  inpca.putOnAxis = (component) => {
    if (!state.scene || component > state.scene.n_components) return;
    const letter = "xyz"[nextAxis];
    nextAxis = (nextAxis + 1) % 3;
    inpca.setProps(`axis-${letter}`, { value: String(component) });
    byId("announcer").textContent = `Component ${component} is on the ${letter} axis.`;
    describeSpectrum(state.scene);
  };

  const describeSpectrum = (scene, button) => {
    const n = scene.n_components;
    const words = n > 1 ? `1 to ${n} can be put on an axis; a click puts one on ${"xyz"[nextAxis]}.` : "";
    inpca.showHint(byId("spectrum-hint"), [words], button);
  };

  const hasMore = (scene) => !scene.closer.panels && scene.n_components < Math.min(MOST_COMPONENTS, scene.n_models - 1);

  const solveFurther = async (scene) => {
    describeSpectrum(scene);
    const { panels } = await inpca.askAbout(scene, "components", (response) => response.json()).catch(() => ({}));
    if (!panels) return describeSpectrum(scene, { label: `more than ${scene.n_components}: try again`, action: () => solveFurther(scene) });
    scene.closer.panels = panels;
    if (state.scene === scene) inpca.drawPanels(scene, state.style, state.theme);
  };

  inpca.addLook({
    element: () => byId("spectrum"),
    ask: (scene) => {
      describeSpectrum(scene);
      if (!hasMore(scene)) return;
      if (inpca.isHeavy(scene)) describeSpectrum(scene, { label: `solve for ${MOST_COMPONENTS}`, action: () => solveFurther(scene) });
      else solveFurther(scene);
    },
  });

  let axesDrawn = "";

  inpca.on("scene", inpca.lookSoon);
  inpca.on("forget", () => byId("spectrum-hint").replaceChildren());
  inpca.on("draw", ({ scene, axes }) => {
    if (!scene.panels || axes.join() === axesDrawn) return;
    axesDrawn = axes.join();
    if (byId("spectrum")._fullLayout) inpca.drawSpectrum(scene, state.style, state.theme);
  });
})();
