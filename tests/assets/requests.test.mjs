import assert from "node:assert/strict";
import test, { beforeEach } from "node:test";
import { fetchOfScene, makeJobAsker, makeSceneAsker } from "../../assets/page/jobs.mjs";
import { fetchFrom, fetchLibrary, fetchPreview, Lost, post, reach, Refusal, send, serverAddress } from "../../assets/page/requests.mjs";
import { encoded } from "./encoded.mjs";

/** Address of the library in the page's head. */
let library = null;
globalThis.document = {
  readyState: "complete",
  getElementById: () => ({ textContent: '{"requests_pathname_prefix": "/lab/"}' }),
  querySelector: () => library && { getAttribute: () => library },
};

/** Requests that wait for an answer: {path, body, answer(value), fail()}. */
let waiting = [];

const json = (value, status = 200) => new Response(JSON.stringify(value), { status, headers: { "Content-Type": "application/json" } });

const sceneBytes = (key) =>
  new Response(encoded({ key, run_ids: ["a"] }, { run: Uint32Array.of(0), coordinates: Float32Array.of(0, 0) }), {
    headers: { "Content-Type": "application/octet-stream" },
  });

/** Let everything happen that waits for nothing else. */
const settle = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

const next = async (path) => {
  await settle();
  const at = waiting.findIndex((request) => request.path.endsWith(path));
  assert.ok(at >= 0, `no request for ${path} among ${waiting.map((request) => request.path)}`);
  return waiting.splice(at, 1)[0];
};

const answer = async (path, response) => {
  (await next(path)).answer(response);
  await settle();
};

const listener = (heard, more = {}) => ({
  onStatus: ({ state }) => heard.push(state),
  onScene: ({ key }) => heard.push(`scene ${key}`),
  onResult: ({ key }) => heard.push(`result ${key}`),
  onExpensive: (seconds) => heard.push(`expensive ${seconds}`),
  onRefused: (error) => heard.push(`refused ${error.message}`),
  onLost: () => heard.push("lost"),
  onPreview: ({ key }) => heard.push(`preview ${key}`),
  ...more,
});

beforeEach(() => {
  waiting = [];
  globalThis.fetch = (path, options = {}) =>
    new Promise((resolve, reject) => {
      if (options.signal?.aborted) return reject(options.signal.reason);
      options.signal?.addEventListener("abort", () => reject(options.signal.reason));
      waiting.push({ path, body: options.body && JSON.parse(options.body), answer: resolve, fail: () => reject(new TypeError("Failed to fetch")) });
    });
});

test("addresses lie under the prefix", () => {
  assert.equal(serverAddress("api/studies"), "/lab/api/studies");
});

test("a refusal carries the reason and its kind", async () => {
  const isRight = (error) => error instanceof Refusal && error.message === "No." && error.kind === "StaleStudyError";
  const refused = assert.rejects(reach("api/x"), isRight);
  await answer("api/x", json({ error: "No.", kind: "StaleStudyError" }, 409));
  await refused;
  const silent = assert.rejects(fetchFrom("api/x"), /The server answered 502/);
  await answer("api/x", new Response("<html>", { status: 502 }));
  await silent;
});

test("a lost connection is known by its type", async () => {
  const asked = post("api/x", { a: 1 });
  (await next("api/x")).fail();
  await assert.rejects(asked, Lost);
  const stop = new AbortController();
  const aborted = send("api/x", { signal: stop.signal });
  stop.abort();
  await assert.rejects(aborted, { name: "AbortError" });
});

test("a preview that is none any more is lost", async () => {
  const lost = assert.rejects(fetchPreview({}), Lost);
  await answer("api/previews", new Response(null, { status: 204 }));
  await lost;
});

test("a question is followed until its scene arrives", async () => {
  const heard = [];
  const asker = makeSceneAsker();
  asker.ask("followed", { study: "s" }, 1, listener(heard));
  assert.equal(asker.askedName(), "followed");
  const asked = await next("api/scenes");
  assert.deepEqual([asked.body.study, asked.body.limit, asked.body.client.length], ["s", 1, 24]);
  asked.answer(json({ state: "queued", key: "k" }));
  await answer("k/status", json({ state: "running", key: "k" }));
  await answer("k/status", json({ state: "done", key: "k" }));
  await answer("k.bin?layout=2", sceneBytes("k"));
  assert.deepEqual(heard, ["queued", "running", "scene k"]);
  assert.equal(asker.askedName(), null);
});

test("a scene is kept and asked for once", async () => {
  const heard = [];
  const asker = makeSceneAsker();
  asker.ask("kept", {}, 1, listener(heard));
  await answer("api/scenes", sceneBytes("k1"));
  asker.ask("kept", {}, 1, listener(heard));
  await settle();
  assert.deepEqual([heard, waiting.length], [["scene k1", "scene k1"], 0]);
});

test("the same question is not asked twice at once", async () => {
  const asker = makeSceneAsker();
  asker.ask("twice", {}, 1, listener([]));
  asker.ask("twice", {}, 1, listener([]));
  await settle();
  assert.equal(waiting.length, 1);
});

test("an expensive question leaves the earlier one running", async () => {
  const heard = [];
  const asker = makeSceneAsker();
  asker.ask("first", {}, 1, listener(heard));
  await answer("api/scenes", json({ state: "running", key: "a" }));
  asker.ask("second", {}, 1, listener(heard));
  (await next("api/scenes")).answer(json({ state: "expensive", predicted: 60 }));
  await settle();
  await answer("a/status", sceneBytes("a"));
  assert.deepEqual(heard, ["running", "expensive 60", "scene a"]);
});

test("a started question replaces the earlier one", async () => {
  const heard = [];
  const asker = makeSceneAsker();
  asker.ask("one", {}, 1, listener(heard));
  await answer("api/scenes", json({ state: "running", key: "a" }));
  const poll = await next("a/status");
  asker.ask("other", {}, 1, listener(heard));
  await answer("api/scenes", json({ state: "running", key: "b" }));
  poll.answer(sceneBytes("a"));
  await answer("b/status", sceneBytes("b"));
  assert.deepEqual(heard, ["running", "running", "scene b"]);
});

test("a question withdrawn is cancelled on the server", async () => {
  const heard = [];
  const asker = makeSceneAsker();
  asker.ask("gone", {}, 1, listener(heard));
  await answer("api/scenes", json({ state: "running", key: "g" }));
  const poll = await next("g/status");
  asker.withdraw();
  const cancelled = await next("g/cancel");
  assert.equal(cancelled.body.client.length, 24);
  poll.answer(sceneBytes("g"));
  await settle();
  assert.deepEqual([heard, asker.askedName()], [["running"], null]);
});

test("a preview shows until the scene arrives", async () => {
  const heard = [];
  const asker = makeSceneAsker();
  asker.ask("previewed", {}, 1, listener(heard));
  await answer("api/scenes", json({ state: "running", key: "p", preview: true }));
  await answer("api/previews", sceneBytes("p0"));
  await answer("p/status", sceneBytes("p"));
  assert.deepEqual(heard, ["running", "preview p0", "scene p"]);
});

test("a late preview is ignored", async () => {
  const heard = [];
  const asker = makeSceneAsker();
  asker.ask("late", {}, 1, listener(heard));
  await answer("api/scenes", json({ state: "running", key: "l", preview: true }));
  const preview = await next("api/previews");
  await answer("l/status", sceneBytes("l"));
  preview.answer(sceneBytes("l0"));
  await settle();
  assert.deepEqual(heard, ["running", "scene l"]);
});

test("a failed job is a refusal", async () => {
  const heard = [];
  makeSceneAsker().ask("failing", {}, 1, listener(heard));
  await answer("api/scenes", json({ state: "failed", message: "Damaged." }));
  assert.deepEqual(heard, ["refused Damaged."]);
});

test("after a loss the question is asked again", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const heard = [];
  const asker = makeSceneAsker();
  asker.ask("again", {}, 1, listener(heard));
  (await next("api/scenes")).fail();
  await settle();
  assert.deepEqual([heard, asker.askedName(), waiting.length], [["lost"], "again", 0]);
  t.mock.timers.tick(2000);
  await answer("api/scenes", json({ state: "cancelled", key: "c" }));
  t.mock.timers.tick(2000);
  await answer("api/scenes", sceneBytes("again"));
  assert.deepEqual(heard, ["lost", "lost", "scene again"]);
});

test("a question withdrawn while lost is not repeated", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const asker = makeSceneAsker();
  asker.ask("given up", {}, 1, listener([]));
  (await next("api/scenes")).fail();
  await settle();
  asker.withdraw();
  t.mock.timers.tick(2000);
  await settle();
  assert.deepEqual([waiting.length, asker.askedName()], [0, null]);
});

test("an analysis is followed, and its end on the server is told", async () => {
  const heard = [];
  const asker = makeJobAsker("api/analyses");
  const options = [];
  asker.ask("figure", { kind: "x" }, listener(heard, { onAnswer: (status) => options.push(status.options) }));
  await answer("api/analyses", json({ state: "running", key: "f/1", options: 3 }));
  await answer("f%2F1/status", json({ state: "done" }));
  await answer("f%2F1", json({ figures: [] }));
  assert.deepEqual([heard, options], [["running", "result f/1"], [3]]);
  asker.ask("stopped", {}, listener(heard));
  await answer("api/analyses", json({ state: "cancelled", key: "s" }));
  assert.equal(heard.at(-1), "refused It was stopped on the server.");
});

test("a job withdrawn before its first answer is stopped by its key", async () => {
  const heard = [];
  const asker = makeJobAsker("api/shuffled");
  asker.ask("old", {}, listener(heard));
  const begun = await next("api/shuffled");
  asker.withdraw();
  begun.answer(json({ state: "queued", key: "k", fraction: 0 }));
  await settle();
  const stop = await next("api/shuffled/k/cancel");
  assert.equal(stop.body.client, begun.body.client);
  // A question that replaces another needs no word of it: the server goes by the client's name.
  asker.ask("older", {}, listener(heard));
  const older = await next("api/shuffled");
  asker.ask("newer", {}, listener(heard));
  older.answer(json({ state: "queued", key: "o", fraction: 0 }));
  await settle();
  assert.deepEqual([waiting.map(({ path }) => path.split("/lab/").at(-1)), heard], [["api/shuffled"], []]);
});

const gone = () => json({ error: "Computed again.", kind: "SceneNotReadyError" }, 404);

test("what the server computes again is asked again once", async () => {
  const heard = [];
  const figures = makeJobAsker("api/analyses");
  figures.ask("undrawable", {}, listener(heard));
  for (const drawn of [gone(), json({ figures: [] })]) {
    await answer("api/analyses", json({ state: "done", key: "u" }));
    await answer("api/analyses/u", drawn);
  }
  assert.deepEqual([heard, figures.askedName()], [["result u"], null]);
  const scenes = makeSceneAsker();
  scenes.ask("evicted for ever", {}, 1, listener(heard));
  await answer("api/scenes", gone());
  await answer("api/scenes", gone());
  assert.deepEqual([heard.at(-1), scenes.askedName(), waiting.length], ["refused Computed again.", null, 0]);
});

test("a newer question is not put aside for one computed again", async () => {
  const heard = [];
  const asker = makeSceneAsker();
  asker.ask("older", {}, 1, listener(heard));
  await answer("api/scenes", json({ state: "running", key: "o" }));
  const poll = await next("o/status");
  asker.ask("newer", {}, 1, listener(heard));
  poll.answer(gone());
  await answer("api/scenes", sceneBytes("n"));
  assert.deepEqual([heard.at(-1), waiting.length], ["scene n", 0]);
});

test("an embedding that is gone is computed again for its panels", async () => {
  const scenes = [];
  makeSceneAsker().ask("paneled", { study: "s" }, 1, listener([], { onScene: (scene) => scenes.push(scene) }));
  await answer("api/scenes", sceneBytes("e"));
  const panel = fetchOfScene({ ...scenes[0] }, "spectrum");
  await answer("e/spectrum", gone());
  const again = await next("api/scenes");
  assert.deepEqual([again.body.study, again.body.limit], ["s", 1e9]);
  again.answer(json({ state: "running", key: "e" }));
  await answer("e/status", sceneBytes("e"));
  await answer("e/spectrum", json({ drawn: true }));
  assert.deepEqual(await (await panel).json(), { drawn: true });
});

test("an embedding that cannot be computed again is refused with the reason", async () => {
  const scenes = [];
  makeSceneAsker().ask("stale", {}, 1, listener([], { onScene: (scene) => scenes.push(scene) }));
  await answer("api/scenes", sceneBytes("t"));
  const stale = assert.rejects(fetchOfScene(scenes[0], "recipe", { recipe: 1 }), /has changed/);
  const asked = await next("t/recipe");
  assert.deepEqual(asked.body, { recipe: 1 });
  asked.answer(gone());
  await answer("api/scenes", json({ error: "The study has changed.", kind: "StaleStudyError" }, 409));
  await stale;
  const lost = assert.rejects(fetchOfScene(scenes[0], "recipe"), Lost);
  await answer("t/recipe", gone());
  (await next("api/scenes")).fail();
  await lost;
  assert.equal(waiting.length, 0);
});

test("a library that fails is tried again", async () => {
  library = "data:text/javascript,throw new Error()";
  await assert.rejects(fetchLibrary("pdf"), Lost);
  library = "data:text/javascript,export const one = 1;//";
  assert.equal((await fetchLibrary("pdf")).one, 1);
});

test("a server without the library says so", async () => {
  library = null;
  await assert.rejects(fetchLibrary("pdf"), /no library for PDF files/);
});
