/* The study's tour is offered once per browser. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});
  const { byId, make } = inpca;
  const OFFERED = "tourOffered";

  const remember = () => {
    byId("tour-card").hidden = true;
    inpca.remember(OFFERED, true);
  };

  const choice = (label, className, action) => {
    const element = make("button", className, label);
    element.type = "button";
    element.addEventListener("click", () => {
      remember();
      action?.();
    });
    return element;
  };

  const offer = () => {
    const { tour } = inpca.views;
    const card = byId("tour-card");
    if (!inpca.state.scene || !tour.length || !card.hidden || inpca.recall(OFFERED, false)) return;
    const row = make("div", "view-actions");
    row.append(choice(`Take the tour, ${tour.length} steps`, "primary-button", inpca.takeTour), choice("not now", "link-button"));
    card.replaceChildren(
      make("strong", "", "New here?"),
      make("p", "", "A short tour tells what this study shows, on its real runs. It stays under Views."),
      row,
    );
    card.hidden = false;
  };

  // Taken from the menu, it need not be offered any more.
  const { takeTour } = inpca;
  inpca.takeTour = () => {
    remember();
    takeTour();
  };

  inpca.on("views", () => (inpca.views.tour.length ? offer() : (byId("tour-card").hidden = true)));
  inpca.on("drawn", offer);
})();
