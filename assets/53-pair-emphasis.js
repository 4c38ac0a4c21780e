/* What stands out in a panel of pairs, as it does in the 3D picture (43-emphasis.js). Pure, but for the canvas painted on. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const BADGE = 7;
  const SMALL_BADGE = 5.5;
  /** Narrower panels have small badges, or the pins of runs that end alike hide each other. */
  const SMALL_BELOW = 130;
  /** Smaller than in the 3D picture, as panels are. */
  const SIZES = { core: 1.8, ring: 2, head: 4, rim: 1.5, wall: 7.5, ink: 5.5, own: 3.2 };

  const sizesIn = (panel, font) => {
    const badge = panel.width < SMALL_BELOW ? SMALL_BADGE : BADGE;
    return { ...SIZES, badge, letters: badge + 3, font };
  };

  const pathIn = (picture, { x, y }) => (run) => {
    const models = inpca.verticesOf(picture, run, true);
    return { models, points: Array.from(models, (model) => [x(model), y(model)]) };
  };

  inpca.paintPanelPins = (context, picture, panel, places, font) =>
    inpca.paintPins(context, picture, pathIn(picture, places), sizesIn(panel, font));

  inpca.paintPanelPointed = (context, picture, panel, places, pointed, font) =>
    inpca.paintPointed(context, picture, pathIn(picture, places), pointed, sizesIn(panel, font));
})();
