/* What colour a run or a checkpoint has. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const LOGARITHMIC_RATIO = 30;

  inpca.format = (value) => {
    if (value === null || value === undefined || value === "") return "";
    if (typeof value !== "number") return String(value);
    if (!Number.isFinite(value)) return "";
    if (Number.isInteger(value) && Math.abs(value) < 1e7) return value.toLocaleString("en");
    return String(Number(value.toPrecision(4)));
  };

  /** Colour a share of the way from one hexadecimal colour to another: how context recedes without transparency. */
  inpca.mix = (color, other, share) => {
    const channels = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
    const [from, to] = [channels(color), channels(other)];
    return `#${from.map((value, index) => Math.round(value + (to[index] - value) * share).toString(16).padStart(2, "0")).join("")}`;
  };

  /** What a column along the runs is called; metrics may be named as what every object has ("constructor"). */
  inpca.labelOf = ({ labels }, name) => (Object.hasOwn(labels, name) ? labels[name] : name.replaceAll("_", " "));

  /**
   * A colouring of a scene; with another scene alongside, one that serves both.
   * levels:  {kind, label, entries: [{name, color}], entryOfRun(run)}
   * numbers: {kind, label, low, high, isLogarithmic, isOfRuns, stepOfModel(model), colorOfModel(model), scale}, where
   *          isOfRuns says that all checkpoints of a run have one number, and a step below zero that there is none.
   */
  inpca.colouring = (study, scene, colorBy, style, alongside = null) => {
    const scenes = alongside ? [scene, alongside] : [scene];
    const [kind, ...rest] = colorBy.split(":");
    const name = rest.join(":");
    const column = kind === "run" ? inpca.column(study, name) : undefined;
    if (column && column.levels) return levelColouring(study, scenes, column, style);
    if (column && column.numbers) {
      const values = ({ run_ids, arrays }) => {
        const ofRun = run_ids.map((runId) => column.numbers[inpca.row(study, runId)] ?? NaN);
        return Float32Array.from(arrays.run, (run) => ofRun[run]);
      };
      return numberColouring(column.label, scenes.map(values), style, true);
    }
    const along = ({ arrays }) => arrays[`model:${name}`] || arrays["model:epoch"];
    return numberColouring(inpca.labelOf(style, name), scenes.map(along), style, false);
  };

  const levelColouring = (study, scenes, column, style) => {
    const colors = levelColors(column, style);
    const [ofRun, ...ofOthers] = scenes.map(({ run_ids }) => run_ids.map((runId) => colors[column.level[inpca.row(study, runId)]]));
    const present = new Set([ofRun, ...ofOthers].flat());
    const entries = colors.filter(
      (entry, level) => present.has(entry) && colors.findIndex((other) => other.name === entry.name) === level,
    );
    const positions = new Map(entries.map((entry, position) => [entry.name, position]));
    return { kind: "levels", label: column.label, entries, entryOfRun: (run) => positions.get(ofRun[run].name) };
  };

  /** Colour of a run where it has one for all its checkpoints: its level's, or that of its end. */
  inpca.endColor = (scene, colouring, run) =>
    colouring.kind === "levels"
      ? colouring.entries[colouring.entryOfRun(run)].color
      : colouring.colorOfModel(scene.spans[run].first + scene.spans[run].count - 1);

  /** Colour of one value of a hyperparameter, as text; undefined where the study has no such value. */
  inpca.colorOfLevel = (study, name, level, style) => {
    const column = inpca.column(study, name);
    const place = column?.levels ? column.levels.indexOf(level) : -1;
    return place < 0 ? undefined : levelColors(column, style)[place].color;
  };

  /** Colours belong to the levels of the whole study, so that they stay when the selection changes. */
  const levelColors = (column, style) => {
    const n = column.levels.length;
    if (column.ordered) {
      const last = style.sequential.length - 1;
      return column.levels.map((name, level) => ({ name, color: style.sequential[n > 1 ? Math.round((level / (n - 1)) * last) : 0] }));
    }
    if (n <= style.categories.length) return column.levels.map((name, level) => ({ name, color: style.categories[level] }));
    const counts = new Array(n).fill(0);
    column.level.forEach((level) => (counts[level] += 1));
    const frequent = counts
      .map((count, level) => ({ count, level }))
      .sort((a, b) => b.count - a.count || a.level - b.level)
      .slice(0, style.categories.length - 1)
      .map((entry) => entry.level)
      .sort((a, b) => a - b);
    const other = { name: "other", color: style.other };
    return column.levels.map((name, level) =>
      frequent.includes(level) ? { name, color: style.categories[frequent.indexOf(level)] } : other,
    );
  };

  const numberColouring = (label, [values, ...others], style, isOfRuns) => {
    let low = Infinity;
    let high = -Infinity;
    for (const one of [values, ...others]) {
      for (const value of one) {
        if (!Number.isFinite(value)) continue;
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    const isLogarithmic = low > 0 && high / low > LOGARITHMIC_RATIO;
    const scaled = (value) => (isLogarithmic ? Math.log(value) : value);
    const span = scaled(high) - scaled(low) || 1;
    const last = style.sequential.length - 1;
    const stepOfModel = (model) =>
      Number.isFinite(values[model]) ? Math.round(((scaled(values[model]) - scaled(low)) / span) * last) : -1;
    const colorOfModel = (model) => style.sequential[stepOfModel(model)] ?? style.other;
    return { kind: "numbers", label, low, high, isLogarithmic, isOfRuns, stepOfModel, colorOfModel, scale: style.sequential };
  };
})();
