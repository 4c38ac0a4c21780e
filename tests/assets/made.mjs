/* Scenes, studies and pictures made by hand. */

/** Scene of runs along the first component; each list has the first coordinates of a run. */
export const makeScene = (runs, width = 3, more = {}) => {
  const n = runs.flat().length;
  const arrays = {
    coordinates: new Float32Array(n * width),
    run: new Uint32Array(n),
    checkpoint: new Uint32Array(n),
    "model:epoch": new Float32Array(n),
  };
  const spans = [];
  let model = 0;
  runs.forEach((values, run) => {
    spans.push({ first: model, count: values.length });
    values.forEach((value, step) => {
      arrays.coordinates[model * width] = value;
      for (let k = 1; k < width; k += 1) arrays.coordinates[model * width + k] = ((7 * model + 3 * k) % 5) / (10 * k);
      [arrays.run[model], arrays.checkpoint[model], arrays["model:epoch"][model]] = [run, step, step];
      model += 1;
    });
  });
  return {
    key: "key",
    study: "made",
    split: "train",
    divergence: "bhattacharyya",
    run_ids: runs.map((_, run) => `run-${run}`),
    n_models: n,
    n_components: width,
    diagnostics: {
      signature: Array.from({ length: width }, (_, k) => (k === 2 ? -1 : 1)),
      explained_variance: Array.from({ length: width }, (_, k) => 1 - 0.5 ** (k + 1)),
    },
    arrays,
    spans,
    ...more,
  };
};

/** Scene with P₀ and P* and a point between them. */
export const withReferences = (scene) => ({
  ...scene,
  arrays: {
    ...scene.arrays,
    reference_coordinates: Float32Array.from({ length: 3 * scene.n_components }, (_, at) => Math.floor(at / scene.n_components) - 1),
    reference_positions: Float32Array.of(0, 0.5, 1),
  },
});

/** Study of six runs: an architecture, a learning rate, and a status. */
export const makeStudy = () => ({
  study: "made",
  fingerprint: "0123456789abcdef",
  run_ids: ["run-0", "run-1", "run-2", "run-3", "run-4", "run-5"],
  differing: ["architecture", "learning_rate"],
  columns: [
    { name: "architecture", label: "architecture", levels: ["CNN", "MLP", ""], level: [0, 0, 1, 1, 2, 2], ordered: false },
    { name: "learning_rate", label: "learning rate", numbers: [0.001, 0.01, 0.1, 0.1, 1, null] },
    { name: "depth", label: "depth", levels: ["1", "2", "3"], level: [0, 1, 2, 0, 1, 2], ordered: true },
  ],
  filters: [
    { kind: "levels", name: "architecture", levels: ["CNN", "MLP", ""] },
    { kind: "range", name: "learning_rate", stops: [0.001, 0.01, 0.1, 1], counts: [1, 1, 2, 1], discrete: true, logarithmic: true },
  ],
});

export const STYLE = {
  categories: ["#aa0000", "#00aa00", "#0000aa"],
  other: "#999999",
  sequential: ["#000000", "#555555", "#aaaaaa", "#ffffff"],
  timeLike: "#ff0000",
  pins: ["#112233", "#445566"],
  labels: { train_error: "train error" },
  templates: { light: {}, dark: {} },
  surfaces: { light: { wall: "#ffffff", muted: "#888888", ink: "#111111", reference: "#222222", grid: "#dddddd", paper: "#ffffff" } },
};

/** Picture of a scene with one colour a level of the architecture. */
export const makePicture = (scene, more = {}) => ({
  scene,
  colouring: {
    kind: "levels",
    label: "architecture",
    entries: [{ name: "CNN", color: "#aa0000" }, { name: "MLP", color: "#00aa00" }],
    entryOfRun: (run) => run % 2,
  },
  axes: [1, 2, 3],
  isShown: () => true,
  context: "faint",
  inFull: false,
  picked: new Set(),
  pins: [],
  style: STYLE,
  theme: "light",
  camera: null,
  scale: "equal",
  moment: null,
  emphasis: 1,
  showReferences: true,
  alongside: null,
  ...more,
});

/** Canvas context that records what is called and set. */
export const makeContext = () => {
  const calls = [];
  const target = { calls };
  return new Proxy(target, {
    get: (object, name) => (name in object ? object[name] : (...values) => calls.push([name, ...values])),
    set: (object, name, value) => {
      object[name] = value;
      calls.push([`${String(name)} =`, value]);
      return true;
    },
  });
};

export const near = (a, b, within = 1e-6) => Math.abs(a - b) <= within;
