/*
 * What modules tell each other, so that a feature can be added in a file of its own.
 *
 * "study"  (study)            a study or a view of it was opened: take up study.view as it is, defaults where it is silent
 * "grown"  (study, before)    the study has changed on disk and its tables were taken up in place: keep what was chosen
 * "forget" ()                 another study is coming: nothing on screen answers for it any more
 * "select" ()                 filters, split or references have changed
 * "scene"  (scene, previous)  a new embedding was accepted, before it is drawn
 * "draw"   (picture)          the picture was asked to show this
 * "drawn"  (picture)          it shows it
 * "camera" (camera)           the main picture is seen from elsewhere, by whatever means; up to once a frame
 * "hover"  ({runId, model, checkpoint, source, box})  the run that is pointed at anywhere on the page, runId null for none;
 *                             who has something to report calls inpca.hover (73-linking.js)
 * "pins"   ()                 other runs are picked
 * "view"   (view)             "3d", "pairs", "compare" or "figures"
 * "comparison" ()            something else is to be compared with (84-comparison.js)
 * "lost"   (picture)          the browser took a 3D picture's WebGL context away
 * "theme"  (theme)            light or dark
 * "address" ()                the address says what is on screen now
 * "pulse"  (told)             the server has said how the study is, and itself (dashboard/routes/live.py)
 * "views"  ()                 other named views of the study are there to open (inpca.views)
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});
  const listeners = new Map();

  inpca.on = (event, listener) => {
    listeners.set(event, [...(listeners.get(event) || []), listener]);
  };

  inpca.emit = (event, ...details) => {
    for (const listener of listeners.get(event) || []) listener(...details);
  };
})();
