/*
 * Jobs of the server: asked one at a time, followed until answered, withdrawn, and asked again after a lost connection.
 *
 * A question predicted to be too expensive is not started and leaves an earlier one running; a started question replaces
 * the earlier one, which the server cancels by the client's name.
 */

import { plotlyHasRun } from "../picture/plotly-scene.mjs";
import { fetchFrom, fetchPreview, fetchScene, jsonPost, Lost, post, reach, reachScene, Refusal } from "./requests.mjs";

const RETRY_MS = 2000;

const newClient = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * Whether the server no longer has what it computed, since it was evicted or found damaged: asked again, it computes it.
 * @param {any} error
 */
const isGone = (error) => error.kind === "SceneNotReadyError";

/**
 * Resolves after a while; throws the AbortError as soon as the signal is aborted.
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 */
const wait = (milliseconds, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });

/**
 * Client of a kind of job. A page that asks two questions at once has two clients.
 * kind: start(body, options) and status(key, options), which answer {state, key, ...}; result(status, options); cancel(key,
 * body), and cancelled(): the error that a job is in which the server has cancelled by itself.
 * @param {JobKind} kind
 */
export const makeAsker = (kind) => {
  const client = newClient();
  /** The question being sent, or waiting to be sent again: {name, stop}. */
  let asked = /** @type {{ name: string, stop: AbortController } | null} */ (null);
  /** The question being computed: {name, key, stop}. */
  let running = /** @type {{ name: string, key: string, stop: AbortController } | null} */ (null);

  /** Name of the question in flight or being computed, or null. */
  const askedName = () => asked?.name ?? running?.name ?? null;

  /** Cancel the question in flight or being computed. */
  const withdraw = () => {
    asked?.stop.abort();
    running?.stop.abort();
    if (running) kind.cancel(running.key, { client }).catch(() => {});
    [asked, running] = [null, null];
  };

  /**
   * Send a question and follow its job; the result, or undefined if it is not started.
   * @param {string} name
   * @param {object} question
   * @param {AbortController} stop
   * @param {JobListener} listener
   * @param {() => number} sinceThen
   */
  const follow = async (name, question, stop, listener, sinceThen) => {
    const options = { signal: stop.signal };
    // Not aborted: of a question that is withdrawn meanwhile, the answer has the key by which its job is stopped.
    let status = await kind.start({ ...question, client }, {});
    if (!askedName() && status.fraction < 1) kind.cancel(status.key, { client }).catch(() => {});
    // The first answer may overtake plotly's script.
    await plotlyHasRun();
    stop.signal.throwIfAborted();
    asked = null;
    listener.onAnswer?.(status, sinceThen);
    if (status.state === "expensive") {
      listener.onExpensive?.(status.predicted);
      return undefined;
    }
    running?.stop.abort();
    const { key } = status;
    running = { name, key, stop };
    while (status.state === "queued" || status.state === "running") {
      listener.onStatus?.(status, sinceThen());
      status = { ...(await kind.status(key, options)), key };
      stop.signal.throwIfAborted();
    }
    if (status.state === "failed") throw new Refusal(status.message);
    if (status.state === "cancelled") throw kind.cancelled();
    const result = await kind.result(status, options);
    stop.signal.throwIfAborted();
    running = null;
    return result;
  };

  /**
   * Ask a question, unless it is the one being asked.
   * listener: onResult(result, ms), onExpensive(seconds), onRefused(error), and optionally onStatus(status, ms), onLost(),
   * onAnswer(status, sinceThen) with the first answer, and mayRepeat(): whether to ask again after a loss.
   * @param {string} name
   * @param {object} question
   * @param {JobListener} listener
   */
  const ask = async (name, question, listener) => {
    if (askedName() === name) return;
    asked?.stop.abort();
    const stop = new AbortController();
    const began = performance.now();
    const sinceThen = () => performance.now() - began;
    let isRepeated = false;
    let result;
    for (;;) {
      asked = { name, stop };
      try {
        result = await follow(name, question, stop, listener, sinceThen);
        break;
      } catch (error) {
        if (stop.signal.aborted) return;
        if (running?.stop === stop) running = null;
        const isNewest = asked === null || asked.stop === stop;
        if (isNewest) asked = null;
        if (isGone(error) && isNewest && !isRepeated) {
          isRepeated = true;
          continue;
        }
        if (error instanceof Refusal) return void listener.onRefused(error);
        if (!(error instanceof Lost)) throw error;
        // A newer question is on its way, and reports the loss itself.
        if (!isNewest) return;
        asked = { name, stop };
        listener.onLost?.();
        try {
          await wait(RETRY_MS, stop.signal);
        } catch {
          return;
        }
        if (listener.mayRepeat?.() === false) return void (asked = null);
      }
    }
    if (result !== undefined) listener.onResult(result, sinceThen());
  };

  return { ask, askedName, withdraw };
};

/* ------------------------------------------------------------------ embeddings */

const BYTES_KEPT = 96e6;
/** LRU cache of scenes by question name, most recent last. */
const kept = new Map();

/** @param {string} name */
const recall = (name) => {
  const scene = kept.get(name) ?? null;
  if (scene) {
    kept.delete(name);
    kept.set(name, scene);
  }
  return scene;
};

/** @param {Pick<Scene, "arrays">} scene */
const bytesOf = ({ arrays }) => arrays.coordinates.buffer.byteLength;

/**
 * @param {string} name
 * @param {Scene} scene
 */
const keep = (name, scene) => {
  kept.set(name, scene);
  let bytes = [...kept.values()].reduce((sum, each) => sum + bytesOf(each), 0);
  for (const [oldest, each] of kept) {
    if (bytes <= BYTES_KEPT || oldest === name) break;
    kept.delete(oldest);
    bytes -= bytesOf(each);
  }
};

/** @type {JobKind} */
const SCENES = {
  start: (body, options) => reachScene("api/scenes", body, options),
  status: (key, options) => reachScene(`api/scenes/${key}/status`, null, options),
  result: (status, options) => status.scene ?? fetchScene(status.key, options),
  cancel: (key, body) => post(`api/scenes/${key}/cancel`, body),
  // Not by this page: the server was restarted. The question is asked again from the start.
  cancelled: () => new Lost(),
};

/**
 * Client for embeddings, which are kept.
 * ask(name, question, limit, listener); listener as of makeAsker with onScene(scene, ms) for onResult, and optionally
 * onPreview(scene, ms), with an approximate embedding until the scene arrives.
 * @returns {SceneAsker}
 */
export const makeSceneAsker = () => {
  const asker = makeAsker(SCENES);
  let preview = new AbortController();

  const withdraw = () => {
    preview.abort();
    asker.withdraw();
  };

  /**
   * @param {string} name
   * @param {object} question
   * @param {number} limit
   * @param {SceneListener} listener
   */
  const ask = (name, question, limit, listener) => {
    if (asker.askedName() === name) return;
    preview.abort();
    const known = recall(name);
    if (known) {
      withdraw();
      listener.onScene(known, 0);
      return;
    }
    /**
     * @param {JobStatus} status
     * @param {() => number} sinceThen
     */
    const onAnswer = (status, sinceThen) => {
      if (!status.preview || status.state === "done" || !listener.onPreview) return;
      // In parallel with the exact computation; a late or failed preview is ignored.
      preview = new AbortController();
      const { signal } = preview;
      fetchPreview(question, { signal })
        .then((scene) => signal.aborted || listener.onPreview?.(scene, sinceThen()))
        .catch(() => {});
    };
    /**
     * @param {Scene} scene
     * @param {number} milliseconds
     */
    const onResult = (scene, milliseconds) => {
      preview.abort();
      scene.closer.question = question;
      keep(name, scene);
      listener.onScene(scene, milliseconds);
    };
    asker.ask(name, { ...question, limit }, { ...listener, onAnswer, onResult });
  };

  return { ...asker, ask, withdraw };
};

/**
 * Compute an embedding once more, for what the server keeps with it.
 * @param {object} question
 */
const embedAgain = (question) =>
  new Promise((resolve, reject) => {
    const onLost = () => reject(new Lost());
    const listener = { onStatus() {}, onResult: resolve, onRefused: reject, onLost, mayRepeat: () => false };
    makeAsker(SCENES).ask("again", { ...question, limit: 1e9 }, listener);
  });

/**
 * Response of a route of a scene, to a JSON body if there is one; throws Refusal or Lost. An embedding that the server no
 * longer has is computed again, once.
 * @param {Scene} scene
 * @param {string} path
 * @param {object} [body]
 */
export const fetchOfScene = async (scene, path, body) => {
  const ask = () => fetchFrom(`api/scenes/${encodeURIComponent(scene.key)}/${path}`, body && jsonPost(body));
  try {
    return await ask();
  } catch (error) {
    const { question } = scene.closer;
    if (!isGone(error) || !question) throw error;
    await embedAgain(question);
    return ask();
  }
};

/**
 * Client for jobs under an address: analysis figures ("api/analyses"), comparisons with shuffled runs ("api/shuffled").
 * @param {string} home
 */
export const makeJobAsker = (home) => {
  /** @param {...string} parts */
  const path = (...parts) => [home, ...parts.map(encodeURIComponent)].join("/");
  return makeAsker({
    start: (body, options) => post(home, body, options),
    status: (key, options) => reach(path(key, "status"), options),
    result: async ({ key }, options) => ({ ...(await reach(path(key), options)), key }),
    cancel: (key, body) => post(path(key, "cancel"), body),
    cancelled: () => new Refusal("It was stopped on the server."),
  });
};
