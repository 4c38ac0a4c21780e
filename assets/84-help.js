/* The help sheet: which keys do what, listed from the registry, and the switch that silences them. */
(() => {
  "use strict";
  const inpca = window.inpca;
  const { byId, make } = inpca;

  const SYMBOLS = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc", Space: "space", "-": "−" };
  const symbol = (name) => name.split(/(?<=Shift)\+/).map((part) => SYMBOLS[part] || part);

  /** Keys that do the same in words share a line. */
  const linesOf = (entries) => {
    const lines = new Map();
    for (const { key, label } of entries) lines.set(label, [...(lines.get(label) || []), key]);
    return lines;
  };

  const lineOf = ([label, keys]) => {
    const isShifted = keys[0].startsWith("Shift+");
    const term = make("dt");
    if (isShifted) term.append(make("kbd", "", "Shift"), " + ");
    for (const name of keys) term.append(make("kbd", "", symbol(name).at(-1)));
    return [term, make("dd", "", label)];
  };

  const list = () => {
    const entries = inpca.liveKeys();
    const groups = [...new Set(entries.map((entry) => entry.group))];
    byId("help-keys").replaceChildren(...groups.map((group) => {
      const box = make("section", "help-group");
      const lines = make("dl");
      for (const line of linesOf(entries.filter((entry) => entry.group === group))) lines.append(...lineOf(line));
      box.append(make("h3", "", group), lines);
      return box;
    }));
    inpca.setProps("single-keys", { checked: inpca.areKeysOn() });
  };

  document.addEventListener("change", (event) => {
    if (event.target.id === "single-keys") inpca.remember("singleKeys", event.target.checked);
  });

  // A click on what lies around the sheet lands on the dialog itself.
  document.addEventListener("click", (event) => {
    if (event.target.id === "help-sheet") event.target.close();
    if (event.target.id !== "skip-link") return;
    // Following the fragment would change the address, and the view with it.
    event.preventDefault();
    byId("picture").focus();
  });

  Object.assign(inpca.actions, {
    "help-button": () => {
      list();
      byId("help-sheet").showModal();
    },
    "help-close": () => byId("help-sheet").close(),
  });
})();
