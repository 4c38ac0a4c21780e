/* The frame of a picture as plotly's layout: ranges, scale, axis titles, and the view that shows all of it. Pure. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const AIR = 0.04;
  const TICKS = 6;
  const TITLE_SIZE = 12.5;
  const TICK_SIZE = 10.5;
  /** plotly's field of view is a right angle's half, upright; in units of half the picture's height: */
  const FOCAL_LENGTH = 1 / Math.tan(Math.PI / 8);
  /** Pixels that tick labels and titles take outside the box. */
  const AROUND = { left: 66, right: 74, top: 26, bottom: 62 };
  /** Of a small picture they may take at most this share on each side. */
  const MOST_AROUND = 0.16;
  /** The eye stays this far from the box, whose volume is one: a box seen end on would ask for less. */
  const NEAREST = 0.3;

  /** Where presets look from, and what is up there. */
  inpca.VIEWS = {
    default: { from: [0.32, -1.2, 0.55], up: [0, 0, 1] },
    isometric: { from: [1, -1, 0.8], up: [0, 0, 1] },
    x: { from: [1, 0, 0], up: [0, 0, 1] },
    y: { from: [0, -1, 0], up: [0, 0, 1] },
    z: { from: [0, 0, 1], up: [0, 1, 0] },
  };

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
      scene: {
        uirevision: "view",
        dragmode: "orbit",
        aspectmode: "manual",
        aspectratio: aspectOf(picture),
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
  const aspectOf = (picture) => {
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

  /* ------------------------------------------------------------------ camera */

  /** The camera of a preset (a key of inpca.VIEWS): the whole box with its labels, as large as the picture allows. */
  inpca.viewOf = (picture, size, view) => {
    const { from, up } = inpca.VIEWS[view];
    return fitted(aspectOf(picture), size, from, up, picture.emphasis);
  };

  /**
   * Look along a direction so that the box fills what its labels leave of the picture. A corner at x, and z nearer than the
   * box's middle, is seen at (x - eye) / (distance - z) in focal lengths; asking that all lie between two limits gives the
   * least distance directly, and the eye's place from it.
   */
  const fitted = (aspect, size, direction, up, emphasis = 1) => {
    const outward = unit(direction);
    const right = unit(cross(up, outward));
    const upward = cross(outward, right);
    const halves = [aspect.x / 2, aspect.y / 2, aspect.z / 2];
    const corners = Array.from({ length: 8 }, (_, corner) => halves.map((half, axis) => (corner & (1 << axis) ? half : -half)));
    const depths = corners.map((corner) => dot(corner, outward));
    const [width, height] = [Math.max(1, size.width), Math.max(1, size.height)];
    const limits = (less, more, length) =>
      [Math.min(less * emphasis, MOST_AROUND * length) - length / 2, length / 2 - Math.min(more * emphasis, MOST_AROUND * length)].map(
        (pixels) => pixels / ((FOCAL_LENGTH * height) / 2),
      );
    const sides = [
      { places: corners.map((corner) => dot(corner, right)), limits: limits(AROUND.left, AROUND.right, width) },
      { places: corners.map((corner) => dot(corner, upward)), limits: limits(AROUND.bottom, AROUND.top, height) },
    ].map(({ places, limits: [low, high] }) => ({
      least: Math.min(...places.map((place, corner) => place + low * depths[corner])),
      most: Math.max(...places.map((place, corner) => place + high * depths[corner])),
      low,
      high,
    }));
    const distance = Math.max(NEAREST + Math.max(...depths), ...sides.map(({ least, most, low, high }) => (most - least) / (high - low)));
    const [aside, above] = sides.map(({ least, most, low, high }) => (most - high * distance + least - low * distance) / 2);
    const center = right.map((value, axis) => aside * value + above * upward[axis]);
    const vector = ([x, y, z]) => ({ x, y, z });
    return { eye: vector(center.map((value, axis) => value + distance * outward[axis])), center: vector(center), up: vector(up) };
  };

  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
  const unit = (a) => a.map((value) => value / Math.hypot(...a));
})();
