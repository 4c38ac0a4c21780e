/*
 * What fills a page that is taken away (85-composition.js), as layers: {shapes() -> flat shapes, paint(context, zoom)}.
 *
 * The vector formats take the shapes. On a canvas a 3D scene comes from the graphics card, which hides what is behind
 * exactly, and the pairs are painted as they are on screen.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const SHARPEST_PIXELS = 1.7e7;
  const { badge: BADGE, ring: RING, letters: LETTERS, core: CORE } = inpca.overlaySizes;
  const CORNERS = 32;

  /* ------------------------------------------------------------------ pins */

  /** A pin's letter in a ring of its colour. */
  inpca.badgeShapes = ({ style, theme }, { slot, letter }, [x, y]) => {
    const { wall, ink } = style.surfaces[theme];
    const ring = Array.from({ length: CORNERS + 1 }, (_, at) => {
      const angle = (2 * Math.PI * at) / CORNERS;
      return [x + BADGE * Math.cos(angle), y + BADGE * Math.sin(angle)];
    });
    return [
      { kind: "area", points: ring, color: wall },
      { kind: "line", points: ring, color: style.pins[slot], width: RING },
      { kind: "text", x, y: y + 0.5, text: letter, size: LETTERS, color: ink, anchor: "middle", weight: 700 },
    ];
  };

  /** Pins as they are over the picture on screen (44-overlay.js). */
  const pinShapes = (picture, layout, frame) => {
    const { scene, axes, style } = picture;
    const view = inpca.makeView(layout.scene, frame);
    const isThere = (component) => component >= 1 && component <= scene.n_components;
    const place = (model) =>
      view.project(axes.map((one) => (isThere(one) ? inpca.coordinateAt(scene.arrays.coordinates, scene.n_components, model, one - 1) : 0))).slice(0, 2);
    const lines = inpca.drawnPins(picture).map(({ pin, run }) => ({ pin, points: Array.from(inpca.verticesOf(picture, run, true), place) }));
    return [
      ...lines.map(({ pin, points }) => ({ kind: "line", points, color: style.pins[pin.slot], width: CORE })),
      ...lines.flatMap(({ pin, points }) => inpca.badgeShapes(picture, pin, points.at(-1))),
    ];
  };

  /* ------------------------------------------------------------------ layers */

  /** A 3D picture in a part {left, top, width, height} of the page. */
  inpca.sceneLayer = (picture, frame) => {
    const layout = structuredClone(inpca.pictureLayout(picture, frame));
    layout.paper_bgcolor = "rgba(0,0,0,0)";
    for (const axis of picture.isBare ? ["xaxis", "yaxis", "zaxis"] : []) layout.scene[axis].showbackground = false;
    const traces = inpca.pictureTraces(picture).map((entry) => entry.trace);
    const { left, top, width, height } = frame;
    return {
      shapes: () => [...inpca.sceneShapes(traces, layout, frame), ...pinShapes(picture, layout, frame)],
      paint: async (context, zoom) => {
        if (inpca.webglProblem()) throw new Error(`${inpca.webglProblem()} SVG and PDF do without it.`);
        // Twice as fine as asked for, where the graphics card can: what is scaled down has smooth edges.
        const plotGlPixelRatio = 4 * zoom * zoom * width * height < SHARPEST_PIXELS ? 2 * zoom : zoom;
        const figure = { data: traces, layout: { ...layout, width, height }, config: { plotGlPixelRatio, showSendToCloud: false } };
        const image = new Image();
        image.src = await Plotly.toImage(figure, { format: "png", width, height, scale: zoom });
        await image.decode();
        context.drawImage(image, left, top, width, height);
        inpca.paintShapes(context, pinShapes(picture, layout, frame));
      },
    };
  };

  /** The pairs among a picture's first k components in a part of the page. */
  inpca.pairsLayer = (picture, k, { left, top, width, height }) => {
    const paint = (context) => {
      const strokes = inpca.strokesOf(inpca.pictureTraces(picture));
      context.save();
      context.translate(left, top);
      inpca.paintPairs(context, picture, k, inpca.pairPanels(picture, k, { width, height }), strokes, inpca.FONT);
      context.restore();
    };
    return {
      paint,
      shapes: () => {
        const pencil = inpca.makePencil();
        paint(pencil);
        return pencil.shapes;
      },
    };
  };
})();
