/*
 * The cards of the open figure: charts in the colours of the picture, what they say in words, and what can be taken away.
 */
(() => {
  "use strict";
  const inpca = window.inpca;
  const { state, byId, make } = inpca;

  const CONFIG = { displayModeBar: false, showSendToCloud: false, doubleClick: "reset" };
  const MARGIN = { l: 50, r: 12, t: 8, b: 38 };
  const FONT = { size: 11 };

  let answer = null;
  let drawnFigures = [];

  const runOf = (runId) => state.scene?.run_ids.indexOf(runId) ?? -1;

  const colorOf = (runId) => {
    const run = runOf(runId);
    if (run < 0 || !state.colouring) return state.style.other;
    return inpca.endColor(state.scene, state.colouring, run);
  };

  const isShown = (runId) => {
    const run = runOf(runId);
    return run < 0 || state.isShown(run);
  };

  const look = () => ({
    colorOf,
    colorOfLevel: (column, level) => inpca.colorOfLevel(state.study, column, level, state.style),
    isShown,
    pins: state.pins,
    pinColors: state.style.pins,
  });

  /** Show an answer of the server about a figure: {kind, key, figures, numbers, notes, basis, seconds, tables}. */
  inpca.showFigures = (found) => {
    answer = found;
    const { figures, numbers, notes, basis, tables } = answer;
    for (const { element } of drawnFigures) inpca.clearChart(element);
    const host = byId("figure-host");
    drawnFigures = figures.map((figure) => {
      const card = make("section", `figure-card ${figure.shape}`);
      const head = make("div", "figure-card-title");
      const title = head.appendChild(make("h3", "", figure.title));
      title.title = figure.title;
      head.append(pictureButton(figure, "svg"), pictureButton(figure, "png"));
      const element = make("div", "figure-chart");
      element.setAttribute("role", "figure");
      element.setAttribute("aria-label", figure.title);
      card.append(head, element);
      return { figure, element, card };
    });
    host.replaceChildren(...drawnFigures.map(({ card }) => card));
    byId("figure-numbers").replaceChildren(
      ...numbers.map(([name, value]) => {
        const pair = make("div", "figure-number");
        pair.append(make("dt", "", name), make("dd", "", value));
        return pair;
      }),
    );
    byId("figure-notes").replaceChildren(...notes.map((note) => make("li", "", note)));
    byId("figure-basis").textContent = `From ${basis}. Computed in ${Number(answer.seconds.toPrecision(2))} s.`;
    byId("figure-take-away").replaceChildren(
      ...tables.map(({ name, n_rows }) => {
        const link = make("a", "link-button", `${name.replaceAll("_", " ")} (CSV, ${inpca.format(n_rows)} rows)`);
        link.href = inpca.address(`api/analyses/${encodeURIComponent(answer.key)}/${encodeURIComponent(name)}.csv`);
        link.download = "";
        return link;
      }),
    );
    draw();
    byId("figure-page").dataset.shown = answer.key;
  };

  const pictureButton = (figure, format) => {
    const button = make("button", "link-button", format.toUpperCase());
    button.type = "button";
    button.setAttribute("aria-label", `Save ${figure.title} as ${format.toUpperCase()}`);
    button.addEventListener("click", () => {
      const drawn = drawnFigures.find((one) => one.figure === figure);
      const { width, height } = drawn.element.getBoundingClientRect();
      const filename = `${state.study.study}-${state.scene.split}-${answer.kind}`;
      Plotly.downloadImage(drawn.element, { format, width, height, scale: format === "png" ? 2 : 1, filename });
    });
    return button;
  };

  /** Draw what can be seen of the cards, as everything is coloured, shown and pinned now. */
  const draw = () => {
    if (!answer || state.view !== "figures") return;
    const template = state.style.templates[state.theme];
    const seen = look();
    for (const { figure, element } of drawnFigures) {
      if (!inpca.isVisible(element)) continue;
      const isFirst = !element._fullLayout;
      const traces = inpca.figureTraces(figure, seen);
      const layout = { margin: MARGIN, font: FONT, hovermode: "closest", showlegend: false, ...figure.layout, uirevision: answer.key, template };
      Plotly.react(element, traces, layout, CONFIG);
      if (isFirst) listen(element);
    }
  };

  const pointed = ({ points }) => {
    const [point] = points;
    const meta = point?.data?.meta;
    return meta?.runIds ? { runId: meta.runIds[point.pointIndex], name: meta.series.name, point } : null;
  };

  const listen = (element) => {
    element.on("plotly_hover", (event) => {
      const found = pointed(event);
      if (!found?.runId) return;
      const { point, runId, name } = found;
      const label = make("bdi", "", runId);
      const titles = ["xaxis", "yaxis"].map((axis) => point[axis]?.title?.text || axis[0]);
      const place = [point.x, point.y].map((value, index) => `${titles[index]} ${inpca.format(value)}`).join(", ");
      byId("figure-readout").replaceChildren(label, `: ${name ? `${name}, ` : ""}${place}`);
      inpca.hover({ runId, source: "figures" });
    });
    element.on("plotly_unhover", () => {
      byId("figure-readout").textContent = "";
      inpca.hover({ runId: null, source: "figures" });
    });
    // Axes have moved: what is marked moves along.
    element.on("plotly_afterplot", () => mark({ runId: state.hovered }));
    element.on("plotly_click", (event) => {
      const found = pointed(event);
      if (found?.runId) inpca.togglePin(found.runId);
    });
  };

  const mark = ({ runId }) => {
    if (!answer || state.view !== "figures") return;
    const { ink } = state.style.surfaces[state.theme];
    const shown = runId !== null && isShown(runId) ? runId : null;
    for (const { element, figure } of drawnFigures) inpca.markInChart(element, figure, shown, ink);
  };

  inpca.clearFigures = () => {
    answer = null;
    for (const { element } of drawnFigures) inpca.clearChart(element);
    drawnFigures = [];
    for (const id of ["figure-host", "figure-numbers", "figure-notes", "figure-take-away"]) byId(id).replaceChildren();
    for (const id of ["figure-basis", "figure-readout"]) byId(id).textContent = "";
  };

  const sizes = new ResizeObserver(() => {
    for (const { element } of drawnFigures) if (element._fullLayout && inpca.isVisible(element)) Plotly.Plots.resize(element);
  });

  inpca.on("study", () => sizes.observe(byId("figure-host")));
  inpca.on("view", draw);
  inpca.on("draw", draw);
  inpca.on("pins", draw);
  inpca.on("theme", draw);
  inpca.on("hover", mark);
})();
