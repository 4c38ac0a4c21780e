/* The chip over a picture that is not drawn in full, or that is and could be simplified: says so, and changes it. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});
  const { state } = inpca;
  const { byId } = inpca;

  const SLOW_MS = 300;
  let began = 0;

  const percent = (share) => `${Number((100 * share).toPrecision(1))} % of the picture`;

  const words = ({ isReduced, drawn, total, share }) => {
    if (!isReduced) return `all ${inpca.format(total)} vertices drawn`;
    const manner = Number.isFinite(share) ? `simplified to ${percent(share)}` : "ends of the runs only";
    return `${inpca.format(drawn)} of ${inpca.format(total)} vertices drawn, ${manner}`;
  };

  const show = (picture) => {
    const detail = inpca.detailOf(picture);
    const chip = byId("level-of-detail");
    chip.hidden = !detail.canReduce;
    if (!detail.canReduce) return;
    chip.textContent = words(detail);
    chip.setAttribute("aria-pressed", String(!detail.isReduced));
    chip.title = detail.isReduced
      ? "Click to draw every checkpoint: every change then takes longer. Pinned runs are drawn in full already."
      : "Click to simplify again.";
    delete chip.dataset.slow;
  };

  /** What drawing in full costs here is known only once it has been done. */
  const warn = (picture) => {
    const detail = inpca.detailOf(picture);
    const spent = performance.now() - began;
    if (detail.isReduced || !detail.canReduce || spent < SLOW_MS) return;
    const chip = byId("level-of-detail");
    chip.textContent = `${words(detail)}: ${(spent / 1000).toFixed(1)} s for every change`;
    chip.dataset.slow = "yes";
  };

  inpca.on("draw", (picture) => {
    began = performance.now();
    show(picture);
  });
  inpca.on("drawn", warn);
  inpca.on("forget", () => {
    byId("level-of-detail").hidden = true;
    state.inFull = false;
  });

  inpca.toggleDetail = () => {
    state.inFull = !state.inFull;
    inpca.draw();
  };
})();
