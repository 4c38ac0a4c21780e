/* Which runs pass: filters over the study's columns, and the bit mask that tells the server. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  /** Column of the run table by name. */
  inpca.column = (study, name) => study.columns.find((entry) => entry.name === name);

  /** Row of a run in the study's order. */
  inpca.row = (study, runId) => {
    study.rows = study.rows || new Map(study.run_ids.map((id, row) => [id, row]));
    return study.rows.get(runId);
  };

  /** Chosen pills and slider positions -> the constraints that really narrow the study. */
  inpca.constraints = (study, levelValues, rangeValues) =>
    study.filters.flatMap((filter) => {
      if (filter.kind === "levels") {
        const chosen = levelValues[filter.name] || [];
        return chosen.length ? [{ ...filter, chosen: new Set(chosen) }] : [];
      }
      const [first, last] = rangeValues[filter.name] || [0, filter.stops.length - 1];
      if (first <= 0 && last >= filter.stops.length - 1) return [];
      return [{ ...filter, low: filter.stops[first], high: filter.stops[last] }];
    });

  const passes = (study, constraint) => {
    const values = inpca.column(study, constraint.name);
    if (constraint.kind === "levels") return (run) => constraint.chosen.has(values.levels[values.level[run]]);
    return (run) => {
      const number = values.numbers[run];
      return number !== null && number >= constraint.low && number <= constraint.high;
    };
  };

  /** One byte per run of the study: 1 where it passes every constraint (and is among the picked, if any are kept). */
  inpca.passingRuns = (study, constraints, kept) => {
    const tests = constraints.map((constraint) => passes(study, constraint));
    return Uint8Array.from(study.run_ids, (runId, run) =>
      (kept.size === 0 || kept.has(runId)) && tests.every((test) => test(run)) ? 1 : 0,
    );
  };

  /** The filter whose removal lets most runs back in: what to suggest when nothing is left. */
  inpca.loosestConstraint = (study, constraints, kept) => {
    const gains = constraints.map((constraint) => {
      const others = constraints.filter((other) => other !== constraint);
      return inpca.count(inpca.passingRuns(study, others, kept));
    });
    const best = gains.indexOf(Math.max(...gains));
    return gains[best] > 0 ? { constraint: constraints[best], gain: gains[best] } : null;
  };

  inpca.count = (mask) => mask.reduce((sum, bit) => sum + bit, 0);

  /** Bit i of the mask (little-endian in each byte) is run i of the study. */
  inpca.encodeMask = (mask) => {
    const bytes = new Uint8Array(Math.ceil(mask.length / 8));
    mask.forEach((bit, run) => {
      if (bit) bytes[run >> 3] |= 1 << (run & 7);
    });
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return btoa(text);
  };
})();
