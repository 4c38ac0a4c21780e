/* What colour a run or a checkpoint has, and the legend that says so. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const LOGARITHMIC_RATIO = 50;
  const NO_VALUE = "#8A8F98";

  inpca.format = (value) => {
    if (value === null || value === undefined || value === "") return "";
    if (typeof value !== "number") return String(value);
    if (!Number.isFinite(value)) return "";
    if (Number.isInteger(value) && Math.abs(value) < 1e7) return value.toLocaleString("en");
    return String(Number(value.toPrecision(4)));
  };

  /**
   * A colouring of a scene.
   * levels:  {kind, label, entries: [{name, color}], entryOfRun(run), colorOfModel(model)}
   * numbers: {kind, label, low, high, isLogarithmic, values: Float32Array per model, scale}
   */
  inpca.colouring = (study, scene, colorBy, style) => {
    const [kind, ...rest] = (colorBy || "").split(":");
    const name = rest.join(":");
    const values = study.columns.find((entry) => entry.name === name);
    if (kind === "run" && values && values.levels) return levelColouring(study, scene, values, style);
    if (kind === "run" && values && values.numbers) {
      const index = new Map(study.run_ids.map((runId, run) => [runId, run]));
      const ofRun = scene.run_ids.map((runId) => values.numbers[index.get(runId)] ?? NaN);
      const perModel = Float32Array.from(scene.arrays.run, (run) => ofRun[run]);
      return numberColouring(values.label, perModel, style);
    }
    const along = scene.arrays[`model:${name}`] || scene.arrays["model:epoch"];
    return numberColouring(style.labels[name] || name.replaceAll("_", " "), along, style);
  };

  const levelColouring = (study, scene, values, style) => {
    const colors = levelColors(values, style);
    const index = new Map(study.run_ids.map((runId, run) => [runId, run]));
    const levelOfRun = scene.run_ids.map((runId) => values.level[index.get(runId)]);
    const entries = new Map();
    const entryOfRun = levelOfRun.map((level) => {
      const { name, color } = colors[level];
      if (!entries.has(name)) entries.set(name, { name, color, rank: level });
      return name;
    });
    const ordered = [...entries.values()].sort((a, b) => (a.name === "other") - (b.name === "other") || a.rank - b.rank);
    const entryIndex = new Map(ordered.map((entry, position) => [entry.name, position]));
    const ofRun = entryOfRun.map((name) => entryIndex.get(name));
    return { kind: "levels", label: values.label, entries: ordered, entryOfRun: (run) => ofRun[run] };
  };

  /** Colours belong to the levels of the whole study, so that they stay when the selection changes. */
  const levelColors = (values, style) => {
    const n = values.levels.length;
    if (values.ordered) {
      const last = style.sequential.length - 1;
      return values.levels.map((name, level) => ({
        name,
        color: style.sequential[n > 1 ? Math.round((level / (n - 1)) * last * 0.92) : 0],
      }));
    }
    if (n <= style.categories.length) return values.levels.map((name, level) => ({ name, color: style.categories[level] }));
    const counts = new Array(n).fill(0);
    values.level.forEach((level) => (counts[level] += 1));
    const frequent = counts
      .map((count, level) => ({ count, level }))
      .sort((a, b) => b.count - a.count || a.level - b.level)
      .slice(0, style.categories.length - 1)
      .map((entry) => entry.level)
      .sort((a, b) => a - b);
    return values.levels.map((name, level) => {
      const rank = frequent.indexOf(level);
      return rank >= 0 ? { name, color: style.categories[rank] } : { name: "other", color: style.other };
    });
  };

  const numberColouring = (label, values, style) => {
    let low = Infinity;
    let high = -Infinity;
    let lowestPositive = Infinity;
    for (const value of values) {
      if (!Number.isFinite(value)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
      if (value > 0) lowestPositive = Math.min(lowestPositive, value);
    }
    const isLogarithmic = low > 0 && high / lowestPositive > LOGARITHMIC_RATIO;
    const scaled = isLogarithmic ? Float32Array.from(values, Math.log10) : values;
    const ends = isLogarithmic ? [Math.log10(low), Math.log10(high)] : [low, high];
    const span = ends[1] - ends[0] || 1;
    const last = style.sequential.length - 1;
    const colorOfModel = (model) => {
      const value = scaled[model];
      if (!Number.isFinite(value)) return NO_VALUE;
      return style.sequential[Math.round(((value - ends[0]) / span) * last)];
    };
    return {
      kind: "numbers",
      label,
      low,
      high,
      isLogarithmic,
      colorOfModel,
      scale: style.sequential,
    };
  };

  /** Draw the legend of the given runs; onToggle(entryName, isolate) is called on click and double click of a level. */
  inpca.drawLegend = (element, colouring, runs, hidden, onToggle) => {
    element.replaceChildren();
    const title = document.createElement("div");
    title.className = "legend-title";
    title.textContent = colouring.label;
    element.append(title);
    if (colouring.kind === "numbers") {
      element.append(gradient(colouring));
      return;
    }
    const counts = new Array(colouring.entries.length).fill(0);
    for (const run of runs) counts[colouring.entryOfRun(run)] += 1;
    for (const [position, entry] of colouring.entries.entries()) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "legend-entry";
      button.setAttribute("aria-pressed", String(!hidden.has(entry.name)));
      button.title = "Click: show or hide. Double click: only this.";
      const swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.background = entry.color;
      const name = document.createElement("bdi");
      name.textContent = entry.name;
      const count = document.createElement("span");
      count.className = "pill-count";
      count.textContent = counts[position];
      button.append(swatch, name, count);
      button.addEventListener("click", (event) => onToggle(entry.name, event.detail > 1));
      element.append(button);
    }
  };

  const gradient = (colouring) => {
    const box = document.createElement("div");
    box.className = "gradient";
    const bar = document.createElement("div");
    bar.className = "gradient-bar";
    bar.style.background = `linear-gradient(to right, ${colouring.scale.join(",")})`;
    const ends = document.createElement("div");
    ends.className = "limits";
    const texts = [colouring.low, colouring.high].map(inpca.format);
    texts.splice(1, 0, colouring.isLogarithmic ? "log" : "");
    for (const text of texts) {
      const span = document.createElement("span");
      span.textContent = text;
      ends.append(span);
    }
    box.append(bar, ends);
    return box;
  };
})();
