/* The address bar carries the view: the text that dashboard/view_state.py parses, defaults left out. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const PAUSE_MS = 300;
  const MOST_NAMED_RUNS = 40;
  const escape = encodeURIComponent;
  let timer = null;

  const fields = (view) => {
    const levels = view.constraints.filter((entry) => entry.kind === "levels");
    const ranges = view.constraints.filter((entry) => entry.kind === "range");
    const camera = view.camera && ["eye", "center", "up"].flatMap((part) => ["x", "y", "z"].map((axis) => view.camera[part][axis]));
    return {
      d: view.study,
      split: view.split === "train" ? "" : view.split,
      f: levels.map(({ name, chosen }) => `${escape(name)}:${[...chosen].map(escape).join(",")}`).join(";"),
      r: ranges.map(({ name, low, high }) => `${escape(name)}:${low}..${high}`).join(";"),
      runs: view.kept.size > MOST_NAMED_RUNS ? "" : [...view.kept].map(escape).join(","),
      mask: view.kept.size > MOST_NAMED_RUNS ? view.keptMask : "",
      ref: view.references === "project" ? "" : view.references,
      ax: view.axes.join() === "1,2,3" ? "" : view.axes.join(),
      c: view.colorBy,
      th: view.theme || "",
      cam: camera ? camera.map((number) => Number(number.toPrecision(4))).join(",") : "",
    };
  };

  inpca.query = (view) => {
    const pairs = Object.entries(fields(view)).filter(([, text]) => text);
    return `?${[["v", "1"], ...pairs].map(([key, text]) => `${key}=${escape(text)}`).join("&")}`;
  };

  /** Replaces, never pushes: a slider must not fill the browser's history. */
  inpca.writeAddress = (view) => {
    clearTimeout(timer);
    timer = setTimeout(() => history.replaceState(history.state, "", inpca.query(view)), PAUSE_MS);
  };
})();
