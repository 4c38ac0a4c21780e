/*
 * A heat map in an element: square, symmetric, on a canvas, because a cell per pair of runs is too many for a chart.
 *
 * Above MOST_CELLS items, cells average over neighbouring ones.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const MOST_CELLS = 400;
  const MOST_MARKS = 12;

  inpca.mostHeatCells = MOST_CELLS;

  /**
   * Attach a heat map to an element, once.
   * listeners: onPoint(row, column) with positions, or (null) where the pointer has left; onPick(row, column).
   */
  inpca.makeHeatMap = (element, listeners) => {
    const make = (tag, className) => Object.assign(document.createElement(tag), { className });
    const top = make("div", "heat-strip top");
    const left = make("div", "heat-strip left");
    const cells = make("div", "heat-cells");
    const scale = make("div", "heat-scale");
    const canvases = [top, left, cells].map((parent) => parent.appendChild(make("canvas", "")));
    let count = 0;
    let cursor = null;

    const positionAt = (event) => {
      const box = cells.getBoundingClientRect();
      const at = (share) => Math.max(0, Math.min(count - 1, Math.floor(share * count)));
      return [at((event.clientY - box.top) / box.height), at((event.clientX - box.left) / box.width)];
    };

    const point = (position) => {
      if (position?.join() === cursor?.join()) return;
      cursor = position;
      listeners.onPoint(...(position || [null, null]));
    };

    cells.addEventListener("pointermove", (event) => count && point(positionAt(event)));
    cells.addEventListener("pointerleave", () => point(null));
    cells.addEventListener("click", (event) => count && listeners.onPick(...positionAt(event)));
    element.addEventListener("blur", () => point(null));
    element.addEventListener("keydown", (event) => {
      const [row, column] = cursor || [0, 0];
      const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
      const move = moves[event.key];
      const within = (value) => Math.max(0, Math.min(count - 1, value));
      if (!count || event.ctrlKey || event.metaKey || event.altKey) return;
      if (move) point(cursor ? [within(row + move[0]), within(column + move[1])] : [0, 0]);
      else if (event.key === "Home") point([0, 0]);
      else if (event.key === "End") point([count - 1, count - 1]);
      else if (event.key === "Enter" && cursor) listeners.onPick(row, column);
      else if (event.key === "Escape") point(null);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });

    /** content: {size, value(row, column), colors (of the strips), scale (colours), high}. */
    const draw = (content) => {
      if (!cells.isConnected) element.replaceChildren(top, left, cells, scale);
      count = content.size;
      cursor = null;
      const n = Math.min(count, MOST_CELLS);
      element.classList.toggle("dense", n > 200);
      paint(canvases[0], content.colors.length, 1, (index) => content.colors[index]);
      paint(canvases[1], 1, content.colors.length, (index) => content.colors[index]);
      const means = average(content, n);
      const last = content.scale.length - 1;
      const shade = (value) => (Number.isFinite(value) ? content.scale[Math.round((value / (content.high || 1)) * last)] : null);
      paint(canvases[2], n, n, (index) => shade(means[index]));
      drawScale(scale, content);
      mark([]);
    };

    /** marks: [{position, className, only}], each a row and a column, or only one of them. */
    const mark = (marks) => {
      cells.querySelectorAll(".heat-band").forEach((band) => band.remove());
      for (const { position, className, only } of marks.slice(0, MOST_MARKS)) {
        const [start, size] = [`${(100 * position) / count}%`, `${100 / count}%`];
        const sides = { row: { top: start, height: size }, column: { left: start, width: size } };
        for (const [side, place] of Object.entries(sides).filter(([name]) => !only || only === name)) {
          const band = cells.appendChild(make("div", `heat-band ${side} ${className}`));
          Object.assign(band.style, place);
        }
      }
    };

    const clear = () => {
      count = 0;
      element.replaceChildren();
    };

    return { draw, mark, clear };
  };

  /** (cell, cell) means over the items that each cell stands for, row by row; what is not known counts for nothing. */
  const average = ({ size, value }, n) => {
    const sums = new Float64Array(n * n);
    const counts = new Uint32Array(n * n);
    for (let row = 0; row < size; row += 1) {
      const across = Math.floor((row * n) / size) * n;
      for (let column = 0; column < size; column += 1) {
        const found = value(row, column);
        if (!Number.isFinite(found)) continue;
        const cell = across + Math.floor((column * n) / size);
        sums[cell] += found;
        counts[cell] += 1;
      }
    }
    return sums.map((sum, cell) => sum / counts[cell]);
  };

  /** One pixel per value; null leaves it empty. */
  const paint = (canvas, width, height, colorAt) => {
    Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    const pixels = new Map();
    for (let index = 0; index < width * height; index += 1) {
      const color = colorAt(index);
      if (!color) continue;
      if (!pixels.has(color)) pixels.set(color, [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16)));
      image.data.set([...pixels.get(color), 255], 4 * index);
    }
    context.putImageData(image, 0, 0);
  };

  const drawScale = (element, { scale, high, unit }) => {
    const bar = Object.assign(document.createElement("div"), { className: "gradient-bar" });
    bar.style.background = `linear-gradient(to right, ${scale.join(",")})`;
    const ends = Object.assign(document.createElement("div"), { className: "limits" });
    for (const text of ["0", unit, inpca.format(high)]) {
      ends.append(Object.assign(document.createElement("span"), { textContent: text }));
    }
    element.replaceChildren(bar, ends);
  };
})();
