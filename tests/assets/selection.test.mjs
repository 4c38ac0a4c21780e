import assert from "node:assert/strict";
import test from "node:test";
import { searchConstraint } from "../../assets/values/search.mjs";
import {
  constraints, constraintWords, count, decodeMask, encodeMask, filterCounts, keptConstraint, loosestConstraint, maskOf, passingRuns,
  rangeEnds,
} from "../../assets/values/selection.mjs";
import { makeStudy } from "./made.mjs";

const none = new Set();
const chosen = (study, ...choices) => constraints(study, new Map(choices));

test("a filter that excludes nothing is no constraint", () => {
  assert.deepEqual(chosen(makeStudy(), ["architecture", []], ["learning_rate", [0, 3]]), []);
});

test("runs pass that have a chosen level", () => {
  const study = makeStudy();
  assert.deepEqual([...passingRuns(study, chosen(study, ["architecture", ["MLP", ""]]), none)], [0, 0, 1, 1, 1, 1]);
});

test("a range takes its ends and no missing number", () => {
  const study = makeStudy();
  const found = chosen(study, ["learning_rate", [2, 3]]);
  assert.deepEqual([found[0].low, found[0].high], [0.1, 1]);
  assert.deepEqual([...passingRuns(study, found, none)], [0, 0, 1, 1, 1, 0]);
  assert.deepEqual(rangeEnds(study.filters[1], found[0]), [2, 3]);
  assert.deepEqual(rangeEnds(study.filters[1], undefined), [0, 3]);
});

test("kept runs narrow what the filters pass", () => {
  const study = makeStudy();
  assert.equal(count(passingRuns(study, chosen(study, ["architecture", ["CNN"]]), new Set(["run-1", "run-2"]))), 1);
});

test("counts say what a choice would select", () => {
  const study = makeStudy();
  const counts = filterCounts(study, chosen(study, ["architecture", ["CNN"]]), none);
  assert.deepEqual(counts.get("architecture"), [2, 2, 2]);
  assert.deepEqual(counts.get("learning_rate"), [1, 1, 0, 0]);
  const both = filterCounts(study, chosen(study, ["architecture", ["CNN"]], ["learning_rate", [2, 3]]), none);
  assert.deepEqual(both.get("architecture"), [0, 2, 1]);
});

test("bins are closed above, and the first below", () => {
  const study = makeStudy();
  study.filters[1] = { ...study.filters[1], discrete: false };
  assert.deepEqual(filterCounts(study, [], none).get("learning_rate"), [2, 2, 1]);
});

test("the loosest constraint readmits most runs", () => {
  const study = makeStudy();
  const found = [...chosen(study, ["architecture", ["CNN"]], ["learning_rate", [3, 3]])];
  assert.equal(count(passingRuns(study, found, none)), 0);
  const { constraint, gain } = loosestConstraint(study, found, none);
  assert.deepEqual([constraint.name, gain], ["learning_rate", 2]);
  const kept = loosestConstraint(study, chosen(study, ["architecture", ["CNN"]]), new Set(["run-5"]));
  assert.deepEqual([kept.constraint.name, kept.gain], ["architecture", 1]);
  const only = loosestConstraint(study, searchConstraint(study, "nonsense"), new Set(["run-5"]));
  assert.equal(only.gain, 1);
});

test("words name the column and the condition", () => {
  const study = makeStudy();
  const [levels] = chosen(study, ["architecture", ["CNN", ""]]);
  assert.deepEqual(constraintWords(study, levels), { subject: "architecture", wish: "CNN, (empty)", phrase: "the filter on architecture" });
  const [range] = chosen(study, ["learning_rate", [1, 2]]);
  assert.equal(constraintWords(study, range).wish, "0.01 to 0.1");
  assert.equal(constraintWords(study, { ...range, high: 0.01 }).wish, "0.01");
  assert.equal(constraintWords(study, searchConstraint(study, " cnn ")[0]).wish, "cnn");
  assert.equal(constraintWords(study, keptConstraint(new Set(["a"]))[0]).wish, "only 1");
});

test("a mask comes back as the runs it was made of", () => {
  const study = { run_ids: Array.from({ length: 21 }, (_, run) => `r${run}`) };
  for (const runs of [[], ["r0"], ["r7", "r8", "r20"], study.run_ids]) assert.deepEqual(decodeMask(maskOf(study, runs), study), runs);
  assert.equal(encodeMask([1, 0, 0, 0, 0, 0, 0, 0, 1]), btoa("\x01\x01"));
});
