/* Callbacks of Dash that run in the browser: from its controls to the explorer. */

import { encodeMask } from "../values/selection.mjs";
import { offerCallbacks, setProps, unchanged } from "../page/dash.mjs";
import { on } from "../page/events.mjs";
import { state } from "../page/state.mjs";
import { byId } from "../page/words.mjs";
import { paint } from "./drawing.mjs";
import { openStudy, select, wantedConstraints } from "./explorer.mjs";
import { grownControls, growStudy } from "./growth.mjs";

/** @param {Study} study */
const rows = (study) =>
  study.run_ids.map((runId, run) => {
    /** @param {Column} column */
    const valueOf = (column) => (column.numbers ? column.numbers[run] : column.levels[column.level[run]]);
    // fromEntries, not assignment: a column may be called "__proto__".
    return Object.fromEntries([["run_id", runId], ...study.columns.map((column) => [column.name, valueOf(column)])]);
  });

/**
 * The study as Dash last gave it.
 * @type {Study | null}
 */
let latest = null;

/**
 * Copy of a study for the page to change: what Dash holds stays as it came.
 * @param {Study} study
 */
const ownCopy = (study) => ({
  ...study,
  columns: study.columns?.map((column) => ({ ...column })),
  filters: study.filters?.map((filter) => ({ ...filter })),
});

let told = "null";

/**
 * Write the store that callbacks of extensions read: a new object at every change. Only where a callback reads it: a
 * change of Dash's components costs more than a filter.
 * @param {object | null} shown
 */
const tell = (shown) => {
  if (byId("page").dataset.tells !== "shown" || JSON.stringify(shown) === told) return;
  told = JSON.stringify(shown);
  setProps("shown", { data: shown });
};

const tellShown = () => {
  const { study, split, divergence, mask, scene } = state;
  const key = scene && !scene.is_preview ? scene.key : null;
  tell({ study: study.study, fingerprint: study.fingerprint, split, divergence, mask: encodeMask(mask), scene: key });
};

export const install = () => {
  on("forget", () => tell(null));
  on("select", tellShown);
  on("scene", tellShown);
  offerCallbacks({
    /**
     * @param {Study} given
     * @param {string} split
     * @param {string} references
     * @param {boolean} automatic
     * @param {Style} style
     */
    explore: (given, split, references, automatic, style) => {
      if (!given) return unchanged();
      const isNew = given !== latest;
      latest = given;
      const study = isNew ? ownCopy(given) : state.study;
      const isGrown = isNew && study.isGrown && study.study === state.study?.study;
      if (isGrown) growStudy(study);
      else if (isNew) openStudy(study, style);
      if (!study.study) return isNew ? [] : unchanged();
      select({ constraints: wantedConstraints(), split, references, automatic });
      return isNew ? rows(study) : unchanged();
    },
    /**
     * @param {any} growth
     * @param {any} colors
     * @param {any} columns
     */
    grow: (growth, colors, columns) => grownControls(growth, { colors, columns }, unchanged()),
    /**
     * @param {string} colorBy
     * @param {...string} axes
     */
    paint: (colorBy, ...axes) => {
      if (colorBy) paint(colorBy, axes.map(Number));
    },
  });
};
