/*
 * The address bar carries the view: the text that dashboard/view_state.py parses, defaults left out.
 *
 * Whoever adds something to the view adds its key here (inpca.addressFields.push) and its parser there.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const PAUSE_MS = 300;
  const MOST_NAMED_RUNS = 60;
  /** An address says the sign of this many components; those beyond are noise more often than they are looked at. */
  const MOST_FLIPPED = 20;
  const escape = encodeURIComponent;
  let timer = null;

  /** Few runs are named one by one, many by the name under which the server keeps them (78-kept-selections.js). */
  inpca.isNamedSingly = ({ kept }) => kept.size <= MOST_NAMED_RUNS;

  /** A bit per run of the study: how a request names kept runs, and an address until they have a name. */
  inpca.keptMask = ({ study, kept }) => inpca.maskOf(study, kept);

  const fingerprintedMask = (state) => `${state.study.fingerprint.slice(0, 12)}.${inpca.keptMask(state)}`;

  const levels = ({ constraints }) =>
    constraints
      .filter((entry) => entry.kind === "levels")
      .map(({ name, chosen }) => `${escape(name)}:${[...chosen].map(escape).join(",")}`)
      .join(";");

  const ranges = ({ constraints }) =>
    constraints
      .filter((entry) => entry.kind === "range")
      .map(({ name, low, high }) => `${escape(name)}:${low}..${high}`)
      .join(";");

  /** Components that an alignment has turned round: a camera is of no use to somebody who sees their mirror image. */
  const flips = ({ flips: wanted, scene }) => {
    const flipped = wanted ?? scene?.alignment.flipped ?? [];
    return [...flipped].filter((component) => component <= MOST_FLIPPED).join(",");
  };

  inpca.cameraText = (view) =>
    view
      ? ["eye", "center", "up"].flatMap((part) => ["x", "y", "z"].map((axis) => Number(view[part][axis].toPrecision(4)))).join(",")
      : "";

  /** [key, (state) => text]: empty text is left out. */
  inpca.addressFields = [
    ["d", (state) => state.study.study],
    ["split", (state) => (state.split === "train" ? "" : state.split)],
    ["f", levels],
    ["r", ranges],
    ["runs", (state) => (inpca.isNamedSingly(state) ? [...state.kept].map(escape).join(",") : "")],
    ["s", (state) => inpca.selectionName(state)],
    ["mask", (state) => (inpca.isNamedSingly(state) || inpca.selectionName(state) ? "" : fingerprintedMask(state))],
    ["ref", (state) => (state.references === "project" ? "" : state.references)],
    ["ax", (state) => (state.axes.join() === "1,2,3" ? "" : state.axes.join())],
    ["c", (state) => state.colorBy],
    ["fl", flips],
    ["th", (state) => state.chosenTheme],
    ["cam", (state) => inpca.cameraText(state.camera)],
  ];

  inpca.query = () => {
    const pairs = inpca.addressFields.map(([key, write]) => [key, write(inpca.state)]).filter(([, text]) => text);
    return `?${[["v", "1"], ...pairs].map(([key, text]) => `${key}=${escape(text)}`).join("&")}`;
  };

  /** Replaces, never pushes: a slider must not fill the browser's history. */
  inpca.writeAddress = () => {
    if (!inpca.state.study?.study) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      history.replaceState(history.state, "", inpca.query());
      inpca.emit("address");
    }, PAUSE_MS);
  };
})();
