/* Which runs pass: constraints over the study's columns, what each leaves, and the bit mask that tells the server. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  /** Column of the run table by name. */
  inpca.column = (study, name) => study.columns.find((entry) => entry.name === name);

  /** A level as it is written where people read it. */
  inpca.levelName = (level) => level || "(empty)";

  /** Row of a run in the study's order. */
  inpca.row = (study, runId) => {
    study.rows = study.rows || new Map(study.run_ids.map((id, row) => [id, row]));
    return study.rows.get(runId);
  };

  /** Map from the name of a filter to its chosen levels or to the stops at its ends -> what really narrows the study. */
  inpca.constraints = (study, choices) =>
    study.filters.flatMap((filter) => {
      if (filter.kind === "levels") {
        const chosen = choices.get(filter.name) || [];
        return chosen.length ? [{ ...filter, chosen: new Set(chosen) }] : [];
      }
      const [first, last] = choices.get(filter.name) || [0, filter.stops.length - 1];
      if (first <= 0 && last >= filter.stops.length - 1) return [];
      return [{ ...filter, low: filter.stops[first], high: filter.stops[last] }];
    });

  const passes = (study, constraint) => {
    if (constraint.kind === "search") return inpca.matches(study, constraint.words);
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

  /**
   * Map from the name of each filter to how many runs each of its levels, values or bins would let through: counted
   * over the runs that pass all the other constraints, so that a filter shows what choosing in it would bring.
   */
  inpca.filterCounts = (study, constraints, kept) => {
    const tests = constraints.map((constraint) => ({ name: constraint.name, test: passes(study, constraint) }));
    const counts = new Map(study.filters.map((filter) => [filter.name, new Array(inpca.partCount(filter)).fill(0)]));
    const partOf = study.filters.map((filter) => partsOf(study, filter));
    study.run_ids.forEach((runId, run) => {
      if (kept.size && !kept.has(runId)) return;
      const failed = tests.filter(({ test }) => !test(run));
      if (failed.length > 1) return;
      study.filters.forEach((filter, index) => {
        const part = partOf[index][run];
        if (part >= 0 && (failed.length === 0 || failed[0].name === filter.name)) counts.get(filter.name)[part] += 1;
      });
    });
    return counts;
  };

  /** Pills of a filter, or bars of its histogram. */
  inpca.partCount = (filter) => {
    if (filter.kind === "levels") return filter.levels.length;
    return filter.discrete ? filter.stops.length : filter.stops.length - 1;
  };

  /** (run,) which pill or bar of a filter each run belongs to; -1 for none. */
  const partsOf = (study, filter) => {
    if (!filter.parts) {
      const column = inpca.column(study, filter.name);
      if (filter.kind === "levels") {
        const order = column.levels.map((level) => filter.levels.indexOf(level));
        filter.parts = Int32Array.from(column.level, (level) => order[level]);
      } else filter.parts = Int32Array.from(column.numbers, (number) => (number === null ? -1 : barOf(filter, number)));
    }
    return filter.parts;
  };

  /** Bars between two stops hold their upper one, the first its lower one too: as dashboard/filters.py cuts them. */
  const barOf = ({ stops, discrete }, number) => {
    const at = stops.findIndex((stop) => number <= stop);
    return discrete ? at : Math.max(0, at - 1);
  };

  /** Which stops of a range's constraint are its ends; the whole range where there is none. */
  inpca.rangeEnds = (filter, constraint) =>
    constraint ? [filter.stops.indexOf(constraint.low), filter.stops.indexOf(constraint.high)] : [0, filter.stops.length - 1];

  /** What narrows the study by a list of runs is a constraint like the others, as far as words go. */
  inpca.keptConstraint = (kept) => (kept.size ? [{ kind: "kept", name: null, size: kept.size }] : []);

  /**
   * The constraint whose removal lets most runs back in: what to suggest when nothing is left. Runs were picked by hand;
   * letting them go is the last thing to suggest.
   */
  inpca.loosestConstraint = (study, constraints, kept) => {
    const without = (constraint) => constraints.filter((other) => other !== constraint);
    const gains = constraints.map((constraint) => inpca.count(inpca.passingRuns(study, without(constraint), kept)));
    const best = gains.indexOf(Math.max(...gains));
    if (gains[best] > 0) return { constraint: constraints[best], gain: gains[best] };
    const [picked] = inpca.keptConstraint(kept);
    const gain = picked ? inpca.count(inpca.passingRuns(study, constraints, new Set())) : 0;
    return gain > 0 ? { constraint: picked, gain } : null;
  };

  /** A constraint in words: what it is on, what it asks for, and what it is called in a sentence. */
  inpca.constraintWords = (study, constraint) => {
    if (constraint.kind === "search") return { subject: "search", wish: constraint.text, phrase: "the search text" };
    if (constraint.kind === "kept") {
      return { subject: "picked runs", wish: `only ${inpca.format(constraint.size)}`, phrase: "the choice of picked runs" };
    }
    const subject = inpca.column(study, constraint.name).label;
    const phrase = `the filter on ${subject}`;
    if (constraint.kind === "levels") return { subject, wish: [...constraint.chosen].map(inpca.levelName).join(", "), phrase };
    const [low, high] = [inpca.format(constraint.low), inpca.format(constraint.high)];
    return { subject, wish: low === high ? low : `${low} to ${high}`, phrase };
  };

  inpca.count = (mask) => mask.reduce((sum, bit) => sum + bit, 0);

  /** The mask of some runs of a study. */
  inpca.maskOf = (study, runIds) => {
    const chosen = new Set(runIds);
    return inpca.encodeMask(study.run_ids.map((runId) => (chosen.has(runId) ? 1 : 0)));
  };

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

  /** The runs (ids) of a study that a mask names. */
  inpca.decodeMask = (text, { run_ids: runIds }) => {
    const bytes = atob(text);
    return runIds.filter((_, run) => bytes.charCodeAt(run >> 3) & (1 << (run & 7)));
  };
})();
