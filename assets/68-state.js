/* Everything the page knows, in one place; whoever changes it says so with an event or a drawing. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  inpca.state = {
    // What is looked at.
    study: null,
    style: null,
    split: "train",
    divergence: "bhattacharyya",
    // What each filter's control is set to, and what that comes to: of each filter that narrows, what passes it.
    choices: new Map(),
    constraints: [],
    search: "",
    references: "project",
    automatic: true,
    mask: new Uint8Array(0),
    kept: new Set(),
    // How.
    theme: "light",
    chosenTheme: "",
    emphasis: 1,
    colorBy: "model:progress",
    view: "3d",
    axes: [1, 2, 3],
    pairedComponents: 4,
    comparison: null,
    camera: null,
    scale: "equal",
    clock: "progress",
    // {clock, at} while trajectories are drawn up to a moment; null: whole.
    moment: null,
    // What an opened view says of the signs of components, until its embedding is there.
    flips: null,
    // Runs selected in the table or pinned in the picture, which is the same; pins name and colour up to a dozen.
    picked: new Set(),
    pins: [],
    // Whether only picked runs are shown, for as long as there are any.
    isAlone: false,
    hidden: new Set(),
    // What is embedded but not shown is drawn "faint" or "hidden"; a long study is simplified unless wanted in full.
    context: "faint",
    inFull: false,
    hovered: null,
    // The embedding on screen, and what follows from it.
    scene: null,
    alongside: null,
    embeddedName: "",
    colouring: null,
    passes: () => false,
    isShown: () => false,
    isOpening: true,
    // Whether what is to be embedded next is the same selection, grown on disk.
    isGrown: false,
  };

  inpca.byId = (id) => document.getElementById(id);

  /** Set a Dash component's properties from outside a callback. */
  inpca.setProps = (id, properties) => window.dash_clientside.set_props(id, properties);
})();
