/*
 * Panels of pairs: where they lie, and all that is painted in them; what stands out is in 53-pair-emphasis.js. Pure, but for the canvas painted on.
 *
 * A panel has one scale for both its axes, said by a bar; panels have different scales, or the later ones would be dots.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const MARGIN = { left: 26, right: 12, top: 10, bottom: 26 };
  const GAP = 7;
  const INSET = 6;
  const SHARE_OF_SCALE_BAR = 0.3;
  /** Narrower panels have no room for the names of reference points. */
  const NAMES_FROM = 130;

  /** Type grows with the picture's emphasis (83-present.js), within what the margins can take. */
  const typeOf = ({ emphasis = 1 }) => Math.min(1.6, emphasis);

  /* ------------------------------------------------------------------ where things are */

  /** How many components are paired where n are asked for: fewer where the embedding has fewer. */
  inpca.pairedOf = (scene, n) => Math.max(2, Math.min(n, scene.n_components));

  /** Panels of a picture's pairs, the lower triangle among its first k components, in an area of the given size. */
  inpca.pairPanels = (picture, k, { width, height }) => {
    const [before, below] = [MARGIN.left * typeOf(picture), MARGIN.bottom * typeOf(picture)];
    const cellWidth = (width - before - MARGIN.right + GAP) / (k - 1) - GAP;
    const cellHeight = (height - MARGIN.top - below + GAP) / (k - 1) - GAP;
    const panels = [];
    for (let row = 2; row <= k; row += 1) {
      for (let column = 1; column < row; column += 1) {
        const left = before + (column - 1) * (cellWidth + GAP);
        const top = MARGIN.top + (row - 2) * (cellHeight + GAP);
        panels.push({ column, row, left, top, width: Math.max(1, cellWidth), height: Math.max(1, cellHeight) });
      }
    }
    return panels;
  };

  /** Where a panel puts a value of its two components: one scale, the middle of the scene's extent in its middle. */
  inpca.panelProjection = (scene, panel) => {
    const [low, high] = inpca.extent(scene, panel.column);
    const [bottom, top] = inpca.extent(scene, panel.row);
    const scale = Math.min((panel.width - 2 * INSET) / (high - low), (panel.height - 2 * INSET) / (top - bottom));
    const middleX = panel.left + panel.width / 2 - (scale * (low + high)) / 2;
    const middleY = panel.top + panel.height / 2 + (scale * (bottom + top)) / 2;
    return { scale, x: (value) => middleX + scale * value, y: (value) => middleY - scale * value };
  };

  /** Places of a table of coordinates in a panel: functions of the row, which may lie between two (46-time.js). */
  inpca.panelPlaces = (values, nComponents, panel, { x, y }) => {
    const value = (row, component) => inpca.coordinateAt(values, nComponents, row, component - 1);
    return { x: (row) => x(value(row, panel.column)), y: (row) => y(value(row, panel.row)) };
  };

  /* ------------------------------------------------------------------ painting */

  inpca.inPanel = (context, { left, top, width, height }, paint) => {
    context.save();
    context.beginPath();
    context.rect(left, top, width, height);
    context.clip();
    paint();
    context.restore();
  };

  const paintFrame = (context, picture, panel, { scale, x, y }, font) => {
    const { wall, grid, muted } = picture.style.surfaces[picture.theme];
    const { left, top, width, height } = panel;
    if (!picture.isBare) {
      context.fillStyle = wall;
      context.fillRect(left, top, width, height);
    }
    Object.assign(context, { strokeStyle: grid, lineWidth: 1 });
    context.beginPath();
    context.moveTo(left, Math.round(y(0)) + 0.5);
    context.lineTo(left + width, Math.round(y(0)) + 0.5);
    context.moveTo(Math.round(x(0)) + 0.5, top);
    context.lineTo(Math.round(x(0)) + 0.5, top + height);
    context.stroke();
    const length = roundNumber((SHARE_OF_SCALE_BAR * width) / scale);
    const [from, base] = [left + INSET, top + height - INSET];
    Object.assign(context, { strokeStyle: muted, fillStyle: muted, textAlign: "left", textBaseline: "bottom" });
    context.font = `${10 * typeOf(picture)}px ${font}`;
    context.beginPath();
    context.moveTo(from, base);
    context.lineTo(from + scale * length, base);
    context.stroke();
    context.fillText(inpca.format(length), from, base - 2);
  };

  /** Largest of 1, 2 and 5 times a power of ten that is no larger. */
  const roundNumber = (value) => {
    const power = 10 ** Math.floor(Math.log10(value));
    return ([5, 2, 1].find((digit) => digit * power <= value) || 1) * power;
  };

  const paintReferences = (context, picture, panel, map, font) => {
    const { scene, style, theme, emphasis = 1 } = picture;
    const last = (scene.arrays.reference_positions || []).length - 1;
    if (last < 0) return;
    const { x, y } = inpca.panelPlaces(scene.arrays.reference_coordinates, scene.n_components, panel, map);
    const { reference: color, wall } = style.surfaces[theme];
    Object.assign(context, { strokeStyle: color, fillStyle: color, lineWidth: 1.5 * emphasis });
    context.setLineDash([5, 4]);
    context.beginPath();
    for (let point = 0; point <= last; point += 1) context.lineTo(x(point), y(point));
    context.stroke();
    context.setLineDash([]);
    context.beginPath();
    for (const point of [0, last]) inpca.diamond(context, x(point), y(point), 4 * emphasis);
    context.fill();
    if (panel.width < NAMES_FROM) return;
    Object.assign(context, { font: `${11 * typeOf(picture)}px ${font}`, textAlign: "center", lineWidth: 3, strokeStyle: wall });
    for (const [name, point] of [["P₀", 0], ["P*", last]]) {
      const isHigh = y(point) - panel.top < 22;
      context.textBaseline = isHigh ? "top" : "bottom";
      const at = y(point) + (isHigh ? 7 : -6);
      context.strokeText(name, x(point), at);
      context.fillText(name, x(point), at);
    }
  };

  const paintOutline = (context, { style, theme }, { left, top, width, height }) => {
    Object.assign(context, { strokeStyle: style.surfaces[theme].grid, lineWidth: 1 });
    context.strokeRect(Math.round(left) + 0.5, Math.round(top) + 0.5, Math.round(width) - 1, Math.round(height) - 1);
  };

  /** Titles of the columns under the last row, of the rows beside the first column. */
  const paintTitles = (context, picture, panels, k, font) => {
    const { scene, style, theme } = picture;
    const type = typeOf(picture);
    Object.assign(context, { font: `${11 * type}px ${font}`, textAlign: "center", textBaseline: "middle" });
    const write = (component, x, y, room, angle) => {
      context.save();
      context.translate(x, y);
      context.rotate(angle);
      context.fillStyle = inpca.isImaginary(scene, component) ? style.timeLike : style.surfaces[theme].muted;
      // Where the whole title has no room, its ends do, and red says imaginary.
      const whole = inpca.componentTitle(scene, component);
      const parts = whole.split(" · ");
      const fitting = [whole, `${parts[0]} · ${parts[2]}`, parts[0]].find((text) => context.measureText(text).width <= room);
      context.fillText(fitting ?? parts[0], 0, 0);
      context.restore();
    };
    for (const { column, row, left, top, width, height } of panels) {
      if (row === k) write(column, left + width / 2, top + height + (MARGIN.bottom * type) / 2, width, 0);
      if (column === 1) write(row, (MARGIN.left * type) / 2, top + height / 2, height, -Math.PI / 2);
    }
  };

  /** Places of a scene's models in a panel. */
  inpca.modelPlaces = (scene, panel) =>
    inpca.panelPlaces(scene.arrays.coordinates, scene.n_components, panel, inpca.panelProjection(scene, panel));

  /** Everything but what is pointed at: panels (as pairPanels gives them) of a picture's first k components, on a canvas's context. */
  inpca.paintPairs = (context, picture, k, panels, strokes, font) => {
    for (const panel of panels) {
      const map = inpca.panelProjection(picture.scene, panel);
      const places = inpca.modelPlaces(picture.scene, panel);
      inpca.inPanel(context, panel, () => {
        paintFrame(context, picture, panel, map, font);
        inpca.paintStrokes(context, strokes, places);
        inpca.paintPanelPins(context, picture, panel, places, font);
        if (picture.showReferences) paintReferences(context, picture, panel, map, font);
      });
      paintOutline(context, picture, panel);
    }
    paintTitles(context, picture, panels, k, font);
  };
})();
