/* Pinned runs: which letter and colour each has, and the chips that name them under the legend. No state. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  /** Letters of a name that one of n pins has room for: many are told apart by less. */
  const longest = (n) => (n <= 3 ? 22 : n <= 6 ? 18 : 12);
  const LETTERS = "ABCDEFGHIJKL";
  inpca.MOST_PINS = LETTERS.length;

  /**
   * [{runId, slot, letter}] of picked runs, by slot; none where too many are picked to tell them apart. A run keeps the
   * letter it had before while it stays pinned; a new one takes the first that is free.
   */
  inpca.pinsOf = (picked, before) => {
    if (picked.size > inpca.MOST_PINS) return [];
    const kept = new Map(before.filter((pin) => picked.has(pin.runId)).map((pin) => [pin.runId, pin.slot]));
    const taken = new Set(kept.values());
    const free = [...LETTERS].map((_, slot) => slot).filter((slot) => !taken.has(slot));
    return [...picked]
      .map((runId) => [runId, kept.get(runId) ?? free.shift()])
      .map(([runId, slot]) => ({ runId, slot, letter: LETTERS[slot] }))
      .sort((a, b) => a.slot - b.slot);
  };

  /** CSS class that carries a pin's colour and letter (14-links.css). */
  inpca.pinClass = ({ slot }) => `pin-${slot + 1}`;

  const button = (className, text, label, action) => {
    const element = document.createElement("button");
    Object.assign(element, { type: "button", className, textContent: text, title: label });
    element.setAttribute("aria-label", label);
    element.addEventListener("click", action);
    return element;
  };

  const chip = (pin, isShown, listener) => {
    const item = document.createElement("li");
    item.className = `pin ${inpca.pinClass(pin)}`;
    item.classList.toggle("away", !isShown);
    const name = button("pin-name", "", `${pin.letter}, ${pin.runId}: show its row${isShown ? "" : "; not in the picture now"}`, () =>
      listener.onReveal(pin.runId),
    );
    name.append(inpca.cutName(pin.runId));
    for (const event of ["pointerenter", "focus"]) name.addEventListener(event, () => listener.onHover(pin.runId));
    for (const event of ["pointerleave", "blur"]) name.addEventListener(event, () => listener.onHover(null));
    item.append(name, button("pin-remove", "×", `Unpin ${pin.runId}`, () => listener.onRemove(pin.runId)));
    return item;
  };

  /**
   * Fill the list of pins of n picked runs. listener: onReveal(runId), onHover(runId or null), onRemove(runId), onClear().
   * The list is built again only when it says something else, and hands the keyboard's focus on to what took its place.
   */
  inpca.drawPins = (element, pins, n, isShown, listener) => {
    const content = JSON.stringify([n, pins.map((pin) => [pin, isShown(pin.runId)])]);
    if (element.dataset.content === content) return;
    element.dataset.content = content;
    element.hidden = n === 0;
    const hadFocus = [...element.querySelectorAll("button")].indexOf(document.activeElement);
    const title = document.createElement("div");
    title.className = "legend-title";
    title.textContent = pins.length ? `pinned, ${pins.length} of ${inpca.MOST_PINS}` : `${inpca.format(n)} runs selected`;
    title.append(button("link-button", "clear", "Unpin all", () => listener.onClear()));
    const rest = document.createElement(pins.length ? "ul" : "p");
    rest.style.setProperty("--letters", longest(pins.length));
    if (pins.length) rest.append(...pins.map((pin) => chip(pin, isShown(pin.runId), listener)));
    else rest.textContent = `Swatches are for up to ${inpca.MOST_PINS}.`;
    element.replaceChildren(title, rest);
    if (hadFocus >= 0) [...element.querySelectorAll("button")].slice(0, hadFocus + 1).at(-1)?.focus();
  };
})();
