/*
 * Asking the server for an embedding: one question at a time, followed until it is answered.
 *
 * A question that turns out too expensive is not begun and leaves an earlier one running; a question that is begun
 * replaces the earlier one (the server withdraws it by the client's name).
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  const RETRY_MS = 2000;
  const BINARY = "application/octet-stream";
  const BYTES_KEPT = 96e6;
  /** Answers by the name of their question, those that were wanted last at the end: what has been seen needs no request. */
  const kept = new Map();

  inpca.newClient = () =>
    Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");

  /** The server understood and said no. */
  class Refusal extends Error {
    constructor(message, kind) {
      super(message);
      this.kind = kind;
    }
  }

  /** The server could not be reached, or has forgotten what it was asked. */
  class Lost extends Error {}

  /** A JSON route of the server; throws Refusal where it says no, Lost where it cannot be reached. */
  const reach = async (path, options) => read(await send(path, options));

  const send = (path, options) =>
    fetch(inpca.address(path), options).catch(() => {
      throw new Lost();
    });

  const read = async (response) => {
    const body = await response.json().catch(() => ({}));
    if (!response.ok) throw new Refusal(body.error || `The server answered ${response.status}.`, body.kind);
    return body;
  };

  /** How far an embedding is, or the embedding itself: {state: "done", scene}. A large one has to be fetched by its key. */
  const reachScene = async (path, options = {}) => {
    const headers = { ...options.headers, Accept: `${BINARY}, application/json;q=0.9` };
    const response = await send(path, { ...options, headers });
    if (response.headers.get("Content-Type") !== BINARY) return read(response);
    return { state: "done", scene: inpca.decodeScene(await response.arrayBuffer()) };
  };

  const jsonPost = (body) => ({ method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

  const post = (path, body) => reach(path, jsonPost(body));

  const fetchPreview = async (question) => {
    const response = await fetch(inpca.address("api/previews"), jsonPost(question));
    if (!response.ok) throw new Lost();
    return inpca.decodeScene(await response.arrayBuffer());
  };

  inpca.reach = reach;
  inpca.post = post;

  /** Someone who wants one embedding at a time; a page that shows two has two of them. */
  inpca.makeAsker = () => {
    const client = inpca.newClient();
    let turn = 0;
    let asked = null;
    let running = null;

    /** Name of the question that is being asked or computed, or null. */
    const askedName = () => asked ?? running?.name ?? null;

    /** Nobody wants the answer any more. */
    const withdraw = () => {
      turn += 1;
      asked = null;
      if (running) post(`api/scenes/${running.key}/cancel`, { client }).catch(() => {});
      running = null;
    };

    /**
     * Ask for the embedding of a selection.
     * listener: onStatus(status, ms), onScene(scene, ms), onExpensive(seconds), onRefused(error), onLost(), and where wanted
     * onPreview(scene, ms): something approximate to look at until the scene comes.
     */
    const ask = async (name, question, limit, listener) => {
      if (askedName() === name) return;
      turn += 1;
      const mine = turn;
      const began = performance.now();
      const sinceThen = () => performance.now() - began;
      const isRunning = () => running?.name === name;
      let scene = recall(name);
      if (scene) {
        withdraw();
        return listener.onScene(scene, sinceThen());
      }
      asked = name;
      try {
        let status = await reachScene("api/scenes", jsonPost({ ...question, limit, client }));
        if (mine !== turn) return;
        asked = null;
        if (status.preview && status.state !== "done") {
          // Beside the exact computation, never in its way: what comes too late or fails is of no interest.
          fetchPreview(question)
            .then((preview) => mine === turn && !scene && listener.onPreview?.(preview, sinceThen()))
            .catch(() => {});
        }
        if (status.state === "expensive") return listener.onExpensive(status.predicted);
        running = { name, key: status.key };
        while (status.state === "queued" || status.state === "running") {
          listener.onStatus(status, sinceThen());
          status = await reachScene(`api/scenes/${status.key}/status`);
          if (!isRunning()) return;
        }
        if (status.state === "failed") throw new Refusal(status.message);
        // Cancelled, but not by this page: the server was restarted. Ask as if for the first time.
        if (status.state === "cancelled") throw new Lost();
        scene = status.scene ?? (await fetchScene(status.key));
        if (!isRunning()) return;
        running = null;
        keep(name, scene);
      } catch (error) {
        if (mine !== turn && !isRunning()) return;
        running = null;
        asked = error instanceof Lost ? name : null;
        if (error instanceof Refusal) return listener.onRefused(error);
        if (!(error instanceof Lost)) throw error;
        listener.onLost();
        const lostIn = ++turn;
        setTimeout(() => {
          if (lostIn !== turn) return;
          asked = null;
          ask(name, question, limit, listener);
        }, RETRY_MS);
        return;
      }
      listener.onScene(scene, sinceThen());
    };

    return { ask, askedName, withdraw };
  };

  const fetchScene = async (key) => {
    const response = await send(`api/scenes/${encodeURIComponent(key)}.bin`);
    if (!response.ok) throw new Lost();
    return inpca.decodeScene(await response.arrayBuffer());
  };

  const recall = (name) => {
    const scene = kept.get(name) ?? null;
    if (scene) {
      kept.delete(name);
      kept.set(name, scene);
    }
    return scene;
  };

  const bytesOf = ({ arrays }) => arrays.coordinates.buffer.byteLength;

  const keep = (name, scene) => {
    kept.set(name, scene);
    let bytes = [...kept.values()].reduce((sum, each) => sum + bytesOf(each), 0);
    for (const [oldest, each] of kept) {
      if (bytes <= BYTES_KEPT || oldest === name) break;
      kept.delete(oldest);
      bytes -= bytesOf(each);
    }
  };
})();
