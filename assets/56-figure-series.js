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

  /**
   * Traces of a figure. look: {colorOf(runId), isShown(runId), pins: [{runId, slot}], pinColors, hovered}.
   * What is pinned stands out against what is not; what is pointed at lies on top.
   */
  inpca.figureTraces = (figure, look) => {
    const traces = [...figure.data];
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
      const pointed = series.run_ids.indexOf(look.hovered);
      const positions = pointed >= 0 && look.isShown(look.hovered) ? [pointed] : [];
      traces.push(traceOf(series, positions, look.ink, { width: STRONG + 1, size: DOT + 3, role: "hovered" }));
    }
    return traces;
  };

  /** Where the traces of what is pointed at are, and what they show for another run. */
  inpca.hoveredTraces = (traces, runId, isShown) =>
    traces.flatMap((trace, index) => {
      if (trace.meta?.role !== "hovered") return [];
      const { series } = trace.meta;
      const position = series.run_ids.indexOf(runId);
      const points = pointsOf(series, position >= 0 && isShown(runId) ? [position] : []);
      return [{ index, x: points.x, y: points.y }];
    });
})();
