import assert from "node:assert/strict";
import test from "node:test";
import { movesInWords, orient, share } from "../../assets/values/alignment.mjs";
import { makeScene, near, withReferences } from "./made.mjs";

/** Cloud of one run whose components have falling spreads. */
const cloud = (n = 40, width = 3) => {
  let seed = 1;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647 - 0.5;
  const scene = makeScene([Array(n).fill(0)], width);
  scene.diagnostics.signature = Array(width).fill(1);
  scene.arrays.coordinates = Float32Array.from({ length: n * width }, (_, at) => random() * [3, 2, 1][at % width]);
  return scene;
};

test("a mirror image is turned back", () => {
  const before = orient(cloud(), null);
  const mirrored = cloud();
  mirrored.arrays.coordinates = mirrored.arrays.coordinates.map((value, at) => (at % 3 === 1 ? -value : value));
  const turned = orient(mirrored, before);
  turned.arrays.coordinates.forEach((value, at) => assert.ok(near(value, before.arrays.coordinates[at])));
  assert.deepEqual([...turned.alignment.flipped], [2]);
});

test("a rotation among nearly equal components is undone", () => {
  const equal = (scene) => ({ ...scene, diagnostics: { signature: [1, 1, 1], explained_variance: [0.4, 0.8, 1] } });
  const before = orient(equal(cloud()), null);
  const rotated = equal(cloud());
  const [c, s] = [Math.cos(0.7), Math.sin(0.7)];
  const from = rotated.arrays.coordinates.slice();
  for (let at = 0; at < from.length; at += 3) {
    rotated.arrays.coordinates[at] = c * from[at] - s * from[at + 1];
    rotated.arrays.coordinates[at + 1] = s * from[at] + c * from[at + 1];
  }
  const turned = orient(rotated, before);
  assert.deepEqual(turned.alignment.rotated, [[1, 2]]);
  turned.arrays.coordinates.forEach((value, at) => assert.ok(near(value, before.arrays.coordinates[at], 1e-5)));
  assert.ok(near(share(turned, 1) + share(turned, 2), 0.8, 1e-12), "the shares of the block keep their sum");
});

test("an opened view's rotation is given back", () => {
  const equal = (scene) => ({ ...scene, diagnostics: { signature: [1, 1, 1], explained_variance: [0.4, 0.8, 1] } });
  const [one, other] = [equal(cloud()), equal(cloud())];
  const from = other.arrays.coordinates.slice();
  for (let at = 0; at < from.length; at += 3) {
    [other.arrays.coordinates[at], other.arrays.coordinates[at + 1]] = [from[at] + from[at + 1], from[at] - from[at + 1]];
  }
  const turned = orient(other, orient(one, null));
  const { flipped, blocks } = turned.alignment;
  assert.equal(blocks.length, 1);
  const again = orient(other, null, flipped, JSON.parse(JSON.stringify(blocks)));
  assert.deepEqual(again.arrays.coordinates, turned.arrays.coordinates);
  assert.deepEqual([...again.turnedShares], [...turned.turnedShares]);
  assert.deepEqual(again.alignment.rotated, [[1, 2]]);
});

test("components of another signature are not mixed", () => {
  const equal = (scene) => ({ ...scene, diagnostics: { signature: [1, -1, 1], explained_variance: [0.4, 0, 0.2] } });
  assert.deepEqual(orient(equal(cloud()), orient(equal(cloud()), null)).alignment.rotated, []);
});

test("components that swapped places are named and stay", () => {
  const before = orient(cloud(), null);
  const swapped = cloud();
  const from = swapped.arrays.coordinates.slice();
  for (let at = 0; at < from.length; at += 3) [swapped.arrays.coordinates[at], swapped.arrays.coordinates[at + 1]] = [from[at + 1], from[at]];
  const turned = orient(swapped, before);
  assert.deepEqual(turned.alignment.moved, [[1, 2], [2, 1]]);
  assert.equal(movesInWords(turned, [1, 3]), "component 1 was 2");
  assert.equal(movesInWords(turned, [3]), "");
});

test("without a former scene truth lies above ignorance", () => {
  const scene = withReferences(makeScene([[0, 1]]));
  scene.arrays.reference_coordinates = scene.arrays.reference_coordinates.map((value) => -value);
  const turned = orient(scene, null);
  const { reference_coordinates: references } = turned.arrays;
  for (let k = 0; k < 3; k += 1) assert.ok(references[6 + k] > references[k]);
  assert.equal(turned.alignment.shared, 0);
});

test("the flips of an opened view are taken as they are", () => {
  const scene = withReferences(makeScene([[0, 1]]));
  const turned = orient(scene, orient(scene, null), new Set([2]));
  assert.deepEqual([...turned.alignment.flipped], [2]);
  assert.equal(turned.arrays.coordinates[3], scene.arrays.coordinates[3]);
  assert.equal(turned.arrays.coordinates[4], -scene.arrays.coordinates[4]);
});

test("scenes of other studies and other runs share nothing", () => {
  const before = orient(makeScene([[0, 1], [2, 3]]), null);
  assert.equal(orient({ ...makeScene([[0, 1], [2, 3]]), study: "other" }, before).alignment.shared, 0);
  assert.equal(orient({ ...makeScene([[0, 1]]), run_ids: ["else"] }, before).alignment.shared, 0);
  assert.equal(orient(makeScene([[0, 1, 2]]), before).alignment.shared, 2);
});
