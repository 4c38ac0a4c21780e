/* Which divergence is embedded: the menu in the head, its key in the address, and the words wherever D is explained. */
(() => {
  "use strict";
  const inpca = window.inpca;
  const { state, byId, make } = inpca;

  const DEFAULT = "bhattacharyya";

  inpca.divergenceWords = (key) => state.style.divergences[key];

  /** The divergence of a scene, or of the state, where it is not the one that goes without saying. */
  inpca.otherDivergence = ({ divergence }) => (divergence === DEFAULT ? "" : divergence);

  const menu = () => byId("divergence");

  const show = () => {
    menu().value = state.divergence;
    menu().title = inpca.divergenceWords(state.divergence).sentences.join(" ");
  };

  /** Panels are about the embedding on screen, which may still be of another divergence than the one asked for. */
  const explain = ({ divergence }) => {
    const { sentences } = inpca.divergenceWords(divergence);
    for (const place of document.querySelectorAll("[data-divergence-words]")) {
      place.replaceChildren(make("p", "", sentences.join(" ")));
    }
  };

  /** Fill the menu of the second picture: all but the first one's; once one is chosen, none is no choice. */
  inpca.offerDivergences = (element, chosen, first) => {
    element.classList.toggle("chosen", chosen !== "");
    element.value = chosen;
    for (const option of element.options) option.hidden = option.disabled = option.value === first || (chosen !== "" && !option.value);
  };

  document.addEventListener("change", ({ target }) => {
    if (target.id !== "divergence" || !state.study?.study) return;
    state.divergence = target.value;
    show();
    inpca.reselect();
  });

  inpca.on("study", ({ view }) => {
    state.divergence = view?.divergence ?? DEFAULT;
    show();
  });

  inpca.on("scene", explain);

  inpca.addressFields.push(["div", inpca.otherDivergence]);
})();
