/*
 * Measurements inside the page. Injected before the page loads: counts WebGL contexts from the first one on, and
 * defines window.measure, for use once the page's own scripts are loaded.
 */
(() => {
  "use strict";

  const contexts = [];
  const { getContext } = HTMLCanvasElement.prototype;
  HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
    const context = getContext.call(this, kind, ...rest);
    if (context && /^(experimental-)?webgl/.test(kind) && !contexts.some((known) => known.deref() === context)) {
      contexts.push(new WeakRef(context));
    }
    return context;
  };

  const blocked = [];
  new PerformanceObserver((list) => blocked.push(...list.getEntries())).observe({ type: "longtask", buffered: true });

  const frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  const setProps = (id, props) => window.dash_clientside.set_props(id, props);
  const pick = (values, turn) => values[turn % values.length];

  /** Name -> action of a click, by its turn; each alternates, so that every call changes the picture. */
  const actions = {
    filter: () => document.querySelector("#filters .pill input").click(),
    range: (turn) => {
      const handle = document.querySelector("#filters .range input:last-of-type");
      handle.value = pick([handle.max - 1, handle.max], turn);
      handle.dispatchEvent(new Event("input", { bubbles: true }));
    },
    search: (turn) => {
      const box = document.getElementById("search");
      const word = window.inpca.state.study.columns.find((column) => column.levels?.length > 1).levels[0];
      Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(box, pick([word, ""], turn));
      box.dispatchEvent(new Event("input", { bubbles: true }));
      box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
    },
    colour: (turn) => setProps("color-by", { value: pick(["model:progress", "run:architecture"], turn) }),
    hide: () => document.querySelector(".legend-entry").click(),
    axes: (turn) => setProps("axis-z", { value: pick(["4", "3"], turn) }),
    slider: (turn) => {
      const slider = document.querySelector("#time-slider input");
      slider.value = pick([0.5, 0.6], turn);
      slider.dispatchEvent(new Event("input", { bubbles: true }));
    },
  };

  let onDrawn = () => {};

  window.measure = {
    canDo: (name) => name !== "slider" || document.querySelector("#time-slider input") !== null,

    /** Do one action: milliseconds to the frame after its picture, and of the longest task that blocked the page. */
    act: async (name, turn) => {
      if (!window.inpca.isMeasured) window.inpca.on("drawn", () => onDrawn());
      window.inpca.isMeasured = true;
      await frame();
      const drawn = new Promise((resolve) => (onDrawn = resolve));
      const began = performance.now();
      actions[name](turn);
      await drawn;
      await frame();
      const toPicture = performance.now() - began;
      // A long task is reported only after it has ended.
      await frame();
      const mine = blocked.filter((task) => task.startTime + task.duration > began);
      return { toPicture, longest: Math.max(0, ...mine.map((task) => task.duration)) };
    },

    /** Click a pill and wait for the new embedding: milliseconds to its picture, and in the engine. */
    reselect: async (index) => {
      const root = document.getElementById("page");
      const changed = new Promise((resolve) => {
        const observer = new MutationObserver(() => {
          if (window.inpca.state.scene?.is_preview) return;
          observer.disconnect();
          resolve();
        });
        observer.observe(root, { attributeFilter: ["data-scene"] });
      });
      const pills = document.querySelectorAll("#filters .pill input");
      const began = performance.now();
      pills[index % pills.length].click();
      await changed;
      await frame();
      return { toPicture: performance.now() - began, engine: 1000 * window.inpca.state.scene.seconds };
    },

    contexts: () => contexts.map((known) => known.deref()).filter((context) => context && !context.isContextLost()).length,

    renderer: () => {
      const context = contexts.map((known) => known.deref()).find(Boolean);
      const names = context?.getExtension("WEBGL_debug_renderer_info");
      return names ? context.getParameter(names.UNMASKED_RENDERER_WEBGL) : "not known";
    },

    /** Show `runs` noisy copies of the runs on screen, each with `checkpoints` checkpoints. */
    multiply: (runs, checkpoints) => {
      const { state } = window.inpca;
      const [study, scene] = [state.study, state.scene];
      const source = Int32Array.from({ length: runs }, (_, run) => run % scene.run_ids.length);
      const rows = Array.from(source, (run) => window.inpca.row(study, scene.run_ids[run]));
      const each = (values) => values && rows.map((row) => values[row]);
      const runIds = rows.map((row, run) => `${study.run_ids[row]}-${run}`);
      const models = Int32Array.from({ length: runs * checkpoints }, (_, model) => {
        const { first, count } = scene.spans[source[Math.floor(model / checkpoints)]];
        return first + Math.floor(((model % checkpoints) * count) / checkpoints);
      });
      const arrays = Object.fromEntries(
        Object.entries(scene.arrays)
          .filter(([name]) => name.startsWith("model:"))
          .map(([name, values]) => [name, Float32Array.from(models, (model) => values[model])]),
      );
      let seed = 1;
      const noise = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32 - 0.5;
      const k = scene.n_components;
      const coordinates = Float32Array.from({ length: models.length * k }, (_, at) =>
        scene.arrays.coordinates[models[Math.floor(at / k)] * k + (at % k)] + 0.01 * noise(),
      );
      const key = `multiplied-${runs}-${checkpoints}`;
      const multiplied = {
        ...scene,
        key,
        run_ids: runIds,
        n_models: models.length,
        isOriented: true,
        extents: undefined,
        spans: Array.from({ length: runs }, (_, run) => ({ first: run * checkpoints, count: checkpoints })),
        arrays: {
          ...arrays,
          coordinates,
          run: Uint32Array.from(models, (_, model) => Math.floor(model / checkpoints)),
          checkpoint: Uint32Array.from(models, (_, model) => model % checkpoints),
          reference_coordinates: scene.arrays.reference_coordinates,
          reference_positions: scene.arrays.reference_positions,
        },
      };
      window.inpca.asker = {
        ask: (name, question, limit, listener) => listener.onScene({ ...multiplied }, 1),
        askedName: () => null,
        withdraw: () => {},
      };
      setProps("study-data", {
        data: {
          ...study,
          study: key,
          fingerprint: key.padEnd(64, "0"),
          run_ids: runIds,
          columns: study.columns.map((column) => ({ ...column, numbers: each(column.numbers), level: each(column.level) })),
          filters: study.filters.map((filter) => ({ ...filter })),
        },
      });
    },
  };
})();
