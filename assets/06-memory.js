/* What this browser remembers between visits, beside the address: habits, never data. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const PREFIX = "inpca.";

  // Storage can be full, switched off or damaged; the page then works and forgets.
  inpca.recall = (name, otherwise) => {
    try {
      return JSON.parse(localStorage.getItem(PREFIX + name)) ?? otherwise;
    } catch {
      return otherwise;
    }
  };

  inpca.remember = (name, value) => {
    try {
      localStorage.setItem(PREFIX + name, JSON.stringify(value));
    } catch {
      /* forgotten */
    }
  };
})();
