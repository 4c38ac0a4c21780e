import assert from "node:assert/strict";
import test from "node:test";
import { decodeArrays, decodeScene } from "../../assets/values/scene.mjs";
import { encoded } from "./encoded.mjs";

test("arrays come back with their names", () => {
  const { key, arrays } = decodeArrays(encoded({ key: "k" }, { run: Uint32Array.of(0, 0, 1), "model:epoch": Float32Array.of(0, 0.5, 7) }));
  assert.equal(key, "k");
  assert.deepEqual([...arrays.run], [0, 0, 1]);
  assert.deepEqual([...arrays["model:epoch"]], [0, 0.5, 7]);
});

test("a scene knows where its runs begin", () => {
  const scene = decodeScene(encoded({ run_ids: ["a", "b", "c"] }, { run: Uint32Array.of(0, 0, 2, 2, 2) }));
  assert.deepEqual(scene.spans, [{ first: 0, count: 2 }, { first: 0, count: 0 }, { first: 2, count: 3 }]);
  assert.equal(scene.closer.panels, null);
});

test("other bytes are refused", () => {
  assert.throws(() => decodeScene(new TextEncoder().encode("<!DOCTYPE html>").buffer), /not an embedding/);
});
