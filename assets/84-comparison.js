/*
 * What two embeddings side by side are compared by: the second answers the first one's question with something changed,
 * the split, the selection, or the divergence. state.comparison holds it, and so does the address.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});
  const { state, byId } = inpca;

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
    inpca.emit("comparison");
    inpca.writeAddress();
  };

  const keepSelection = () => {
    if (state.scene) choose({ kind: "selection", mask: inpca.maskOf(state.study, state.scene.run_ids) });
  };

  /** question() to ask the server for the second embedding, null where there is none; and what of it the heads say. */
  inpca.comparison = { question, otherSplit, leftDivergence, secondDivergence };

  document.addEventListener("change", ({ target }) => {
    if (target.id === "second-divergence" && target.value) choose({ kind: "divergence", divergence: target.value });
  });

  inpca.on("view", (view) => {
    if (view === "compare") state.comparison = state.comparison || (otherSplit() ? { kind: "split" } : null);
  });

  inpca.on("forget", () => {
    if (state.comparison?.kind === "selection") state.comparison = null;
  });

  inpca.on("study", ({ view, fingerprint }) => {
    if (!view) return;
    if (!view.comparison) {
      state.comparison = state.view === "compare" && otherSplit() ? { kind: "split" } : null;
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
  });
})();
