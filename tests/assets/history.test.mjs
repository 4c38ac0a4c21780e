import assert from "node:assert/strict";
import test from "node:test";
import { install as installAddress, openAddress, reopenAddress, writeAddress } from "../../assets/page/address.mjs";
import { emit, on } from "../../assets/page/events.mjs";
import { addsEntry, install, isArriving, stepBetween } from "../../assets/page/history.mjs";
import { state, writerOf } from "../../assets/page/state.mjs";
import { makeStudy } from "./made.mjs";

/* A browser's history: entries, the present one, and listeners of popstate. */
const entries = ["?"];
const listeners = [];
let at = 0;
const show = (query) => Object.assign(globalThis.location, { search: query });
globalThis.location = { search: "?" };
globalThis.document = { title: "Explorer" };
globalThis.history = {
  state: null,
  pushState: (state, _title, query) => {
    globalThis.history.state = state;
    entries.splice(at + 1, Infinity, query);
    at += 1;
    show(query);
  },
  replaceState: (state, _title, query) => {
    globalThis.history.state = state;
    entries[at] = query;
    show(query);
  },
};
const asked = [];
globalThis.window = {
  addEventListener: (name, listener, isFirst) => listeners.push([name, listener, isFirst]),
  dash_clientside: { set_props: (id, { search }) => asked.push([id, search]) },
};
installAddress();
install();
const [[name, popped, isFirst]] = listeners;

const go = (steps) => {
  at += steps;
  show(entries[at]);
  popped();
};

const write = writerOf("study", "split", "constraints", "camera", "axes", "colorBy", "view");
const change = (changes) => {
  write(changes);
  writeAddress();
};
/** The server has answered: the page shows the view of an address. */
const answer = (changes = {}, query = globalThis.location.search, isLink = true) => {
  write({ study: { ...makeStudy(), query, is_link: isLink } });
  emit("study", state.study);
  change(changes);
};
const task = () => new Promise((resolve) => setTimeout(resolve, 2));
const written = () => new Promise((resolve) => on("address", resolve));
const range = (high) => ({ constraints: [{ kind: "range", name: "rate", low: 0, high }] });
const camera = (x) => ({ camera: { eye: { x, y: 0, z: 0 }, center: { x: 0, y: 0, z: 0 }, up: { x: 0, y: 0, z: 1 } } });
const field = (key, query = entries[at]) => new URLSearchParams(query).get(key);

test("deliberate changes are steps, others are none", () => {
  const base = "?v=1&d=a&c=run:seed&r=rate:0..1;depth:1..2";
  for (const key of ["split", "div", "ref", "f", "q", "ax", "scale", "m", "pc", "cmp", "fig", "fo"]) {
    assert.equal(stepBetween(base, `${base}&${key}=x`), key);
  }
  for (const key of ["cam", "t", "clk", "pin", "ctx", "tab", "th", "fl", "at"]) assert.equal(stepBetween(base, `${base}&${key}=x`), "");
  assert.equal(stepBetween(base, base.replace("d=a", "d=b").replace("seed", "rate")), "d c");
  assert.equal(stepBetween(base, base.replace("0..1", "0..2")), "r:rate");
  assert.equal(stepBetween(base, base.replace(";depth:1..2", "")), "r:depth");
});

test("a name for kept runs is no step", () => {
  assert.equal(stepBetween("?mask=abc", "?s=name"), "");
  assert.equal(stepBetween("?s=name", "?mask=abc"), "runs");
  assert.equal(stepBetween("?runs=a", "?runs=a,b"), "runs");
});

test("one slider or search is one entry", () => {
  assert.ok(addsEntry("r:rate", "") && addsEntry("r:rate", "r:depth") && addsEntry("f", "f") && addsEntry("r:a r:b", "r:a r:b"));
  assert.ok(!addsEntry("r:rate", "r:rate") && !addsEntry("q", "q") && !addsEntry("", "f"));
});

test("a visit's first view adds no entry", async () => {
  answer();
  await written();
  assert.deepEqual([entries.length, field("d")], [1, "made"]);
});

test("a step adds one entry, at once", async () => {
  change({ split: "test" });
  await task();
  assert.deepEqual([entries.length, field("split", entries[0]), field("split")], [2, null, "test"]);
  assert.equal(globalThis.document.title, `${state.study.title || "made"} · test · Explorer`);
});

test("fields that change together are one step", async () => {
  change({ view: "pairs" });
  change({ colorBy: "run:seed" });
  await task();
  assert.equal(entries.length, 3);
});

test("the camera before a step stays in its entry", async () => {
  change(camera(1));
  change(camera(2));
  change({ axes: [2, 1, 3] });
  change(camera(3));
  await written();
  assert.deepEqual([entries.length, field("cam", entries[2])[0], field("cam")[0]], [4, "2", "3"]);
});

test("a slider's movements are one entry", async () => {
  change(camera(4));
  for (const high of [1, 2, 3]) {
    change(range(high));
    await task();
  }
  await written();
  change(range(4));
  await written();
  assert.deepEqual([entries.length, field("cam", entries[3])[0], field("r")], [5, "4", "rate:0..4"]);
});

test("going back writes nothing over what opens", async () => {
  assert.deepEqual([name, isFirst], ["popstate", true]);
  change(camera(5));
  go(-1);
  const stamp = field("at");
  assert.ok(stamp && isArriving());
  change(camera(6));
  change({ split: "train" });
  go(-1);
  assert.notEqual(field("at"), stamp);
  answer({}, entries[3]);
  await task();
  assert.ok(isArriving(), "the answer to an earlier address");
  answer({ axes: [1, 2, 3], ...camera(2), split: "test", constraints: [] });
  assert.ok(!isArriving());
  await written();
  assert.deepEqual([entries.length, at, field("at"), field("ax"), field("split")], [5, 2, null, null, "test"]);
});

test("after going back a slider adds an entry", async () => {
  change(range(4));
  await task();
  assert.deepEqual([entries.length, at, field("r")], [4, 3, "rate:0..4"]);
});

test("growth of the study adds no entry", async () => {
  write({ study: { ...makeStudy(), fingerprint: "other" } });
  emit("grown", state.study, state.study);
  change(range(5));
  await written();
  assert.deepEqual([entries.length, field("r")], [4, "rate:0..5"]);
});

test("an opened view is an entry, and opens once", async () => {
  change(camera(7));
  openAddress("?d=made&split=train&at=1");
  assert.deepEqual([entries.length, field("cam", entries[3])[0], asked.at(-1)], [5, "7", ["location", entries[4]]]);
  answer({ split: "train", constraints: [] });
  await written();
  reopenAddress();
  assert.deepEqual([entries.length, asked.at(-1)], [5, ["location", entries[4]]]);
  assert.ok(isArriving());
});

test("a study from the picker adds an entry", async () => {
  answer({ split: "test" }, undefined, false);
  await task();
  assert.deepEqual([entries.length, field("split")], [6, "test"]);
});
