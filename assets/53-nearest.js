/* The nearest piece of a drawing: a grid of cells over lines and dots, so that a pointer asks few of them. Pure. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const CELL = 12;
  const REACH = 10;

  /**
   * Index of strokes as drawn: x and y give a model's place on screen.
   * Returns (x, y) -> the model at the nearer end of the nearest piece within reach, or -1.
   */
  inpca.nearestIndex = ({ lines, dots }, x, y) => {
    const cells = new Map();
    const put = (column, row, piece) => {
      const key = column * 65536 + row;
      if (cells.has(key)) cells.get(key).push(piece);
      else cells.set(key, [piece]);
    };
    const cellOf = (value) => Math.floor(value / CELL);

    const addPiece = (from, to) => {
      const piece = { from, to, x0: x(from), y0: y(from), x1: x(to), y1: y(to) };
      // Points half a cell apart touch every cell that a query of its neighbours could miss.
      const n = Math.ceil(Math.hypot(piece.x1 - piece.x0, piece.y1 - piece.y0) / (CELL / 2));
      let last = null;
      for (let step = 0; step <= n; step += 1) {
        const share = n ? step / n : 0;
        const column = cellOf(piece.x0 + share * (piece.x1 - piece.x0));
        const row = cellOf(piece.y0 + share * (piece.y1 - piece.y0));
        if (last && last[0] === column && last[1] === row) continue;
        last = [column, row];
        put(column, row, piece);
      }
    };

    for (const { models } of lines) {
      for (let at = 1; at < models.length; at += 1) {
        if (models[at] >= 0 && models[at - 1] >= 0) addPiece(models[at - 1], models[at]);
      }
    }
    for (const { models } of dots) models.forEach((model) => addPiece(model, model));

    return (pointX, pointY) => {
      let best = null;
      let least = REACH;
      for (let column = cellOf(pointX) - 1; column <= cellOf(pointX) + 1; column += 1) {
        for (let row = cellOf(pointY) - 1; row <= cellOf(pointY) + 1; row += 1) {
          for (const piece of cells.get(column * 65536 + row) || []) {
            const { distance, share } = distanceTo(piece, pointX, pointY);
            if (distance < least) [least, best] = [distance, share < 0.5 ? piece.from : piece.to];
          }
        }
      }
      return Math.floor(best ?? -1);
    };
  };

  const distanceTo = ({ x0, y0, x1, y1 }, x, y) => {
    const [dx, dy] = [x1 - x0, y1 - y0];
    const square = dx * dx + dy * dy;
    const share = square > 0 ? Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / square)) : 0;
    return { distance: Math.hypot(x - x0 - share * dx, y - y0 - share * dy), share };
  };
})();
