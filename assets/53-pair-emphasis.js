/* What stands out in a panel of pairs, as it does in the 3D picture (44-overlay.js): pinned runs and the one pointed at. Pure. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const BADGE = 7;
  const SMALL_BADGE = 5.5;
  /** Narrower panels have small badges, or the pins of runs that end alike hide each other. */
  const SMALL_BELOW = 130;
  const HEAD = 4;
  const CORE = 1.8;
  /** Half the 3D picture's width on either side of what is pointed at: panels are smaller. */
  const POINTED = { wall: 7.5, ink: 5.5, own: 3.2 };

  const trace = (context, models, { x, y }) => {
    context.beginPath();
    models.forEach((model, at) => (at === 0 ? context.moveTo(x(model), y(model)) : context.lineTo(x(model), y(model))));
  };

  const stroke = (context, strokeStyle, lineWidth) => {
    Object.assign(context, { strokeStyle, lineWidth });
    context.stroke();
  };

  const disc = (context, x, y, radius, fillStyle) => {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fillStyle = fillStyle;
    context.fill();
  };

  /** The letter of a pinned run at its end, within a ring of the pin's colour. */
  const paintBadge = (context, { style, theme }, panel, { slot, letter }, [x, y], font) => {
    const { wall, ink } = style.surfaces[theme];
    const radius = panel.width < SMALL_BELOW ? SMALL_BADGE : BADGE;
    disc(context, x, y, radius, wall);
    stroke(context, style.pins[slot], 2);
    Object.assign(context, { font: `bold ${radius + 3}px ${font}`, textAlign: "center", textBaseline: "middle", fillStyle: ink });
    context.fillText(letter, x, y + 0.5);
  };

  const endOf = (models, { x, y }) => [x(models.at(-1)), y(models.at(-1))];

  /** A core in the pin's colour, so that the line around it keeps what the colouring says; above all of them their letters. */
  inpca.paintPanelPins = (context, picture, panel, places, font) => {
    const { scene, isShown, pins, style } = picture;
    const drawn = pins
      .map((pin) => ({ pin, run: scene.run_ids.indexOf(pin.runId) }))
      .filter(({ run }) => run >= 0 && isShown(run))
      .map(({ pin, run }) => ({ pin, models: inpca.verticesOf(picture, run, true) }));
    for (const { pin, models } of drawn) {
      trace(context, models, places);
      stroke(context, style.pins[pin.slot], CORE);
    }
    for (const { pin, models } of drawn) paintBadge(context, picture, panel, pin, endOf(models, places), font);
  };

  /** The run pointed at, whether or not it passes the filters, above all others; a ring where its checkpoint is known. */
  inpca.paintPanelPointed = (context, picture, panel, places, { run, checkpoint }, font) => {
    const { scene, style, theme, pins } = picture;
    const { wall, ink } = style.surfaces[theme];
    const models = inpca.verticesOf(picture, run, true);
    if (models.length === 0) return;
    Object.assign(context, { lineJoin: "round", lineCap: "round" });
    trace(context, models, places);
    stroke(context, wall, POINTED.wall);
    stroke(context, ink, POINTED.ink);
    for (let at = 1; at < models.length; at += 1) {
      trace(context, models.slice(at - 1, at + 1), places);
      stroke(context, inpca.colorOf(picture, run, models[at]), POINTED.own);
    }
    const pin = pins.find(({ runId }) => runId === scene.run_ids[run]);
    const [endX, endY] = endOf(models, places);
    if (pin) paintBadge(context, picture, panel, pin, [endX, endY], font);
    else {
      disc(context, endX, endY, HEAD + 1.5, ink);
      disc(context, endX, endY, HEAD, inpca.colorOf(picture, run, models.at(-1)));
    }
    const marked = models.find((model) => scene.arrays.checkpoint[model] === checkpoint);
    if (marked === undefined) return;
    disc(context, places.x(marked), places.y(marked), HEAD, wall);
    stroke(context, ink, 2);
  };
})();
