/*
 * Free text over run names and hyperparameters, as a constraint like any other.
 *
 * Words are separated by spaces (or held together by double quotes) and must all occur. name:value looks at the columns
 * whose name begins so; a value that is a number must be equal, any other must occur. Case does not matter.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const WORD = /(?:[^\s"]|"[^"]*"?)+/g;
  const plain = (text) => text.toLowerCase().replaceAll("_", " ");

  /** Text of the search box -> nothing, or the one constraint it means in a study. */
  inpca.searchConstraint = (study, text) => {
    const words = (text.match(WORD) || []).map((word) => parse(study, word.replaceAll('"', ""))).filter((word) => word.value);
    return words.length ? [{ kind: "search", name: null, text: text.trim(), words }] : [];
  };

  /** A colon behind what names no column is part of the word. */
  const parse = (study, word) => {
    const [, name, value] = word.match(/^([^:]+):(.+)$/) || [];
    const columns = name ? columnsNamed(study, plain(name)) : [];
    return columns.length ? { columns, value: plain(value), number: Number(value) } : { columns: [], value: plain(word) };
  };

  const columnsNamed = (study, name) => {
    const names = (column) => [plain(column.name), plain(column.label)];
    const exact = study.columns.filter((column) => names(column).includes(name));
    return exact.length ? exact : study.columns.filter((column) => names(column).some((own) => own.startsWith(name)));
  };

  const textOf = (column, run) => (column.levels ? column.levels[column.level[run]] : String(column.numbers[run] ?? "none"));

  /** A run's name and what differs between runs, as one text. */
  const textsOf = (study) => {
    study.texts = study.texts || study.run_ids.map((runId, run) => {
      const values = study.differing.map((name) => textOf(inpca.column(study, name), run));
      return [runId, ...values].map(plain).join("\n");
    });
    return study.texts;
  };

  /** Test of a run (its row in the study) against all words. */
  inpca.matches = (study, words) => {
    const texts = textsOf(study);
    const has = (run) => ({ columns, value, number }) => {
      if (columns.length === 0) return texts[run].includes(value);
      return columns.some((column) =>
        column.numbers && !Number.isNaN(number) ? column.numbers[run] === number : plain(textOf(column, run)).includes(value),
      );
    };
    return (run) => words.every(has(run));
  };
})();
