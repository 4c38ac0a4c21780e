/* The frame of a picture as plotly's layout: ranges, scale, axis titles. Pure; where it is seen from is 41-view.js. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const AIR = 0.04;
  const TICKS = 6;
  const TITLE_SIZE = 12.5;
  const TICK_SIZE = 10.5;

  /** Layout of a picture in an element of the given width and height; without a camera of its own it gets one that fits. */
  inpca.pictureLayout = (picture, size) => {
    const { axes, camera, emphasis = 1, scene, style, theme } = picture;
    const ranges = inpca.rangesOf(picture);
    const titled = axes.map((component, index) => [`${"xyz"[index]}axis`, axis(scene, component, ranges[index], style, emphasis)]);
    return {
      template: style.templates[theme],
      uirevision: "view",
      margin: { l: 0, r: 0, t: 0, b: 0 },
      showlegend: false,
      // Upright at the right edge: beside it the pins run on in lines.
      modebar: { orientation: "v" },
      scene: {
        uirevision: "view",
        dragmode: "orbit",
        aspectmode: "manual",
        aspectratio: inpca.aspectOf(picture),
        camera: camera ? structuredClone(camera) : inpca.viewOf(picture, size, "default"),
        annotations: inpca.referenceLabels(picture),
        ...Object.fromEntries(titled),
      },
    };
  };

  /** Lowest and highest value of each axis: given by the picture while it moves, otherwise by the whole scene. */
  inpca.rangesOf = ({ ranges, scene, alongside, axes }) => ranges || axes.map((component) => frame(scene, alongside, component));

  /** Pictures side by side have one frame: what is equally long in both is equally far apart. */
  const frame = (scene, alongside, component) => {
    const own = inpca.extent(scene, component);
    if (!alongside || !isThere(alongside, component)) return own;
    const other = inpca.extent(alongside, component);
    return [Math.min(own[0], other[0]), Math.max(own[1], other[1])];
  };

  /**
   * Lengths of the box's sides. Equal scale on all axes, fixed by the whole scene: hiding runs must not stretch what is
   * left. A box under equal scale keeps the volume of the cube that stretched axes fill.
   */
  inpca.aspectOf = (picture) => {
    if (picture.scale === "stretched") return { x: 1, y: 1, z: 1 };
    const spans = inpca.rangesOf(picture).map(([low, high]) => high - low);
    const mean = Math.cbrt(spans[0] * spans[1] * spans[2]);
    return { x: spans[0] / mean, y: spans[1] / mean, z: spans[2] / mean };
  };

  /* ------------------------------------------------------------------ axes */

  const extents = new WeakMap();

  /** Lowest and highest coordinate of all models and reference points along one component, with some air. */
  inpca.extent = (scene, component) => {
    if (!extents.has(scene)) extents.set(scene, new Map());
    const known = extents.get(scene);
    if (!known.has(component)) {
      let [low, high] = [0, 0];
      for (const values of [scene.arrays.coordinates, scene.arrays.reference_coordinates || []]) {
        for (let at = component - 1; at < values.length && isThere(scene, component); at += scene.n_components) {
          if (values[at] < low) low = values[at];
          if (values[at] > high) high = values[at];
        }
      }
      const air = AIR * (high - low) || 0.5;
      known.set(component, [low - air, high + air]);
    }
    return known.get(component);
  };

  const isThere = (scene, component) => component >= 1 && component <= scene.n_components;

  inpca.isImaginary = (scene, component) => scene.diagnostics.signature[component - 1] < 0;

  inpca.componentTitle = (scene, component) => {
    const percent = Number((100 * inpca.share(scene, component)).toPrecision(2));
    return `${component} · ${inpca.isImaginary(scene, component) ? "imaginary" : "real"} · ${percent} %`.replace("-", "−");
  };

  const axis = (scene, component, range, style, emphasis) => {
    if (!isThere(scene, component)) return { range, title: { text: `${component} · not in this embedding` }, nticks: 2 };
    const title = inpca.componentTitle(scene, component);
    const color = inpca.isImaginary(scene, component) ? { color: style.timeLike } : {};
    const font = { size: TITLE_SIZE * emphasis, ...color };
    return { range, title: { text: title, font }, ...color, tickfont: { size: TICK_SIZE * emphasis }, nticks: TICKS };
  };
})();
