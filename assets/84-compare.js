/*
 * Two embeddings side by side: one camera, one frame, one colouring, one highlight.
 *
 * The second picture answers the first one's question with something changed: the split, the selection, or the
 * divergence. It follows the embedding on the left, not the filters, so that both always show what their heads say.
 * Divergences have units of their own, so pictures of two of them have a frame each.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});
  const { state } = inpca;
  const { byId } = inpca;

  const PATIENT_SECONDS = 15.0;
  const WITHOUT_LIMIT = 1e9;
  const PROGRESS_DELAY_MS = 300;
  const RESUME_MS = 400;

  const asker = inpca.makeAsker();
  let picture = null;
  let raw = null;
  let scene = null;
  let answered = "";
  let resumption = null;

  const isOn = () => state.view === "compare";

  /* ------------------------------------------------------------------ what the second picture shows */

  const otherSplit = () => state.study.splits?.find((split) => split !== (state.scene?.split ?? state.split));

  /** What is changed in the left picture's question; null where there is nothing to compare with. */
  const changes = () => {
    const { comparison } = state;
    if (comparison?.kind === "selection") return comparison.mask ? { mask: comparison.mask } : null;
    if (comparison?.kind === "divergence") return { divergence: secondDivergence() };
    return otherSplit() ? { split: otherSplit() } : null;
  };

  const leftDivergence = () => (state.scene ?? state).divergence;

  /** The one chosen; where the left picture has come to show that one, the first that it does not. */
  const secondDivergence = () => {
    const others = Object.keys(state.style.divergences).filter((key) => key !== leftDivergence());
    return others.includes(state.comparison.divergence) ? state.comparison.divergence : others[0];
  };

  const question = () => {
    const { study, fingerprint } = state.study;
    const { split, divergence, run_ids, fit_references } = state.scene;
    const changed = changes();
    return changed && { study, fingerprint, split, divergence, mask: inpca.maskOf(state.study, run_ids), fit_references, ...changed };
  };

  const choose = (comparison) => {
    state.comparison = comparison;
    ask();
    inpca.writeAddress();
  };

  const keepSelection = () => {
    if (state.scene) choose({ kind: "selection", mask: inpca.maskOf(state.study, state.scene.run_ids) });
  };

  /* ------------------------------------------------------------------ asking */

  const ask = (limit = state.automatic ? PATIENT_SECONDS : 0) => {
    clearTimeout(resumption);
    if (!isOn() || !state.scene) return;
    describe();
    const wanted = question();
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
    byId("announcer").textContent = `Second picture: ${facts(scene)}`;
  };

  /** Of another split the checkpoints correspond one to one; of another selection, those of the runs that both have. */
  const align = () => {
    scene = inpca.orient(raw, state.scene);
    state.alongside = withSharedFrame(scene, state.scene);
  };

  /** The other picture, where lengths in one can be compared with those in it. */
  const withSharedFrame = (other, { divergence }) => (other.divergence === divergence ? other : null);

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

  /* ------------------------------------------------------------------ showing */

  const show = () => {
    if (!isOn() || !scene) return;
    state.alongside = withSharedFrame(scene, state.scene);
    describe();
    inpca.draw();
  };

  /** After the left picture, with its camera: wherever that was turned, and however it was chosen. */
  const drawSecond = () => {
    if (!isOn() || !scene || !state.scene) return;
    const { study, style, hidden, mask, comparison } = state;
    const colouring = inpca.colouring(study, scene, state.colorBy, style, state.scene);
    const isHidden = (run) => colouring.kind === "levels" && hidden.has(colouring.entries[colouring.entryOfRun(run)].name);
    const isSelected = (run) => comparison?.kind === "selection" || mask[inpca.row(study, scene.run_ids[run])] === 1;
    follow(picture, inpca.picture.camera());
    picture.draw({
      ...inpca.pictureOf(scene, colouring, (run) => isSelected(run) && !isHidden(run)),
      alongside: withSharedFrame(state.scene, scene),
      camera: inpca.picture.camera(),
    });
    byId("second-picture").setAttribute("aria-label", `Second 3D InPCA embedding, ${facts(scene)}`);
  };

  const facts = ({ split, divergence, run_ids, diagnostics }) => {
    const { explained_stress: stress } = diagnostics;
    const { short } = inpca.divergenceWords(divergence);
    const names = state.comparison?.kind === "divergence" ? [short] : [split, inpca.otherDivergence({ divergence }) && short];
    const start = [...names, `${inpca.format(run_ids.length)} runs`].filter(Boolean).join(" · ");
    // A preview's is not known.
    if (!stress) return `${start} · preview`;
    const k = Math.min(3, stress.length);
    return `${start} · top-${k} stress ${stress[k - 1].toFixed(3)}`;
  };

  const describe = () => {
    const kind = state.comparison?.kind ?? "split";
    const [frame, explained] = state.style.frames[kind === "divergence" ? "own" : "shared"];
    Object.assign(byId("one-frame"), { textContent: frame, title: explained });
    byId("first-head").textContent = state.scene ? facts(state.scene) : "";
    byId("second-head").textContent = scene ? facts(scene) : "";
    byId("second-split").textContent = otherSplit() ? `${otherSplit()} split` : "other split";
    byId("second-split").disabled = !otherSplit();
    for (const other of ["split", "selection"]) byId(`second-${other}`).setAttribute("aria-pressed", String(other === kind));
    byId("keep-selection").hidden = kind !== "selection";
    inpca.offerDivergences(byId("second-divergence"), kind === "divergence" ? secondDivergence() : "", leftDivergence());
  };

  document.addEventListener("change", ({ target }) => {
    if (target.id === "second-divergence" && target.value) choose({ kind: "divergence", divergence: target.value });
  });

  /* ------------------------------------------------------------------ one camera, one highlight */

  const onHover = (model, box) => inpca.hover({ model, scene, source: "second", box });

  /** One picture takes up the other's view; each tells of every change of its own, this one included. */
  let isFollowing = false;
  const follow = (follower, camera) => {
    if (isFollowing || !camera) return;
    isFollowing = true;
    follower.setCamera(camera);
    isFollowing = false;
  };

  const attach = () => {
    picture = picture || inpca.makePicture(byId("second-picture"), {
      onHover,
      onClick: (model) => inpca.togglePin(scene.run_ids[scene.arrays.run[model]]),
      onTurn: (camera) => follow(inpca.picture, camera),
      onCamera: inpca.writeAddress,
      onLost: () => inpca.emit("lost", picture),
    });
  };

  inpca.secondPicture = () => picture;

  inpca.on("camera", (camera) => isOn() && picture && follow(picture, camera));
  inpca.on("drawn", drawSecond);

  /* ------------------------------------------------------------------ following the page */

  inpca.on("view", () => {
    for (const id of ["comparison", "second"]) byId(id).hidden = !isOn();
    if (isOn()) {
      attach();
      state.comparison = state.comparison || (otherSplit() ? { kind: "split" } : null);
      if (scene && state.scene) align();
      describe();
      ask();
    } else {
      asker.withdraw();
      clearTimeout(resumption);
      state.alongside = null;
    }
    picture?.rest(!isOn());
  });

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
    if (state.comparison?.kind === "selection") state.comparison = null;
    picture?.clear();
    setIdle();
  });

  inpca.on("study", ({ view, fingerprint }) => {
    if (!view) return;
    if (!view.comparison) {
      state.comparison = isOn() && otherSplit() ? { kind: "split" } : null;
      return;
    }
    const [kind, ...rest] = view.comparison.split(":");
    const [prefix, mask] = rest.join(":").split(".");
    if (kind === "div") {
      state.comparison = { kind: "divergence", divergence: rest[0] };
      return;
    }
    const isCurrent = kind === "sel" && fingerprint.startsWith(prefix);
    state.comparison = kind === "split" ? { kind: "split" } : { kind: "selection", mask: isCurrent ? mask : "" };
  });

  /** A selection is kept by the positions of its runs, which others may have taken. */
  inpca.on("grown", (study, before) => {
    if (state.comparison?.kind !== "selection" || !state.comparison.mask) return;
    state.comparison = { kind: "selection", mask: inpca.maskOf(state.study, inpca.decodeMask(state.comparison.mask, before)) };
  });

  inpca.isComparing = () => asker.askedName() !== null;

  const written = ({ view, comparison, study }) => {
    if (view !== "compare" || !comparison) return "";
    if (comparison.kind === "split") return otherSplit() ? `split:${otherSplit()}` : "";
    if (comparison.kind === "divergence") return `div:${secondDivergence()}`;
    return comparison.mask ? `sel:${study.fingerprint.slice(0, 12)}.${comparison.mask}` : "";
  };

  inpca.addressFields.push(["cmp", written]);

  Object.assign(inpca.actions, {
    "second-split": () => choose({ kind: "split" }),
    "second-selection": () => state.comparison?.kind !== "selection" && keepSelection(),
    "keep-selection": keepSelection,
    "second-cancel": () => {
      asker.withdraw();
      tell("hint", "Cancelled.", "", "embed again");
    },
  });
})();
