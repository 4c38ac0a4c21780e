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

  /** Title and one line under it: what anybody who meets the file alone needs to know. */
  inpca.captionOf = ({ scene, colouring, isShown }) => {
    const shown = scene.run_ids.filter((_, run) => isShown(run)).length;
    const parts = [
      `InPCA of ${inpca.format(scene.n_models)} checkpoints, ${scene.split} data`,
      inpca.divergenceWords(scene.divergence).title,
      runsInWords(shown, scene.run_ids.length, state.study.run_ids.length),
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

  const captionShapes = ({ title, subtitle }, width, { ink, muted }) => {
    const line = (text, y, size, color, weight) => ({
      kind: "text", x: EDGE, y, text: fitting(text, size, weight, width - 2 * EDGE), size, color, weight, anchor: "start",
    });
    return [line(title, 20, 15, ink, 650), line(subtitle, 39, 11, muted)];
  };

  const text = (x, y, words, size, color, anchor = "start", weight = 400) => ({ kind: "text", x, y, text: words, size, color, anchor, weight });

  const LEGEND_SCALE = 170;

  const colourShapes = ({ scene, colouring, isShown }, left, top, width, { ink, muted }) => {
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

  /** Which run each letter in the picture is. */
  const pinShapes = (picture, left, top, width, surface) =>
    inpca.drawnPins(picture).flatMap(({ pin, run }, row) => {
      const y = top + 20 * row;
      return [
        ...inpca.badgeShapes(picture, pin, [left + 8, y]),
        text(left + 24, y, fitting(picture.scene.run_ids[run], 12, 400, width - 24), 12, surface.ink),
      ];
    });

  const reachOf = (shape) =>
    shape.kind === "text"
      ? { right: shape.anchor === "start" ? shape.x + inpca.textWidth(shape.text, shape.size, shape.weight) : shape.x, bottom: shape.y }
      : { right: Math.max(...shape.points.map(([x]) => x)), bottom: Math.max(...shape.points.map(([, y]) => y)) };

  /** What colours and letters mean, from a place on at most so wide. */
  const legendShapes = (picture, left, top, width, surface) => {
    const colours = colourShapes(picture, left, top, width, surface);
    const bottom = Math.max(...colours.map((shape) => reachOf(shape).bottom));
    return [...colours, ...pinShapes(picture, left, bottom + 26, width, surface)];
  };

  /* ------------------------------------------------------------------ the page */

  /** One 3D picture with its legend in the corner. */
  const ofOne = (picture, frame, surface) => ({
    layers: [inpca.sceneLayer(picture, frame)],
    furniture: legendShapes(picture, EDGE, frame.top + 4, LEGEND_SHARE * frame.width, surface),
  });

  /** Two side by side, each under its head, as one camera sees both. */
  const ofTwo = (pictures, { left, top, width, height }, surface) => {
    const half = width / 2;
    const frames = [0, 1].map((index) => ({ left: left + index * half, top: top + HEAD_HEIGHT, width: half, height: height - HEAD_HEIGHT }));
    const camera = pictures[0].camera ?? inpca.viewOf(pictures[0], frames[0], "default");
    const heads = pictures.map(({ scene }, index) =>
      text(frames[index].left + EDGE, top + 12, fitting(inpca.factsOf(scene), 12, 600, half - 2 * EDGE), 12, surface.ink, "start", 600),
    );
    const border = { kind: "line", points: [[left + half, top + 2], [left + half, top + height]], color: surface.grid, width: 1 };
    return {
      layers: pictures.map((picture, index) => inpca.sceneLayer({ ...picture, camera }, frames[index])),
      // One list in each, or both together would hang into the first picture.
      furniture: [
        border,
        ...heads,
        ...colourShapes(pictures[0], EDGE, frames[0].top, half - 2 * EDGE, surface),
        ...pinShapes(pictures[0], left + half + EDGE, frames[0].top + 14, half - 2 * EDGE, surface),
      ],
    };
  };

  /** The grid of pairs; its legend in the empty upper triangle, or beside the only panel. */
  const ofPairs = (picture, frame, surface) => {
    const k = inpca.pairedOf(picture.scene, state.pairedComponents);
    const widest = k === 2 ? LEGEND_SHARE * frame.width : frame.width / (k - 1) - 2 * EDGE;
    const top = frame.top + 4;
    const taken = Math.max(...legendShapes(picture, 0, top, widest, surface).map((shape) => reachOf(shape).right));
    const beside = { ...frame, width: frame.width - (k === 2 ? taken + EDGE : 0) };
    return {
      layers: [inpca.pairsLayer(picture, k, beside)],
      furniture: legendShapes(picture, frame.left + frame.width - EDGE - taken, top, widest, surface),
    };
  };

  /** What is on the stage, for the names of files: "pairs", "compare" or "picture". */
  inpca.stageName = () => (state.view === "pairs" ? "pairs" : state.view === "compare" && inpca.secondSeen() ? "compare" : "picture");

  /**
   * Everything a file of the stage needs, in CSS pixels: {width, height, background, title, layers, furniture}. Layers are
   * what 85-layers.js makes; the furniture, shapes, lies over them.
   */
  inpca.composition = ({ width, height, theme, isTransparent }) => {
    const picture = { ...inpca.seenPicture(theme), isBare: isTransparent };
    const surface = picture.style.surfaces[theme];
    const frame = { left: 0, top: CAPTION_HEIGHT, width, height: height - CAPTION_HEIGHT };
    const caption = inpca.captionOf(picture);
    const content = {
      picture: () => ofOne(picture, frame, surface),
      compare: () => ofTwo([picture, { ...inpca.secondSeen(), theme, isBare: isTransparent }], frame, surface),
      pairs: () => ofPairs(picture, frame, surface),
    };
    const { layers, furniture } = content[inpca.stageName()]();
    return {
      width,
      height,
      layers,
      background: isTransparent ? "" : surface.paper,
      title: `${caption.title}: ${caption.subtitle}`,
      furniture: [...captionShapes(caption, width, surface), ...furniture],
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
