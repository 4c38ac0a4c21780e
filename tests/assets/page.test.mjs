import assert from "node:assert/strict";
import test from "node:test";
import { addressFields, isNamedSingly, keptMask, selectionNames, viewQuery, writeAddress } from "../../assets/page/address.mjs";
import { emit, on } from "../../assets/page/events.mjs";
import { recall, remember } from "../../assets/page/memory.mjs";
import { state, writerOf } from "../../assets/page/state.mjs";
import { makeStudy } from "./made.mjs";

const write = writerOf("study", "split", "constraints", "kept", "axes", "camera", "flips");
const fields = () => Object.fromEntries(new URLSearchParams(viewQuery()));

test("listeners are called in order with all details", () => {
  const heard = [];
  on("made", (a, b) => heard.push([1, a, b]));
  on("made", (a) => heard.push([2, a]));
  emit("made", "x", "y");
  emit("unheard");
  assert.deepEqual(heard, [[1, "x", "y"], [2, "x"]]);
});

test("a field has one writer", () => {
  assert.throws(() => writerOf("axes"), /two writers/);
  assert.throws(() => writerOf("nonsense"), /no field/);
  assert.throws(() => write({ view: "pairs" }), /another module/);
});

test("what changed is announced with its value before", () => {
  const heard = [];
  on("changed", (before) => heard.push(before));
  write({ split: "test" });
  write({ split: "test" });
  write({ split: "train", axes: [2, 1, 3] });
  write({ axes: [2, 1, 3] });
  assert.deepEqual(heard, [{ split: "train" }, { split: "test", axes: [1, 2, 3] }]);
  assert.deepEqual([state.split, state.axes], ["train", [2, 1, 3]]);
});

test("the address leaves out what is usual", () => {
  write({ study: makeStudy(), axes: [1, 2, 3] });
  assert.deepEqual(fields(), { v: "1", d: "made", c: "model:progress" });
});

test("filters, axes and camera stand in the address", () => {
  const camera = { eye: { x: 1.23456, y: 0, z: 0 }, center: { x: 0, y: 0, z: 0 }, up: { x: 0, y: 0, z: 1 } };
  write({
    axes: [1, 2, 4],
    split: "test",
    flips: new Set([2, 30]),
    camera,
    constraints: [
      { kind: "levels", name: "a;b", chosen: new Set(["x,y", ""]) },
      { kind: "range", name: "rate", low: 0.001, high: 0.1 },
    ],
  });
  const { f, r, ax, cam, split, fl } = fields();
  assert.deepEqual([f, r, ax, split, fl], ["a%3Bb:x%2Cy,", "rate:0.001..0.1", "1,2,4", "test", "2"]);
  assert.equal(cam, "1.235,0,0,0,0,0,0,0,1");
});

test("few kept runs are named and many are a mask", () => {
  write({ kept: new Set(["run-1", "a b"]) });
  assert.equal(fields().runs, "run-1,a%20b");
  const many = Array.from({ length: 61 }, (_, run) => `run-${run}`);
  write({ study: { ...makeStudy(), run_ids: many }, kept: new Set(many) });
  assert.ok(!isNamedSingly(state));
  assert.equal(fields().mask, `0123456789ab.${keptMask(state)}`);
  selectionNames.set(state.kept, "s123");
  assert.deepEqual([fields().s, fields().mask], ["s123", undefined]);
});

test("a feature's key is written after the others", () => {
  addressFields.push(["new", () => "worth it"]);
  assert.ok(viewQuery().endsWith("&new=worth%20it"));
});

test("the address is written once after a pause", async () => {
  const written = [];
  globalThis.history = { state: null, replaceState: (_state, _title, query) => written.push(query) };
  const heard = new Promise((resolve) => on("address", resolve));
  writeAddress();
  writeAddress();
  await heard;
  assert.deepEqual(written, [viewQuery()]);
});

test("preferences are kept, and storage may fail", () => {
  const kept = new Map();
  globalThis.localStorage = { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value) };
  remember("follow", true);
  assert.deepEqual([recall("follow", false), recall("other", 7)], [true, 7]);
  globalThis.localStorage = {
    getItem: () => "{",
    setItem: () => {
      throw new Error("full");
    },
  };
  remember("follow", false);
  assert.equal(recall("follow", "none"), "none");
});
