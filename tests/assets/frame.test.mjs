import assert from "node:assert/strict";
import test from "node:test";
import { makeRoom, pictureLayout, viewOf } from "../../assets/picture/fit.mjs";
import { aspectOf, componentTitle, extent, layoutOf, makeView, rangesOf } from "../../assets/picture/frame.mjs";
import { makePicture, makeScene, near, STYLE, withReferences } from "./made.mjs";

const CAMERA = { eye: { x: 0, y: -2, z: 0 }, center: { x: 0, y: 0, z: 0 }, up: { x: 0, y: 0, z: 1 } };
const scene = () => withReferences(makeScene([[0, 1, 2], [0, -1, -2]]));

test("ranges hold all models and the origin, with a margin", () => {
  const [low, high] = extent(scene(), 1);
  assert.ok(low < -2 && high > 2 && near(low, -high));
  assert.deepEqual(extent(makeScene([[0, 0]], 1), 1), [-0.5, 0.5]);
});

test("pictures side by side share their ranges", () => {
  const wider = makeScene([[0, 10]]);
  assert.ok(rangesOf(makePicture(scene(), { alongside: wider }))[0][1] > 10);
  const narrow = makeScene([[0, 1]], 1);
  assert.deepEqual(rangesOf(makePicture(scene(), { alongside: narrow }))[1], extent(scene(), 2));
  const ranges = [[0, 1], [0, 1], [0, 1]];
  assert.equal(rangesOf(makePicture(scene(), { ranges })), ranges);
});

test("under equal scale the box has the volume of a cube", () => {
  const { x, y, z } = aspectOf(makePicture(scene()));
  assert.ok(near(x * y * z, 1));
  assert.deepEqual(aspectOf(makePicture(scene(), { scale: "stretched" })), { x: 1, y: 1, z: 1 });
});

test("an imaginary axis is red and says so", () => {
  const layout = layoutOf(makePicture(scene()), CAMERA);
  assert.equal(layout.scene.xaxis.title.text, "1 · real · 50 %");
  assert.equal(layout.scene.zaxis.title.text, "3 · imaginary · 13 %");
  assert.equal(layout.scene.zaxis.color, STYLE.timeLike);
  assert.equal(layout.scene.annotations.length, 2);
  assert.notEqual(layout.scene.camera, CAMERA);
  assert.equal(componentTitle({ ...scene(), turnedShares: new Map([[1, -0.25]]) }, 1), "1 · real · −25 %");
});

test("a component that is not there is titled so", () => {
  assert.match(layoutOf(makePicture(scene(), { axes: [1, 2, 9] }), CAMERA).scene.zaxis.title.text, /not in this embedding/);
});

test("a picture without a camera gets one that fits", () => {
  const size = { width: 900, height: 600 };
  const { scene: box } = pictureLayout(makePicture(scene()), size);
  const view = makeView(box, { left: 0, top: 0, ...size });
  for (let bits = 0; bits < 8; bits += 1) {
    const [x, y, depth] = view.project(view.corner(bits));
    assert.ok(x > 0 && x < 900 && y > 0 && y < 600 && depth > 0);
  }
  assert.deepEqual(pictureLayout(makePicture(scene(), { camera: CAMERA }), size).scene.camera, CAMERA);
});

test("the default view gives way to overlays", () => {
  const picture = makePicture(scene());
  const taken = [{ left: 0, top: 0, right: 300, bottom: 200 }];
  const size = { width: 900, height: 600 };
  const clear = viewOf(picture, { ...size, taken }, "default");
  assert.notDeepEqual(clear, viewOf(picture, size, "default"));
  assert.deepEqual(viewOf(picture, { ...size, taken }, "x"), viewOf(picture, size, "x"));
});

test("room grows in one frame until it is forgotten", () => {
  const room = makeRoom();
  const place = (right) => [{ left: 0, top: 0, right, bottom: 10 }];
  assert.deepEqual(room.given("a", place(10)), place(10));
  assert.deepEqual([room.given("a", place(20)), room.hasGrown()], [place(20), true]);
  assert.deepEqual([room.given("a", place(5)), room.hasGrown()], [place(20), false]);
  assert.deepEqual(room.given("b", place(5)), place(5));
  room.forget();
  assert.deepEqual(room.given("b", place(2)), place(2));
});

test("projection is a pinhole's, or parallel", () => {
  const ranges = { xaxis: { range: [-1, 1] }, yaxis: { range: [-1, 1] }, zaxis: { range: [-1, 1] } };
  const frame = { left: 0, top: 0, width: 200, height: 100 };
  const view = makeView({ ...ranges, aspectmode: "cube", camera: CAMERA }, frame);
  const [x, y, depth] = view.project([0, 0, 0]);
  assert.deepEqual([x, y, depth], [100, 50, 2]);
  assert.ok(view.project([1, 0, 0])[0] > 100);
  assert.ok(view.project([1, -1, 0])[0] > view.project([1, 1, 0])[0], "nearer is larger");
  const flat = makeView({ ...ranges, aspectmode: "cube", camera: { ...CAMERA, projection: { type: "orthographic" } } }, frame);
  assert.equal(flat.project([1, -1, 0])[0], flat.project([1, 1, 0])[0]);
  assert.deepEqual([view.isNear(1), flat.isNear(1)], [false, false]);
  const data = makeView({ ...ranges, camera: CAMERA }, frame);
  assert.ok(near(data.project([1, 0, 0])[0], view.project([1, 0, 0])[0]));
});
