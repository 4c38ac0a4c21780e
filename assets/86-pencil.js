/*
 * A pencil: stands in for a canvas's 2D context and keeps what is painted as flat shapes (86-vectors.js).
 *
 * So what is painted on the screen becomes a vector by the same code. It knows what the panels of pairs use: areas have no
 * holes, circles are whole, and nothing is cut off at a panel's edge, since nothing reaches over one. The halo around a
 * text (strokeText) is left out.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const CORNERS = 32;
  const ANCHORS = { left: "start", center: "middle", right: "end" };
  /** From the line that a text is put on to its middle, in parts of its size. */
  const TO_MIDDLE = { top: 0.5, middle: 0, bottom: -0.5 };

  inpca.makePencil = () => {
    const shapes = [];
    const saved = [];
    let place = { x: 0, y: 0, angle: 0 };
    let paths = [];
    let dashes = [];

    const at = (x, y) => {
      const [cos, sin] = [Math.cos(place.angle), Math.sin(place.angle)];
      return [place.x + cos * x - sin * y, place.y + sin * x + cos * y];
    };

    const rectangle = (x, y, width, height) => [at(x, y), at(x + width, y), at(x + width, y + height), at(x, y + height)];

    const line = (points, { strokeStyle: color, lineWidth: width }) => shapes.push({ kind: "line", points, color, width });

    const dashed = (points, context) => {
      let walked = 0;
      for (let index = 1; index < points.length; index += 1) {
        walked = inpca.addDashes(points[index - 1], points[index], dashes, walked, (from, to) => line([from, to], context));
      }
    };

    const face = (font) => {
      const [, bold, size] = /(bold )?([\d.]+)px/.exec(font);
      return { size: Number(size), weight: bold ? 700 : 400 };
    };

    return {
      shapes,
      save: () => saved.push(place),
      restore: () => (place = saved.pop()),
      translate: (x, y) => {
        const [left, top] = at(x, y);
        place = { ...place, x: left, y: top };
      },
      rotate: (angle) => (place = { ...place, angle: place.angle + angle }),
      setLineDash: (pattern) => (dashes = pattern),
      clip: () => {},
      beginPath: () => (paths = []),
      moveTo: (x, y) => paths.push([at(x, y)]),
      lineTo: (x, y) => (paths.length ? paths.at(-1).push(at(x, y)) : paths.push([at(x, y)])),
      closePath: () => paths.at(-1).push(paths.at(-1)[0]),
      rect: (...sides) => paths.push(rectangle(...sides)),
      arc: (x, y, radius) => {
        const angles = Array.from({ length: CORNERS + 1 }, (_, step) => (2 * Math.PI * step) / CORNERS);
        paths.push(angles.map((angle) => at(x + radius * Math.cos(angle), y + radius * Math.sin(angle))));
      },
      stroke() {
        for (const points of paths) if (points.length > 1) (dashes.length ? dashed : line)(points, this);
      },
      fill() {
        for (const points of paths) shapes.push({ kind: "area", points, color: this.fillStyle });
      },
      fillRect(...sides) {
        shapes.push({ kind: "area", points: rectangle(...sides), color: this.fillStyle });
      },
      strokeRect(...sides) {
        const points = rectangle(...sides);
        line([...points, points[0]], this);
      },
      measureText(text) {
        const { size, weight } = face(this.font);
        return { width: inpca.textWidth(text, size, weight) };
      },
      strokeText: () => {},
      fillText(text, x, y) {
        const { size, weight } = face(this.font);
        const [left, middle] = at(x, y + TO_MIDDLE[this.textBaseline] * size);
        const anchor = ANCHORS[this.textAlign];
        shapes.push({ kind: "text", x: left, y: middle, text, size, weight, color: this.fillStyle, anchor, angle: place.angle });
      },
    };
  };
})();
