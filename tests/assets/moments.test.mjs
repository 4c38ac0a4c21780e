import assert from "node:assert/strict";
import test from "node:test";
import { clockOf, clocksOf, coordinateAt, headOf, upToHead } from "../../assets/values/moments.mjs";
import { makeScene } from "./made.mjs";

const epoch = (at) => ({ clock: "epoch", at });

test("a head lies between the checkpoints around its moment", () => {
  const scene = makeScene([[0, 1, 2, 3]]);
  assert.equal(headOf({ scene, moment: epoch(1.25) }, 0), 1.25);
  assert.deepEqual([...upToHead({ scene, moment: epoch(1.25) }, 0, Int32Array.of(0, 1, 2, 3))], [0, 1, 1.25]);
  assert.equal(headOf({ scene, moment: epoch(9) }, 0), 3);
  assert.equal(headOf({ scene, moment: epoch(0) }, 0), 0);
});

test("without a moment runs are whole", () => {
  const scene = makeScene([[0, 1], [0, 1, 2]]);
  assert.equal(headOf({ scene, moment: null }, 1), 4);
  const vertices = Int32Array.of(2, 4);
  assert.equal(upToHead({ scene, moment: null }, 1, vertices), vertices);
});

test("a run that has passed a moment stays past it", () => {
  const scene = makeScene([[0, 2, 1, 3]]);
  scene.arrays["model:epoch"] = Float32Array.of(0, 2, 1, 3);
  assert.equal(headOf({ scene, moment: epoch(1.5) }, 0), 0.75);
});

test("new runs grow from their start", () => {
  const growth = { isNew: (run) => run === 0, share: 0.5 };
  assert.equal(headOf({ scene: makeScene([[0, 1, 2]]), moment: null, growth }, 0), 1);
});

test("a clock that tells nothing apart is not offered", () => {
  const scene = makeScene([[0, 1]]);
  scene.arrays["model:step"] = Float32Array.of(7, 7);
  assert.deepEqual(clocksOf(scene), ["epoch"]);
  assert.deepEqual(clockOf(scene, "epoch"), { low: 0, high: 1, stops: [0, 1] });
});

test("a clock of many values has even stops", () => {
  const { low, high, stops } = clockOf(makeScene([Array(500).fill(0)]), "epoch");
  assert.deepEqual([low, high, stops.length, stops[100]], [0, 499, 201, 249.5]);
});

test("coordinates between checkpoints are interpolated", () => {
  const coordinates = Float32Array.of(0, 10, 4, 20);
  assert.deepEqual([coordinateAt(coordinates, 2, 0, 1), coordinateAt(coordinates, 2, 0.25, 0), coordinateAt(coordinates, 2, 0.5, 1)], [10, 1, 15]);
});
