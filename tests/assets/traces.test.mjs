import assert from "node:assert/strict";
import test from "node:test";
import { pinClass, pinsOf } from "../../assets/values/pins.mjs";
import { drawnPins, paintPins, paintPointed } from "../../assets/picture/emphasis.mjs";
import { colorAt, colorOf, pictureTraces, referenceLabels, verticesOf } from "../../assets/picture/traces.mjs";
import { colouringOf } from "../../assets/values/colouring.mjs";
import { makeContext, makePicture, makeScene, makeStudy, STYLE, withReferences } from "./made.mjs";

const scene = () => makeScene([[0, 1, 2], [0, -1, -2], [0, 3, 1], [0, 2, 2]]);
const byRole = (picture) => Map.groupBy ? Map.groupBy(pictureTraces(picture), ({ role }) => role) : group(pictureTraces(picture));
const group = (traces) => {
  const roles = new Map();
  for (const trace of traces) roles.set(trace.role, [...(roles.get(trace.role) ?? []), trace]);
  return roles;
};

test("runs of one colour are one trace with gaps", () => {
  const lines = byRole(makePicture(scene())).get("shown");
  assert.equal(lines.length, 2);
  assert.deepEqual([...lines[0].models], [0, 1, 2, -1, 6, 7, 8]);
  assert.ok(Number.isNaN(lines[0].trace.x[3]));
  assert.deepEqual([...lines[0].trace.x.slice(4)], [0, 3, 1]);
  assert.equal(lines[0].trace.line.color, "#aa0000");
});

test("filtered runs are faint or not there", () => {
  const isShown = (run) => run === 0;
  const faint = byRole(makePicture(scene(), { isShown }));
  assert.equal(faint.get("context").length, 2);
  assert.notEqual(faint.get("context")[0].trace.line.color, "#aa0000");
  assert.ok(!byRole(makePicture(scene(), { isShown, context: "hidden" })).has("context"));
});

test("picked runs are strong and others recede", () => {
  const roles = byRole(makePicture(scene(), { picked: new Set(["run-1"]) }));
  assert.deepEqual([roles.get("picked")[0].trace.line.width, roles.get("shown")[0].trace.line.width], [7, 2.5]);
  assert.deepEqual([...roles.get("picked-end")[0].models], [5]);
});

test("a colour that changes along the run is one per vertex", () => {
  const colouring = colouringOf(makeStudy(), scene(), "model:epoch", STYLE);
  const [{ trace }] = byRole(makePicture(scene(), { colouring })).get("shown");
  assert.equal(trace.line.color.length, trace.x.length);
  assert.equal(colorAt(trace.line.color, 2), "rgb(255,255,255)");
  assert.equal(colorAt("#123456", 7), "#123456");
  assert.equal(colorOf(makePicture(scene(), { colouring }), 0, 0), "#000000");
});

test("numbers of runs have a colour for none", () => {
  const study = makeStudy();
  const six = makeScene([[0, 1], [0, 1], [0, 1], [0, 1], [0, 1], [0, 1]]);
  const picture = makePicture(six, { colouring: colouringOf(study, six, "run:learning_rate", STYLE) });
  assert.equal(colorOf(picture, 5, 11), STYLE.other);
  assert.equal(byRole(picture).get("shown").length, 5);
});

test("references are a dashed line with two ends", () => {
  const traces = pictureTraces(makePicture(withReferences(scene()))).slice(-2);
  assert.deepEqual(traces.map(({ trace }) => trace.uid), ["geodesic", "references"]);
  assert.deepEqual([traces[0].trace.x.length, traces[1].trace.x], [3, [-1, 1]]);
  assert.deepEqual(referenceLabels(makePicture(withReferences(scene()))).map(({ text }) => text), ["P₀ ignorance", "P* truth"]);
  assert.deepEqual(referenceLabels(makePicture(scene())), []);
  assert.equal(pictureTraces(makePicture(withReferences(scene()), { showReferences: false })).at(-1).role, "end");
});

test("a component that is not there lies at zero", () => {
  const [{ trace }] = pictureTraces(makePicture(scene(), { axes: [1, 2, 9] }));
  assert.ok(trace.z.every((value) => value === 0 || Number.isNaN(value)));
});

test("a simplified picture has no starts but whole pins", () => {
  const wave = Array.from({ length: 500 }, (_, step) => Math.sin(step / 9) + 0.3 * Math.sin(step * 1.7));
  const picture = makePicture(makeScene(Array.from({ length: 60 }, () => wave)));
  assert.ok(!byRole(picture).has("start"));
  assert.ok(verticesOf(picture, 0).length < 500);
  assert.equal(verticesOf(picture, 0, true).length, 500);
});

test("pins keep their letters while they stay", () => {
  const first = pinsOf(new Set(["a", "b", "c"]), []);
  assert.deepEqual(first.map(({ letter }) => letter), ["A", "B", "C"]);
  const next = pinsOf(new Set(["c", "d"]), first);
  assert.deepEqual(next, [{ runId: "d", slot: 0, letter: "A" }, { runId: "c", slot: 2, letter: "C" }]);
  assert.deepEqual(pinsOf(new Set(Array(13).keys()), []), []);
  assert.equal(pinClass(next[1]), "pin-3");
});

test("pins are painted with cores below their letters", () => {
  const pins = [{ runId: "run-1", slot: 1, letter: "B" }, { runId: "run-0", slot: 0, letter: "A" }, { runId: "gone", slot: 2, letter: "C" }];
  const picture = makePicture(scene(), { pins, isShown: (run) => run !== 0 });
  assert.deepEqual(drawnPins(picture).map(({ run }) => run), [1]);
  const context = makeContext();
  paintPins(context, picture, () => ({ points: [[0, 0], [5, 5]] }), { core: 2, badge: 8, ring: 2, letters: 11, font: "serif" });
  assert.deepEqual(context.calls.filter(([name]) => name === "fillText"), [["fillText", "B", 5, 5.5]]);
  assert.ok(context.calls.some(([name, value]) => name === "strokeStyle =" && value === "#445566"));
});

test("the run pointed at is painted with its checkpoint", () => {
  const sizes = { badge: 8, ring: 2, letters: 11, font: "serif", wall: 9, ink: 6, own: 4, head: 4, rim: 2 };
  const path = () => ({ models: [3, 4, 5], points: [[0, 0], [1, 1], [2, 2]] });
  const context = makeContext();
  paintPointed(context, makePicture(scene()), path, { run: 1, checkpoint: 1 }, sizes);
  const discs = context.calls.filter(([name]) => name === "arc").map(([, x, , radius]) => [x, radius]);
  assert.deepEqual(discs, [[2, 6], [2, 4], [1, 4]]);
  const pinned = makeContext();
  paintPointed(pinned, makePicture(scene(), { pins: [{ runId: "run-1", slot: 0, letter: "A" }] }), path, { run: 1, checkpoint: null }, sizes);
  assert.ok(pinned.calls.some(([name, text]) => name === "fillText" && text === "A"));
  const empty = makeContext();
  paintPointed(empty, makePicture(scene()), () => ({ models: [], points: [] }), { run: 1, checkpoint: 1 }, sizes);
  assert.deepEqual(empty.calls, []);
});
