import assert from "node:assert/strict";
import fs from "node:fs";
import test from "node:test";

const FOLDER = new URL("../../assets/", import.meta.url);
const main = fs.readFileSync(new URL("main.mjs", FOLDER), "utf8");
const modules = fs.readdirSync(FOLDER, { recursive: true }).filter((name) => name.endsWith(".mjs") && name !== "main.mjs");

test("every module that has something to install is a part", () => {
  const parts = main.match(/const PARTS = \[([^\]]*)\]/)[1].match(/\w+/g);
  const aliases = new Map([...main.matchAll(/import \* as (\w+) from "\.\/([\w/-]+\.mjs)"/g)].map(([, alias, name]) => [name, alias]));
  const installed = modules.filter((name) => /^export const install\b/m.test(fs.readFileSync(new URL(name, FOLDER), "utf8")));
  assert.ok(installed.length > 30);
  assert.deepEqual(installed.map((name) => aliases.get(name)).sort(), [...parts].sort());
});

test("modules only define: what they do stands in install", () => {
  const doers = modules.filter((name) => /^(on|emit|document|window)[.(]/m.test(fs.readFileSync(new URL(name, FOLDER), "utf8")));
  assert.deepEqual(doers, []);
});

test("every room is one that the import rule knows", () => {
  const rules = fs.readFileSync(new URL("../eslint.config.mjs", FOLDER), "utf8");
  for (const room of new Set(modules.map((name) => name.split("/")[0]))) assert.ok(rules.includes(`"${room}"`), room);
});
