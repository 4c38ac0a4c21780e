import assert from "node:assert/strict";
import test from "node:test";
import { matches, searchConstraint } from "../../assets/values/search.mjs";
import { makeStudy } from "./made.mjs";

const found = (text) => {
  const study = makeStudy();
  const [constraint] = searchConstraint(study, text);
  const test = matches(study, constraint.words);
  return study.run_ids.flatMap((_, run) => (test(run) ? [run] : []));
};

test("an empty text searches nothing", () => {
  assert.deepEqual(searchConstraint(makeStudy(), "   "), []);
  assert.deepEqual(searchConstraint(makeStudy(), '""'), []);
});

test("all words must occur, in any case", () => {
  assert.deepEqual(found("cnn"), [0, 1]);
  assert.deepEqual(found("CNN run-1"), [1]);
});

test("a column's name is enough by its beginning", () => {
  assert.deepEqual(found("arch:mlp"), [2, 3]);
  assert.deepEqual(found("learning_rate:0.1"), [2, 3]);
  assert.deepEqual(found('"learning rate:1"'), [4]);
});

test("a missing number is found as none", () => {
  assert.deepEqual(found("learning_rate:none"), [5]);
});

test("a colon after no column belongs to the word", () => {
  assert.deepEqual(found("nothing:cnn"), []);
});

test("quotes keep a word with spaces whole", () => {
  assert.deepEqual(found('"run-2"'), [2]);
  assert.deepEqual(found('"run 2"'), []);
});
