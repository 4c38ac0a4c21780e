/*
 * Synthetic study of any size for benchmarks and tests, passed to the page's own functions without a server.
 *
 * One expression, a function of {runs, checkpoints}, for Playwright's evaluate. It opens the study like any other; every
 * request for an embedding is answered at once with the whole scene. Trajectories are smooth curves with noise from
 * ignorance to truth, with a different bend for each of three architectures.
 */
({ runs, checkpoints }) => {
  const ARCHITECTURES = ["CNN", "ViT", "fully connected"];
  const RATES = [0.001, 0.003, 0.01, 0.03, 0.1];
  const COMPONENTS = 6;

  let seed = 12345;
  const random = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32 - 0.5;
  };

  const runIds = Array.from({ length: runs }, (_, run) => `run-${String(run).padStart(4, "0")}`);
  const architecture = runIds.map((_, run) => run % ARCHITECTURES.length);
  const rate = runIds.map((_, run) => (run >> 2) % RATES.length);
  const levels = (name, label, texts, level, more = {}) => ({ name, label, levels: texts, level, ordered: false, ...more });
  const numbers = rate.map((level) => RATES[level]);
  const study = {
    study: "synthetic",
    title: "Synthetic study",
    fingerprint: `synthetic-${runs}-${checkpoints}`.padEnd(64, "0"),
    run_ids: runIds,
    columns: [
      levels("architecture", "architecture", ARCHITECTURES, architecture),
      levels("learning_rate", "learning rate", RATES.map(String), rate, { ordered: true, numbers }),
      { name: "test_error", label: "test error", numbers: runIds.map(() => 0.5 + random()) },
    ],
    differing: ["architecture", "learning_rate"],
    filters: [
      { name: "architecture", kind: "levels", levels: ARCHITECTURES },
      { name: "learning_rate", kind: "range", stops: RATES, counts: RATES.map((value) => numbers.filter((number) => number === value).length), discrete: true },
    ],
    problems: [],
    opening_seconds: 60,
    notice: "",
    view: {
      search: "", picked: [], pinned: [], mode: "3d", paired: 4, comparison: "", context: "faint", color_by: "run:architecture",
      axes: [1, 2, 3], flips: [], camera: [], dark: null, scale: "equal", clock: "progress", moment: null, tab: "components",
    },
  };

  const models = runs * checkpoints;
  const arrays = {
    run: new Uint32Array(models),
    checkpoint: new Uint32Array(models),
    coordinates: new Float32Array(models * COMPONENTS),
    reference_coordinates: new Float32Array(2 * COMPONENTS),
    reference_positions: Float32Array.of(0, 1),
  };
  for (const name of ["step", "epoch", "progress", "train_error", "test_error"]) arrays[`model:${name}`] = new Float32Array(models);
  for (let run = 0, model = 0; run < runs; run += 1) {
    const bend = [1, 0.6, 0.35].map((size) => size * (0.4 * (architecture[run] - 1) + 0.25 * random()));
    const speed = 0.5 + 0.1 * rate[run];
    for (let checkpoint = 0; checkpoint < checkpoints; checkpoint += 1, model += 1) {
      const t = 1 - Math.exp((-4 * speed * checkpoint) / (checkpoints - 1));
      const at = model * COMPONENTS;
      arrays.coordinates[at] = t + 0.004 * random();
      for (let k = 1; k < COMPONENTS; k += 1) {
        arrays.coordinates[at + k] = ((bend[k % 3] * Math.sin(Math.PI * k * t)) / k + 0.01 * random()) / 1.5;
      }
      arrays.run[model] = run;
      arrays.checkpoint[model] = checkpoint;
      arrays["model:step"][model] = 10 * checkpoint;
      arrays["model:epoch"][model] = checkpoint;
      arrays["model:progress"][model] = t;
      arrays["model:train_error"][model] = arrays["model:test_error"][model] = 0.9 * (1 - t);
    }
  }
  arrays.reference_coordinates[COMPONENTS] = 1;

  const ramp = (end) => Array.from({ length: COMPONENTS }, (_, k) => end * (1 - 0.4 ** (k + 1)));
  const scene = {
    key: `synthetic-${runs}-${checkpoints}`,
    study: "synthetic",
    split: "train",
    divergence: "bhattacharyya",
    fit_references: false,
    run_ids: runIds,
    n_models: models,
    n_components: COMPONENTS,
    n_capped: 0,
    device: "CPU",
    seconds: 0.1,
    is_streamed: false,
    diagnostics: { signature: [1, 1, 1, -1, 1, -1], explained_stress: ramp(0.97), explained_variance: ramp(0.99), residual: null },
    panels: {},
    closer: { answers: new Map(), panels: {} },
    arrays,
    spans: runIds.map((_, run) => ({ first: run * checkpoints, count: checkpoints })),
  };
  window.inpca.asker = {
    ask: (name, question, limit, listener) => listener.onScene({ ...scene }, 1),
    askedName: () => null,
    withdraw: () => {},
  };
  window.dash_clientside.set_props("study-data", { data: study });
}
