import assert from "node:assert/strict";
import test from "node:test";
import { nearestIndex } from "../../assets/pairs/nearest.mjs";
import { shareAlong, squaredDistance } from "../../assets/values/geometry.mjs";

const REACH = 10;

/** Numbers from 0 to 1, the same in every run. */
const numbersFrom = (seed) => () => ((seed = (seed * 48271) % 2147483647), seed / 2147483647);

/** Walks of several lines with gaps, dots at every fifth vertex, in a panel of the given size. */
const makeStrokes = (seed, nLines, nVertices, size, step) => {
  const random = numbersFrom(seed);
  const [xs, ys] = [[], []];
  const lines = Array.from({ length: nLines }, () => {
    let [x, y] = [size * random(), size * random()];
    const models = Array.from({ length: nVertices }, (_, at) => {
      [x, y] = [x + step * (random() - 0.5), y + step * (random() - 0.5)];
      xs.push(x);
      ys.push(y);
      return at % 17 === 16 ? -1 : xs.length - 1;
    });
    return { models: Float64Array.from(models), color: "", width: 1 };
  });
  const dots = [{ models: xs.flatMap((_, model) => (model % 5 ? [] : [model])), color: "", size: 4 }];
  return { strokes: { lines, dots }, x: (model) => xs[Math.floor(model)], y: (model) => ys[Math.floor(model)] };
};

/** Distance to the nearest piece, and the models at the nearer ends of the pieces that are as near. */
const bruteForce = ({ lines, dots }, x, y, px, py) => {
  const pieces = [
    ...lines.flatMap(({ models }) => Array.from(models).flatMap((to, at, all) => (at && to >= 0 && all[at - 1] >= 0 ? [[all[at - 1], to]] : []))),
    ...dots.flatMap(({ models }) => models.map((model) => [model, model])),
  ].map(([from, to]) => {
    const ends = [x(from), y(from), x(to), y(to)];
    return { distance: Math.sqrt(squaredDistance(px, py, ...ends)), model: shareAlong(px, py, ...ends) < 0.5 ? from : to };
  });
  const least = Math.min(...pieces.map(({ distance }) => distance));
  const first = pieces.find(({ distance }) => distance === least);
  return least < REACH ? first.model : -1;
};

for (const [seed, nLines, nVertices, size, step] of [[1, 12, 40, 300, 30], [2, 1, 2, 60, 60], [3, 40, 20, 120, 4], [4, 3, 60, 900, 300]]) {
  test(`the index finds what a search finds, ${nLines} lines`, () => {
    const { strokes, x, y } = makeStrokes(seed, nLines, nVertices, size, step);
    const index = nearestIndex(strokes, x, y);
    const random = numbersFrom(seed + 100);
    let found = 0;
    for (let query = 0; query < 500; query += 1) {
      const [px, py] = [size * random(), size * random()];
      const expected = bruteForce(strokes, x, y, px, py);
      assert.equal(index(px, py), expected);
      found += expected >= 0 ? 1 : 0;
    }
    assert.ok(found > 0);
  });
}

test("nothing is near where nothing is drawn", () => {
  const index = nearestIndex({ lines: [{ models: [-1, 3, -1], color: "", width: 1 }], dots: [] }, () => 0, () => 0);
  assert.equal(index(0, 0), -1);
});

test("a head between two checkpoints is the earlier", () => {
  const index = nearestIndex({ lines: [], dots: [{ models: [4.6], color: "", size: 3 }] }, (model) => 10 * model, () => 0);
  assert.equal(index(46, 3), 4);
  assert.equal(index(46, REACH), -1, "beyond reach");
});

test("of equal lines the first drawn is found", () => {
  const lines = [[0, 1], [2, 3]].map((models) => ({ models, color: "", width: 1 }));
  const index = nearestIndex({ lines, dots: [] }, (model) => 50 * (model % 2), () => 0);
  assert.deepEqual([index(3, 2), index(48, 2)], [0, 1]);
});
