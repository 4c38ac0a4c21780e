/*
 * Entry of the page: what each part does by itself, in order, and the handle `inpca`.
 *
 * A module defines; what it does at the start (listeners, actions, keys of the address) is its function install, called
 * here and nowhere else. Listeners of one event are called in this order.
 */

import { orient, movesInWords, share } from "./values/alignment.mjs";
import { detailOf } from "./values/detail.mjs";
import { cameraMoves, cameraText } from "./values/geometry.mjs";
import { headOf } from "./values/moments.mjs";
import { searchConstraint } from "./values/search.mjs";
import { count, decodeMask, passingRuns } from "./values/selection.mjs";
import { MOST_PINS } from "./values/pins.mjs";
import { columnOf, rowOf, rowsOf } from "./values/study.mjs";
import { pictureLayout } from "./picture/fit.mjs";
import { makeView } from "./picture/frame.mjs";
import { motion, nextFrame } from "./picture/motion.mjs";
import { pictureTraces, verticesOf } from "./picture/traces.mjs";
import * as pageActions from "./page/actions.mjs";
import * as address from "./page/address.mjs";
import { on } from "./page/events.mjs";
import * as pageHistory from "./page/history.mjs";
import { state } from "./page/state.mjs";
import { showProgress } from "./page/words.mjs";
import * as callbacks from "./study/callbacks.mjs";
import * as divergence from "./study/divergence.mjs";
import * as drawing from "./study/drawing.mjs";
import * as explorer from "./study/explorer.mjs";
import * as growth from "./study/growth.mjs";
import * as keptSelections from "./study/kept-selections.mjs";
import * as level from "./study/level.mjs";
import * as linking from "./study/linking.mjs";
import * as live from "./study/live.mjs";
import * as question from "./study/question.mjs";
import * as filterControls from "./runs/filter-controls.mjs";
import * as filterRail from "./runs/filter-rail.mjs";
import * as legend from "./runs/legend.mjs";
import * as pins from "./runs/pins.mjs";
import * as table from "./runs/table.mjs";
import * as camera from "./stage/camera.mjs";
import * as cameraKeys from "./stage/camera-keys.mjs";
import * as comparison from "./stage/comparison.mjs";
import * as secondEmbedding from "./stage/second-embedding.mjs";
import * as secondPicture from "./stage/second-picture.mjs";
import * as timeBar from "./stage/time-bar.mjs";
import * as views from "./stage/views.mjs";
import * as webgl from "./stage/webgl.mjs";
import * as closerLook from "./panels/closer-look.mjs";
import * as components from "./panels/components.mjs";
import * as runDistances from "./panels/run-distances.mjs";
import * as shepard from "./panels/shepard.mjs";
import * as tabs from "./panels/tabs.mjs";
import * as figureCards from "./figures/cards.mjs";
import * as figureAsking from "./figures/asking.mjs";
import * as figureView from "./figures/view.mjs";
import * as presentation from "./stories/presentation.mjs";
import * as tour from "./stories/tour.mjs";
import * as viewLists from "./stories/view-lists.mjs";
import * as viewsMenu from "./stories/views-menu.mjs";
import * as comboboxes from "./controls/comboboxes.mjs";
import * as framed from "./controls/framed.mjs";
import * as help from "./controls/help.mjs";
import * as keys from "./controls/keys.mjs";
import * as theme from "./controls/theme.mjs";
import * as troubles from "./controls/troubles.mjs";
import * as vendorStyles from "./controls/vendor-styles.mjs";
import { composition, drawing as vectorDrawing, seenPicture } from "./export/composition.mjs";
import * as exportMenu from "./export/menu.mjs";
import { textOutlines } from "./export/pdf.mjs";
import * as recipe from "./export/recipe.mjs";
import { paintShapes, textWidth } from "./export/shapes.mjs";
import * as standalone from "./export/standalone.mjs";

const PARTS = [
  address,
  pageHistory,
  vendorStyles,
  theme,
  webgl,
  growth,
  drawing,
  linking,
  legend,
  pins,
  table,
  keptSelections,
  level,
  divergence,
  explorer,
  pageActions,
  keys,
  viewLists,
  closerLook,
  components,
  filterControls,
  filterRail,
  live,
  viewsMenu,
  framed,
  timeBar,
  troubles,
  views,
  cameraKeys,
  comboboxes,
  tabs,
  presentation,
  camera,
  comparison,
  help,
  secondEmbedding,
  secondPicture,
  shepard,
  tour,
  exportMenu,
  runDistances,
  figureCards,
  recipe,
  figureAsking,
  figureView,
  standalone,
  callbacks,
];

for (const part of PARTS) part.install();

/**
 * Handle of the page for the console, for tests and for scripts that measure it or take its picture. The page itself does
 * not use it.
 */
window.inpca = {
  // State, events and what a view is.
  state,
  on,
  actions: pageActions.actions,
  keys: keys.keys,
  query: address.viewQuery,
  openView: explorer.openView,
  get views() {
    return viewLists.namedViews;
  },
  takeTour: presentation.takeTour,
  // Selection and embedding.
  choose: filterControls.choose,
  keepOnlyPicked: explorer.keepOnlyPicked,
  keptMask: address.keptMask,
  wantedName: question.wantedName,
  get asker() {
    return question.mainAsker;
  },
  set asker(other) {
    question.replaceAsker(other);
  },
  recipe: recipe.writeRecipe,
  readRecipe: recipe.readRecipe,
  followRecipe: recipe.followRecipe,
  // Picture, pairs, table and rail.
  get picture() {
    return drawing.mainPicture;
  },
  secondPicture: secondPicture.secondPicture,
  pairs: views.shownPairs,
  get table() {
    return table.grid;
  },
  draw: drawing.draw,
  paint: drawing.paint,
  pictureOf: drawing.pictureOf,
  lookFrom: drawing.lookFrom,
  hover: linking.hover,
  pick: linking.pick,
  togglePin: linking.togglePin,
  MOST_PINS,
  drawPins: pins.drawPins,
  chooseTheme: theme.chooseTheme,
  toggleTheme: theme.toggleTheme,
  showProgress,
  heavy: closerLook.heavy,
  motion,
  nextFrame,
  // Export.
  seenPicture,
  composition,
  drawing: vectorDrawing,
  sayInExport: exportMenu.sayInExport,
  makeView,
  paintShapes,
  textWidth,
  textOutlines,
  // Functions of values alone.
  cameraMoves,
  cameraText,
  column: columnOf,
  count,
  decodeMask,
  detailOf,
  headOf,
  movesInWords,
  orient,
  passingRuns,
  pictureLayout,
  pictureTraces,
  row: rowOf,
  rows: rowsOf,
  searchConstraint,
  share,
  verticesOf,
};
