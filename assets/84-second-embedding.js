/*
 * The second embedding of a comparison: asked for like the first, and said in its own pane how that goes. It follows the
 * embedding on the left, not the filters, so that both always show what their heads say.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});
  const { state, byId } = inpca;

  const PATIENT_SECONDS = 15.0;
  const WITHOUT_LIMIT = 1e9;
  const PROGRESS_DELAY_MS = 300;
  const RESUME_MS = 400;

  const asker = inpca.makeAsker();
  let raw = null;
  let scene = null;
  let answered = "";
  let resumption = null;

  const isOn = () => state.view === "compare";

  const ask = (limit = state.automatic ? PATIENT_SECONDS : 0) => {
    clearTimeout(resumption);
    if (!isOn() || !state.scene) return;
    inpca.describePanes();
    const wanted = inpca.comparison.question();
    if (!wanted) return explain();
    const name = JSON.stringify(wanted);
    if (name === answered) {
      asker.withdraw();
      setIdle();
      return show();
    }
    byId("second-notice").hidden = true;
    asker.ask(name, wanted, limit, {
      onStatus,
      onScene: (found) => accept(found, name),
      onExpensive,
      onRefused: (error) => (error.kind === "StaleStudyError" ? inpca.catchUpOrReopen() : tell("error", "This embedding could not be made.", error.message, "try again")),
      onLost: () => tell("error", "The connection to the server was lost.", "Trying again every two seconds."),
    });
  };

  const accept = (found, name) => {
    [raw, answered] = [found, name];
    setIdle();
    align();
    show();
    byId("announcer").textContent = `Second picture: ${inpca.factsOf(scene)}`;
  };

  /** Of another split the checkpoints correspond one to one; of another selection, those of the runs that both have. */
  const align = () => {
    scene = inpca.orient(raw, state.scene);
    state.alongside = inpca.withSharedFrame(scene, state.scene);
  };

  /** The other picture, where lengths in one can be compared with those in it. */
  inpca.withSharedFrame = (other, { divergence }) => (other.divergence === divergence ? other : null);

  const onStatus = (status, milliseconds) => {
    if (milliseconds < PROGRESS_DELAY_MS) return;
    byId("second-progress").hidden = false;
    byId("second-progress-stage").textContent = state.style.stages[status.stage || status.state] || "Working";
    byId("second-progress-bar").value = status.fraction;
  };

  const setIdle = () => {
    byId("second-progress").hidden = true;
    byId("second-notice").hidden = true;
  };

  const onExpensive = (seconds) =>
    tell("hint", `This embedding takes about ${seconds >= 10 ? Math.round(seconds) : Number(seconds.toPrecision(1))} s.`, "", "embed it");

  const tell = (kind, title, advice, label) => {
    setIdle();
    const button = label && { label, action: () => ask(WITHOUT_LIMIT) };
    inpca.showNoticeIn(byId("second-notice"), kind, title, advice, button);
  };

  const explain = () => {
    asker.withdraw();
    setIdle();
    if (state.comparison?.kind === "selection") tell("hint", "The selection in this link is of another state of the study.", "Keep the left one to compare with it.");
    else tell("hint", "This study has one split only.", "Keep the left selection, then filter, to compare two selections.");
  };

  /** The engine does one thing at a time: what is wanted on the left goes first. */
  const standBack = () => {
    asker.withdraw();
    byId("second-progress").hidden = true;
    clearTimeout(resumption);
    resumption = setTimeout(() => (inpca.asker.askedName() ? standBack() : ask()), RESUME_MS);
  };

  const show = () => {
    if (!isOn() || !scene) return;
    state.alongside = inpca.withSharedFrame(scene, state.scene);
    inpca.describePanes();
    inpca.draw();
  };

  /** The embedding on the right, turned as the left one is; null before there is one. */
  inpca.secondScene = () => scene;

  inpca.isComparing = () => asker.askedName() !== null;

  /* ------------------------------------------------------------------ following the page */

  inpca.on("view", () => {
    if (isOn()) {
      if (scene && state.scene) align();
      inpca.describePanes();
      return ask();
    }
    asker.withdraw();
    clearTimeout(resumption);
    state.alongside = null;
  });

  inpca.on("comparison", () => ask());

  inpca.on("scene", () => {
    if (!isOn()) return;
    if (raw) align();
    ask();
  });

  inpca.on("select", () => {
    if (!isOn() || !state.scene) return;
    if (inpca.wantedName() !== state.embeddedName) standBack();
  });

  inpca.on("forget", () => {
    asker.withdraw();
    clearTimeout(resumption);
    [raw, scene, answered] = [null, null, ""];
    state.alongside = null;
    setIdle();
  });

  inpca.actions["second-cancel"] = () => {
    asker.withdraw();
    tell("hint", "Cancelled.", "", "embed again");
  };
})();
