/*
 * From a figure as the server describes it to what plotly draws: curves and points that belong to runs get the colour
 * their run has in the picture. Pure; dashboard/figures/analyses says what a figure and a series are.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const LINE = 1.6;
  const STRONG = 3.2;
  const DOT = 5;
  const PALE = 0.18;

  /** Indices [from, to) of the points of the position-th run of a series. */
  const spanOf = (series, position) => [series.starts[position], series.starts[position + 1] ?? series.x.length];

  /** {x, y, runIds, checkpoints: per point} of some runs of a series, one after the other with a gap between. */
  const pointsOf = (series, positions) => {
    const points = { x: [], y: [], runIds: [], places: [] };
    for (const position of positions) {
      const [from, to] = spanOf(series, position);
      for (let index = from; index < to; index += 1) {
        points.x.push(series.x[index]);
        points.y.push(series.y[index]);
        points.runIds.push(series.run_ids[position]);
        points.places.push(index);
      }
      points.x.push(null);
      points.y.push(null);
      points.runIds.push(null);
      points.places.push(-1);
    }
    return points;
  };

  const traceOf = (series, positions, color, { width, size, opacity = 1, role }) => {
    const { run_ids, starts, x, y, mode, marker, line, ...rest } = series;
    const points = pointsOf(series, positions);
    return {
      type: "scatter",
      hoverinfo: "none",
      showlegend: false,
      ...rest,
      mode,
      x: points.x,
      y: points.y,
      opacity,
      line: { color, width, shape: "linear", ...line },
      marker: { color, size, ...marker },
      meta: { role, runIds: points.runIds, places: points.places, series },
    };
  };

  /** A name as it is written in the file: figures have it as plotly must be given it. */
  const written = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

  /** A trace that stands for a value of a hyperparameter has the colour that this value has everywhere. */
  const ofLevel = (trace, look) => {
    const { column, level } = trace.meta ?? {};
    const color = column && look.colorOfLevel(written(column), written(level));
    return color ? { ...trace, marker: { ...trace.marker, color }, line: { ...trace.line, color } } : trace;
  };

  /**
   * Traces of a figure. look: {colorOf(runId), colorOfLevel(column, level), isShown(runId), pins: [{runId, slot}], pinColors}.
   * What is pinned stands out against what is not.
   */
  inpca.figureTraces = (figure, look) => {
    const traces = figure.data.map((trace) => ofLevel(trace, look));
    const isPinned = (runId) => look.pins.some((pin) => pin.runId === runId);
    const someone = look.pins.length > 0;
    for (const series of figure.series) {
      const byColor = new Map();
      series.run_ids.forEach((runId, position) => {
        if (!look.isShown(runId) || isPinned(runId)) return;
        const color = look.colorOf(runId);
        byColor.set(color, [...(byColor.get(color) || []), position]);
      });
      for (const [color, positions] of byColor) {
        traces.push(traceOf(series, positions, color, { width: LINE, size: DOT, opacity: someone ? PALE * 2 : 0.9, role: "runs" }));
      }
      for (const pin of look.pins) {
        const position = series.run_ids.indexOf(pin.runId);
        if (position >= 0 && look.isShown(pin.runId)) {
          traces.push(traceOf(series, [position], look.pinColors[pin.slot], { width: STRONG, size: DOT + 2, role: "pin" }));
        }
      }
    }
    return traces;
  };

  const SVG = "http://www.w3.org/2000/svg";

  const shape = (name, attributes) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };

  /**
   * Lay a run's points and curves over a drawn chart, or nothing for null. A layer of its own, because a plotly chart
   * that is changed while the pointer is over it tells of the pointer anew.
   */
  inpca.markInChart = (element, figure, runId, color) => {
    const layer = element.querySelector(":scope > .figure-marks") ?? element.appendChild(shape("svg", { class: "figure-marks", "aria-hidden": "true" }));
    layer.replaceChildren();
    const layout = element._fullLayout;
    if (runId === null || !layout) return;
    for (const series of figure.series) {
      const position = series.run_ids.indexOf(runId);
      const [across, up] = [axisOf(layout, series.xaxis ?? "x"), axisOf(layout, series.yaxis ?? "y")];
      if (position < 0 || !across || !up) continue;
      const pane = layer.appendChild(shape("svg", { x: across._offset, y: up._offset, width: across._length, height: up._length }));
      const [from, to] = spanOf(series, position);
      const places = [];
      for (let index = from; index < to; index += 1) {
        const [x, y] = [across.d2p(series.x[index]), up.d2p(series.y[index])];
        places.push(series.x[index] === null || series.y[index] === null || !Number.isFinite(x + y) ? null : [x, y]);
      }
      if (series.mode.includes("lines")) {
        pane.append(shape("path", { d: pathOf(places), fill: "none", stroke: color, "stroke-width": STRONG }));
      }
      if (!series.mode.includes("markers")) continue;
      for (const place of places.filter(Boolean)) pane.append(shape("circle", { cx: place[0], cy: place[1], r: DOT, fill: color }));
    }
  };

  const axisOf = (layout, name) => layout[`${name[0]}axis${name.slice(1)}`];

  const pathOf = (places) =>
    places.map((place, index) => (place ? `${index > 0 && places[index - 1] ? "L" : "M"}${place[0].toFixed(1)} ${place[1].toFixed(1)}` : "")).join("");
})();
