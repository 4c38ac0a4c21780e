/*
 * Taking away what is on screen: the Export menu, names of files, the link, and the stage as PNG, SVG and PDF.
 *
 * One description of what is on the stage serves all of them (85-composition.js). Nothing here asks the server but for
 * the CSV.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});
  const { state, byId } = inpca;

  const MOST_PIXELS = 5e7;
  const LONGEST_SIDE = 16384;
  /** Right of this the menu fits beside the left edge (18-export.css). */
  const WIDEST = 356;

  const value = (name) => byId(`export-${name}`).value;

  /* ------------------------------------------------------------------ files */

  inpca.today = () => {
    const now = new Date();
    return [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
  };

  const slug = (text) =>
    String(text)
      .normalize("NFKC")
      .replace(/[^\p{L}\p{N}]+/gu, "_")
      .replace(/^_+|_+$/g, "")
      .slice(0, 60);

  /** study-split-divergence-date-what.ext, every part harmless on any file system. */
  inpca.fileName = (what, extension) =>
    `${[slug(state.scene.study), state.scene.split, inpca.otherDivergence(state.scene), inpca.today(), slug(what)].filter(Boolean).join("-")}.${extension}`;

  inpca.saveFile = (name, content) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(content);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  };

  /* ------------------------------------------------------------------ the menu */

  const say = (text, isError = false) => {
    const line = byId("export-status");
    line.textContent = text;
    line.classList.toggle("error", isError);
    // By a key, without the menu: where the page always says how it is getting on.
    if (text && !byId("export-panel").matches(":popover-open")) byId("status-line").textContent = text;
  };

  /** Runs one taking-away at a time, and says how it went. */
  inpca.takeAway = async (name, make) => {
    const panel = byId("export-panel");
    if (panel.hasAttribute("data-working")) return;
    if (!state.scene) return say("There is no embedding yet.", true);
    if (state.scene.is_preview) return say("This is a preview: its embedding is being computed.", true);
    panel.toggleAttribute("data-working", true);
    say("Working …");
    try {
      // The words above first: what follows may hold the page for a second.
      await new Promise((resolve) => setTimeout(resolve, 30));
      const content = await make();
      inpca.saveFile(name, content);
      say(`Saved ${name}, ${inpca.format(Math.ceil(content.size / 1000))} kB.`);
    } catch (error) {
      say(error.message || "The connection to the server was lost.", true);
    } finally {
      panel.toggleAttribute("data-working", false);
    }
  };

  const sizeWanted = () => {
    const [width, height, zoom] = [value("width"), value("height"), value("zoom")].map(Number);
    const isWhole = [width, height].every((side) => Number.isInteger(side) && side >= 200 && side <= LONGEST_SIDE);
    if (!isWhole || width * height > MOST_PIXELS) {
      throw new Error(`Width and height must be whole numbers from 200 to ${LONGEST_SIDE}, together at most ${MOST_PIXELS / 1e6} million pixels.`);
    }
    return { width, height, zoom };
  };

  const pictureOptions = () => {
    const { width, height, zoom } = sizeWanted();
    const theme = value("theme") === "screen" ? state.theme : value("theme");
    return { options: { width: width / zoom, height: height / zoom, theme, isTransparent: value("background") === "transparent" }, zoom };
  };

  const takePng = async () => {
    const { options, zoom } = pictureOptions();
    return inpca.pngOf(options, zoom);
  };
  const takeSvg = async () => new Blob([inpca.svgOf(inpca.drawing(pictureOptions().options))], { type: "image/svg+xml" });
  const takePdf = async () => inpca.pdfOf(inpca.drawing(pictureOptions().options));

  const takeCoordinates = async () => {
    const { scene } = state;
    const shown = scene.run_ids.map((_, run) => (value("rows") === "all" || state.isShown(run) ? 1 : 0));
    const query = `runs=${encodeURIComponent(inpca.encodeMask(shown))}`;
    const response = await fetch(inpca.address(`api/scenes/${encodeURIComponent(scene.key)}/coordinates.csv?${query}`));
    if (!response.ok) throw new Error((await response.json().catch(() => ({}))).error || `The server answered ${response.status}.`);
    return response.blob();
  };

  /** The whole view as a link. Where a page may not write to the clipboard, the link is shown, selected, to be copied. */
  const copyLink = async () => {
    const link = location.origin + location.pathname + inpca.query();
    try {
      await navigator.clipboard.writeText(link);
      say("The link is on the clipboard.");
    } catch {
      const box = document.createElement("input");
      Object.assign(box, { readOnly: true, value: link, ariaLabel: "Link to this view" });
      byId("export-panel").showPopover();
      say("Copy this link: ");
      byId("export-status").append(box);
      box.focus();
      box.select();
    }
  };

  const numberBox = (id, label, number) => {
    const box = document.createElement("input");
    Object.assign(box, { id, type: "number", min: 200, max: LONGEST_SIDE, step: 1, value: number, ariaLabel: label });
    box.addEventListener("input", () => (byId("export-size").value = "custom"));
    return box;
  };

  const connectMenu = () => {
    const [button, panel, size] = [byId("export-button"), byId("export-panel"), byId("export-size")];
    if (panel.popover) return;
    // The browser's own popover: closes with Escape or a click elsewhere, and gives the focus back.
    panel.popover = "auto";
    button.popoverTargetElement = panel;
    const boxes = [numberBox("export-width", "Width in pixels", 1920), numberBox("export-height", "Height in pixels", 1080)];
    byId("export-custom").replaceChildren(boxes[0], " × ", boxes[1]);
    size.addEventListener("change", () => {
      const sides = size.value.split("x");
      if (sides.length === 2) boxes.forEach((box, index) => (box.value = sides[index]));
    });
    // Where the browser puts the focus when the menu opens.
    size.autofocus = true;
    panel.addEventListener("beforetoggle", ({ newState }) => {
      const { right, bottom } = button.getBoundingClientRect();
      Object.assign(panel.style, { top: `${bottom + 6}px`, right: `${Math.max(8, innerWidth - Math.max(right, WIDEST))}px` });
      button.setAttribute("aria-expanded", String(newState === "open"));
      say("");
    });
  };

  inpca.sayInExport = say;
  inpca.on("study", connectMenu);

  Object.assign(inpca.actions, {
    "export-png": () => inpca.takeAway(inpca.state.scene && inpca.fileName(inpca.stageName(), "png"), takePng),
    "export-svg": () => inpca.takeAway(inpca.state.scene && inpca.fileName(inpca.stageName(), "svg"), takeSvg),
    "export-pdf": () => inpca.takeAway(inpca.state.scene && inpca.fileName(inpca.stageName(), "pdf"), takePdf),
    "export-csv": () => inpca.takeAway(inpca.state.scene && inpca.fileName("coordinates", "csv"), takeCoordinates),
    "copy-link": copyLink,
  });
})();
