/* Mean distances between the runs on screen, as a heat map in the order of the colours or of the table. */
(() => {
  "use strict";
  const inpca = window.inpca;
  const { state, byId } = inpca;

  let map = null;
  let known = null;
  let drawn = "";
  let order = [];
  let asked = null;
  let isFollowing = false;

  const element = () => byId("run-distances");
  const hint = () => document.querySelector('[data-hint="run-distances"]');

  const read = async (response) => inpca.decodeArrays(await response.arrayBuffer()).arrays.means;

  const ask = async (scene) => {
    if (known?.scene === scene) return draw();
    if (inpca.isHeavy(scene) && asked !== scene) {
      clear();
      const action = () => {
        asked = scene;
        ask(scene);
      };
      return inpca.showHint(hint(), [`${inpca.format(scene.n_models)} checkpoints: every distance between them is read.`], { label: "read them", action });
    }
    inpca.setWaiting(element(), true);
    if (!known) hint().textContent = "Averaging distances between runs";
    try {
      const means = await inpca.askAbout(scene, "run-distances.bin", read);
      if (state.scene !== scene) return;
      known = { scene, means };
      drawn = "";
      draw();
    } catch (error) {
      if (state.scene !== scene) return;
      inpca.showHint(hint(), [error.message], { label: "try again", action: () => ask(scene) });
    }
    inpca.setWaiting(element(), false);
  };

  const meanOf = (a, b) => known.means[a >= b ? (a * (a + 1)) / 2 + b : (b * (b + 1)) / 2 + a];

  /** Runs on screen, by position: those of a colour together, or as the table lists them. */
  const ordered = (scene, colouring) => {
    const shown = scene.run_ids.map((_, run) => run).filter(state.isShown);
    if (byId("run-order").value === "table") {
      const places = new Map();
      inpca.table?.forEachNodeAfterFilterAndSort((node) => places.set(node.data.run_id, places.size));
      return shown.sort((a, b) => (places.get(scene.run_ids[a]) ?? Infinity) - (places.get(scene.run_ids[b]) ?? Infinity) || a - b);
    }
    const rank = colouring.kind === "levels" ? colouring.entryOfRun : (run) => colouring.scale.indexOf(inpca.endColor(scene, colouring, run));
    return shown.sort((a, b) => rank(a) - rank(b) || a - b);
  };

  const draw = () => {
    if (!known || state.scene !== known.scene || !inpca.isVisible(element())) return;
    const { scene } = known;
    const { colouring, style } = state;
    const runs = ordered(scene, colouring);
    const colors = runs.map((run) => inpca.endColor(scene, colouring, run));
    const name = [scene.key, runs.join(), colors.join()].join("|");
    if (name === drawn) return;
    drawn = name;
    order = runs;
    let high = 0;
    for (const a of runs) for (const b of runs) high = Math.max(high, meanOf(a, b) || 0);
    map = map || inpca.makeHeatMap(element(), { onPoint, onPick });
    map.draw({ size: runs.length, value: (row, column) => meanOf(runs[row], runs[column]), colors, scale: style.sequential, high, unit: "mean D" });
    element().setAttribute("aria-label", `Mean distances between ${runs.length} runs. Arrow keys walk through the cells, Enter picks both runs.`);
    inpca.setMerit("run-distances", `${inpca.format(runs.length)} runs`);
    describe();
    mark();
  };

  const describe = () => {
    const most = inpca.mostHeatCells;
    const isAveraged = order.length > most;
    hint().textContent = isAveraged ? `A cell averages over ${(order.length / most).toFixed(1)} runs each way.` : "";
  };

  const runId = (position) => known.scene.run_ids[order[position]];

  const named = (position) => Object.assign(document.createElement("bdi"), { textContent: runId(position) });

  const onPoint = (row, column) => {
    if (row === null) describe();
    else {
      const mean = meanOf(order[row], order[column]);
      const value = Number.isFinite(mean) ? inpca.format(Number(mean)) : "one checkpoint only";
      const parts = row === column ? [named(row), " within itself"] : [named(row), " and ", named(column)];
      hint().replaceChildren(...parts, `: ${value}`);
      if (document.activeElement === element()) byId("announcer").textContent = hint().textContent;
    }
    inpca.hover({ runId: row === null ? null : runId(row), source: "run-distances" });
    mark(row === null ? [] : [{ position: row, className: "hovered", only: "row" }, { position: column, className: "hovered", only: "column" }]);
  };

  const onPick = (row, column) => inpca.togglePicked([...new Set([runId(row), runId(column)])]);

  /** Mark the cell under the pointer, or the row and column of the run that is pointed at elsewhere; and picked runs. */
  const mark = (cell = []) => {
    if (!map || !known) return;
    const marks = [...cell];
    order.forEach((run, position) => {
      const id = known.scene.run_ids[run];
      if (id === state.hovered && cell.length === 0) marks.unshift({ position, className: "hovered" });
      else if (state.picked.has(id)) marks.push({ position, className: "pinned" });
    });
    map.mark(marks);
  };

  const clear = () => {
    [known, drawn, order] = [null, "", []];
    map?.clear();
    inpca.setMerit("run-distances", "");
    hint().replaceChildren();
  };

  inpca.addLook({ element, ask });
  inpca.on("scene", () => {
    if (isFollowing || !inpca.table) return;
    isFollowing = true;
    for (const event of ["sortChanged", "filterChanged"]) inpca.table.addEventListener(event, draw);
  });
  inpca.on("forget", clear);
  inpca.on("draw", draw);
  inpca.on("hover", ({ source }) => source !== "run-distances" && mark());
  inpca.on("pins", () => mark());
  document.addEventListener("change", (event) => event.target.id === "run-order" && draw());
})();
