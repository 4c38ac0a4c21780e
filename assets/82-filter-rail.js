/* The filter rail: what each filter would let through, what is active and how to drop it, search, and what is folded. */
(() => {
  "use strict";
  const inpca = window.inpca;
  const { state, byId } = inpca;

  const SEARCH_PAUSE_MS = 150;
  const UNFOLDED_AT_FIRST = 10;
  const MANY_FILTERS = 14;
  let searchTimer = null;

  const groups = () => [...byId("filters").querySelectorAll("[data-filter]")];

  /* ------------------------------------------------------------------ counts */

  const showCounts = () => {
    const counts = inpca.filterCounts(state.study, state.constraints, state.kept);
    const constraintOn = new Map(state.constraints.map((constraint) => [constraint.name, constraint]));
    for (const group of groups()) {
      const filter = state.study.filters.find((entry) => entry.name === group.dataset.filter);
      const constraint = constraintOn.get(filter.name);
      group.querySelector("[data-reset]").hidden = !constraint;
      if (filter.kind === "levels") showPills(group, counts.get(filter.name));
      else showBars(group, filter, counts.get(filter.name), constraint);
    }
  };

  const showPills = (group, counts) => {
    group.querySelectorAll("[data-part]").forEach((pill, part) => {
      inpca.say(pill, inpca.format(counts[part]));
      pill.closest("label").toggleAttribute("data-empty", counts[part] === 0);
    });
  };

  /** The faint bar is every run of the study, the solid one in it what the other filters let through. */
  const showBars = (group, filter, counts, constraint) => {
    const [first, last] = inpca.rangeEnds(filter, constraint);
    inpca.say(group.querySelector(".range-text"), constraint ? inpca.constraintWords(state.study, constraint).wish : "");
    group.querySelectorAll("[data-part]").forEach((bar, part) => {
      const all = Number(bar.dataset.part);
      bar.firstElementChild.style.height = all && counts[part] ? `max(2px, ${(100 * counts[part]) / all}%)` : "0";
      bar.classList.toggle("outside", part < first || part > (filter.discrete ? last : last - 1));
      bar.title = `${bar.dataset.values}: ${counts[part]} of ${all} runs`;
    });
  };

  /* ------------------------------------------------------------------ what is active */

  inpca.dropConstraint = (constraint) => {
    if (constraint.kind === "search") inpca.search("");
    else if (constraint.kind === "kept") inpca.keepAll();
    else inpca.choose(constraint.name, inpca.wholeChoice(constraint));
  };

  const chip = (constraint) => {
    const { subject, wish } = inpca.constraintWords(state.study, constraint);
    const button = inpca.make("button", "active-filter");
    button.type = "button";
    button.title = `Drop: ${subject}: ${wish}`;
    const text = inpca.make("span", "active-text");
    text.append(inpca.make("bdi", "active-subject", subject), " ", inpca.make("bdi", "", wish));
    const cross = inpca.make("span", "", "×");
    cross.setAttribute("aria-hidden", "true");
    button.append(text, inpca.make("span", "visually-hidden", ": drop this filter"), cross);
    button.addEventListener("click", () => inpca.dropConstraint(constraint));
    return button;
  };

  const showActive = () => {
    const box = byId("active-filters");
    const active = [...state.constraints, ...inpca.keptConstraint(state.kept)];
    const content = JSON.stringify(active.map((constraint) => inpca.constraintWords(state.study, constraint)));
    if (box.dataset.content === content) return;
    const focused = [...box.children].indexOf(document.activeElement);
    box.dataset.content = content;
    box.replaceChildren(...active.map(chip));
    // Whoever drops one filter after another by keyboard must not be thrown back to the top of the page.
    if (focused >= 0) (box.children[Math.min(focused, active.length - 1)] || byId("search")).focus();
    byId("clear-filters").disabled = active.length === 0;
  };

  /* ------------------------------------------------------------------ search */

  /** Set the search text, whoever asks for it. */
  inpca.search = (text) => {
    inpca.setProps("search", { value: text });
    takeUp(text);
  };

  const takeUp = (text) => {
    clearTimeout(searchTimer);
    if (!state.study?.study || text === state.search) return;
    state.search = text;
    inpca.refilter();
  };

  document.addEventListener("input", (event) => {
    if (event.target.id !== "search") return;
    clearTimeout(searchTimer);
    const { value } = event.target;
    searchTimer = setTimeout(() => takeUp(value), SEARCH_PAUSE_MS);
  });

  document.addEventListener("keydown", (event) => {
    if (event.target.id !== "search") return;
    if (event.key === "Enter") takeUp(event.target.value);
    if (event.key !== "Escape") return;
    if (event.target.value) inpca.search("");
    else event.target.blur();
  });

  inpca.addressFields.push(["q", ({ search }) => search]);

  /* ------------------------------------------------------------------ folding */

  /** Names of a study's filters that are folded: as they were left, else all beyond the first few where there are many. */
  const foldedNames = (study) => {
    const late = study.filters.length > MANY_FILTERS ? study.filters.slice(UNFOLDED_AT_FIRST) : [];
    return new Set(inpca.recall(`folded.${study.study}`, late.map((filter) => filter.name)));
  };

  const fold = (group, isFolded) => {
    group.querySelector(".filter-name").setAttribute("aria-expanded", String(!isFolded));
    group.querySelector(".filter-body").hidden = isFolded;
  };

  const areFolded = () => groups().filter((group) => group.querySelector(".filter-body").hidden);

  const rememberFolds = () => {
    inpca.remember(`folded.${state.study.study}`, areFolded().map((group) => group.dataset.filter));
    byId("fold-filters").textContent = areFolded().length ? "unfold all" : "fold all";
  };

  const showFolds = () => {
    const folded = foldedNames(state.study);
    const active = new Set(state.constraints.map((constraint) => constraint.name));
    for (const group of groups()) fold(group, folded.has(group.dataset.filter) && !active.has(group.dataset.filter));
    const button = byId("fold-filters");
    button.hidden = state.study.filters.length <= UNFOLDED_AT_FIRST;
    button.textContent = areFolded().length ? "unfold all" : "fold all";
  };

  document.addEventListener("click", (event) => {
    const group = event.target.closest("[data-filter]");
    if (!group) return;
    const name = event.target.closest(".filter-name");
    if (name) {
      fold(group, name.getAttribute("aria-expanded") === "true");
      rememberFolds();
    }
    const reset = event.target.closest("[data-reset]");
    if (reset) {
      group.querySelector(".filter-name").focus();
      const constraint = state.constraints.find((entry) => entry.name === group.dataset.filter);
      if (constraint) inpca.dropConstraint(constraint);
    }
    const more = event.target.closest("[data-more]");
    if (more) {
      const isOpen = group.querySelector(".pills").toggleAttribute("data-open");
      more.textContent = isOpen ? "fewer" : more.dataset.more;
      more.setAttribute("aria-expanded", String(isOpen));
    }
  });

  Object.assign(inpca.actions, {
    "clear-filters": () => {
      clearTimeout(searchTimer);
      inpca.setProps("search", { value: "" });
      Object.assign(state, { search: "", kept: new Set() });
      inpca.clearChoices();
      inpca.refilter();
    },
    "fold-filters": () => {
      const isFolding = areFolded().length === 0;
      for (const group of groups()) fold(group, isFolding);
      rememberFolds();
    },
    "focus-search": () => focusIn("search"),
    "focus-filters": () => focusIn(groups()[0]?.querySelector(".filter-name")),
  });

  /** Bring the rail back first if it has been put away. */
  const focusIn = (place) => {
    const toggle = document.querySelector('[data-toggle="filters"]');
    if (toggle?.getAttribute("aria-pressed") === "false") toggle.click();
    const element = typeof place === "string" ? byId(place) : place;
    element?.focus();
    element?.select?.();
  };

  let shownFor = null;

  inpca.on("study", (study) => {
    shownFor = null;
    state.search = study.view?.search ?? "";
    inpca.setProps("search", { value: state.search });
  });

  inpca.on("grown", () => {
    shownFor = null;
  });

  inpca.on("select", () => {
    if (!state.study.study) return;
    showCounts();
    showActive();
    // What is active stays unfolded, which the first selection decides.
    if (shownFor !== state.study) showFolds();
    shownFor = state.study;
  });
})();
