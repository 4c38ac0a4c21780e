/* Mantine's menus of choices neither say that they are comboboxes nor whether they are open: say it for them. */
(() => {
  "use strict";
  const inpca = window.inpca;

  const tell = (input) => input.setAttribute("aria-expanded", String(input.hasAttribute("data-expanded")));

  const observer = new MutationObserver((changes) => changes.forEach(({ target }) => tell(target)));

  inpca.on("study", () => {
    for (const input of document.querySelectorAll("input[aria-haspopup=listbox]:not([role])")) {
      input.setAttribute("role", "combobox");
      tell(input);
      observer.observe(input, { attributeFilter: ["data-expanded"] });
    }
  });
})();
