/*
 * Plotly's internals: the scene of a 3D picture, and the axes of a chart.
 *
 * Plotly rebuilds every trace for any change, so highlighting and hit testing project checkpoints themselves, with the
 * matrices of plotly's camera. No other module touches what plotly does not document. Where its version is not one that
 * these lines were written for, documented functions take their place: slower, but the picture draws, turns and highlights.
 */

import { coordinateAt } from "../values/moments.mjs";
import { makeView } from "./frame.mjs";

const KNOWN = /^4\./;

/** Plotly's configuration of a 3D picture; nothing is ever sent to its cloud. */
export const CONFIG = {
  displaylogo: false,
  responsive: true,
  showSendToCloud: false,
  scrollZoom: true,
  modeBarButtonsToRemove: ["resetCameraLastSave3d", "resetCameraDefault3d", "tableRotation"],
  toImageButtonOptions: { scale: 2 },
};

/**
 * Scene internals of a graph's element; undefined if there are none, or none that are known.
 * @param {Graph} element
 */
const innerScene = (element) => (element._fullLayout && KNOWN.test(Plotly.version) ? element._fullLayout.scene?._scene : undefined);

/** Resolves once plotly's script, which is deferred, has run or failed. */
export const plotlyHasRun = async () => {
  if ("Plotly" in globalThis || document.readyState === "complete") return;
  await new Promise((resolve) => {
    document.addEventListener("DOMContentLoaded", resolve, { once: true });
    // Where the event is past and the script has failed.
    window.addEventListener("load", resolve, { once: true });
  });
};

/**
 * Whether a plotly figure is drawn in an element.
 * @param {HTMLElement} element
 */
export const isDrawn = (element) => /** @type {Graph} */ (element).data !== undefined;

/**
 * Column-major product of 4 x 4 matrices, as WebGL writes them.
 * @param {ArrayLike<number>} left
 * @param {ArrayLike<number>} right
 */
const product = (left, right) => {
  const result = new Float64Array(16);
  for (let column = 0; column < 4; column += 1) {
    for (let row = 0; row < 4; row += 1) {
      for (let k = 0; k < 4; k += 1) result[4 * column + row] += left[4 * k + row] * right[4 * column + k];
    }
  }
  return result;
};

/**
 * Disable plotly's picking pass, which renders every scene a second time and reads it back: with software rendering it
 * blocks the page for a second after every change and rotation. Hit testing is done in pointing.mjs; images are
 * exported from a separate scene and canvas.
 * @param {any} glplot
 */
const stopPicking = (glplot) => {
  glplot.gl.readPixels = () => {};
  for (const object of glplot.objects) object.drawPick = null;
};

/**
 * Keep compiled shaders. Plotly disposes axes whenever their ranges change, and lines whenever a trace comes or goes; the
 * last user of a shader takes the shader with it, which is then recompiled. It also queries shader state again and again,
 * and each query waits for all drawing: with software rendering longer than the rest of a change. So shaders are never
 * deleted, queries for them are answered without the GPU unless the context is lost, and properties shared by programs of
 * the same shaders are queried once.
 * @param {any} glplot
 */
const keepShaders = ({ gl, axes }) => {
  for (const shader of axes._lines.shader._vref.cache.shaders.flatMap(Object.values)) {
    if (shader.isKept) continue;
    shader.count += 1;
    shader.isKept = true;
  }
  if (Object.hasOwn(gl, "isShader")) return;
  gl.isShader = gl.isProgram = () => !gl.isContextLost();
  const known = new WeakMap();
  for (const question of ["getProgramParameter", "getActiveUniform", "getActiveAttrib"]) {
    const ask = gl[question].bind(gl);
    gl[question] = (/** @type {any} */ program, /** @type {any} */ what) => {
      const answers = gl.getAttachedShaders(program).reduce((/** @type {any} */ map, /** @type {any} */ shader) => entry(map, shader, () => new WeakMap()), known);
      const about = entry(answers, gl, () => new Map());
      return entry(about, `${question} ${what}`, () => ask(program, what));
    };
  }
};

/**
 * @param {Map<any, any>} map
 * @param {any} key
 * @param {() => any} make
 */
const entry = (map, key, make) => {
  if (!map.has(key)) map.set(key, make());
  return map.get(key);
};

/**
 * Scene of the picture in an element: its camera, and the projection of checkpoints.
 * onTurn is called before plotly draws the scene with another camera, size or scale, or soon after.
 * @param {Graph} element
 * @param {() => void} onTurn
 */
export const makeScene = (element, onTurn) => {
  let matrix = new Float64Array(16);
  let [width, height] = [0, 0];
  /** Projection without plotly's matrices; null where these are known. */
  let view = /** @type {ReturnType<typeof makeView> | null} */ (null);
  let isListening = false;
  let placings = 0;

  /** Read the camera; true if it has changed. */
  const read = () => {
    const { glplot, dataScale } = innerScene(element);
    const { model, view: seen, projection } = glplot.cameraParams;
    const next = product(product(projection, seen), model);
    for (let at = 0; at < 12; at += 1) next[at] *= dataScale[at >> 2];
    const isSame = width === element.clientWidth && height === element.clientHeight && next.every((value, at) => value === matrix[at]);
    [matrix, width, height] = [next, element.clientWidth, element.clientHeight];
    return !isSame;
  };

  const readLayout = () => {
    [width, height] = [element.clientWidth, element.clientHeight];
    view = makeView({ ...element.layout.scene, camera: camera() }, { left: 0, top: 0, width, height });
  };

  /** Camera in use, in plotly's form; null before the first drawing. */
  const camera = () => innerScene(element)?.getCamera() ?? element.layout?.scene?.camera ?? null;

  /**
   * Set the camera only: by plotly's internals in a hundredth of the time.
   * @param {Camera} camera
   */
  const place = ({ eye, center, up }) => {
    const inner = innerScene(element);
    if (!inner) {
      placings += 1;
      Plotly.relayout(element, { "scene.camera": structuredClone({ eye, center, up }) }).finally(() => (placings -= 1));
      return;
    }
    inner.camera.lookAt(...[eye, center, up].map(({ x, y, z }) => [x, y, z]));
    // Resizing and image export read the layout's copies.
    for (const layout of [element.layout, element._fullLayout]) Object.assign(layout.scene.camera, structuredClone({ eye, center, up }));
  };

  const listen = () => {
    if (isListening) return;
    isListening = true;
    for (const event of ["plotly_relayouting", "plotly_relayout", "plotly_afterplot"]) {
      element.on(event, (change) => {
        if (change?.["scene.camera"]) element.layout.scene.camera = change["scene.camera"];
        if (!element.layout?.scene) return;
        readLayout();
        onTurn();
      });
    }
  };

  /** Call after every drawing: plotly makes a new scene after a lost WebGL context. */
  const watch = () => {
    const glplot = innerScene(element)?.glplot;
    if (!glplot) {
      if (!element.layout?.scene) return;
      readLayout();
      listen();
      return;
    }
    view = null;
    // plotly's own handler would wait for the lost context forever, and fail on the purge before the next drawing.
    glplot.oncontextloss = null;
    stopPicking(glplot);
    keepShaders(glplot);
    if (!glplot.onrender.isWatched) {
      const { onrender } = glplot;
      glplot.onrender = () => {
        onrender();
        if (read()) onTurn();
      };
      glplot.onrender.isWatched = true;
    }
    read();
  };

  /**
   * x and y of each model in pixels of the element, interleaved; NaN for a gap (-1).
   * @param {Pick<Picture, "scene" | "axes">} picture
   * @param {ArrayLike<number>} models
   */
  const project = ({ scene, axes }, models) => {
    const { coordinates } = scene.arrays;
    const pixels = new Float32Array(2 * models.length);
    const columns = axes.map((component) => (component >= 1 && component <= scene.n_components ? component - 1 : -1));
    for (let at = 0; at < models.length; at += 1) {
      const x = columns[0] < 0 ? 0 : coordinateAt(coordinates, scene.n_components, models[at], columns[0]);
      const y = columns[1] < 0 ? 0 : coordinateAt(coordinates, scene.n_components, models[at], columns[1]);
      const z = columns[2] < 0 ? 0 : coordinateAt(coordinates, scene.n_components, models[at], columns[2]);
      if (view) {
        const [left, top, depth] = models[at] < 0 ? [NaN, NaN, -1] : view.project([x, y, z]);
        pixels[2 * at] = depth > 0 ? left : NaN;
        pixels[2 * at + 1] = depth > 0 ? top : NaN;
        continue;
      }
      const depth = matrix[3] * x + matrix[7] * y + matrix[11] * z + matrix[15];
      const isGap = models[at] < 0 || depth <= 0;
      const across = (matrix[0] * x + matrix[4] * y + matrix[8] * z + matrix[12]) / depth;
      const upward = (matrix[1] * x + matrix[5] * y + matrix[9] * z + matrix[13]) / depth;
      pixels[2 * at] = isGap ? NaN : (0.5 + 0.5 * across) * width;
      pixels[2 * at + 1] = isGap ? NaN : (0.5 - 0.5 * upward) * height;
    }
    return pixels;
  };

  /**
   * Function that gives the scene's WebGL context back, to be called once the scene has been removed: plotly leaves it to
   * the garbage collector, and a browser allows few.
   */
  const releaser = () => {
    const gl = innerScene(element)?.glplot?.gl;
    return () => gl?.getExtension("WEBGL_lose_context")?.loseContext();
  };

  /** Whether a camera is being set: plotly then reports a move that is not the user's. */
  const isPlacing = () => placings > 0;

  return { camera, place, isPlacing, watch, project, releaser };
};

/**
 * An axis of a drawn chart by its name in a trace ("x", "y2"): {offset, length, place(value)}, in pixels of the chart; null
 * if it is not there, or not known how to read.
 * @param {HTMLElement} element
 * @param {string} name
 */
export const chartAxis = (element, name) => {
  const axis = KNOWN.test(Plotly.version) ? /** @type {Graph} */ (element)._fullLayout?.[`${name[0]}axis${name.slice(1)}`] : undefined;
  return axis ? { offset: axis._offset, length: axis._length, place: (/** @type {any} */ value) => axis.d2p(value) } : null;
};
