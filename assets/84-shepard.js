/* The Shepard diagram: distance against embedded distance, and the pairs that are worst. */
(() => {
  "use strict";
  const inpca = window.inpca;
  const { state, byId } = inpca;

  const SVG = "http://www.w3.org/2000/svg";
  let shown = null;

  const element = () => byId("shepard");
  const hint = () => document.querySelector('[data-hint="shepard"]');
  const percent = (share) => `${Number((100 * share).toPrecision(2))} %`;

  /** Numbers of the components to compare with, of those that came with the scene. */
  const wanted = (scene) => {
    const first = (n) => Array.from({ length: Math.min(n, scene.n_components) }, (_, index) => index + 1);
    const choice = byId("shepard-components").value;
    if (choice === "axes") return state.axes.filter((component) => component <= scene.n_components).sort((a, b) => a - b);
    return first(choice === "all" ? scene.n_components : Number(choice));
  };

  const ask = async (scene) => {
    const components = wanted(scene);
    if (components.length === 0) return;
    const name = `${scene.key}/${components.join()}`;
    if (shown?.name === name && element()._fullLayout) return;
    inpca.setWaiting(element(), true);
    try {
      const answer = await inpca.askAbout(scene, `shepard/${components.join()}`, (response) => response.json());
      if (state.scene !== scene || wanted(scene).join() !== components.join()) return;
      shown = { name, scene, answer };
      draw();
    } catch (error) {
      if (state.scene !== scene) return;
      inpca.showHint(hint(), [error.message], { label: "try again", action: () => ask(scene) });
    }
    inpca.setWaiting(element(), false);
  };

  const runOf = (model) => shown.scene.run_ids[shown.scene.arrays.run[model]];

  const draw = () => {
    const { figure, explained, components } = shown.answer;
    const listeners = { plotly_hover: onPoint, plotly_unhover: onLeave, plotly_click: onClick, plotly_afterplot: markPoints };
    if (!inpca.drawChart(element(), figure, state.style.templates[state.theme], listeners)) return;
    inpca.setMerit("shepard", `of ${nameOf(components)}: ${explained.toFixed(3)}`);
    describe();
    listWorst();
  };

  const nameOf = (components) => {
    const isFirst = components.every((component, index) => component === index + 1);
    return isFirst && components.length > 1 ? `1 to ${components.length}` : components.join(", ");
  };

  /** Whether components that are turned into each other on screen are compared without all of them: then D̂ is another. */
  const partlyTurned = () => {
    const isCompared = (component) => shown.answer.components.includes(component);
    return shown.scene.alignment.rotated.some((block) => block.some(isCompared) && !block.every(isCompared));
  };

  const describe = () => {
    const { n_pairs: nPairs, n_negative: nNegative, n_runs: nRuns } = shown.answer;
    const all = shown.scene.run_ids.length;
    const compared = nRuns === all ? `All ${inpca.format(nPairs)} pairs compared` : `${inpca.format(nPairs)} pairs compared, of ${nRuns} of ${all} runs`;
    const drawn = shown.answer.sample.rows.length;
    const sampled = drawn < nPairs ? `${inpca.format(drawn)} of them drawn` : "and drawn";
    const turned = partlyTurned() ? " On screen near-equal components are turned to match the picture before; here they are as solved." : "";
    const below = nNegative > 0.001 * nPairs ? percent(nNegative / nPairs) : inpca.format(nNegative);
    const negative = nNegative ? `; ${below} of all come out below zero` : "";
    inpca.showHint(hint(), [`${compared}, ${sampled}${negative}.${turned}`]);
  };

  /* ------------------------------------------------------------------ runs under the pointer, and picked ones */

  /** Points of the pairs that have a run under the pointer, or else a picked one, as a member. */
  const highlighted = () => {
    if (!state.hovered && state.picked.size === 0) return [];
    const { sample, figure } = shown.answer;
    const runs = shown.scene.run_ids.map((runId) => (state.hovered ? runId === state.hovered : state.picked.has(runId)));
    const isMember = (model) => runs[shown.scene.arrays.run[model]];
    return figure.data.flatMap(({ customdata, x, y }) =>
      (customdata || []).flatMap((pair, index) =>
        isMember(sample.rows[pair]) || isMember(sample.columns[pair]) ? [[x[index], y[index]]] : [],
      ),
    );
  };

  /** Rings around them, in a layer of their own: to plotly one more point is a tenth of a second for the other 2,000. */
  const markPoints = () => {
    const { xaxis, yaxis } = element()._fullLayout || {};
    if (!shown || !xaxis) return;
    const layer = element().querySelector(".shepard-marks") || element().appendChild(document.createElementNS(SVG, "svg"));
    layer.setAttribute("class", "shepard-marks");
    const rings = highlighted().map(([x, y]) => {
      const ring = document.createElementNS(SVG, "circle");
      ring.setAttribute("cx", xaxis._offset + xaxis.l2p(x));
      ring.setAttribute("cy", yaxis._offset + yaxis.l2p(y));
      ring.setAttribute("r", 3.5);
      return ring;
    });
    layer.replaceChildren(...rings);
  };

  let isDue = false;

  const markSoon = () => {
    if (!shown || isDue || !inpca.isVisible(element())) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      if (!shown) return;
      markPoints();
      markPicked();
    });
  };

  const pairOf = (event) => {
    const { sample } = shown.answer;
    const pair = event.points[0].customdata;
    return [sample.rows[pair], sample.columns[pair]];
  };

  const make = (tag, text, className = "") => Object.assign(document.createElement(tag), { textContent: text, className });

  const checkpointOf = (model) => `#${shown.scene.arrays.checkpoint[model] + 1}`;

  const nameModel = (model) => [make("bdi", runOf(model)), ` ${checkpointOf(model)}`];

  const onPoint = (event) => {
    const [row, column] = pairOf(event);
    const { x, y } = event.points[0];
    inpca.showHint(hint(), [...nameModel(row), " and ", ...nameModel(column), `: D ${inpca.format(x)}, D̂ ${inpca.format(y)}`]);
    inpca.hover({ runId: runOf(row), source: "shepard" });
  };

  const onLeave = () => {
    describe();
    inpca.hover({ runId: null, source: "shepard" });
  };

  const onClick = (event) => inpca.togglePicked([...new Set(pairOf(event).map(runOf))]);

  /* ------------------------------------------------------------------ the worst pairs */

  const listWorst = () => {
    const { worst } = shown.answer;
    byId("worst").hidden = worst.rows.length === 0;
    byId("worst-pairs").replaceChildren(...worst.rows.map((row, index) => worstPair(row, worst.columns[index], index)));
    markPicked();
  };

  const worstPair = (row, column, index) => {
    const { distances, embedded } = shown.answer.worst;
    const runs = [...new Set([runOf(row), runOf(column)])];
    const button = make("button", "", "worst-pair");
    button.type = "button";
    button.dataset.runs = JSON.stringify(runs);
    button.title = `${runOf(row)} and ${runOf(column)}: click to pick ${runs.length > 1 ? "both runs" : "the run"}`;
    const line = (model, text) => [make("bdi", runOf(model)), make("span", checkpointOf(model)), make("span", text)];
    button.append(...line(row, `D ${inpca.format(distances[index])}`), ...line(column, `D̂ ${inpca.format(embedded[index])}`));
    button.addEventListener("click", () => inpca.togglePicked(runs));
    for (const [event, runId] of [["mouseenter", runs[0]], ["focus", runs[0]], ["mouseleave", null], ["blur", null]]) {
      button.addEventListener(event, () => inpca.hover({ runId, source: "shepard" }));
    }
    const item = document.createElement("li");
    item.append(button);
    return item;
  };

  const markPicked = () => {
    for (const button of document.querySelectorAll(".worst-pair")) {
      button.setAttribute("aria-pressed", String(JSON.parse(button.dataset.runs).every((runId) => state.picked.has(runId))));
    }
  };

  const clear = () => {
    shown = null;
    inpca.clearChart(element());
    inpca.setMerit("shepard", "");
    hint().replaceChildren();
    byId("worst").hidden = true;
  };

  let axesCompared = "";

  inpca.addLook({ element, ask });
  inpca.on("forget", clear);
  inpca.on("hover", markSoon);
  inpca.on("pins", markSoon);
  inpca.on("theme", () => shown && draw());
  inpca.on("draw", ({ axes }) => {
    if (axes.join() === axesCompared) return;
    axesCompared = axes.join();
    inpca.lookSoon();
  });
  document.addEventListener("change", (event) => event.target.id === "shepard-components" && inpca.lookSoon());
})();
