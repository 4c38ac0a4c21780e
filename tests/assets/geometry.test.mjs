import assert from "node:assert/strict";
import test from "node:test";
import {
  cameraBetween, cameraMoves, cameraOf, cameraText, cross, dot, length, minus, plus, pointOf, shareAlong, squaredDistance, times,
  turnedCamera, unit, vectorOf,
} from "../../assets/values/geometry.mjs";
import { near } from "./made.mjs";

const CAMERA = { eye: { x: 1, y: 2, z: 3 }, center: { x: 0.5, y: 0, z: 0 }, up: { x: 0, y: 0, z: 1 } };
const distance = ({ eye, center }) => length(minus(vectorOf(eye), vectorOf(center)));

test("vectors add, scale and cross", () => {
  assert.deepEqual(plus([1, 2, 3], [1, 1, 1]), [2, 3, 4]);
  assert.deepEqual(times([1, 2, 3], 2), [2, 4, 6]);
  assert.deepEqual(cross([1, 0, 0], [0, 1, 0]), [0, 0, 1]);
  assert.equal(dot([1, 2, 3], [4, 5, 6]), 32);
  assert.ok(near(length(unit([3, 4, 12])), 1));
  assert.deepEqual(unit([0, 0, 0]), [0, 0, 0]);
  assert.deepEqual(vectorOf(pointOf([1, 2, 3])), [1, 2, 3]);
});

test("the nearest place lies on the segment", () => {
  assert.equal(shareAlong(5, 3, 0, 0, 10, 0), 0.5);
  assert.equal(squaredDistance(5, 3, 0, 0, 10, 0), 9);
  assert.equal(squaredDistance(-3, 4, 0, 0, 10, 0), 25);
  assert.equal(squaredDistance(3, 4, 0, 0, 0, 0), 25);
});

test("a camera is written to four digits and read", () => {
  const text = cameraText({ ...CAMERA, eye: { x: 1.23456, y: 2, z: 3 } });
  assert.equal(text, "1.235,2,3,0.5,0,0,0,0,1");
  assert.deepEqual(cameraOf(text.split(",").map(Number)).center, CAMERA.center);
  assert.equal(cameraText(null), "");
});

test("turning and orbiting keep the distance", () => {
  for (const moved of [turnedCamera(CAMERA, 0.3), cameraMoves.orbit(CAMERA, 1, 0), cameraMoves.orbit(CAMERA, 0, 1), cameraMoves.lookAlong(CAMERA, "y")]) {
    assert.ok(near(distance(moved), distance(CAMERA)));
    assert.deepEqual(moved.center, CAMERA.center);
  }
});

test("opposite moves cancel", () => {
  for (const [move, ...by] of [["orbit", 1, 0], ["pan", 2, -1]]) {
    const back = cameraMoves[move](cameraMoves[move](CAMERA, ...by), ...by.map((value) => -value));
    for (const axis of "xyz") assert.ok(near(back.eye[axis], CAMERA.eye[axis], 1e-9), move);
  }
  assert.ok(near(distance(cameraMoves.zoom(cameraMoves.zoom(CAMERA, 3), -3)), distance(CAMERA)));
  assert.ok(distance(cameraMoves.zoom(CAMERA, 1000)) >= 0.05 - 1e-9);
  assert.ok(distance(cameraMoves.zoom(CAMERA, -1000)) <= 50 + 1e-9);
});

test("between two cameras the distance does not dip", () => {
  const opposite = { ...CAMERA, eye: pointOf(minus(times(vectorOf(CAMERA.center), 2), vectorOf(CAMERA.eye))) };
  for (const share of [0, 0.25, 0.5, 1]) assert.ok(near(distance(cameraBetween(CAMERA, opposite, share)), distance(CAMERA)));
  assert.deepEqual(cameraBetween(CAMERA, opposite, 1).center, opposite.center);
});

test("looking along an axis puts the eye on it", () => {
  const { eye, center, up } = cameraMoves.lookAlong(CAMERA, "z");
  assert.deepEqual([eye.x, eye.y, up], [center.x, center.y, { x: 0, y: 1, z: 0 }]);
});
