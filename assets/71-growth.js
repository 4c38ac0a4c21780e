/*
 * A study that has changed on disk, taken up in place.
 *
 * Opening a study again would bring back everything an address says, and lose what it does not: hidden levels, signs, the
 * exact camera, scroll and focus, an entry of the browser's history each time. So the new tables are fetched and put
 * beside what the reader has chosen, which stays as it is; then the selection is embedded like any other.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});
  const { state } = inpca;

  let isFetching = false;
  /** Name of a range -> what the reader asked for, and the stops that came nearest in the latest histogram. */
  const wishes = new Map();

  /** Take up what is new; whether there was anything. Throws where the server says no or cannot be reached. */
  inpca.catchUp = async () => {
    if (isFetching) return false;
    isFetching = true;
    try {
      const { study, run_ids: known } = state.study;
      const answer = await inpca.reach(`api/studies/${encodeURIComponent(study)}/growth`);
      if (state.study.study !== study || answer.study.fingerprint === state.study.fingerprint) return false;
      // The first run, or none left: that is another page.
      if (known.length === 0 || answer.study.run_ids.length === 0) inpca.reopen();
      else inpca.setProps("growth", { data: answer });
      return true;
    } finally {
      isFetching = false;
    }
  };

  /** Somebody was told that the page's study is no longer the one on disk: take up the new one, then ask again. */
  inpca.catchUpOrReopen = () =>
    inpca
      .catchUp()
      .then((isNew) => isNew || inpca.reselect())
      .catch(inpca.reopen);

  /* ------------------------------------------------------------------ controls */

  const enclosing = (stops, low, high) => {
    const last = stops.length - 1;
    if (high < stops[0] || low > stops[last]) return [0, last];
    const end = stops.findIndex((stop) => stop >= high);
    return [Math.max(0, stops.findLastIndex((stop) => stop <= low)), end < 0 ? last : end];
  };

  /**
   * Where the handles of a range go on new stops. Bins are cut anew with every new extreme, so what was asked for is kept
   * apart from the stops nearest to it: the range would widen a little each time.
   */
  const endsOf = ({ name, stops }, constraint) => {
    const numbers = constraint.kind === "levels" ? [...constraint.chosen].map(Number) : [constraint.low, constraint.high];
    const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
    const wish = wishes.get(name);
    const asked = wish?.low === low && wish.high === high ? wish.asked : [low, high];
    const ends = enclosing(stops, ...asked);
    wishes.set(name, { asked, low: stops[ends[0]], high: stops[ends[1]] });
    return ends;
  };

  /** What is chosen in the filters, as it stands in another state of the study: name -> levels, or stops at the ends. */
  inpca.grownChoices = (study) => {
    const choice = (filter, constraint) =>
      filter.kind === "levels" ? filter.levels.filter((level) => constraint.chosen?.has(level)) : endsOf(filter, constraint);
    return new Map(
      study.filters.flatMap((filter) => {
        const constraint = state.constraints.find(({ name }) => name === filter.name);
        return constraint ? [[filter.name, choice(filter, constraint)]] : [];
      }),
    );
  };

  const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);

  const isOffered = (colorBy, groups) => groups.some(({ items }) => items.some(({ value }) => value === colorBy));

  /** Dash's controls that depend on the data, `unchanged` where they would stay: widths and sorting of columns do too. */
  inpca.grownControls = ({ study, colors, columns }, now, unchanged) => [
    isSame(colors, now.colors) || !isOffered(state.colorBy, colors) ? unchanged : colors,
    isSame(columns, now.columns) ? unchanged : columns,
    { ...study, isGrown: true },
  ];

  /* ------------------------------------------------------------------ the study itself */

  inpca.growStudy = (study) => {
    const before = state.study;
    const isThere = (runId) => inpca.row(study, runId) !== undefined;
    Object.assign(state, { study, isGrown: true });
    if (![...state.kept].every(isThere)) state.kept = new Set([...state.kept].filter(isThere));
    inpca.listProblems(study.problems);
    inpca.emit("grown", study, before);
    if (![...state.picked].every(isThere)) inpca.pick([...state.picked].filter(isThere));
  };

  inpca.on("forget", () => wishes.clear());
})();
