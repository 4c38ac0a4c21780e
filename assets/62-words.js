/* Words over and around the picture: notices, progress, what is left out, and the card of a checkpoint. No state. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const byId = (id) => document.getElementById(id);
  const CARD_GAP = 13;
  const CARD_EDGE = 4;
  const TAIL = 7;
  const SHOWN_ALONG = ["epoch", "progress", "train_error", "test_error"];

  /** Text goes in as text, never as markup: names come from files. */
  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };

  inpca.make = make;

  /**
   * Names from files tend to begin alike and to differ at the end, so where a name has no room (14-links.css) what stands
   * before its last letters is cut short; whoever shows it has it whole in a label.
   */
  inpca.cutName = (name) => {
    const letters = [...name];
    const element = make("bdi", "cut-name");
    element.append(...[letters.slice(0, -TAIL), letters.slice(-TAIL)].map((part) => make("span", "", part.join(""))));
    return element;
  };

  /** Let an element say something else; saying the same again would have the browser lay it out anew. */
  inpca.say = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };

  /** kind: empty, hint or error; button: {label, action} or nothing. */
  inpca.showNotice = (kind, title, advice, button) => inpca.showNoticeIn(byId("notice"), kind, title, advice, button);

  inpca.showNoticeIn = (notice, kind, title, advice, button) => {
    notice.className = `notice ${kind}`;
    notice.replaceChildren(make("strong", "", title));
    if (advice) notice.append(make("p", "", advice));
    if (button) {
      const element = make("button", "link-button", button.label);
      element.type = "button";
      element.addEventListener("click", button.action);
      notice.append(element);
    }
    notice.hidden = false;
  };

  inpca.hideNotice = () => {
    byId("notice").hidden = true;
  };

  /** What of the link that was opened does not apply here; it stays until it is put away. */
  inpca.showLinkNote = (text) => {
    const note = byId("link-note");
    note.hidden = !text;
    if (!text) return;
    const dismiss = make("button", "icon-button", "×");
    dismiss.type = "button";
    dismiss.setAttribute("aria-label", "put this note away");
    dismiss.addEventListener("click", () => {
      note.hidden = true;
      byId("picture").focus({ preventScroll: true });
    });
    note.replaceChildren(make("p", "", text), dismiss);
  };

  inpca.showProgress = (stage, fraction, remaining) => {
    byId("progress").hidden = false;
    byId("progress-stage").textContent = stage + (remaining ? ` · about ${Math.max(1, Math.round(remaining))} s left` : "");
    byId("progress-bar").value = fraction;
  };

  inpca.hideProgress = () => {
    byId("progress").hidden = true;
  };

  /** Runs that cannot be used, each with its reason. */
  inpca.listProblems = (problems) => {
    const box = byId("problems");
    box.replaceChildren();
    if (problems.length === 0) return;
    const list = make("details");
    list.open = problems.length <= 3;
    list.append(make("summary", "", problems.length === 1 ? "1 run left out" : `${problems.length} runs left out`));
    for (const problem of problems) {
      const line = make("p");
      line.append(make("bdi", "run-name", problem.run_id), document.createTextNode(problem.reason));
      list.append(line);
    }
    box.append(list);
  };

  inpca.showCounts = ({ shown, embedded, total, leftOut }) => {
    const counts = byId("counts");
    const [some, those, all] = [shown, embedded, total].map(inpca.format);
    const words = [some, make("span", "word", " shown"), ` / ${those}`, make("span", "word", " embedded"), ` / ${all} runs`];
    if (counts.textContent !== words.map((word) => word.textContent ?? word).join("")) counts.replaceChildren(...words);
    counts.title = "Drawn now / in this embedding / recorded in the study";
    const link = byId("left-out");
    link.hidden = leftOut === 0;
    inpca.say(link, `${inpca.format(leftOut)} left out`);
  };

  /** The picture in a sentence, for those who do not see it. */
  inpca.spokenSummary = ({ scene, axes, colouring, nShown, nTotal }) => {
    const k = Math.min(3, scene.n_components);
    const stress = scene.diagnostics.explained_stress?.[k - 1];
    const imaginary = axes.filter((component) => scene.diagnostics.signature[component - 1] < 0);
    const hidden = scene.run_ids.length - nShown;
    return [
      `${inpca.format(scene.run_ids.length)} of ${inpca.format(nTotal)} runs, ${scene.split} split, ${inpca.divergenceWords(scene.divergence).title}, coloured by ${colouring.label}`,
      hidden ? `${inpca.format(hidden)} of them hidden` : "",
      `components ${axes.join(", ")} on the axes`,
      imaginary.length ? `component ${imaginary.join(" and ")} imaginary` : "all of them real",
      stress == null ? "" : `explained stress of the first ${k} components ${stress.toFixed(2)}`,
    ].filter(Boolean).join("; ") + ".";
  };

  /** The card of one checkpoint beside the point in a pane of the stage; box is where in the window that was drawn. */
  inpca.showDetail = (scene, study, style, model, box, pane) => {
    const card = byId("detail");
    const run = scene.arrays.run[model];
    const row = inpca.row(study, scene.run_ids[run]);
    const list = make("dl");
    const add = (term, value) => list.append(make("dt", "", term), make("dd", "", value));
    const step = inpca.format(scene.arrays["model:step"][model]);
    add("checkpoint", `${scene.arrays.checkpoint[model] + 1} of ${scene.spans[run].count}, step ${step}`);
    for (const name of SHOWN_ALONG.filter((column) => scene.arrays[`model:${column}`])) {
      add(inpca.labelOf(style, name), inpca.format(scene.arrays[`model:${name}`][model]));
    }
    for (const name of study.differing) {
      const column = inpca.column(study, name);
      add(column.label, column.levels ? column.levels[column.level[row]] : inpca.format(column.numbers[row]));
    }
    card.replaceChildren(make("bdi", "detail-title", scene.run_ids[run]), list);
    card.hidden = false;
    putBeside(card, box, pane.getBoundingClientRect());
  };

  /** Beside a box, never outside the pane: the pane next to it has a card and points of its own. */
  const putBeside = (card, box, pane) => {
    const canvas = card.parentElement.getBoundingClientRect();
    card.style.setProperty("--room", `${pane.width - 2 * CARD_EDGE}px`);
    // Measured where nothing is in its way: near the right edge it would be laid out narrower.
    Object.assign(card.style, { left: "0", top: "0" });
    const { offsetWidth: width, offsetHeight: height } = card;
    const within = (value, low, high) => Math.max(low, Math.min(value, high));
    const [left, right] = [box.x1 + CARD_GAP, box.x0 - CARD_GAP - width];
    const isBeside = left + width <= pane.right - CARD_EDGE || right >= pane.left + CARD_EDGE;
    const x = left + width <= pane.right - CARD_EDGE ? left : right;
    // With no room at either side it goes below the point, or above it.
    const below = box.y1 + CARD_GAP;
    const y = isBeside ? box.y0 - 20 : below + height <= pane.bottom - CARD_EDGE ? below : box.y0 - CARD_GAP - height;
    card.style.left = `${within(x, pane.left + CARD_EDGE, pane.right - CARD_EDGE - width) - canvas.left}px`;
    card.style.top = `${Math.max(pane.top + CARD_EDGE, Math.min(y, pane.bottom - CARD_EDGE - height)) - canvas.top}px`;
  };

  inpca.hideDetail = () => {
    byId("detail").hidden = true;
  };
})();
