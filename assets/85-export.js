/*
 * Taking away what is on screen: the Export menu, names of files, the link, and the picture as PNG, SVG and PDF.
 *
 * One description of the picture serves all of them: plotly's traces and layout (40-traces.js) with the camera in use,
 * and around them the same title and legend as flat shapes (86-vectors.js). Nothing here asks the server but for the CSV.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});
  const { state, byId } = inpca;

  const MOST_PIXELS = 5e7;
  const LONGEST_SIDE = 16384;
  const SHARPEST_PIXELS = 1.7e7;
  const EDGE = 14;
  const LEGEND_SHARE = 0.4;
  /** Right of this the menu fits beside the left edge (18-export.css). */
  const WIDEST = 356;

  const value = (name) => byId(`export-${name}`).value;

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

  inpca.today = () => {
    const now = new Date();
    return [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
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

  const slug = (text) =>
    String(text)
      .normalize("NFKC")
      .replace(/[^\p{L}\p{N}]+/gu, "_")
      .replace(/^_+|_+$/g, "")
      .slice(0, 60);

  /** study-split-divergence-date-what.ext, every part harmless on any file system. */
  inpca.fileName = (what, extension) =>
    `${[slug(state.scene.study), state.scene.split, inpca.otherDivergence(state.scene), inpca.today(), slug(what)].filter(Boolean).join("-")}.${extension}`;

  inpca.saveFile = (name, content) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(content);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
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
  const CAPTION_HEIGHT = 50;

  const legendShapes = ({ scene, colouring, isShown }, top, width, { ink, muted }) => {
    const text = (x, y, words, size, color, anchor = "start") => ({ kind: "text", x, y, text: words, size, color, anchor });
    const shapes = [text(EDGE, top + 8, fitting(colouring.label, 11, 400, width), 11, muted)];
    if (colouring.kind === "levels") {
      const shown = colouring.entries.map((entry, position) => ({ ...entry, count: countOf(scene, colouring, isShown, position) }));
      shown.filter((entry) => entry.count > 0).forEach(({ name, color }, row) => {
        const y = top + 27 + 18 * row;
        shapes.push({ kind: "line", points: [[EDGE + 2, y], [EDGE + 14, y]], color, width: 4 });
        shapes.push(text(EDGE + 24, y, fitting(name, 12, 400, width - 24), 12, ink));
      });
      return shapes;
    }
    const { scale, low, high, isLogarithmic } = colouring;
    const [step, y] = [170 / scale.length, top + 20];
    // Each reaches to the end, under the next: readers of vectors show hairlines between areas that only touch.
    scale.forEach((color, at) => {
      const [left, right] = [EDGE + at * step, EDGE + 170];
      shapes.push({ kind: "area", points: [[left, y], [right, y], [right, y + 8], [left, y + 8]], color });
    });
    shapes.push(text(EDGE, y + 16, inpca.format(low), 10, muted), text(EDGE + 170, y + 16, inpca.format(high), 10, muted, "end"));
    if (isLogarithmic) shapes.push(text(EDGE + 85, y + 16, "log", 10, muted, "middle"));
    return shapes;
  };

  const countOf = (scene, colouring, isShown, position) =>
    scene.run_ids.filter((_, run) => isShown(run) && colouring.entryOfRun(run) === position).length;

  /**
   * Everything a picture file needs, in CSS pixels: {width, height, background, title, traces, layout, frame, furniture}.
   * The scene fills the frame, a part of the page below the caption.
   */
  inpca.composition = ({ width, height, theme, isTransparent }) => {
    const picture = inpca.seenPicture(theme);
    const surface = picture.style.surfaces[theme];
    const frame = { left: 0, top: CAPTION_HEIGHT, width, height: height - CAPTION_HEIGHT };
    const layout = structuredClone(inpca.pictureLayout(picture, frame));
    layout.paper_bgcolor = "rgba(0,0,0,0)";
    for (const axis of isTransparent ? ["xaxis", "yaxis", "zaxis"] : []) layout.scene[axis].showbackground = false;
    const caption = inpca.captionOf(picture);
    return {
      width,
      height,
      frame,
      layout,
      background: isTransparent ? "" : surface.paper,
      title: `${caption.title}: ${caption.subtitle}`,
      traces: inpca.pictureTraces(picture).map((entry) => entry.trace),
      furniture: [...captionShapes(caption, width, surface), ...legendShapes(picture, CAPTION_HEIGHT + 4, LEGEND_SHARE * width, surface)],
    };
  };

  /** The composition as shapes only, for the vector formats. */
  inpca.drawing = (options) => {
    const composition = inpca.composition(options);
    const shapes = [...inpca.sceneShapes(composition.traces, composition.layout, composition.frame), ...composition.furniture];
    return { ...composition, shapes };
  };

  /** The composition as a PNG of width x height times zoom pixels: the scene from the graphics card, the rest drawn over it. */
  inpca.pngOf = async (options, zoom) => {
    if (inpca.webglProblem()) throw new Error(`${inpca.webglProblem()} SVG and PDF do without it.`);
    const { width, height, frame, layout, background, traces, furniture } = inpca.composition(options);
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [Math.round(width * zoom), Math.round(height * zoom)];
    // Twice as fine as asked for, where the graphics card can: what is scaled down has smooth edges.
    const plotGlPixelRatio = 4 * zoom * zoom * width * height < SHARPEST_PIXELS ? 2 * zoom : zoom;
    const figure = { data: traces, layout: { ...layout, width: frame.width, height: frame.height }, config: { plotGlPixelRatio, showSendToCloud: false } };
    const image = new Image();
    image.src = await Plotly.toImage(figure, { format: "png", width: frame.width, height: frame.height, scale: zoom });
    await image.decode();
    const context = canvas.getContext("2d");
    context.scale(zoom, zoom);
    if (background) inpca.paintShapes(context, [{ kind: "area", points: [[0, 0], [width, 0], [width, height], [0, height]], color: background }]);
    context.drawImage(image, frame.left, frame.top, frame.width, frame.height);
    inpca.paintShapes(context, furniture);
    return new Promise((resolve, reject) => {
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The browser could not make a picture of this size."))), "image/png");
    });
  };

  /* ------------------------------------------------------------------ the menu */

  const say = (text, isError = false) => {
    const line = byId("export-status");
    line.textContent = text;
    line.classList.toggle("error", isError);
    // By a key, without the menu: where the page always says how it is getting on.
    if (text && !byId("export-panel").matches(":popover-open")) byId("status-line").textContent = text;
  };

  /** Runs one taking-away at a time, and says how it went. */
  inpca.takeAway = async (name, make) => {
    const panel = byId("export-panel");
    if (panel.hasAttribute("data-working")) return;
    if (!state.scene) return say("There is no embedding yet.", true);
    if (state.scene.is_preview) return say("This is a preview: its embedding is being computed.", true);
    panel.toggleAttribute("data-working", true);
    say("Working …");
    try {
      // The words above first: what follows may hold the page for a second.
      await new Promise((resolve) => setTimeout(resolve, 30));
      const content = await make();
      inpca.saveFile(name, content);
      say(`Saved ${name}, ${inpca.format(Math.ceil(content.size / 1000))} kB.`);
    } catch (error) {
      say(error.message || "The connection to the server was lost.", true);
    } finally {
      panel.toggleAttribute("data-working", false);
    }
  };

  const sizeWanted = () => {
    const [width, height, zoom] = [value("width"), value("height"), value("zoom")].map(Number);
    const isWhole = [width, height].every((side) => Number.isInteger(side) && side >= 200 && side <= LONGEST_SIDE);
    if (!isWhole || width * height > MOST_PIXELS) {
      throw new Error(`Width and height must be whole numbers from 200 to ${LONGEST_SIDE}, together at most ${MOST_PIXELS / 1e6} million pixels.`);
    }
    return { width, height, zoom };
  };

  const pictureOptions = () => {
    const { width, height, zoom } = sizeWanted();
    const theme = value("theme") === "screen" ? state.theme : value("theme");
    return { options: { width: width / zoom, height: height / zoom, theme, isTransparent: value("background") === "transparent" }, zoom };
  };

  const takePng = async () => {
    const { options, zoom } = pictureOptions();
    return inpca.pngOf(options, zoom);
  };
  const takeSvg = async () => new Blob([inpca.svgOf(inpca.drawing(pictureOptions().options))], { type: "image/svg+xml" });
  const takePdf = async () => inpca.pdfOf(inpca.drawing(pictureOptions().options));

  const takeCoordinates = async () => {
    const { scene } = state;
    const shown = scene.run_ids.map((_, run) => (value("rows") === "all" || state.isShown(run) ? 1 : 0));
    const query = `runs=${encodeURIComponent(inpca.encodeMask(shown))}`;
    const response = await fetch(inpca.address(`api/scenes/${encodeURIComponent(scene.key)}/coordinates.csv?${query}`));
    if (!response.ok) throw new Error((await response.json().catch(() => ({}))).error || `The server answered ${response.status}.`);
    return response.blob();
  };

  /** The whole view as a link. Where a page may not write to the clipboard, the link is shown, selected, to be copied. */
  const copyLink = async () => {
    const link = location.origin + location.pathname + inpca.query();
    try {
      await navigator.clipboard.writeText(link);
      say("The link is on the clipboard.");
    } catch {
      const box = document.createElement("input");
      Object.assign(box, { readOnly: true, value: link, ariaLabel: "Link to this view" });
      byId("export-panel").showPopover();
      say("Copy this link: ");
      byId("export-status").append(box);
      box.focus();
      box.select();
    }
  };

  const numberBox = (id, label, number) => {
    const box = document.createElement("input");
    Object.assign(box, { id, type: "number", min: 200, max: LONGEST_SIDE, step: 1, value: number, ariaLabel: label });
    box.addEventListener("input", () => (byId("export-size").value = "custom"));
    return box;
  };

  const connectMenu = () => {
    const [button, panel, size] = [byId("export-button"), byId("export-panel"), byId("export-size")];
    if (panel.popover) return;
    // The browser's own popover: closes with Escape or a click elsewhere, and gives the focus back.
    panel.popover = "auto";
    button.popoverTargetElement = panel;
    const boxes = [numberBox("export-width", "Width in pixels", 1920), numberBox("export-height", "Height in pixels", 1080)];
    byId("export-custom").replaceChildren(boxes[0], " × ", boxes[1]);
    size.addEventListener("change", () => {
      const sides = size.value.split("x");
      if (sides.length === 2) boxes.forEach((box, index) => (box.value = sides[index]));
    });
    // Where the browser puts the focus when the menu opens.
    size.autofocus = true;
    panel.addEventListener("beforetoggle", ({ newState }) => {
      const { right, bottom } = button.getBoundingClientRect();
      Object.assign(panel.style, { top: `${bottom + 6}px`, right: `${Math.max(8, innerWidth - Math.max(right, WIDEST))}px` });
      button.setAttribute("aria-expanded", String(newState === "open"));
      say("");
    });
  };

  inpca.sayInExport = say;
  inpca.on("study", connectMenu);

  Object.assign(inpca.actions, {
    "export-png": () => inpca.takeAway(inpca.state.scene && inpca.fileName("picture", "png"), takePng),
    "export-svg": () => inpca.takeAway(inpca.state.scene && inpca.fileName("picture", "svg"), takeSvg),
    "export-pdf": () => inpca.takeAway(inpca.state.scene && inpca.fileName("picture", "pdf"), takePdf),
    "export-csv": () => inpca.takeAway(inpca.state.scene && inpca.fileName("coordinates", "csv"), takeCoordinates),
    "copy-link": copyLink,
  });
})();
