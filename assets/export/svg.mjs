/* Writer of flat shapes (scene-shapes.mjs) as SVG. */

import { FONT, near } from "./shapes.mjs";

/**
 * XML-escaped text, without the characters that XML forbids even escaped.
 * @param {unknown} text
 */
const escaped = (text) =>
  String(text)
    .toWellFormed()
    // eslint-disable-next-line no-control-regex
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "")
    .replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);

/** @param {number[][]} points */
const pathOf = (points) => points.map(([x, y], index) => `${index ? "L" : "M"}${near(x)} ${near(y)}`).join("");

const elements = {
  /** @param {LineShape} shape */
  line: ({ points, color, width }) => `<path d="${pathOf(points)}" stroke="${color}" stroke-width="${width}"/>`,
  /** @param {AreaShape} shape */
  area: ({ points, color }) => `<path d="${pathOf(points)}Z" fill="${color}" stroke="none"/>`,
  /** @param {TextShape} shape */
  text: ({ x, y, text, size, color, anchor, angle, weight }) => {
    const turn = angle ? ` transform="rotate(${near((angle * 180) / Math.PI)} ${near(x)} ${near(y)})"` : "";
    const face = `font-size="${size}" fill="${color}" text-anchor="${anchor}"${weight ? ` font-weight="${weight}"` : ""}`;
    // Baseline 0.35 em below the middle (half the x-height), since not every SVG viewer supports dominant-baseline.
    return `<text x="${near(x)}" y="${near(y + 0.35 * size)}" ${face}${turn}>${escaped(text)}</text>`;
  },
};

/**
 * drawing: {width, height, background or "", title, shapes} -> text of an SVG file.
 * @param {Drawing} drawing
 */
export const svgOf = ({ width, height, background, title, shapes }) =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${escaped(FONT)}">`,
    `<title>${escaped(title)}</title>`,
    background ? `<rect width="${width}" height="${height}" fill="${background}"/>` : "",
    '<g fill="none" stroke="none" stroke-linecap="round" stroke-linejoin="round">',
    ...shapes.map((shape) => elements[shape.kind](/** @type {any} */ (shape))),
    "</g>\n</svg>\n",
  ].join("\n");
