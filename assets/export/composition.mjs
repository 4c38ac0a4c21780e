/*
 * Page composition for export: title, legend and content of the stage.
 *
 * Title and legend are flat shapes (scene-shapes.mjs); the content (3D picture, comparison or pairs) comes in layers
 * (layers.mjs).
 */

import { columnOf, format } from "../values/study.mjs";
import { drawnPins } from "../picture/emphasis.mjs";
import { viewOf } from "../picture/fit.mjs";
import { pairedOf, pairPanels } from "../pairs/panels.mjs";
import { state } from "../page/state.mjs";
import { divergenceWords, factsOf, today } from "../page/words.mjs";
import { mainPicture, pictureOf } from "../study/drawing.mjs";
import { badgeShapes, pairsLayer, sceneLayer } from "./layers.mjs";
import { fitting, fittingName, paintShapes, textWidth } from "./shapes.mjs";

const EDGE = 14;
const LEGEND_SHARE = 0.4;
const CAPTION_HEIGHT = 50;
const HEAD_HEIGHT = 26;
const LIST_ROW = 20;
const LIST_INDENT = 24;
/** A list higher than this share of the page is set in more columns, as long as names stay distinguishable. */
const LIST_SHARE = 0.2;
const NARROWEST_COLUMN = 110;

/* ------------------------------------------------------------------ exported pictures */

/**
 * Picture as seen now, in the given theme, without the highlight of the run pointed at. Under the default preset it has
 * no camera, so that it is refitted to a page of another shape.
 */
export const seenPicture = (theme = state.theme) => ({
  ...pictureOf(state.scene, state.colouring, state.isShown),
  hovered: null,
  theme,
  camera: mainPicture.isFitted() ? null : (mainPicture.camera() ?? state.camera),
});

/** @param {Constraint} constraint */
const filterInWords = (constraint) => {
  if (constraint.kind === "search") return `search: ${constraint.text}`;
  const { label } = columnOf(state.study, constraint.name);
  if (constraint.kind === "levels") return `${label}: ${[...constraint.chosen].join(", ")}`;
  return `${label} ${format(constraint.low)} to ${format(constraint.high)}`;
};

/**
 * @param {number} shown
 * @param {number} embedded
 * @param {number} total
 */
const runsInWords = (shown, embedded, total) => {
  if (shown < embedded) return `${shown} shown of ${embedded} embedded runs`;
  return shown === total ? `all ${total} runs` : `${shown} of ${total} runs`;
};

/**
 * Text of a fact of several pictures: once if they agree.
 * @param {Picture[]} pictures
 * @param {(picture: Picture) => string} say
 */
const beside = (pictures, say) => [...new Set(pictures.map(say))].join(" beside ");

/**
 * Title and subtitle of one or two pictures: the facts needed to read the file on its own.
 * @param {...Picture} pictures
 */
export const captionOf = (...pictures) => {
  const { scene, colouring } = pictures[0];
  /** @param {Pick<Picture, "scene" | "isShown">} picture */
  const nShown = ({ scene: { run_ids: runIds }, isShown }) => runIds.filter((_, run) => isShown(run)).length;
  const parts = [
    `InPCA of ${beside(pictures, (one) => format(one.scene.n_models))} checkpoints, ${beside(pictures, (one) => one.scene.split)} data`,
    beside(pictures, (one) => divergenceWords(one.scene.divergence).title),
    beside(pictures, (one) => runsInWords(nShown(one), one.scene.run_ids.length, state.study.run_ids.length)),
    ...state.constraints.map(filterInWords),
    `coloured by ${colouring.label}`,
    today(),
  ];
  return { title: state.study.title || scene.study, subtitle: parts.join(" · ") };
};

/* ------------------------------------------------------------------ title and legend as shapes */

/**
 * @param {{ title: string, subtitle: string }} caption
 * @param {number} width
 * @param {Surface} surface
 * @returns {Shape[]}
 */
const captionShapes = ({ title, subtitle }, width, { ink, muted }) => {
  /**
   * @param {string} text
   * @param {number} y
   * @param {number} size
   * @param {string} color
   * @param {number} [weight]
   * @returns {TextShape}
   */
  const line = (text, y, size, color, weight) => ({
    kind: "text", x: EDGE, y, text: fitting(text, size, weight, width - 2 * EDGE), size, color, weight, anchor: "start",
  });
  return [line(title, 20, 15, ink, 650), line(subtitle, 39, 11, muted)];
};

/**
 * @param {number} x
 * @param {number} y
 * @param {string} words
 * @param {number} size
 * @param {string} color
 * @param {string} [anchor]
 * @param {number} [weight]
 * @returns {TextShape}
 */
const text = (x, y, words, size, color, anchor = "start", weight = 400) => ({ kind: "text", x, y, text: words, size, color, anchor, weight });

const LEGEND_SCALE = 170;

/**
 * @param {Picture} picture
 * @param {number} left
 * @param {number} top
 * @param {number} width
 * @param {Surface} surface
 * @returns {Shape[]}
 */
const legendShapes = ({ scene, colouring, isShown }, left, top, width, { ink, muted }) => {
  /** @type {Shape[]} */
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
  // Each area extends under the next: viewers of vector files show hairlines between areas that only touch.
  scale.forEach((color, at) => {
    const from = left + at * step;
    shapes.push({ kind: "area", points: [[from, y], [right, y], [right, y + 8], [from, y + 8]], color });
  });
  shapes.push(text(left, y + 16, format(low), 10, muted), text(right, y + 16, format(high), 10, muted, "end"));
  if (isLogarithmic) shapes.push(text(left + LEGEND_SCALE / 2, y + 16, "log", 10, muted, "middle"));
  return shapes;
};

/**
 * @param {Scene} scene
 * @param {LevelColouring} colouring
 * @param {(run: number) => boolean} isShown
 * @param {number} position
 */
const countOf = (scene, colouring, isShown, position) =>
  scene.run_ids.filter((_, run) => isShown(run) && colouring.entryOfRun(run) === position).length;

/**
 * Key from letters to pinned runs: {height, shapes} of a list at the foot of a page, in columns as wide as the names;
 * narrower if it would be too high.
 * @param {Picture[]} pictures
 * @param {{ width: number, height: number }} page
 * @param {Surface} surface
 */
const listOfPins = (pictures, page, surface) => {
  const pins = [...new Set(pictures.flatMap((picture) => drawnPins(picture).map(({ pin }) => pin)))];
  if (pins.length === 0) return { height: 0, shapes: [] };
  const room = page.width - 2 * EDGE;
  const widest = LIST_INDENT + Math.max(...pins.map(({ runId }) => textWidth(runId, 12, 400))) + EDGE;
  /** @param {number} width */
  const atWidth = (width) => Math.max(1, Math.floor((room + EDGE) / width));
  const atHeight = Math.ceil(pins.length / Math.max(1, Math.floor((LIST_SHARE * page.height) / LIST_ROW)));
  const nRows = Math.ceil(pins.length / Math.max(atWidth(widest), Math.min(atHeight, atWidth(NARROWEST_COLUMN))));
  const pitch = Math.min(widest, (room + EDGE) / Math.ceil(pins.length / nRows));
  const height = nRows * LIST_ROW + EDGE;
  const shapes = pins.flatMap((pin, at) => {
    const x = EDGE + pitch * Math.floor(at / nRows);
    const y = page.height - height + LIST_ROW * ((at % nRows) + 0.5);
    const name = fittingName(pin.runId, 12, pitch - LIST_INDENT - EDGE);
    return [...badgeShapes(pictures[0], pin, [x + 8, y]), text(x + LIST_INDENT, y, name, 12, surface.ink)];
  });
  return { height, shapes };
};

/** @param {Shape} shape */
const reachOf = (shape) =>
  shape.kind === "text"
    ? { right: shape.anchor === "start" ? shape.x + textWidth(shape.text, shape.size, shape.weight ?? 400) : shape.x, bottom: shape.y }
    : { right: Math.max(...shape.points.map(([x]) => x)), bottom: Math.max(...shape.points.map(([, y]) => y)) };

/* ------------------------------------------------------------------ the page */

/**
 * Layers of one 3D picture, with its legend in the corner.
 * @param {Picture[]} pictures
 * @param {Frame} frame
 * @param {Surface} surface
 * @returns {{ layers: Layer[], furniture: Shape[] }}
 */
const ofOne = ([picture], frame, surface) => ({
  layers: [sceneLayer(picture, frame)],
  furniture: legendShapes(picture, EDGE, frame.top + 4, LEGEND_SHARE * frame.width, surface),
});

/**
 * Heads of both pictures, shortened to the parts that fit in both.
 * @param {string[]} heads
 * @param {number} size
 * @param {number} weight
 * @param {number} width
 */
const fittingHeads = (heads, size, weight, width) => {
  const parts = heads.map((head) => head.split(" · "));
  /** @param {number} n */
  const first = (n) => parts.map((all) => all.slice(0, n).join(" · "));
  let n = Math.max(...parts.map((all) => all.length));
  while (n > 1 && first(n).some((head) => textWidth(head, size, weight) > width)) n -= 1;
  return first(n).map((head) => fitting(head, size, weight, width));
};

/**
 * Layers of two 3D pictures side by side, each under its head, with one camera.
 * @param {Picture[]} pictures
 * @param {Frame} frame
 * @param {Surface} surface
 * @returns {{ layers: Layer[], furniture: Shape[] }}
 */
const ofTwo = (pictures, { left, top, width, height }, surface) => {
  const half = width / 2;
  const frames = [0, 1].map((index) => ({ left: left + index * half, top: top + HEAD_HEIGHT, width: half, height: height - HEAD_HEIGHT }));
  const camera = pictures[0].camera ?? viewOf(pictures[0], frames[0], "default");
  const heads = fittingHeads(pictures.map(({ scene }) => factsOf(scene)), 11, 600, half - 2 * EDGE);
  /** @type {LineShape} */
  const border = { kind: "line", points: [[left + half, top + 2], [left + half, top + height]], color: surface.grid, width: 1 };
  return {
    layers: pictures.map((picture, index) => sceneLayer({ ...picture, camera }, frames[index])),
    furniture: [
      border,
      ...heads.map((head, index) => text(frames[index].left + EDGE, top + 12, head, 11, surface.ink, "start", 600)),
      ...legendShapes(pictures[0], EDGE, frames[0].top, half - 2 * EDGE, surface),
    ],
  };
};

/**
 * Layers of the pairs; legend in the empty upper triangle, or beside the panels if the triangle is too small.
 * @param {Picture[]} pictures
 * @param {Frame} frame
 * @param {Surface} surface
 * @returns {{ layers: Layer[], furniture: Shape[] }}
 */
const ofPairs = ([picture], frame, surface) => {
  const k = pairedOf(picture.scene, state.pairedComponents);
  const lowest = pairPanels(picture, k, frame)[(k * (k - 1)) / 2 - 1];
  /**
   * @param {number} left
   * @param {number} widest
   */
  const legendAt = (left, widest) => legendShapes(picture, left, frame.top + 4, widest, surface);
  /**
   * @param {"right" | "bottom"} side
   * @param {number} widest
   */
  const reach = (side, widest) => Math.max(...legendAt(0, widest).map((shape) => reachOf(shape)[side]));
  const isWithin = reach("bottom", lowest.width) + EDGE <= frame.top + lowest.top;
  const widest = isWithin ? lowest.width : LEGEND_SHARE * frame.width;
  const taken = reach("right", widest);
  return {
    layers: [pairsLayer(picture, k, { ...frame, width: frame.width - (isWithin ? 0 : taken + EDGE) })],
    furniture: legendAt(frame.left + frame.width - EDGE - taken, widest),
  };
};

/** Name of the stage's content for file names: "pairs", "compare" or "picture". */
export const stageName = () => (state.view === "pairs" ? "pairs" : state.view === "compare" && state.secondSeen() ? "compare" : "picture");

/**
 * Composition of the stage, in CSS pixels: {width, height, background, title, layers, furniture}. Layers are from
 * layers.mjs; furniture is a list of shapes above them.
 * @param {PageOptions} options
 */
export const composition = ({ width, height, theme, isTransparent }) => {
  const stage = stageName();
  const second = stage === "compare" ? state.secondSeen() : null;
  const seen = second ? [seenPicture(theme), { ...second, theme }] : [seenPicture(theme)];
  /** @type {Picture[]} */
  const pictures = seen.map((picture) => ({ ...picture, isBare: isTransparent }));
  const surface = pictures[0].style.surfaces[theme];
  const pins = listOfPins(pictures, { width, height }, surface);
  const frame = { left: 0, top: CAPTION_HEIGHT, width, height: height - CAPTION_HEIGHT - pins.height };
  const caption = captionOf(...pictures);
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

/**
 * The composition as shapes only, for the vector formats.
 * @param {PageOptions} options
 */
export const drawing = (options) => {
  const { layers, furniture, ...page } = composition(options);
  return { ...page, shapes: [...layers.flatMap((layer) => layer.shapes()), ...furniture] };
};

/**
 * The composition as a PNG of width x height times zoom pixels.
 * @param {PageOptions} options
 * @param {number} zoom
 */
export const pngOf = async (options, zoom) => {
  const { width, height, layers, background, furniture } = composition(options);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.round(width * zoom), Math.round(height * zoom)];
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.scale(zoom, zoom);
  if (background) paintShapes(context, [{ kind: "area", points: [[0, 0], [width, 0], [width, height], [0, height]], color: background }]);
  for (const layer of layers) await layer.paint(context, zoom);
  paintShapes(context, furniture);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The browser could not make a picture of this size."))), "image/png");
  });
};
