/*
 * What is under the pointer: the run whose line comes nearest on the screen, not only a checkpoint that was hit.
 *
 * Plotly's picking is not used. It reads the scene back from the graphics card, and in it a faint context line (even
 * one with hoverinfo "skip") hides the run behind it; here only shown runs take part.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const REACH = 10;
  const STILL = 5;
  // Half the width of a picked run's line: within it, no other run is nearer.
  const PICKED_WIDTH = 3.5;

  /** Squared distance from a point to the segment from a to b. */
  const distanceTo = (x, y, ax, ay, bx, by) => {
    const [dx, dy] = [bx - ax, by - ay];
    const squared = dx * dx + dy * dy;
    const along = squared > 0 ? Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / squared)) : 0;
    const [ex, ey] = [x - ax - along * dx, y - ay - along * dy];
    return ex * ex + ey * ey;
  };

  /**
   * Follow the pointer over the picture in an element.
   * listeners: onHover(model or null, box in the window), onClick(model); isBusy says that the picture is being turned.
   */
  inpca.makePointing = (element, projection, listeners, isBusy) => {
    let picture = null;
    let lines = new Float64Array(0);
    let firstPicked = 0;
    let pixels = null;
    let pointer = null;
    let found = null;
    let pressed = null;

    /** Checkpoint of a shown run that is nearest to a place, or null where no run is within reach. */
    const modelAt = (x, y) => {
      if (!picture) return null;
      pixels = pixels ?? projection.project(picture, lines);
      let best = -1;
      let least = REACH * REACH;
      for (let at = 0; at < lines.length; at += 1) {
        if (lines[at] < 0) continue;
        // A line of one checkpoint is a segment of no length.
        const to = at + 1 < lines.length && lines[at + 1] >= 0 ? at + 1 : at;
        const away = distanceTo(x, y, pixels[2 * at], pixels[2 * at + 1], pixels[2 * to], pixels[2 * to + 1]);
        // Picked runs come last, as they are drawn.
        const beyond = at < firstPicked ? away : Math.max(0, Math.sqrt(away) - PICKED_WIDTH) ** 2;
        if (beyond <= least) [best, least] = [at, beyond];
      }
      return best < 0 ? null : nearestOf(picture.scene.arrays.run[Math.floor(lines[best])], x, y);
    };

    const nearestOf = (run, x, y) => {
      const models = inpca.verticesOf(picture, run, true);
      const places = projection.project(picture, models);
      let nearest = 0;
      let least = Infinity;
      models.forEach((_, at) => {
        const away = (places[2 * at] - x) ** 2 + (places[2 * at + 1] - y) ** 2;
        if (away < least) [nearest, least] = [at, away];
      });
      const { left, top } = element.getBoundingClientRect();
      const [px, py] = [left + places[2 * nearest], top + places[2 * nearest + 1]];
      // A head between two checkpoints is the one it comes from.
      return { model: Math.floor(models[nearest]), box: { x0: px - 3, x1: px + 3, y0: py - 3, y1: py + 3 } };
    };

    const placeOf = (event) => {
      const { left, top } = element.getBoundingClientRect();
      return { x: event.clientX - left, y: event.clientY - top };
    };

    const look = () => {
      if (!pointer || isBusy()) return;
      const next = modelAt(pointer.x, pointer.y);
      pointer = null;
      if (next?.model === found?.model) return;
      found = next;
      element.toggleAttribute("data-over-run", found !== null);
      listeners.onHover?.(found ? found.model : null, found?.box);
    };

    const leave = () => {
      pointer = null;
      if (!found) return;
      found = null;
      element.removeAttribute("data-over-run");
      listeners.onHover?.(null);
    };

    element.addEventListener("pointermove", (event) => {
      if (event.target.closest(".modebar")) return leave();
      if (!pointer) requestAnimationFrame(look);
      pointer = placeOf(event);
    });
    element.addEventListener("pointerleave", leave);
    element.addEventListener("pointerdown", (event) => {
      const isPlain = event.button === 0 && event.isPrimary && !event.target.closest(".modebar");
      pressed = isPlain ? placeOf(event) : null;
    }, true);
    window.addEventListener("pointerup", (event) => {
      if (!pressed) return;
      const { x, y } = placeOf(event);
      const isStill = Math.hypot(x - pressed.x, y - pressed.y) < STILL;
      pressed = null;
      const hit = isStill ? modelAt(x, y) : null;
      if (hit) listeners.onClick?.(hit.model);
    });

    return {
      /** What can be hit from now on; traces as pictureTraces makes them. */
      show: (shown, traces) => {
        picture = shown;
        found = null;
        const hittable = traces.filter(({ role }) => role === "shown" || role === "picked");
        lines = new Float64Array(hittable.reduce((sum, { models }) => sum + models.length + 1, 0)).fill(-1);
        let position = 0;
        firstPicked = lines.length;
        for (const { role, models } of hittable) {
          if (role === "picked") firstPicked = Math.min(firstPicked, position);
          lines.set(models, position);
          position += models.length + 1;
        }
        pixels = null;
      },
      /** The picture was turned: places are computed again when they are asked for. */
      forgetPlaces: () => {
        pixels = null;
      },
    };
  };
})();
