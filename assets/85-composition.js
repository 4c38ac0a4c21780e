/*
 * What is on the stage as a page of its own: title and legend as flat shapes (86-vectors.js) around the 3D picture, the
 * two that are compared, or the pairs. What fills the page between them comes in layers (85-layers.js).
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});
  const { state } = inpca;

  const EDGE = 14;
  const LEGEND_SHARE = 0.4;
  const CAPTION_HEIGHT = 50;
  const HEAD_HEIGHT = 26;
  const LIST_ROW = 20;
  const LIST_INDENT = 24;
  /** Rows that take more than this share of the page's height stand in more columns, as far as names can still be told apart. */
  const LIST_SHARE = 0.2;
  const NARROWEST_COLUMN = 110;

  /* ------------------------------------------------------------------ what is taken away */

  /**
   * The picture as it is seen now, in the theme that is asked for, without what the pointer is over. A view that fits the
   * screen has no camera of its own, so that it fits a picture of any other shape as well.
   */
  inpca.seenPicture = (theme = state.theme) => ({
    ...inpca.pictureOf(state.scene, state.colouring, state.isShown),
    hovered: null,
    theme,
    camera: inpca.picture.isFitted() ? null : (inpca.picture.camera() ?? state.camera),
  });

  const filterInWords = (constraint) => {
    if (constraint.kind === "search") return `search: ${constraint.text}`;
    const { label } = inpca.column(state.study, constraint.name);
    if (constraint.kind === "levels") return `${label}: ${[...constraint.chosen].join(", ")}`;
    return `${label} ${inpca.format(constraint.low)} to ${inpca.format(constraint.high)}`;
  };

  const runsInWords = (shown, embedded, total) => {
    if (shown < embedded) return `${shown} shown of ${embedded} embedded runs`;
    return shown === total ? `all ${total} runs` : `${shown} of ${total} runs`;
  };

  /** What is said of pictures side by side: once where they have it in common. */
  const beside = (pictures, say) => [...new Set(pictures.map(say))].join(" beside ");

  /** Title and one line under it of one picture or two: what anybody who meets the file alone needs to know. */
  inpca.captionOf = (...pictures) => {
    const { scene, colouring } = pictures[0];
    const nShown = ({ scene: { run_ids: runIds }, isShown }) => runIds.filter((_, run) => isShown(run)).length;
    const parts = [
      `InPCA of ${beside(pictures, (one) => inpca.format(one.scene.n_models))} checkpoints, ${beside(pictures, (one) => one.scene.split)} data`,
      beside(pictures, (one) => inpca.divergenceWords(one.scene.divergence).title),
      beside(pictures, (one) => runsInWords(nShown(one), one.scene.run_ids.length, state.study.run_ids.length)),
      ...state.constraints.map(filterInWords),
      `coloured by ${colouring.label}`,
      inpca.today(),
    ];
    return { title: state.study.title || scene.study, subtitle: parts.join(" · ") };
  };

  /* ------------------------------------------------------------------ title and legend as shapes */

  const fitting = (text, size, weight, width) => {
    if (inpca.textWidth(text, size, weight) <= width) return text;
    const letters = [...text];
    while (letters.length > 1 && inpca.textWidth(`${letters.join("")}…`, size, weight) > width) letters.pop();
    return `${letters.join("")}…`;
  };

  /** Names of runs tend to begin alike and to differ at the end, so where there is no room the middle goes. */
  const fittingName = (name, size, width) => {
    const letters = [...name];
    const without = (n) => [...letters.slice(0, (letters.length - n) / 2), "…", ...letters.slice((letters.length + n) / 2)].join("");
    let [shown, n] = [name, 0];
    while (n < letters.length - 2 && inpca.textWidth(shown, size, 400) > width) shown = without((n += 1));
    return shown;
  };

  const captionShapes = ({ title, subtitle }, width, { ink, muted }) => {
    const line = (text, y, size, color, weight) => ({
      kind: "text", x: EDGE, y, text: fitting(text, size, weight, width - 2 * EDGE), size, color, weight, anchor: "start",
    });
    return [line(title, 20, 15, ink, 650), line(subtitle, 39, 11, muted)];
  };

  const text = (x, y, words, size, color, anchor = "start", weight = 400) => ({ kind: "text", x, y, text: words, size, color, anchor, weight });

  const LEGEND_SCALE = 170;

  const legendShapes = ({ scene, colouring, isShown }, left, top, width, { ink, muted }) => {
    const shapes = [text(left, top + 8, fitting(colouring.label, 11, 400, width), 11, muted)];
    if (colouring.kind === "levels") {
      const shown = colouring.entries.map((entry, position) => ({ ...entry, count: countOf(scene, colouring, isShown, position) }));
      shown.filter((entry) => entry.count > 0).forEach(({ name, color }, row) => {
        const y = top + 27 + 18 * row;
        shapes.push({ kind: "line", points: [[left + 2, y], [left + 14, y]], color, width: 4 });
        shapes.push(text(left + 24, y, fitting(name, 12, 400, width - 24), 12, ink));
      });
      return shapes;
    }
    const { scale, low, high, isLogarithmic } = colouring;
    const [step, y, right] = [LEGEND_SCALE / scale.length, top + 20, left + LEGEND_SCALE];
    // Each reaches to the end, under the next: readers of vectors show hairlines between areas that only touch.
    scale.forEach((color, at) => {
      const from = left + at * step;
      shapes.push({ kind: "area", points: [[from, y], [right, y], [right, y + 8], [from, y + 8]], color });
    });
    shapes.push(text(left, y + 16, inpca.format(low), 10, muted), text(right, y + 16, inpca.format(high), 10, muted, "end"));
    if (isLogarithmic) shapes.push(text(left + LEGEND_SCALE / 2, y + 16, "log", 10, muted, "middle"));
    return shapes;
  };

  const countOf = (scene, colouring, isShown, position) =>
    scene.run_ids.filter((_, run) => isShown(run) && colouring.entryOfRun(run) === position).length;

  /**
   * Which run each letter in the pictures is: {height, shapes} of a list at the foot of a page, in columns as wide as its
   * names; narrower where it would be too high.
   */
  const listOfPins = (pictures, page, surface) => {
    const pins = [...new Set(pictures.flatMap((picture) => inpca.drawnPins(picture).map(({ pin }) => pin)))];
    if (pins.length === 0) return { height: 0, shapes: [] };
    const room = page.width - 2 * EDGE;
    const widest = LIST_INDENT + Math.max(...pins.map(({ runId }) => inpca.textWidth(runId, 12, 400))) + EDGE;
    const atWidth = (width) => Math.max(1, Math.floor((room + EDGE) / width));
    const atHeight = Math.ceil(pins.length / Math.max(1, Math.floor((LIST_SHARE * page.height) / LIST_ROW)));
    const nRows = Math.ceil(pins.length / Math.max(atWidth(widest), Math.min(atHeight, atWidth(NARROWEST_COLUMN))));
    const pitch = Math.min(widest, (room + EDGE) / Math.ceil(pins.length / nRows));
    const height = nRows * LIST_ROW + EDGE;
    const shapes = pins.flatMap((pin, at) => {
      const x = EDGE + pitch * Math.floor(at / nRows);
      const y = page.height - height + LIST_ROW * ((at % nRows) + 0.5);
      const name = fittingName(pin.runId, 12, pitch - LIST_INDENT - EDGE);
      return [...inpca.badgeShapes(pictures[0], pin, [x + 8, y]), text(x + LIST_INDENT, y, name, 12, surface.ink)];
    });
    return { height, shapes };
  };

  const reachOf = (shape) =>
    shape.kind === "text"
      ? { right: shape.anchor === "start" ? shape.x + inpca.textWidth(shape.text, shape.size, shape.weight) : shape.x, bottom: shape.y }
      : { right: Math.max(...shape.points.map(([x]) => x)), bottom: Math.max(...shape.points.map(([, y]) => y)) };

  /* ------------------------------------------------------------------ the page */

  /** One 3D picture with its legend in the corner. */
  const ofOne = ([picture], frame, surface) => ({
    layers: [inpca.sceneLayer(picture, frame)],
    furniture: legendShapes(picture, EDGE, frame.top + 4, LEGEND_SHARE * frame.width, surface),
  });

  /** Heads of which both have room: as many of their parts as fit, the same ones in both. */
  const fittingHeads = (heads, size, weight, width) => {
    const parts = heads.map((head) => head.split(" · "));
    const first = (n) => parts.map((all) => all.slice(0, n).join(" · "));
    let n = Math.max(...parts.map((all) => all.length));
    while (n > 1 && first(n).some((head) => inpca.textWidth(head, size, weight) > width)) n -= 1;
    return first(n).map((head) => fitting(head, size, weight, width));
  };

  /** Two side by side, each under its head, as one camera sees both. */
  const ofTwo = (pictures, { left, top, width, height }, surface) => {
    const half = width / 2;
    const frames = [0, 1].map((index) => ({ left: left + index * half, top: top + HEAD_HEIGHT, width: half, height: height - HEAD_HEIGHT }));
    const camera = pictures[0].camera ?? inpca.viewOf(pictures[0], frames[0], "default");
    const heads = fittingHeads(pictures.map(({ scene }) => inpca.factsOf(scene)), 11, 600, half - 2 * EDGE);
    const border = { kind: "line", points: [[left + half, top + 2], [left + half, top + height]], color: surface.grid, width: 1 };
    return {
      layers: pictures.map((picture, index) => inpca.sceneLayer({ ...picture, camera }, frames[index])),
      furniture: [
        border,
        ...heads.map((head, index) => text(frames[index].left + EDGE, top + 12, head, 11, surface.ink, "start", 600)),
        ...legendShapes(pictures[0], EDGE, frames[0].top, half - 2 * EDGE, surface),
      ],
    };
  };

  /** The grid of pairs; its legend in the empty upper triangle, or beside the panels where that is too small for it. */
  const ofPairs = ([picture], frame, surface) => {
    const k = inpca.pairedOf(picture.scene, state.pairedComponents);
    const lowest = inpca.pairPanels(picture, k, frame).at(-1);
    const legendAt = (left, widest) => legendShapes(picture, left, frame.top + 4, widest, surface);
    const reach = (side, widest) => Math.max(...legendAt(0, widest).map((shape) => reachOf(shape)[side]));
    const isWithin = reach("bottom", lowest.width) + EDGE <= frame.top + lowest.top;
    const widest = isWithin ? lowest.width : LEGEND_SHARE * frame.width;
    const taken = reach("right", widest);
    return {
      layers: [inpca.pairsLayer(picture, k, { ...frame, width: frame.width - (isWithin ? 0 : taken + EDGE) })],
      furniture: legendAt(frame.left + frame.width - EDGE - taken, widest),
    };
  };

  /** What is on the stage, for the names of files: "pairs", "compare" or "picture". */
  inpca.stageName = () => (state.view === "pairs" ? "pairs" : state.view === "compare" && inpca.secondSeen() ? "compare" : "picture");

  /**
   * Everything a file of the stage needs, in CSS pixels: {width, height, background, title, layers, furniture}. Layers are
   * what 85-layers.js makes; the furniture, shapes, lies over them.
   */
  inpca.composition = ({ width, height, theme, isTransparent }) => {
    const stage = inpca.stageName();
    const seen = stage === "compare" ? [inpca.seenPicture(theme), { ...inpca.secondSeen(), theme }] : [inpca.seenPicture(theme)];
    const pictures = seen.map((picture) => ({ ...picture, isBare: isTransparent }));
    const surface = pictures[0].style.surfaces[theme];
    const pins = listOfPins(pictures, { width, height }, surface);
    const frame = { left: 0, top: CAPTION_HEIGHT, width, height: height - CAPTION_HEIGHT - pins.height };
    const caption = inpca.captionOf(...pictures);
    const { layers, furniture } = { picture: ofOne, compare: ofTwo, pairs: ofPairs }[stage](pictures, frame, surface);
    return {
      width,
      height,
      layers,
      background: isTransparent ? "" : surface.paper,
      title: `${caption.title}: ${caption.subtitle}`,
      furniture: [...captionShapes(caption, width, surface), ...furniture, ...pins.shapes],
    };
  };

  /** The composition as shapes only, for the vector formats. */
  inpca.drawing = (options) => {
    const { layers, furniture, ...page } = inpca.composition(options);
    return { ...page, shapes: [...layers.flatMap((layer) => layer.shapes()), ...furniture] };
  };

  /** The composition as a PNG of width x height times zoom pixels. */
  inpca.pngOf = async (options, zoom) => {
    const { width, height, layers, background, furniture } = inpca.composition(options);
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [Math.round(width * zoom), Math.round(height * zoom)];
    const context = canvas.getContext("2d");
    context.scale(zoom, zoom);
    if (background) inpca.paintShapes(context, [{ kind: "area", points: [[0, 0], [width, 0], [width, height], [0, height]], color: background }]);
    for (const layer of layers) await layer.paint(context, zoom);
    inpca.paintShapes(context, furniture);
    return new Promise((resolve, reject) => {
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The browser could not make a picture of this size."))), "image/png");
    });
  };
})();
