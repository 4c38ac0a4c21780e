/* What is wrong on the server while it goes on answering, such as a full disk: said once, until it is put away or over. */
(() => {
  "use strict";
  const inpca = window.inpca;
  const { byId } = inpca;

  let putAway = "";

  const strip = () => byId("trouble-notice");

  /** The picture's place changes its height with the line above it. */
  const toggle = (isHidden) => {
    if (strip().hidden === isHidden) return;
    strip().hidden = isHidden;
    window.dispatchEvent(new Event("resize"));
  };

  const dismiss = (text) => {
    putAway = text;
    toggle(true);
    byId("picture").focus({ preventScroll: true });
  };

  inpca.on("pulse", ({ troubles }) => {
    const text = troubles.join(" ");
    if (!text) putAway = "";
    if (!text || text === putAway) return toggle(true);
    if (!strip().hidden && strip().dataset.text === text) return;
    strip().dataset.text = text;
    strip().hidden = true;
    const button = { label: "put this note away", action: () => dismiss(text) };
    inpca.showNoticeIn(strip(), "strip", "The server has a trouble.", text, button);
    window.dispatchEvent(new Event("resize"));
  });
})();
