/* Flat shapes (86-vectors.js) as files: on a canvas, as SVG, as PDF. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';
  inpca.FONT = FONT;
  const fontOf = ({ size, weight }, zoom = 1) => `${weight || 400} ${size * zoom}px ${FONT}`;

  /* ------------------------------------------------------------------ canvas */

  const trace = (context, points) => {
    context.beginPath();
    points.forEach(([x, y], index) => (index ? context.lineTo(x, y) : context.moveTo(x, y)));
  };

  const painters = {
    line: (context, { points, color, width }) => {
      trace(context, points);
      Object.assign(context, { strokeStyle: color, lineWidth: width, lineCap: "round", lineJoin: "round" });
      context.stroke();
    },
    area: (context, { points, color }) => {
      trace(context, points);
      context.fillStyle = color;
      context.fill();
    },
    text: (context, shape) => {
      context.save();
      context.translate(shape.x, shape.y);
      context.rotate(shape.angle || 0);
      Object.assign(context, { font: fontOf(shape), fillStyle: shape.color, textAlign: anchors[shape.anchor], textBaseline: "middle", direction: "ltr" });
      context.fillText(shape.text, 0, 0);
      context.restore();
    },
  };
  const anchors = { start: "left", middle: "center", end: "right" };

  inpca.paintShapes = (context, shapes) => shapes.forEach((shape) => painters[shape.kind](context, shape));

  const ruler = () => (ruler.context = ruler.context || document.createElement("canvas").getContext("2d", { willReadFrequently: true }));

  /** Width of a text in pixels. */
  inpca.textWidth = (text, size, weight) => {
    ruler().font = fontOf({ size, weight });
    return ruler().measureText(text).width;
  };

  /* ------------------------------------------------------------------ SVG */

  /** What XML cannot hold at all, even escaped, is left out; the rest is escaped. */
  const escaped = (text) =>
    String(text)
      .toWellFormed()
      // eslint-disable-next-line no-control-regex
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "")
      .replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);

  const near = (value) => Number(value.toFixed(2));
  const pathOf = (points) => points.map(([x, y], index) => `${index ? "L" : "M"}${near(x)} ${near(y)}`).join("");

  const elements = {
    line: ({ points, color, width }) => `<path d="${pathOf(points)}" stroke="${color}" stroke-width="${width}"/>`,
    area: ({ points, color }) => `<path d="${pathOf(points)}Z" fill="${color}" stroke="none"/>`,
    text: ({ x, y, text, size, color, anchor, angle, weight }) => {
      const turn = angle ? ` transform="rotate(${near((angle * 180) / Math.PI)} ${near(x)} ${near(y)})"` : "";
      const face = `font-size="${size}" fill="${color}" text-anchor="${anchor}"${weight ? ` font-weight="${weight}"` : ""}`;
      // Half the height of a small letter under the middle: dominant-baseline is not known to every reader of SVG.
      return `<text x="${near(x)}" y="${near(y + 0.35 * size)}" ${face}${turn}>${escaped(text)}</text>`;
    },
  };

  /** drawing: {width, height, background or "", title, shapes} -> text of an SVG file. */
  inpca.svgOf = ({ width, height, background, title, shapes }) =>
    [
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${escaped(FONT)}">`,
      `<title>${escaped(title)}</title>`,
      background ? `<rect width="${width}" height="${height}" fill="${background}"/>` : "",
      '<g fill="none" stroke="none" stroke-linecap="round" stroke-linejoin="round">',
      ...shapes.map((shape) => elements[shape.kind](shape)),
      "</g>\n</svg>\n",
    ].join("\n");

  /* ------------------------------------------------------------------ text as outlines */

  const ZOOM = 8;
  const HALF = 128;
  const STRAIGHT = 0.2;

  /**
   * Outlines of a text, in pixels around its anchor. PDF knows by itself neither P₀ nor λ nor Arabic, and a font with all
   * of them is larger than the picture; the browser has drawn each of them on screen. So it draws the text large, and the
   * edge of what it drew becomes the path: the right glyphs, shaped and ordered, in the font of the screen.
   */
  inpca.textOutlines = (shape) => {
    const context = ruler();
    const { canvas } = context;
    const width = inpca.textWidth(shape.text, shape.size, shape.weight);
    const [across, up] = [width / 2 + shape.size, shape.size];
    canvas.width = Math.ceil(2 * across * ZOOM);
    canvas.height = Math.ceil(2 * up * ZOOM);
    Object.assign(context, { font: fontOf(shape, ZOOM), textAlign: "center", textBaseline: "middle", direction: "ltr", fillStyle: "#000" });
    context.fillText(shape.text, canvas.width / 2, canvas.height / 2);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    const shift = { start: width / 2, middle: 0, end: -width / 2 }[shape.anchor];
    const [cos, sin] = [Math.cos(shape.angle || 0), Math.sin(shape.angle || 0)];
    return inpca.contours(canvas.width, canvas.height, (x, y) => data[4 * (y * canvas.width + x) + 3]).map((loop) =>
      loop.map(([column, row]) => {
        const [x, y] = [(column + 0.5) / ZOOM - canvas.width / ZOOM / 2 + shift, (row + 0.5) / ZOOM - canvas.height / ZOOM / 2];
        return [shape.x + cos * x - sin * y, shape.y + sin * x + cos * y];
      }),
    );
  };

  // Marching squares. Corners count 1, 2, 4, 8 from the upper left clockwise, sides 0 (top) to 3 (left) likewise; every
  // step keeps what is inside on its left, so that holes run the other way round.
  const STEPS = [[], [[3, 0]], [[0, 1]], [[3, 1]], [[1, 2]], [[3, 0], [1, 2]], [[0, 2]], [[3, 2]], [[2, 3]], [[2, 0]], [[0, 1], [2, 3]], [[2, 1]], [[1, 3]], [[1, 0]], [[0, 3]], []];

  /** Closed loops along which a raster of values 0..255 passes half; nothing may touch its border. */
  inpca.contours = (width, height, value) => {
    const next = new Map();
    const side = (x, y, which) => 2 * ((y + (which === 2)) * width + x + (which === 1)) + (which % 2);
    for (let y = 0; y + 1 < height; y += 1) {
      for (let x = 0; x + 1 < width; x += 1) {
        const isIn = (column, row, corner) => (value(column, row) >= HALF ? corner : 0);
        const kind = isIn(x, y, 1) | isIn(x + 1, y, 2) | isIn(x + 1, y + 1, 4) | isIn(x, y + 1, 8);
        for (const [from, to] of STEPS[kind]) next.set(side(x, y, from), side(x, y, to));
      }
    }
    const crossing = (id) => {
      const [x, y, isUpright] = [(id >> 1) % width, Math.floor((id >> 1) / width), id & 1];
      const [a, b] = [value(x, y), isUpright ? value(x, y + 1) : value(x + 1, y)];
      const share = (HALF - 0.5 - a) / (b - a);
      return isUpright ? [x, y + share] : [x + share, y];
    };
    const loops = [];
    for (const start of next.keys()) {
      const loop = [];
      for (let id = start; next.has(id); ) {
        loop.push(crossing(id));
        const following = next.get(id);
        next.delete(id);
        id = following;
      }
      if (loop.length > 2) loops.push(straightened(loop));
    }
    return loops;
  };

  /** Without the points that lie on the straight way between those kept before and after them. */
  const straightened = (loop) => {
    const kept = [loop[0]];
    let from = 0;
    for (let to = 2; to < loop.length; to += 1) {
      const [ax, ay] = loop[from];
      const [dx, dy] = [loop[to][0] - ax, loop[to][1] - ay];
      const length = Math.hypot(dx, dy) || 1;
      const isBent = loop.slice(from + 1, to).some(([x, y]) => Math.abs((x - ax) * dy - (y - ay) * dx) / length > STRAIGHT);
      if (!isBent) continue;
      from = to - 1;
      kept.push(loop[from]);
    }
    return [...kept, loop.at(-1)];
  };

  /* ------------------------------------------------------------------ PDF */

  const POINTS_PER_PIXEL = 0.75;

  /** Of #rrggbb or rgb(r,g,b), the two ways in which colours are written here. */
  const rgb = (color) => {
    const channels = color.startsWith("#") ? [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16)) : color.match(/\d+/g).map(Number);
    return channels.map((channel) => (channel / 255).toFixed(3)).join(" ");
  };

  const pathOperators = (points) => points.map(([x, y], index) => `${near(x)} ${near(y)} ${index ? "l" : "m"}`).join("\n");

  const operators = {
    line: ({ points, color, width }) => `${rgb(color)} RG ${width} w\n${pathOperators(points)}\nS`,
    area: ({ points, color }) => `${rgb(color)} rg\n${pathOperators(points)}\nh f`,
    text: (shape) => {
      const loops = inpca.textOutlines(shape);
      return loops.length ? `${rgb(shape.color)} rg\n${loops.map((loop) => `${pathOperators(loop)}\nh`).join("\n")}\nf` : "";
    },
  };

  const utf16 = (text) =>
    `<FEFF${Array.from({ length: text.length }, (_, at) => text.charCodeAt(at).toString(16).padStart(4, "0")).join("")}>`;

  const deflated = async (text) =>
    new Uint8Array(await new Response(new Blob([text]).stream().pipeThrough(new CompressionStream("deflate"))).arrayBuffer());

  /** drawing -> Blob of a PDF 1.4 file with one page and nothing but paths: no font, no script, no link. */
  inpca.pdfOf = async ({ width, height, background, title, shapes }) => {
    const size = [width, height].map((length) => near(length * POINTS_PER_PIXEL));
    const paper = background ? `${rgb(background)} rg 0 0 ${width} ${height} re f\n` : "";
    const content = await deflated(
      `${POINTS_PER_PIXEL} 0 0 ${-POINTS_PER_PIXEL} 0 ${size[1]} cm 1 J 1 j\n${paper}${shapes.map((shape) => operators[shape.kind](shape)).join("\n")}\n`,
    );
    const parts = ["%PDF-1.4\n%\u00e2\u00e3\u00cf\u00d3\n"].map((text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0)));
    let length = parts[0].length;
    const offsets = [];
    const add = (...pieces) => {
      for (const piece of pieces) {
        const bytes = typeof piece === "string" ? new TextEncoder().encode(piece) : piece;
        parts.push(bytes);
        length += bytes.length;
      }
    };
    const object = (...pieces) => {
      offsets.push(length);
      add(`${offsets.length} 0 obj\n`, ...pieces, "\nendobj\n");
    };
    object("<< /Type /Catalog /Pages 2 0 R >>");
    object("<< /Type /Pages /Kids [3 0 R] /Count 1 >>");
    object(`<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${size.join(" ")}] /Contents 4 0 R /Resources << >> >>`);
    object(`<< /Length ${content.length} /Filter /FlateDecode >>\nstream\n`, content, "\nendstream");
    object(`<< /Title ${utf16(title)} /Producer (InPCA Explorer) >>`);
    const start = length;
    const entries = offsets.map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`).join("");
    add(`xref\n0 ${offsets.length + 1}\n0000000000 65535 f \n${entries}`);
    add(`trailer\n<< /Size ${offsets.length + 1} /Root 1 0 R /Info 5 0 R >>\nstartxref\n${start}\n%%EOF\n`);
    return new Blob(parts, { type: "application/pdf" });
  };
})();
