import assert from "node:assert/strict";
import test from "node:test";
import { fill } from "../../assets/panels/closer-look.mjs";
import { state, writerOf } from "../../assets/page/state.mjs";

const write = writerOf("scene");
globalThis.document = {
  getElementById: () => ({ textContent: '{"requests_pathname_prefix": "/"}' }),
  createElement: () => ({ addEventListener() {} }),
};

/** Panel with its mark of waiting, and what it was told. */
const makePanel = () => {
  const told = [];
  const mark = { isWaiting: false, toggleAttribute: (name, isOn) => name === "data-waiting" && (mark.isWaiting = isOn) };
  const hint = { replaceChildren: (...parts) => told.push(...parts), append() {} };
  return { told, mark, hint, element: { closest: () => mark } };
};

/** Make a scene the present one. */
const show = (key) => {
  write({ scene: { key, closer: { answers: new Map() } } });
  return state.scene;
};

/** Answers by the address of their request, which may come in any order. */
const requests = new Map();
globalThis.fetch = (path) => new Promise((resolve, reject) => requests.set(path, { resolve, reject }));

const ask = (panel, scene, more = {}) =>
  fill(scene, {
    ...panel,
    path: "spectrum",
    read: (response) => response.text(),
    isWanted: () => true,
    take: (text) => panel.told.push(text),
    again: () => {},
    ...more,
  });

const answer = (key, response) => requests.get(`/api/scenes/${key}/spectrum`).resolve(response);

test("a panel is marked as waiting until its answer stands in it", async () => {
  const panel = makePanel();
  const filled = ask(panel, show("plain"));
  assert.equal(panel.mark.isWaiting, true);
  answer("plain", new Response("drawn"));
  await filled;
  assert.deepEqual([panel.mark.isWaiting, panel.told], [false, ["drawn"]]);
});

test("the answer to an earlier question leaves the mark to the last one", async () => {
  const panel = makePanel();
  const earlier = ask(panel, show("earlier"));
  const last = ask(panel, show("last"));
  answer("earlier", new Response("old"));
  await earlier;
  assert.deepEqual([panel.mark.isWaiting, panel.told], [true, []]);
  answer("last", new Response("new"));
  await last;
  assert.deepEqual([panel.mark.isWaiting, panel.told], [false, ["new"]]);
});

test("a question that is no longer wanted takes its mark along", async () => {
  const panel = makePanel();
  const filled = ask(panel, show("unwanted"), { isWanted: () => false });
  answer("unwanted", new Response("late"));
  await filled;
  assert.deepEqual([panel.mark.isWaiting, panel.told], [false, []]);
});

test("a refusal stands in the hint and ends the waiting", async () => {
  const panel = makePanel();
  const filled = ask(panel, show("refused"));
  answer("refused", new Response(JSON.stringify({ error: "Too many." }), { status: 400 }));
  await filled;
  assert.deepEqual([panel.mark.isWaiting, panel.told], [false, ["Too many."]]);
});

test("panels do not end each other's waiting", async () => {
  const [one, other] = [makePanel(), makePanel()];
  const scene = show("two");
  const filled = [ask(one, scene), ask(other, scene, { path: "shepard" })];
  answer("two", new Response("drawn"));
  await filled[0];
  assert.deepEqual([one.mark.isWaiting, other.mark.isWaiting], [false, true]);
});
