import assert from "node:assert/strict";
import test from "node:test";
import { detailOf } from "../../assets/values/detail.mjs";
import { makePicture, makeScene } from "./made.mjs";

const wave = (n) => Array.from({ length: n }, (_, step) => Math.sin(step / 9) + 0.3 * Math.sin(step * 1.7));
const large = (more) => makePicture(makeScene(Array.from({ length: 60 }, () => wave(500))), more);

test("up to the budget all vertices are drawn", () => {
  const { canReduce, isReduced, drawn } = detailOf(makePicture(makeScene([wave(500)])));
  assert.deepEqual([canReduce, isReduced, drawn], [false, false, 500]);
});

test("above the budget the ends stay", () => {
  const picture = large();
  const { isReduced, drawn, total, tolerance, importance } = detailOf(picture);
  assert.deepEqual([isReduced, total], [true, 30000]);
  assert.ok(drawn <= 20000 && importance.filter((value) => value >= tolerance).length === drawn);
  for (const { first, count } of picture.scene.spans) assert.deepEqual([importance[first], importance[first + count - 1]], [Infinity, Infinity]);
  assert.equal(detailOf(picture), detailOf(picture));
});

test("what a reader asks for in full is drawn in full", () => {
  const { canReduce, isReduced, drawn } = detailOf(large({ inFull: true }));
  assert.deepEqual([canReduce, isReduced, drawn], [true, false, 30000]);
});

test("runs that are not drawn count for nothing", () => {
  assert.equal(detailOf(large({ context: "hidden", isShown: (run) => run < 10 })).total, 5000);
});

test("more ends than the budget are drawn anyway", () => {
  const { drawn, share } = detailOf(makePicture(makeScene(Array.from({ length: 10500 }, () => [0, 1, 0]))));
  assert.deepEqual([drawn, share], [21000, Infinity]);
});

test("a straight line needs its ends only", () => {
  const runs = Array.from({ length: 50 }, (_, run) => (run ? wave(500) : Array.from({ length: 500 }, (_, step) => step)));
  const scene = makeScene(runs, 1);
  const { importance } = detailOf(makePicture(scene, { axes: [1, 2, 3] }));
  assert.ok(importance.slice(1, 499).every((value) => value < 1e-3));
});
