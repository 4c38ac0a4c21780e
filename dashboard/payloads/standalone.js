/* Viewer of a standalone page: draws the view embedded as JSON. Names are inserted as text, never as markup. */
(() => {
  "use strict";
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const view = read("view-data");
  const byId = (id) => document.getElementById(id);

  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };

  const ARRAYS = { f4: Float32Array, i4: Int32Array, u4: Uint32Array };
  const array = ({ dtype, bdata }) => new ARRAYS[dtype](Uint8Array.from(atob(bdata), (letter) => letter.charCodeAt(0)).buffer);

  document.documentElement.dataset.theme = view.theme;
  document.title = view.title;
  byId("title").textContent = view.title;
  byId("subtitle").textContent = view.subtitle;
  byId("picture").setAttribute("aria-label", view.title);

  const drawLegend = ({ label, entries, low, high, scale, middle }) => {
    const legend = byId("legend");
    legend.append(make("div", "title", label));
    if (entries) {
      for (const { name, color, count } of entries) {
        const line = make("div", "entry");
        const swatch = make("span", "swatch");
        swatch.style.background = color;
        line.append(swatch, make("bdi", "", name), make("span", "count", String(count)));
        legend.append(line);
      }
      return;
    }
    const bar = make("div", "bar");
    bar.style.background = `linear-gradient(to right, ${scale.join(",")})`;
    const limits = make("div", "limits");
    limits.append(make("span", "", low), make("span", "", middle), make("span", "", high));
    legend.append(bar, limits);
  };

  const models = view.models.map((entry) => (entry ? array(entry) : null));
  const run = array(view.run);
  const along = view.along.map((entry) => ({ label: entry.label, values: array(entry.values) }));
  const format = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(4))) : "");

  const showDetail = (model, box) => {
    const card = byId("detail");
    const { name, facts } = view.runs[run[model]];
    const list = make("dl");
    const add = (term, value) => list.append(make("dt", "", term), make("dd", "", value));
    for (const { label, values } of along) add(label, format(values[model]));
    for (const [term, value] of facts) add(term, value);
    card.replaceChildren(make("strong", "", name), list);
    card.hidden = false;
    const frame = card.parentElement.getBoundingClientRect();
    const [x, y] = [(box?.x1 ?? 0) - frame.left, (box?.y0 ?? 0) - frame.top];
    card.style.left = `${Math.max(4, x + 16 + card.offsetWidth < frame.width ? x + 16 : x - 16 - card.offsetWidth)}px`;
    card.style.top = `${Math.min(Math.max(4, y - 20), Math.max(4, frame.height - card.offsetHeight - 4))}px`;
  };

  const draw = async () => {
    const element = byId("picture");
    await Plotly.newPlot(element, view.traces, view.layout, {
      displaylogo: false,
      responsive: true,
      showSendToCloud: false,
      scrollZoom: true,
      modeBarButtonsToRemove: ["resetCameraLastSave3d", "tableRotation"],
      plotGlPixelRatio: 2,
      toImageButtonOptions: { scale: 2 },
    });
    element.on("plotly_hover", ({ points: [point] }) => {
      const model = models[point.curveNumber]?.[point.pointNumber] ?? -1;
      if (model >= 0) showDetail(model, point.bbox);
    });
    element.on("plotly_unhover", () => (byId("detail").hidden = true));
    document.documentElement.dataset.state = "drawn";
  };

  byId("recipe").addEventListener("click", () => {
    const link = make("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(read("recipe-data"), null, 1)], { type: "application/json" }));
    link.download = view.recipeName;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });

  drawLegend(view.legend);
  draw().catch((error) => {
    byId("picture").textContent = `This browser cannot draw in 3D: ${error.message}`;
  });
})();
