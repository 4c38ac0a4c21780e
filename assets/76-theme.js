/* Light or dark: the page, the picture and the panels together. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});
  const { state } = inpca;

  inpca.chooseTheme = (theme) => {
    state.chosenTheme = theme;
    inpca.setProps("provider", { forceColorScheme: theme });
  };

  inpca.toggleTheme = () => {
    inpca.chooseTheme(state.theme === "dark" ? "light" : "dark");
    inpca.writeAddress();
  };

  inpca.watchTheme = () => {
    const root = document.documentElement;
    const apply = () => {
      const theme = root.dataset.mantineColorScheme === "dark" ? "dark" : "light";
      document.body.dataset.agThemeMode = theme;
      if (theme === state.theme) return;
      state.theme = theme;
      inpca.emit("theme", theme);
      inpca.draw();
      if (state.scene) inpca.drawPanels(state.scene, state.style, theme);
    };
    apply();
    if (root.dataset.isWatched) return;
    root.dataset.isWatched = "yes";
    new MutationObserver(apply).observe(root, { attributeFilter: ["data-mantine-color-scheme"] });
  };
})();
