import assert from "node:assert/strict";
import test from "node:test";
import { colorOfLevel, colouringOf, endColor, mix } from "../../assets/values/colouring.mjs";
import { format, labelOf, levelName, rowOf } from "../../assets/values/study.mjs";
import { makeScene, makeStudy, STYLE } from "./made.mjs";

const scene = () => makeScene([[0, 1], [0, 2], [0, 3], [0, 4], [0, 5], [0, 6]]);

test("levels have the colours of the whole study", () => {
  const colouring = colouringOf(makeStudy(), scene(), "run:architecture", STYLE);
  assert.deepEqual(colouring.entries, [
    { name: "CNN", color: "#aa0000" },
    { name: "MLP", color: "#00aa00" },
    { name: "", color: "#0000aa" },
  ]);
  const few = { ...makeScene([[0, 1]]), run_ids: ["run-4"] };
  assert.deepEqual(colouringOf(makeStudy(), few, "run:architecture", STYLE).entries, [{ name: "", color: "#0000aa" }]);
  assert.equal(endColor(scene(), colouring, 2), "#00aa00");
});

test("ordered levels run along the sequential colours", () => {
  const { entries } = colouringOf(makeStudy(), scene(), "run:depth", STYLE);
  assert.deepEqual(entries.map(({ color }) => color), ["#000000", "#aaaaaa", "#ffffff"]);
});

test("rare levels share the colour of others", () => {
  const study = makeStudy();
  const levels = ["a", "b", "c", "d"];
  study.columns.push({ name: "many", label: "many", levels, level: [0, 0, 1, 1, 2, 3], ordered: false });
  const { entries, entryOfRun } = colouringOf(study, scene(), "run:many", STYLE);
  assert.deepEqual(entries.map(({ name }) => name), ["a", "b", "other"]);
  assert.equal(entryOfRun(4), entryOfRun(5));
});

test("numbers of a wide range are logarithmic", () => {
  const colouring = colouringOf(makeStudy(), scene(), "run:learning_rate", STYLE);
  assert.ok(colouring.isLogarithmic && colouring.isOfRuns);
  assert.deepEqual([0, 2, 4, 8, 10].map(colouring.stepOfModel), [0, 1, 2, 3, -1]);
  assert.equal(colouring.colorOfModel(10), STYLE.other);
  assert.equal(endColor(scene(), colouring, 4), "#ffffff");
});

test("columns of checkpoints change along the run", () => {
  const colouring = colouringOf(makeStudy(), scene(), "model:nowhere", STYLE);
  assert.deepEqual([colouring.isOfRuns, colouring.low, colouring.high, colouring.label], [false, 0, 1, "nowhere"]);
  assert.equal(colouring.stepOfModel(1), 3);
});

test("two scenes share one scale", () => {
  const other = makeScene([[0, 1, 2, 3]]);
  const colouring = colouringOf(makeStudy(), scene(), "model:epoch", STYLE, other);
  assert.equal(colouring.high, 3);
});

test("a level has its colour, a stranger none", () => {
  assert.equal(colorOfLevel(makeStudy(), "architecture", "MLP", STYLE), "#00aa00");
  assert.equal(colorOfLevel(makeStudy(), "architecture", "GRU", STYLE), undefined);
  assert.equal(colorOfLevel(makeStudy(), "learning_rate", "1", STYLE), undefined);
});

test("mixing goes from one colour to the other", () => {
  assert.deepEqual([mix("#000000", "#ffffff", 0), mix("#000000", "#ffffff", 0.5), mix("#000000", "#ffffff", 1)], ["#000000", "#808080", "#ffffff"]);
});

test("numbers and names are written for readers", () => {
  assert.deepEqual([1234567, 0.00012346, "x", null, "", NaN, 12345678].map(format), ["1,234,567", "0.0001235", "x", "", "", "", "12350000"]);
  assert.deepEqual([labelOf(STYLE, "train_error"), labelOf(STYLE, "constructor"), labelOf(STYLE, "some_loss")], ["train error", "constructor", "some loss"]);
  assert.equal(levelName(""), "(empty)");
  assert.deepEqual([rowOf(makeStudy(), "run-3"), rowOf(makeStudy(), "gone")], [3, undefined]);
});
