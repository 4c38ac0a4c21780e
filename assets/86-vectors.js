/*
 * A picture as flat shapes: every line, marker, wall, tick and label where the camera sees it.
 *
 * plotly's own SVG holds a photograph of the 3D scene; here its traces and its layout (40-traces.js) are projected anew,
 * so that SVG and PDF are vectors throughout. Pure: values in, shapes out, units are CSS pixels.
 *
 * line  {points, color, width}                    area  {points, color}
 * text  {x, y, text, size, color, anchor, angle, weight}: anchor start, middle or end; y is the middle of the line
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const HALF_FIELD_OF_VIEW = Math.tan(Math.PI / 8);
  const NEAREST = 0.01;
  const DASHES = { dash: [5, 4], dot: [1, 4], dashdot: [5, 4, 1, 4], longdash: [10, 5] };
  // Measured on plotly.js 4.1.1: a line of "width" w is drawn half as wide, and symbols of one "size" differ in size.
  const LINE_WIDTH = 0.5;
  const RADII = { diamond: 1.48, square: 0.97, circle: 0.86 };
  const MARKER_LEAD = 0.01;
  const AIR = 7;
  const DIGIT_WIDTH = 0.62;

  /* ------------------------------------------------------------------ camera */

  const minus = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
  const unit = (a) => a.map((value) => value / Math.hypot(...a));
  const vector = ({ x, y, z }) => [x, y, z];

  const aspectOf = ({ aspectmode, aspectratio, xaxis, yaxis, zaxis }) => {
    if (aspectmode === "cube") return [1, 1, 1];
    if (aspectratio) return vector(aspectratio);
    const spans = [xaxis, yaxis, zaxis].map(({ range: [low, high] }) => high - low);
    return spans.map((span) => span / Math.cbrt(spans[0] * spans[1] * spans[2]));
  };

  /**
   * How plotly sees a scene: its axes fill a box around the origin with the sides of the aspect ratio, seen from the eye
   * with a field of view of 45 degrees, or in parallel.
   * Returns {project(data point) -> [x, y, depth], corner(bits) -> data point, isNear(axis): is its upper side nearer}.
   */
  inpca.makeView = (layoutScene, { left, top, width, height }) => {
    const { camera } = layoutScene;
    const ranges = ["x", "y", "z"].map((letter) => layoutScene[`${letter}axis`].range);
    const aspect = aspectOf(layoutScene);
    const eye = vector(camera.eye);
    const forward = unit(minus(vector(camera.center), eye));
    const right = unit(cross(forward, vector(camera.up)));
    const upward = cross(right, forward);
    const isParallel = camera.projection?.type === "orthographic";
    const place = (point) => point.map((value, k) => ((value - ranges[k][0]) / (ranges[k][1] - ranges[k][0]) - 0.5) * aspect[k]);
    const project = (point) => {
      const ray = minus(place(point), eye);
      const depth = dot(ray, forward);
      const scale = height / 2 / (isParallel ? 1 : Math.max(depth, NEAREST) * HALF_FIELD_OF_VIEW);
      return [left + width / 2 + scale * dot(ray, right), top + height / 2 - scale * dot(ray, upward), depth];
    };
    const isNear = (k) => (isParallel ? forward[k] < 0 : eye[k] > 0);
    const corner = (bits) => ranges.map(([low, high], k) => ((bits >> k) & 1 ? high : low));
    return { project, isNear, corner, ranges };
  };

  /* ------------------------------------------------------------------ axes */

  /** plotly's automatic ticks: the smallest of 1, 2, 5 times a power of ten that leaves no more than asked for. */
  inpca.ticksOf = ([low, high], most) => {
    const rough = Math.abs(high - low) / most;
    const base = 10 ** Math.floor(Math.log10(rough));
    const step = base * [1, 2, 5, 10].find((factor) => factor * base >= rough * (1 - 1e-9));
    const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const ticks = [];
    for (let index = Math.ceil(Math.min(low, high) / step); index * step <= Math.max(low, high); index += 1) {
      ticks.push({ value: index * step, text: index === 0 ? "0" : (index * step).toFixed(decimals).replace("-", "−") });
    }
    return ticks;
  };

  /** Walls and grid behind everything; names and numbers along three edges of the box's outline. */
  const axesShapes = (layout, view, frame) => {
    const nearest = [0, 1, 2].reduce((bits, k) => bits | (view.isNear(k) ? 1 << k : 0), 0);
    const farthest = 7 ^ nearest;
    const axes = ["x", "y", "z"].map((letter) => ({
      ...layout.template?.layout?.scene?.[`${letter}axis`],
      ...layout.scene[`${letter}axis`],
    }));
    const ticks = axes.map((axis, k) => inpca.ticksOf(view.ranges[k], axis.nticks || 6));
    const flat = (point) => view.project(point).slice(0, 2);
    const shapes = [];
    for (const k of [0, 1, 2]) {
      if (axes[k].showbackground === false) continue;
      const [u, v] = [1 << ((k + 1) % 3), 1 << ((k + 2) % 3)];
      const wall = [farthest, farthest ^ u, farthest ^ u ^ v, farthest ^ v].map((bits) => flat(view.corner(bits)));
      shapes.push({ kind: "area", points: wall, color: axes[k].backgroundcolor });
    }
    for (const k of [0, 1, 2]) {
      for (const { value } of ticks[k]) {
        for (const across of [(k + 1) % 3, (k + 2) % 3]) {
          const ends = [farthest, farthest ^ (1 << across)].map((bits) => view.corner(bits).map((own, axis) => (axis === k ? value : own)));
          shapes.push({ kind: "line", points: ends.map(flat), color: axes[k].gridcolor, width: 0.5 });
        }
      }
    }
    const edges = labelledEdges(view, nearest);
    for (const k of [0, 1, 2]) shapes.push(...edgeShapes(axes[k], k, edges[k], ticks[k], view, frame));
    return shapes;
  };

  /**
   * For each axis the corner at which its labelled edge begins. As plotly does it: from the lowest corner of the outline
   * to both sides, and the upright edge at whichever side the outline goes on.
   */
  const labelledEdges = (view, nearest) => {
    const spots = Array.from({ length: 8 }, (_, bits) => view.project(view.corner(bits)));
    const isOutline = (bits) => bits !== nearest && bits !== (7 ^ nearest);
    const lowest = [0, 1, 2, 3, 4, 5, 6, 7].filter(isOutline).reduce((best, bits) => (spots[bits][1] > spots[best][1] ? bits : best));
    const beside = [1, 2, 4].map((bit) => lowest ^ bit).filter(isOutline).sort((a, b) => spots[a][0] - spots[b][0]);
    const [left, right] = [beside[0], beside.at(-1)];
    const edges = [0, 0, 0];
    const put = (a, b) => (edges[Math.log2(a ^ b)] = a & b);
    put(left, lowest);
    put(right, lowest);
    const top = right ^ 7;
    if (isOutline(top)) put(left, top);
    else put(right, left ^ 7);
    return edges;
  };

  const edgeShapes = (axis, k, start, ticks, view, frame) => {
    const at = (value) => view.project(view.corner(start).map((own, index) => (index === k ? value : own)));
    const [a, b] = view.ranges[k].map(at);
    const along = Math.atan2(b[1] - a[1], b[0] - a[0]);
    const middle = at((view.ranges[k][0] + view.ranges[k][1]) / 2);
    let outward = [-Math.sin(along), Math.cos(along)];
    const centre = [frame.left + frame.width / 2, frame.top + frame.height / 2];
    if (outward[0] * (middle[0] - centre[0]) + outward[1] * (middle[1] - centre[1]) < 0) outward = outward.map((value) => -value);
    const spot = (point, distance) => ({ x: point[0] + distance * outward[0], y: point[1] + distance * outward[1] });
    const color = axis.tickfont?.color || axis.color;
    const size = axis.tickfont?.size || 10;
    // How far a number reaches outward: across beside an upright edge, up and down below a level one.
    const reach = (text) => Math.abs(outward[0]) * DIGIT_WIDTH * size * text.length + Math.abs(outward[1]) * size;
    const numbers = ticks.map(({ value, text }) => {
      return { kind: "text", ...spot(at(value), AIR + reach(text) / 2), text, size, color, anchor: "middle" };
    });
    const farthest = Math.max(0, ...ticks.map(({ text }) => reach(text)));
    const upright = along > Math.PI / 2 ? along - Math.PI : along <= -Math.PI / 2 ? along + Math.PI : along;
    const title = { text: axis.title?.text || "", size: axis.title?.font?.size || 12, color: axis.title?.font?.color || axis.color };
    return [...numbers, { kind: "text", ...spot(middle, 2 * AIR + farthest + title.size / 2), ...title, anchor: "middle", angle: upright }];
  };

  /* ------------------------------------------------------------------ traces */

  const isSeen = ([x, y, depth]) => Number.isFinite(x) && Number.isFinite(y) && depth > NEAREST;
  const between = (a, b) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2];

  /** Pieces of lines, each at its depth; a piece between two colours is halved. */
  const linePieces = ({ line }, spots) => {
    const pieces = [];
    const add = (a, b, color) => pieces.push({ kind: "line", points: [a, b], color, width: LINE_WIDTH * line.width, depth: (a[2] + b[2]) / 2 });
    const dashes = DASHES[line.dash];
    let walked = 0;
    for (let index = 1; index < spots.length; index += 1) {
      const [a, b] = [spots[index - 1], spots[index]];
      if (!isSeen(a) || !isSeen(b)) continue;
      const [first, second] = [inpca.colorAt(line.color, index - 1), inpca.colorAt(line.color, index)];
      if (dashes) walked = inpca.addDashes(a, b, dashes, walked, (from, to) => add(from, to, second));
      else if (first === second) add(a, b, first);
      else {
        const middle = between(a, b);
        add(a, middle, first);
        add(middle, b, second);
      }
    }
    return pieces;
  };

  /** add(from, to) for every dash between two points, walked pixels into the pattern; returns how far that comes. */
  inpca.addDashes = (a, b, pattern, walked, add) => {
    const length = Math.hypot(b[0] - a[0], b[1] - a[1]);
    const period = pattern.reduce((sum, part) => sum + part, 0);
    const point = (share) => a.map((value, k) => value + (b[k] - value) * share);
    let done = 0;
    while (done < length) {
      let into = (walked + done) % period;
      let part = 0;
      while (into >= pattern[part]) into -= pattern[part++];
      const step = Math.max(0.01, Math.min(pattern[part] - into, length - done));
      if (part % 2 === 0) add(point(done / length), point(Math.min(1, (done + step) / length)));
      done += step;
    }
    return walked + length;
  };

  const OUTLINES = {
    diamond: [0, 1, 2, 3].map((quarter) => [Math.cos((quarter * Math.PI) / 2), Math.sin((quarter * Math.PI) / 2)]),
    square: [[-1, -1], [1, -1], [1, 1], [-1, 1]],
    circle: Array.from({ length: 24 }, (_, at) => [Math.cos((at * Math.PI) / 12), Math.sin((at * Math.PI) / 12)]),
  };

  const markerPieces = ({ marker }, spots) =>
    spots.flatMap((spot, index) => {
      const size = (Array.isArray(marker.size) ? marker.size[index] : marker.size) || 0;
      if (!isSeen(spot) || size <= 0) return [];
      const [name, isOpen] = String(marker.symbol).split("-");
      const symbol = OUTLINES[name] ? name : "diamond";
      const radius = size * RADII[symbol];
      const points = OUTLINES[symbol].map(([x, y]) => [spot[0] + x * radius, spot[1] + y * radius]);
      const color = inpca.colorAt(marker.color, index);
      // Drawn before a line that passes through it, a marker would be cut in two by its own trajectory.
      const depth = spot[2] - MARKER_LEAD;
      return isOpen
        ? [{ kind: "line", points: [...points, points[0]], color, width: 1.5, depth }]
        : [{ kind: "area", points, color, depth }];
    });

  /** Neighbours in depth that go on where the last one ended become one line. */
  const joined = (pieces) => {
    const shapes = [];
    for (const piece of pieces) {
      const last = shapes.at(-1);
      const goesOn =
        last?.kind === "line" && piece.kind === "line" && last.color === piece.color && last.width === piece.width;
      if (goesOn && last.points.at(-1) === piece.points[0]) last.points.push(...piece.points.slice(1));
      else if (goesOn && last.points[0] === piece.points.at(-1)) last.points.unshift(...piece.points.slice(0, -1));
      else shapes.push({ ...piece, points: [...piece.points] });
    }
    return shapes;
  };

  const annotationShapes = (layout, view) =>
    (layout.scene.annotations || []).flatMap(({ text, font, x, y, z, xshift = 0, yshift = 0 }) => {
      const spot = view.project([x, y, z]);
      if (!isSeen(spot)) return [];
      return [{ kind: "text", x: spot[0] + xshift, y: spot[1] - yshift, text, size: font.size, color: font.color, anchor: "middle" }];
    });

  /** Shapes of plotly traces in a layout with one scene, drawn into a frame {left, top, width, height}; back to front. */
  inpca.sceneShapes = (traces, layout, frame) => {
    const view = inpca.makeView(layout.scene, frame);
    const pieces = [];
    for (const trace of traces) {
      if (trace.type !== "scatter3d" || trace.visible === false) continue;
      const spots = Array.from(trace.x, (x, index) => view.project([x, trace.y[index], trace.z[index]]));
      if (trace.mode.includes("lines")) pieces.push(...linePieces(trace, spots));
      if (trace.mode.includes("markers")) pieces.push(...markerPieces(trace, spots));
    }
    pieces.sort((a, b) => b.depth - a.depth);
    return [...axesShapes(layout, view, frame), ...joined(pieces), ...annotationShapes(layout, view)];
  };
})();
