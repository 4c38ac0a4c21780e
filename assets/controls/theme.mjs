/* Light and dark theme of page, picture and panels. */

import { actions } from "../page/actions.mjs";
import { writeAddress } from "../page/address.mjs";
import { setProps } from "../page/dash.mjs";
import { emit, on } from "../page/events.mjs";
import { state, writerOf } from "../page/state.mjs";
import { draw } from "../study/drawing.mjs";

const write = writerOf("theme", "chosenTheme");

/** @param {string} theme */
export const chooseTheme = (theme) => {
  write({ chosenTheme: theme });
  setProps("provider", { forceColorScheme: theme });
};

export const toggleTheme = () => {
  chooseTheme(state.theme === "dark" ? "light" : "dark");
  writeAddress();
};

const watchTheme = () => {
  const root = document.documentElement;
  const apply = () => {
    const theme = root.dataset.mantineColorScheme === "dark" ? "dark" : "light";
    document.body.dataset.agThemeMode = theme;
    if (theme === state.theme) return;
    write({ theme });
    emit("theme", theme);
    draw();
  };
  apply();
  if (root.dataset.isWatched) return;
  root.dataset.isWatched = "yes";
  new MutationObserver(apply).observe(root, { attributeFilter: ["data-mantine-color-scheme"] });
};

export const install = () => {
  on("study", ({ view }) => {
    if (view && view.dark !== null) chooseTheme(view.dark ? "dark" : "light");
    watchTheme();
  });

  actions["theme-toggle"] = toggleTheme;
};
