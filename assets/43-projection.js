/*
 * Where a checkpoint is on the screen: plotly's own camera, read from its scene.
 *
 * Plotly draws nothing in a small change without building every trace again. Whoever wants to point at something, find
 * what is under the pointer, or draw a picture as paths, projects the checkpoints instead. The only file that reaches
 * into plotly's scene.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  /** Column-major product of 4 x 4 matrices, as WebGL writes them. */
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
   * Plotly draws every scene a second time for its own picking, and waits for the graphics card to hand it back: in
   * software a second of blocked page after every change and turn. Nothing here is picked that way (46-pointing.js).
   * Images are made on a scene and a canvas of their own.
   */
  const stopPicking = (glplot) => {
    glplot.gl.readPixels = () => {};
    for (const object of glplot.objects) object.drawPick = null;
  };

  /**
   * Plotly gives its axes away and makes new ones whenever their ranges change, and a trace's line whenever it comes and
   * goes; with the last user of a shader goes the shader, to be compiled again at once. It also asks the graphics card
   * again and again what it knows of them, and waits for the answer until all drawing is done: in software longer than
   * everything else in a change takes. So shaders stay, they are there unless the context is lost, and what programs of
   * the same shaders have in common is asked once.
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
      gl[question] = (program, what) => {
        const answers = gl.getAttachedShaders(program).reduce((map, shader) => entry(map, shader, () => new WeakMap()), known);
        const about = entry(answers, gl, () => new Map());
        return entry(about, `${question} ${what}`, () => ask(program, what));
      };
    }
  };

  const entry = (map, key, make) => {
    if (!map.has(key)) map.set(key, make());
    return map.get(key);
  };

  /**
   * The projection of the picture in an element.
   * onTurn is called whenever plotly is about to draw the scene from another side, in another size or another scale.
   */
  inpca.makeProjection = (element, onTurn) => {
    let matrix = new Float64Array(16);
    let [width, height] = [0, 0];

    const inner = () => element._fullLayout?.scene?._scene;

    /** Read the camera; true where it has changed. */
    const read = () => {
      const { glplot, dataScale } = inner();
      const { model, view, projection } = glplot.cameraParams;
      const next = product(product(projection, view), model);
      for (let at = 0; at < 12; at += 1) next[at] *= dataScale[at >> 2];
      const isSame = width === element.clientWidth && height === element.clientHeight && next.every((value, at) => value === matrix[at]);
      [matrix, width, height] = [next, element.clientWidth, element.clientHeight];
      return !isSame;
    };

    return {
      /** To be called after every drawing: plotly makes a new scene when it has lost the graphics context. */
      watch: () => {
        const glplot = inner()?.glplot;
        if (!glplot) return;
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
      },
      /** x and y of each model in pixels of the element, one after another; NaN for a gap (-1). */
      project: ({ scene, axes }, models) => {
        const { coordinates } = scene.arrays;
        const pixels = new Float32Array(2 * models.length);
        const columns = axes.map((component) => (component >= 1 && component <= scene.n_components ? component - 1 : -1));
        for (let at = 0; at < models.length; at += 1) {
          const x = columns[0] < 0 ? 0 : inpca.coordinateAt(coordinates, scene.n_components, models[at], columns[0]);
          const y = columns[1] < 0 ? 0 : inpca.coordinateAt(coordinates, scene.n_components, models[at], columns[1]);
          const z = columns[2] < 0 ? 0 : inpca.coordinateAt(coordinates, scene.n_components, models[at], columns[2]);
          const depth = matrix[3] * x + matrix[7] * y + matrix[11] * z + matrix[15];
          const isGap = models[at] < 0 || depth <= 0;
          const across = (matrix[0] * x + matrix[4] * y + matrix[8] * z + matrix[12]) / depth;
          const upward = (matrix[1] * x + matrix[5] * y + matrix[9] * z + matrix[13]) / depth;
          pixels[2 * at] = isGap ? NaN : (0.5 + 0.5 * across) * width;
          pixels[2 * at + 1] = isGap ? NaN : (0.5 - 0.5 * upward) * height;
        }
        return pixels;
      },
    };
  };
})();
