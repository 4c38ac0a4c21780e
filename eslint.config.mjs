import js from "@eslint/js";
import importX from "eslint-plugin-import-x";
import globals from "globals";

/** Rooms of assets/, lowest first: a room imports from itself and from lower ones. */
const LAYERS = ["vendor", "values", "picture", "pairs", "page", "study"];
/** Rooms above them, which do not import each other: they meet through events (page/events.mjs). */
const FEATURES = ["runs", "stage", "panels", "figures", "stories", "controls", "export"];

const zone = (target, from, message) => ({ target: `./assets/${target}`, from: `./assets/${from}`, message });

const zones = [
  ...LAYERS.flatMap((target, layer) =>
    [...LAYERS.slice(layer + 1), ...FEATURES].map((from) => zone(target, from, `${target}/ lies below ${from}/.`)),
  ),
  ...FEATURES.flatMap((target) =>
    FEATURES.filter((from) => from !== target).map((from) => zone(target, from, "Features meet through page/events.mjs.")),
  ),
];

export default [
  { ignores: ["assets/built/", "assets/vendor/", "node_modules/", "dashboard/", "docs/", "data/"] },
  js.configs.recommended,
  {
    files: ["**/*.mjs"],
    plugins: { "import-x": importX },
    languageOptions: { ecmaVersion: 2024, sourceType: "module" },
    rules: {
      eqeqeq: ["error", "always", { null: "ignore" }],
      "no-var": "error",
      "no-unused-vars": ["error", { varsIgnorePattern: "^_" }],
      "prefer-const": "error",
      "import-x/no-cycle": "error",
      "import-x/no-duplicates": "error",
      "import-x/named": "error",
      "import-x/export": "error",
    },
  },
  {
    files: ["assets/**/*.mjs"],
    languageOptions: { globals: { ...globals.browser, Plotly: "readonly" } },
    rules: {
      "import-x/no-restricted-paths": ["error", { zones }],
      "max-lines": ["error", 350],
      "no-restricted-syntax": [
        "error",
        { selector: "MemberExpression[property.name=/^_[a-z]/]", message: "Only picture/plotly-scene.mjs knows plotly's internals." },
      ],
    },
  },
  { files: ["assets/picture/plotly-scene.mjs"], rules: { "no-restricted-syntax": "off" } },
  { files: ["*.mjs", "tests/assets/**/*.mjs"], languageOptions: { globals: globals.node } },
  { files: ["tests/**/*.js", "benchmarks/**/*.js"], languageOptions: { sourceType: "script", globals: globals.browser } },
];
