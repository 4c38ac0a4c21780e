/*
 * Export menu: link, and the stage as PNG, SVG or PDF.
 *
 * All formats share one composition of the stage (composition.mjs). Only the CSV is requested from the server.
 */

import { encodeMask } from "../values/selection.mjs";
import { format } from "../values/study.mjs";
import { actions } from "../page/actions.mjs";
import { viewQuery } from "../page/address.mjs";
import { on } from "../page/events.mjs";
import { fetchOfScene } from "../page/jobs.mjs";
import { state } from "../page/state.mjs";
import { byId, otherDivergence, today } from "../page/words.mjs";
import { drawing, pngOf, stageName } from "./composition.mjs";
import { pdfOf } from "./pdf.mjs";
import { svgOf } from "./svg.mjs";

const MOST_PIXELS = 5e7;
const LONGEST_SIDE = 16384;
/** Least x of the menu's right edge, or the menu would cross the left edge of the window (18-export.css). */
const WIDEST = 356;

/** @param {string} name */
const value = (name) => byId(`export-${name}`).value;

/* ------------------------------------------------------------------ files */

/** @param {unknown} text */
const slug = (text) =>
  String(text)
    .normalize("NFKC")
    .replace(/[^\p{L}\p{N}]+/gu, "_")
    .replace(/^_+|_+$/g, "")
    .slice(0, 60);

/**
 * study-split-divergence-date-what.ext, every part harmless on any file system.
 * @param {string} what
 * @param {string} extension
 */
export const fileName = (what, extension) =>
  `${[slug(state.scene.study), state.scene.split, otherDivergence(state.scene), today(), slug(what)].filter(Boolean).join("-")}.${extension}`;

/**
 * @param {string} name
 * @param {Blob} content
 */
export const saveFile = (name, content) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
};

/* ------------------------------------------------------------------ the menu */

/**
 * Say what comes of an export: in the menu, or in the status line if that is closed.
 * @param {string} text
 * @param {boolean} [isError]
 */
export const sayInExport = (text, isError = false) => {
  const line = byId("export-status");
  line.textContent = text;
  line.classList.toggle("error", isError);
  // Exported by key, with the menu closed: report in the status line.
  if (text && !byId("export-panel").matches(":popover-open")) byId("status-line").textContent = text;
};

/**
 * Run one export at a time, and report its result.
 * @param {string} name
 * @param {() => any} make
 */
export const takeAway = async (name, make) => {
  const panel = byId("export-panel");
  if (panel.hasAttribute("data-working")) return;
  if (!state.scene) return sayInExport("There is no embedding yet.", true);
  if (state.scene.is_preview) return sayInExport("This is a preview: its embedding is being computed.", true);
  panel.toggleAttribute("data-working", true);
  sayInExport("Working …");
  try {
    // Let the message above be painted: the export may block the page for a second.
    await new Promise((resolve) => setTimeout(resolve, 30));
    const content = await make();
    saveFile(name, content);
    sayInExport(`Saved ${name}, ${format(Math.ceil(content.size / 1000))} kB.`);
  } catch (error) {
    sayInExport(/** @type {Error} */ (error).message, true);
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
  return pngOf(options, zoom);
};
const takeSvg = async () => new Blob([svgOf(drawing(pictureOptions().options))], { type: "image/svg+xml" });
const takePdf = async () => pdfOf(drawing(pictureOptions().options));

const takeCoordinates = async () => {
  const { scene } = state;
  const shown = scene.run_ids.map((_, run) => (value("rows") === "all" || state.isShown(run) ? 1 : 0));
  const query = `runs=${encodeURIComponent(encodeMask(shown))}`;
  return (await fetchOfScene(scene, `coordinates.csv?${query}`)).blob();
};

/** Copy the view's link; without clipboard access, show the link selected. */
const copyLink = async () => {
  const link = location.origin + location.pathname + viewQuery();
  try {
    await navigator.clipboard.writeText(link);
    sayInExport("The link is on the clipboard.");
  } catch {
    const box = document.createElement("input");
    Object.assign(box, { readOnly: true, value: link, ariaLabel: "Link to this view" });
    byId("export-panel").showPopover();
    sayInExport("Copy this link: ");
    byId("export-status").append(box);
    box.focus();
    box.select();
  }
};

/**
 * @param {string} id
 * @param {string} label
 * @param {number} number
 */
const numberBox = (id, label, number) => {
  const box = document.createElement("input");
  Object.assign(box, { id, type: "number", min: 200, max: LONGEST_SIDE, step: 1, value: number, ariaLabel: label });
  box.addEventListener("input", () => (byId("export-size").value = "custom"));
  return box;
};

const connectMenu = () => {
  const [button, panel, size] = [byId("export-button"), byId("export-panel"), byId("export-size")];
  if (panel.popover) return;
  // Native popover: closes on Escape or an outside click, and restores the focus.
  panel.popover = "auto";
  /** @type {any} */ (button).popoverTargetElement = panel;
  const boxes = [numberBox("export-width", "Width in pixels", 1920), numberBox("export-height", "Height in pixels", 1080)];
  byId("export-custom").replaceChildren(boxes[0], " × ", boxes[1]);
  size.addEventListener("change", () => {
    const sides = size.value.split("x");
    if (sides.length === 2) boxes.forEach((box, index) => (box.value = sides[index]));
  });
  // Receives the focus when the menu opens.
  size.autofocus = true;
  panel.addEventListener("beforetoggle", ({ newState }) => {
    const { right, bottom } = button.getBoundingClientRect();
    Object.assign(panel.style, { top: `${bottom + 6}px`, right: `${Math.max(8, innerWidth - Math.max(right, WIDEST))}px` });
    button.setAttribute("aria-expanded", String(newState === "open"));
    sayInExport("");
  });
};

export const install = () => {
  on("study", connectMenu);

  Object.assign(actions, {
    "export-png": () => takeAway(state.scene && fileName(stageName(), "png"), takePng),
    "export-svg": () => takeAway(state.scene && fileName(stageName(), "svg"), takeSvg),
    "export-pdf": () => takeAway(state.scene && fileName(stageName(), "pdf"), takePdf),
    "export-csv": () => takeAway(state.scene && fileName("coordinates", "csv"), takeCoordinates),
    "copy-link": copyLink,
  });
};
