/* Plotly's traces as strokes and dots on a plain 2D canvas, whatever projection they are drawn in. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  /** Widths and sizes are written for the 3D picture, whose pixels are finer. */
  const FINER = 0.42;
  /** A path of many thousand pieces is slower to fill than the same pieces in several paths. */
  const PIECES_PER_PATH = 400;

  /**
   * Traces of a picture -> {lines: [{models, color, width}], dots: [{models, color, size}]}, in drawing order.
   * Lines are polylines through models, -1 in gaps. Everything that decides a trace, which runs, vertices, colours and
   * widths, is decided in 40-traces.js and only there.
   */
  inpca.strokesOf = (traces) => {
    const drawn = traces.filter(({ models }) => models && models.length > 0);
    return {
      lines: drawn.filter(({ trace }) => trace.mode === "lines").flatMap(lines),
      dots: drawn.filter(({ trace }) => trace.mode === "markers").flatMap(dots),
    };
  };

  const lines = ({ models, trace: { line } }) => {
    if (!Array.isArray(line.color)) return [{ models, color: line.color, width: line.width }];
    // A colour per vertex: the way to a vertex has its colour. One polyline per colour costs as many strokes as colours.
    const byColor = new Map();
    for (let at = 1; at < models.length; at += 1) {
      if (models[at] < 0 || models[at - 1] < 0) continue;
      const polyline = entry(byColor, inpca.colorAt(line.color, at));
      if (polyline.at(-1) === models[at - 1]) polyline.push(models[at]);
      else polyline.push(-1, models[at - 1], models[at]);
    }
    return [...byColor].map(([color, polyline]) => ({ models: polyline, color, width: line.width }));
  };

  const dots = ({ models, trace: { marker } }) => {
    const byColor = new Map();
    models.forEach((model, at) => entry(byColor, inpca.colorAt(marker.color, at)).push(model));
    return [...byColor].map(([color, found]) => ({ models: found, color, size: marker.size }));
  };

  const entry = (map, key) => {
    if (!map.has(key)) map.set(key, []);
    return map.get(key);
  };

  /** Paint strokes on a canvas; x and y give a model's place. */
  inpca.paintStrokes = (context, { lines, dots }, { x, y }) => {
    context.lineJoin = "round";
    for (const { models, color, width } of lines) {
      Object.assign(context, { strokeStyle: color, lineWidth: FINER * width });
      let pieces = 0;
      context.beginPath();
      for (let at = 0; at < models.length; at += 1) {
        const model = models[at];
        if (model < 0) {
          if (pieces < PIECES_PER_PATH) continue;
          context.stroke();
          context.beginPath();
          pieces = 0;
        } else if (at === 0 || models[at - 1] < 0) context.moveTo(x(model), y(model));
        else context.lineTo(x(model), y(model));
        pieces += 1;
      }
      context.stroke();
    }
    for (const { models, color, size } of dots) {
      context.fillStyle = color;
      context.beginPath();
      for (const model of models) inpca.diamond(context, x(model), y(model), 1 + FINER * size);
      context.fill();
    }
  };

  inpca.diamond = (context, x, y, half) => {
    context.moveTo(x, y - half);
    context.lineTo(x + half, y);
    context.lineTo(x, y + half);
    context.lineTo(x - half, y);
    context.closePath();
  };
})();
