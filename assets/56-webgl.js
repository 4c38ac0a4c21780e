/* Whether this browser can draw in 3D, and what to say where it cannot. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});
  let problem = null;

  /** Why there is no 3D here, as a sentence; empty where there is. Asked once: every test costs a context. */
  inpca.webglProblem = () => {
    problem = problem ?? findProblem();
    return problem;
  };

  const findProblem = () => {
    if (!window.WebGLRenderingContext) return "This browser has no WebGL.";
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("webgl") || canvas.getContext("experimental-webgl");
    // Contexts are few, and a forgotten one lives until it is collected.
    context?.getExtension("WEBGL_lose_context")?.loseContext();
    return context ? "" : "This browser's WebGL is switched off or blocked.";
  };

  const strip = () => document.getElementById("graphics-notice");

  inpca.on("study", () => {
    const reason = inpca.webglProblem();
    if (!reason || !strip().hidden) return;
    const advice =
      "Pairs of components, the panels and the run table work without it. For 3D, switch on hardware acceleration in the " +
      "browser's settings, or open this page in another browser.";
    inpca.showNoticeIn(strip(), "strip", reason, advice);
  });

  inpca.on("lost", (picture) => {
    inpca.showNoticeIn(strip(), "strip", "The browser took the 3D picture's graphics context away.", "Nothing is lost.", {
      label: "draw again",
      action: () => {
        strip().hidden = true;
        picture.renew();
      },
    });
  });
})();
