/*
 * What stands out in a picture, in 3D (44-overlay.js) and in the panels of pairs (53-pair-emphasis.js): pinned runs, and
 * the one pointed at. Pure, but for the canvas painted on.
 *
 * A path is a run's models and their points [[x, y], ...] on the canvas. Sizes are in pixels: core (of a pin's line),
 * badge (radius), ring (around it), head (radius), rim (around that), wall, ink and own (lines of what is pointed at, the
 * widest first), letters (of the badge).
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const trace = (context, points) => {
    context.beginPath();
    points.forEach(([x, y], at) => (at === 0 ? context.moveTo(x, y) : context.lineTo(x, y)));
  };

  const stroke = (context, strokeStyle, lineWidth) => {
    Object.assign(context, { strokeStyle, lineWidth });
    context.stroke();
  };

  const disc = (context, [x, y], radius, fillStyle) => {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fillStyle = fillStyle;
    context.fill();
  };

  const surfaceOf = ({ style, theme }) => style.surfaces[theme];

  /** The letter of a pinned run at its end, within a ring of the pin's colour. */
  const paintBadge = (context, picture, { slot, letter }, [x, y], { badge, ring, letters, font }) => {
    const { wall, ink } = surfaceOf(picture);
    disc(context, [x, y], badge, wall);
    stroke(context, picture.style.pins[slot], ring);
    Object.assign(context, { font: `bold ${letters}px ${font}`, textAlign: "center", textBaseline: "middle", fillStyle: ink });
    context.fillText(letter, x, y + 0.5);
  };

  /** [{pin, run}]: pins whose runs a picture shows. */
  inpca.drawnPins = ({ scene, pins, isShown }) =>
    pins.map((pin) => ({ pin, run: scene.run_ids.indexOf(pin.runId) })).filter(({ run }) => run >= 0 && isShown(run));

  /** A core in the pin's colour, so that the line around it keeps what the colouring says; above all of them their letters. */
  inpca.paintPins = (context, picture, pathOf, sizes) => {
    const paths = inpca.drawnPins(picture).map(({ pin, run }) => ({ pin, points: pathOf(run).points }));
    const drawn = paths.filter(({ points }) => points.length > 0);
    Object.assign(context, { lineJoin: "round", lineCap: "round" });
    for (const { pin, points } of drawn) {
      trace(context, points);
      stroke(context, picture.style.pins[pin.slot], sizes.core);
    }
    for (const { pin, points } of drawn) paintBadge(context, picture, pin, points.at(-1), sizes);
  };

  /** The run pointed at, whether or not it passes the filters, above all others; a ring where its checkpoint is known. */
  inpca.paintPointed = (context, picture, pathOf, { run, checkpoint }, sizes) => {
    const { scene, pins } = picture;
    const { wall, ink } = surfaceOf(picture);
    const { models, points } = pathOf(run);
    if (models.length === 0) return;
    const colorAt = (at) => inpca.colorOf(picture, run, models[at]);
    Object.assign(context, { lineJoin: "round", lineCap: "round" });
    trace(context, points);
    stroke(context, wall, sizes.wall);
    stroke(context, ink, sizes.ink);
    for (let at = 1; at < models.length; at += 1) {
      trace(context, points.slice(at - 1, at + 1));
      stroke(context, colorAt(at), sizes.own);
    }
    const pin = pins.find(({ runId }) => runId === scene.run_ids[run]);
    if (pin) paintBadge(context, picture, pin, points.at(-1), sizes);
    else {
      disc(context, points.at(-1), sizes.head + sizes.rim, ink);
      disc(context, points.at(-1), sizes.head, colorAt(models.length - 1));
    }
    const marked = models.findIndex((model) => scene.arrays.checkpoint[model] === checkpoint);
    if (marked < 0) return;
    disc(context, points[marked], sizes.head, wall);
    stroke(context, ink, 2);
  };
})();
