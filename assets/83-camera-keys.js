/* Moving the picture's camera without a pointer: orbit, pan, zoom, and a look along each axis. */
(() => {
  "use strict";
  const inpca = window.inpca;

  const TURN = Math.PI / 24;
  const SHIFT = 0.05;
  const ZOOM = 1.12;
  const NEAREST = 0.05;
  const FARTHEST = 50;

  const plus = (a, b, scale = 1) => ({ x: a.x + scale * b.x, y: a.y + scale * b.y, z: a.z + scale * b.z });
  const minus = (a, b) => plus(a, b, -1);
  const dot = (a, b) => a.x * b.x + a.y * b.y + a.z * b.z;
  const cross = (a, b) => ({ x: a.y * b.z - a.z * b.y, y: a.z * b.x - a.x * b.z, z: a.x * b.y - a.y * b.x });
  const length = (a) => Math.sqrt(dot(a, a));
  const unit = (a) => plus({ x: 0, y: 0, z: 0 }, a, 1 / (length(a) || 1));

  /** Rodrigues' formula: a vector turned about a unit axis. */
  const turned = (vector, axis, angle) => {
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    const straight = plus({ x: 0, y: 0, z: 0 }, vector, c);
    return plus(plus(straight, cross(axis, vector), s), axis, dot(axis, vector) * (1 - c));
  };

  /** {offset from centre to eye, up, right}, up made perpendicular to the line of sight. */
  const frameOf = ({ eye, center, up }) => {
    const offset = minus(eye, center);
    const forward = unit(offset);
    const right = unit(cross(up, forward));
    return { offset, right, up: cross(forward, right) };
  };

  /** Pure changes of a camera {eye, center, up}; the eye goes where the key points. */
  inpca.cameraMoves = {
    orbit: (camera, across, upward) => {
      const { offset, right, up } = frameOf(camera);
      const aside = turned(offset, up, across * TURN);
      const axis = turned(right, up, across * TURN);
      const moved = turned(aside, axis, -upward * TURN);
      return { eye: plus(camera.center, moved), center: camera.center, up: turned(up, axis, -upward * TURN) };
    },
    pan: (camera, across, upward) => {
      const { offset, right, up } = frameOf(camera);
      const shift = plus(plus({ x: 0, y: 0, z: 0 }, right, across), up, upward);
      const by = SHIFT * length(offset);
      return { ...camera, eye: plus(camera.eye, shift, by), center: plus(camera.center, shift, by) };
    },
    zoom: (camera, steps) => {
      const offset = minus(camera.eye, camera.center);
      const distance = Math.min(FARTHEST, Math.max(NEAREST, length(offset) * ZOOM ** -steps));
      return { ...camera, eye: plus(camera.center, unit(offset), distance) };
    },
    lookAlong: (camera, axis) => {
      const distance = length(minus(camera.eye, camera.center));
      const directions = { x: { x: 1, y: 0, z: 0 }, y: { x: 0, y: -1, z: 0 }, z: { x: 0, y: 0, z: 1 } };
      const up = axis === "z" ? { x: 0, y: 1, z: 0 } : { x: 0, y: 0, z: 1 };
      return { eye: plus(camera.center, directions[axis], distance), center: camera.center, up };
    },
  };

  const move = (change, ...amounts) => {
    const { picture } = inpca;
    const camera = picture?.camera();
    // What is not looked at must not turn behind the reader's back.
    if (!camera || !["3d", "compare"].includes(inpca.state.view)) return;
    const { eye, center, up } = inpca.cameraMoves[change](camera, ...amounts);
    const next = { ...camera, eye, center, up };
    if (picture.setCamera) picture.setCamera(next);
    else Plotly.relayout(picture.element, { "scene.camera": next });
    inpca.state.camera = next;
    inpca.writeAddress();
  };

  // Every key stops a picture that turns by itself: whether this one found it turning must be asked before that.
  let wasTurning = false;
  window.addEventListener("keydown", () => (wasTurning = inpca.picture?.isTurning?.() ?? false), true);

  inpca.on("study", () => {
    if (inpca.actions.turn) inpca.actions["rotate-toggle"] = () => wasTurning || inpca.actions.turn();
  });

  Object.assign(inpca.actions, {
    "orbit-left": () => move("orbit", -1, 0),
    "orbit-right": () => move("orbit", 1, 0),
    "orbit-up": () => move("orbit", 0, 1),
    "orbit-down": () => move("orbit", 0, -1),
    "pan-left": () => move("pan", -1, 0),
    "pan-right": () => move("pan", 1, 0),
    "pan-up": () => move("pan", 0, 1),
    "pan-down": () => move("pan", 0, -1),
    "zoom-in": () => move("zoom", 1),
    "zoom-out": () => move("zoom", -1),
    "view-x": () => move("lookAlong", "x"),
    "view-y": () => move("lookAlong", "y"),
    "view-z": () => move("lookAlong", "z"),
  });

  // Plotly keeps the pointer's press to itself: without this a click on the picture would not give it the keys.
  document.addEventListener(
    "pointerdown",
    (event) => event.target.closest?.("#picture")?.focus({ preventScroll: true }),
    true,
  );
})();
