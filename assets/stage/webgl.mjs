/* Notices without WebGL, and after its loss. */

import { webglProblem } from "../picture/webgl.mjs";
import { on } from "../page/events.mjs";
import { byId, showNoticeIn } from "../page/words.mjs";

const strip = () => byId("graphics-notice");

export const install = () => {
  on("study", () => {
    const reason = webglProblem();
    if (!reason || !strip().hidden) return;
    const advice =
      "Pairs of components, the panels and the run table work without it. For 3D, switch on hardware acceleration in the " +
      "browser's settings, or open this page in another browser.";
    showNoticeIn(strip(), "strip", reason, advice);
  });

  on("lost", (picture) => {
    showNoticeIn(strip(), "strip", "The browser took the 3D picture's graphics context away.", "Nothing is lost.", {
      label: "draw again",
      action: () => {
        strip().hidden = true;
        picture.renew();
      },
    });
  });
};
