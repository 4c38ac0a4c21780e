/* The heads over two embeddings side by side: what each shows, and the choices for the second. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});
  const { state, byId } = inpca;

  /** An embedding in a line: split, divergence, runs and stress, as far as the comparison leaves them open. */
  inpca.factsOf = ({ split, divergence, run_ids, diagnostics }) => {
    const { explained_stress: stress } = diagnostics;
    const { short } = inpca.divergenceWords(divergence);
    const names = state.comparison?.kind === "divergence" ? [short] : [split, inpca.otherDivergence({ divergence }) && short];
    const start = [...names, `${inpca.format(run_ids.length)} runs`].filter(Boolean).join(" · ");
    // A preview's is not known.
    if (!stress) return `${start} · preview`;
    const k = Math.min(3, stress.length);
    return `${start} · top-${k} stress ${stress[k - 1].toFixed(3)}`;
  };

  /** Write both heads anew. */
  inpca.describePanes = () => {
    const { otherSplit, leftDivergence, secondDivergence } = inpca.comparison;
    const scene = inpca.secondScene();
    const kind = state.comparison?.kind ?? "split";
    const [frame, explained] = state.style.frames[kind === "divergence" ? "own" : "shared"];
    Object.assign(byId("one-frame"), { textContent: frame, title: explained });
    byId("first-head").textContent = state.scene ? inpca.factsOf(state.scene) : "";
    byId("second-head").textContent = scene ? inpca.factsOf(scene) : "";
    byId("second-split").textContent = otherSplit() ? `${otherSplit()} split` : "other split";
    byId("second-split").disabled = !otherSplit();
    for (const other of ["split", "selection"]) byId(`second-${other}`).setAttribute("aria-pressed", String(other === kind));
    byId("keep-selection").hidden = kind !== "selection";
    inpca.offerDivergences(byId("second-divergence"), kind === "divergence" ? secondDivergence() : "", leftDivergence());
  };
})();
