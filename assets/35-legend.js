/* The legend says what the colours mean, and hides or isolates what it names. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  /**
   * Draw the legend of the given runs; onToggle(entryName, isolate) is called when a level is clicked. A double click,
   * or one with the shift key (which works from the keyboard), isolates.
   */
  inpca.drawLegend = (element, colouring, runs, hidden, onToggle) => {
    // Rebuilt only when it names other things: a button that is replaced would lose the keyboard's focus.
    const content = JSON.stringify([colouring.label, colouring.entries || [colouring.low, colouring.high]]);
    if (element.dataset.content !== content) {
      element.dataset.content = content;
      const title = document.createElement("div");
      title.className = "legend-title";
      title.textContent = colouring.label;
      const body = colouring.kind === "levels" ? colouring.entries.map((entry) => levelButton(entry, onToggle)) : [gradient(colouring)];
      element.replaceChildren(title, ...body);
    }
    if (colouring.kind !== "levels") return;
    const counts = new Array(colouring.entries.length).fill(0);
    for (const run of runs) counts[colouring.entryOfRun(run)] += 1;
    element.querySelectorAll(".legend-entry").forEach((button, position) => {
      button.setAttribute("aria-pressed", String(!hidden.has(colouring.entries[position].name)));
      inpca.say(button.querySelector(".pill-count"), String(counts[position]));
    });
  };

  const CONTEXTS = { faint: "Drawn thin and pale behind the rest", hidden: "Not drawn" };

  /**
   * At the legend's foot: how runs are drawn that are embedded but filtered away or hidden; only while there are any.
   * Called after drawLegend; onChoose(context) with "faint" or "hidden".
   */
  inpca.drawContextSwitch = (element, isAway, context, onChoose) => {
    let foot = element.querySelector(".legend-foot");
    if (!foot) {
      foot = document.createElement("div");
      foot.className = "legend-foot";
      foot.setAttribute("role", "group");
      foot.setAttribute("aria-label", "Filtered runs");
      foot.append("filtered", ...Object.keys(CONTEXTS).map((name) => contextButton(name, onChoose)));
      element.append(foot);
    }
    foot.hidden = !isAway;
    for (const button of foot.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.textContent === context));
  };

  const contextButton = (name, onChoose) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "segment", textContent: name, title: CONTEXTS[name] });
    button.addEventListener("click", () => onChoose(name));
    return button;
  };

  inpca.clearLegend = (element) => {
    element.replaceChildren();
    delete element.dataset.content;
  };

  const levelButton = (entry, onToggle) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "legend-entry";
    button.title = `${inpca.levelName(entry.name)}. Click: show or hide. Double click, or shift: only this.`;
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.background = entry.color;
    const name = inpca.cutName(inpca.levelName(entry.name));
    const count = document.createElement("span");
    count.className = "pill-count";
    button.append(swatch, name, count);
    button.addEventListener("click", (event) => onToggle(entry.name, event.detail > 1 || event.shiftKey));
    return button;
  };

  const gradient = (colouring) => {
    const box = document.createElement("div");
    box.className = "gradient";
    const bar = document.createElement("div");
    bar.className = "gradient-bar";
    bar.style.background = `linear-gradient(to right, ${colouring.scale.join(",")})`;
    const ends = document.createElement("div");
    ends.className = "limits";
    for (const text of [inpca.format(colouring.low), colouring.isLogarithmic ? "log" : "", inpca.format(colouring.high)]) {
      const span = document.createElement("span");
      span.textContent = text;
      ends.append(span);
    }
    box.append(bar, ends);
    return box;
  };
})();
