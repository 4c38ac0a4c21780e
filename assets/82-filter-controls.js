/*
 * The filters' controls, made from the study: pills for categories, histograms with two handles for numbers.
 *
 * Plain elements, not Dash's: every change of a Dash component goes through its callbacks and past every other component
 * of the page, which took longer than drawing the picture.
 */
(() => {
  "use strict";
  const inpca = window.inpca;
  const { state, byId, make } = inpca;

  /** A category with more levels shows this many, those that are chosen, and a button for the rest (10-controls.css). */
  const PILLS_AT_ONCE = 14;

  /** Width of a range's handle (10-controls.css). */
  const THUMB = 14;

  /** Name of a filter -> what makes its control show a choice. */
  let controls = new Map();

  /* ------------------------------------------------------------------ what is chosen */

  /** What the controls and the search box ask for. */
  inpca.wantedConstraints = () => [
    ...inpca.constraints(state.study, state.choices),
    ...inpca.searchConstraint(state.study, state.search),
  ];

  inpca.refilter = () => inpca.select({ ...state, constraints: inpca.wantedConstraints() });

  /** Set one filter, whoever asks for it: its chosen levels, or the stops at the ends of its range. */
  inpca.choose = (name, choice) => {
    state.choices.set(name, choice);
    controls.get(name)?.(choice);
    inpca.refilter();
  };

  /** Let go of every filter's choice; whoever calls it selects anew. */
  inpca.clearChoices = () => {
    state.choices = new Map();
    for (const filter of state.study.filters) controls.get(filter.name)(inpca.wholeChoice(filter));
  };

  inpca.wholeChoice = (filter) => (filter.kind === "levels" ? [] : [0, filter.stops.length - 1]);

  /* ------------------------------------------------------------------ pills */

  const pill = (level) => {
    const label = make("label", "pill");
    const box = make("input", "visually-hidden");
    box.type = "checkbox";
    const name = make("bdi", "pill-name", inpca.levelName(level));
    name.title = level;
    const count = make("span", "pill-count");
    count.dataset.part = "";
    label.append(box, name, count);
    return label;
  };

  const levelsControl = (filter) => {
    const pills = make("div", "pills");
    pills.append(...filter.levels.map(pill));
    const boxes = [...pills.querySelectorAll("input")];
    pills.addEventListener("change", () => inpca.choose(filter.name, filter.levels.filter((_, at) => boxes[at].checked)));
    const body = [pills];
    const nMore = filter.levels.length - PILLS_AT_ONCE;
    if (nMore > 0) {
      const more = linkButton(`${nMore} more`);
      more.dataset.more = more.textContent;
      more.setAttribute("aria-expanded", "false");
      body.push(more);
    }
    const show = (chosen) => boxes.forEach((box, at) => (box.checked = chosen.includes(filter.levels[at])));
    return { body, show };
  };

  /* ------------------------------------------------------------------ ranges */

  const rangeControl = (filter, label) => {
    const last = filter.stops.length - 1;
    // Between two values of a range without gaps there must be something to choose.
    const least = filter.discrete ? 0 : 1;
    const range = make("div", "range");
    const handles = ["lowest", "highest"].map((end) => {
      const handle = make("input");
      Object.assign(handle, { type: "range", min: 0, max: last, step: 1 });
      handle.setAttribute("aria-label", `${label}, ${end}`);
      handle.addEventListener("input", () => move(handle, Number(handle.value)));
      return handle;
    });
    range.append(...handles);

    const move = (handle, stop) => {
      const [from, to] = handles.map(({ value }) => Number(value));
      const choice = handle === handles[0] ? [Math.min(stop, to - least), to] : [from, Math.max(stop, from + least)];
      inpca.choose(filter.name, choice);
    };

    const show = (choice) => {
      handles.forEach((handle, at) => {
        handle.value = choice[at];
        handle.setAttribute("aria-valuetext", inpca.format(filter.stops[choice[at]]));
      });
      range.style.setProperty("--from", choice[0] / last);
      range.style.setProperty("--to", choice[1] / last);
      // Where both stand together, the one that has somewhere to go lies on top.
      handles[0].classList.toggle("on-top", choice[0] > last / 2);
    };

    // Between the handles: the nearer one comes.
    range.addEventListener("pointerdown", (event) => {
      if (event.target !== range || event.button !== 0) return;
      const { left, width } = range.getBoundingClientRect();
      const share = Math.min(1, Math.max(0, (event.clientX - left - THUMB / 2) / (width - THUMB)));
      const away = handles.map(({ value }) => Math.abs(share * last - value));
      const nearer = handles[away[0] <= away[1] ? 0 : 1];
      move(nearer, Math.round(share * last));
      nearer.focus({ preventScroll: true });
      event.preventDefault();
    });
    return { body: [histogram(filter), range, limits(filter)], show };
  };

  const histogram = (filter) => {
    const box = make("div", filter.discrete ? "histogram discrete" : "histogram");
    box.setAttribute("aria-hidden", "true");
    box.style.setProperty("--gaps", filter.stops.length - 1);
    const highest = Math.max(1, ...filter.counts);
    box.append(
      ...filter.counts.map((count, at) => {
        const bar = make("span", "bar");
        // Under the stop that its handle comes to stand at, and as wide as its neighbours leave it (10-controls.css).
        bar.style.setProperty("--at", at / (filter.stops.length - 1));
        bar.style.height = `${(100 * count) / highest}%`;
        bar.dataset.part = count;
        const [from, to] = filter.stops.slice(at, at + 2).map(inpca.format);
        bar.dataset.values = filter.discrete ? from : `${from} to ${to}`;
        bar.append(make("span", "passing"));
        return bar;
      }),
    );
    return box;
  };

  const limits = ({ stops, logarithmic }) => {
    const box = make("div", "limits");
    const [low, high] = [stops[0], stops.at(-1)].map(inpca.format);
    box.append(...[low, logarithmic ? "log" : "", high].map((text) => make("span", "", text)));
    return box;
  };

  /* ------------------------------------------------------------------ one filter, and all of them */

  const linkButton = (text) => {
    const button = make("button", "link-button", text);
    button.type = "button";
    return button;
  };

  /** A titled group that can be folded and reset (82-filter-rail.js). */
  const group = (filter, label, body) => {
    const fieldset = make("fieldset", "filter");
    fieldset.dataset.filter = filter.name;
    fieldset.setAttribute("aria-label", label);
    const name = make("button", "filter-name");
    name.type = "button";
    name.setAttribute("aria-expanded", "true");
    name.append(make("bdi", "", label));
    const wish = make("span", "range-text");
    wish.setAttribute("aria-live", "polite");
    const reset = linkButton("reset");
    Object.assign(reset, { hidden: true });
    reset.dataset.reset = "";
    reset.setAttribute("aria-label", `reset ${label}`);
    const head = make("div", "filter-head");
    head.append(name, wish, reset);
    const content = make("div", "filter-body");
    content.append(...body);
    fieldset.append(head, content);
    return fieldset;
  };

  const build = (study, filter) => {
    const { label } = inpca.column(study, filter.name);
    const { body, show } = filter.kind === "levels" ? levelsControl(filter) : rangeControl(filter, label);
    show(state.choices.get(filter.name) ?? inpca.wholeChoice(filter));
    controls.set(filter.name, show);
    return group(filter, label, body);
  };

  inpca.on("study", (study) => {
    state.choices = new Map(study.view?.choices);
    controls = new Map();
    const groups = (study.filters ?? []).map((filter) => build(study, filter));
    if (study.study && groups.length === 0) {
      groups.push(make("p", "hint", "All runs have the same hyperparameters: there is nothing to filter by."));
    }
    byId("filters").replaceChildren(...groups);
  });

  /* ------------------------------------------------------------------ a study that has grown */

  const SHOWN = ["kind", "levels", "stops", "counts", "discrete", "logarithmic"];
  const looks = (filter) => JSON.stringify(filter, SHOWN);

  /** What in a filter's control has the focus, in words that its successor understands; empty for nothing. */
  const places = (fieldset) => [...fieldset.querySelectorAll("button, input")];
  const placeName = (element) => element.getAttribute("aria-label") ?? element.parentElement.querySelector("bdi")?.title ?? element.className;

  /** In the place of a control comes one with other numbers: opened as it was, and with its focus. */
  const replace = (old, fieldset) => {
    if (old.querySelector(".pills[data-open]")) {
      fieldset.querySelector(".pills").toggleAttribute("data-open", true);
      const more = fieldset.querySelector("[data-more]");
      if (more) Object.assign(more, { textContent: "fewer" }).setAttribute("aria-expanded", "true");
    }
    const focused = places(old).find((element) => element === document.activeElement);
    old.replaceWith(fieldset);
    if (focused) places(fieldset).find((element) => placeName(element) === placeName(focused))?.focus({ preventScroll: true });
  };

  // Controls whose numbers are the same stay: with every checkpoint the errors' histograms change, and nothing else.
  inpca.on("grown", (study, before) => {
    const rail = document.querySelector(".rail.left");
    const { scrollTop } = rail;
    const [was, old] = [new Map(before.filters.map((filter) => [filter.name, filter])), controls];
    const standing = new Map([...byId("filters").children].map((element) => [element.dataset.filter, element]));
    state.choices = inpca.grownChoices(study);
    controls = new Map();
    study.filters.forEach((filter, at) => {
      const { name } = filter;
      const there = standing.get(name);
      const isSame = there && looks(filter) === looks(was.get(name));
      if (isSame) controls.set(name, old.get(name));
      const fieldset = isSame ? there : build(study, filter);
      if (there && !isSame) replace(there, fieldset);
      const next = byId("filters").children[at];
      if (next !== fieldset) byId("filters").insertBefore(fieldset, next ?? null);
    });
    while (byId("filters").children.length > study.filters.length) byId("filters").lastElementChild.remove();
    rail.scrollTop = scrollTop;
  });
})();
