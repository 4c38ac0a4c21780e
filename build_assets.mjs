/*
 * Build of what is committed for browsers, so that users need no node:
 *
 *   assets/built/page.js    assets/main.mjs and its modules as one file, named by the digest of their sources; its licences beside it
 *   assets/built/pdf.js     jsPDF and the fonts of a PDF, fetched at the first one; pdf.LICENSE has their licences
 *   assets/vendor/*.mjs     modules of packages, with their licences, under relative names: browsers know no package
 *
 *   node build_assets.mjs           writes them
 *   node build_assets.mjs --check   fails unless the committed files are what the sources give
 */
import { createHash } from "node:crypto";
import fs from "node:fs";
import { build } from "esbuild";
import subsetFont from "subset-font";

const FOLDER = "assets";
const isChecked = process.argv.includes("--check");

/**
 * Write a file, or say that it differs.
 * @param {string} path
 * @param {string | Uint8Array} contents
 */
const put = (path, contents) => {
  if (!isChecked) {
    fs.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    fs.writeFileSync(path, contents);
  } else if (!fs.existsSync(path) || !fs.readFileSync(path).equals(Buffer.from(contents))) {
    console.error(`${path} is not what its sources give: run node build_assets.mjs`);
    process.exitCode = 1;
  }
};

/**
 * Digest of files and their names, as dashboard/server/modules.py computes it.
 * @param {[string, string | Uint8Array][]} files
 */
const digestOf = (files) => {
  const hash = createHash("sha256");
  for (const [name, body] of files.sort(([a], [b]) => (a < b ? -1 : 1))) hash.update(name).update("\0").update(body).update("\0");
  return hash.digest("hex").slice(0, 16);
};

const locked = JSON.parse(fs.readFileSync("package-lock.json", "utf8")).packages;

/**
 * Version and licence of an installed package.
 * @param {string} name
 */
const licenceOf = (name) => {
  const file = ["LICENSE", "LICENSE.md", "LICENSE_FONT"].filter((one) => fs.existsSync(`node_modules/${name}/${one}`)).at(-1);
  return { title: `${name} ${locked[`node_modules/${name}`].version}`, text: fs.readFileSync(`node_modules/${name}/${file}`, "utf8").trim() };
};

/* ------------------------------------------------------------------ modules of packages */

for (const [name, imports] of /** @type {[string, string[]][]} */ ([["flatbush", ["flatqueue"]], ["flatqueue", []]])) {
  const { title, text } = licenceOf(name);
  const source = imports.reduce(
    (all, other) => all.replace(`from '${other}'`, `from './${other}.mjs'`),
    fs.readFileSync(`node_modules/${name}/index.js`, "utf8"),
  );
  // Only files of packages have comments that stay in the built file.
  put(`${FOLDER}/vendor/${name}.mjs`, `/*!\n${title}, copied by build_assets.mjs\n\n${text}\n*/\n\n${source}`);
}

/* ------------------------------------------------------------------ the page's own modules */

const modules = () =>
  fs
    .readdirSync(FOLDER, { recursive: true })
    .map((name) => String(name).replaceAll("\\", "/"))
    .filter((name) => name.endsWith(".mjs"))
    .map((name) => /** @type {[string, Uint8Array]} */ ([name, fs.readFileSync(`${FOLDER}/${name}`)]));

/** @type {import("esbuild").BuildOptions} */
const common = { bundle: true, minify: true, charset: "utf8", target: "es2023", write: false };

const page = await build({
  ...common,
  entryPoints: [`${FOLDER}/main.mjs`],
  format: "iife",
  legalComments: "linked",
  sourcemap: "linked",
  sourcesContent: false,
  banner: { js: `/* ${digestOf(modules())} */` },
  outfile: `${FOLDER}/built/page.js`,
});
for (const { path, contents } of page.outputFiles) put(path, contents);

/* ------------------------------------------------------------------ jsPDF and fonts */

const FONT_PACKAGE = "@expo-google-fonts/inter";
/** Weight in CSS -> file; every weight above 400 is set in the second. */
const FONTS = { regular: "400Regular/Inter_400Regular.ttf", bold: "600SemiBold/Inter_600SemiBold.ttf" };
/** Latin, Greek, Cyrillic, super- and subscripts, punctuation, arrows, mathematics. */
const RANGES = [
  [0x20, 0x7e], [0xa0, 0x17f], [0x2c6, 0x2dd], [0x370, 0x3ff], [0x400, 0x45f], [0x1d40, 0x1d6a], [0x2010, 0x2027], [0x2030, 0x203a],
  [0x2070, 0x209c], [0x20ac, 0x20ac], [0x2190, 0x2199], [0x2200, 0x22ff],
];
const letters = RANGES.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, at) => String.fromCodePoint(from + at))).join("");
/** Tables for layout: jsPDF sets letter by letter. */
const dropTables = ["GSUB", "GPOS", "GDEF", "STAT", "DSIG", "meta"];
const ENTRY = 'export { jsPDF } from "jspdf";\nexport { default as regular } from "font:regular";\nexport { default as bold } from "font:bold";\n';

/** @type {import("esbuild").Plugin} */
const pdfParts = {
  name: "parts of the PDF library",
  setup: (builder) => {
    // What jsPDF loads for HTML, SVG and bitmaps; the export has none of them.
    builder.onResolve({ filter: /^(html2canvas|dompurify|canvg|fast-png)$/ }, ({ path }) => ({ path, namespace: "none" }));
    builder.onLoad({ filter: /.*/, namespace: "none" }, () => ({ contents: "export default null; export const decode = null;" }));
    builder.onResolve({ filter: /^font:/ }, ({ path }) => ({ path: path.slice("font:".length), namespace: "font" }));
    builder.onLoad({ filter: /.*/, namespace: "font" }, async ({ path }) => {
      const whole = fs.readFileSync(`node_modules/${FONT_PACKAGE}/${FONTS[/** @type {keyof FONTS} */ (path)]}`);
      const contents = await subsetFont(whole, letters, { targetFormat: "truetype", noLayoutClosure: true, noHinting: true, dropTables });
      return { contents, loader: "base64" };
    });
  },
};

const pdf = await build({
  ...common,
  stdin: { contents: ENTRY, resolveDir: process.cwd() },
  format: "esm",
  legalComments: "eof",
  metafile: true,
  plugins: [pdfParts],
});
const bundled = Object.keys(pdf.metafile.inputs).flatMap((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []);
const packages = [...new Set([...bundled, FONT_PACKAGE])].sort();
const madeOf = ["esbuild", "subset-font", "harfbuzzjs", ...packages].map((name) => `${name} ${locked[`node_modules/${name}`].integrity}`);
const digest = digestOf([["entry", ENTRY], ["letters", letters], ["packages", madeOf.join("\n")]]);
put(`${FOLDER}/built/pdf.js`, `/* ${digest} */\n${pdf.outputFiles[0].text}`);
const licences = packages.map(licenceOf).map(({ title, text }) => `${title}\n\n${text}\n`);
put(`${FOLDER}/built/pdf.LICENSE`, `Licences of what pdf.js is made of.\n\n${licences.join(`\n${"-".repeat(80)}\n\n`)}`);
