/* Requests to the server: all of them, and what can come of one. */

import { LAYOUT, decodeScene } from "../values/scene.mjs";

const BINARY = "application/octet-stream";
let prefix = "";

/**
 * Address of a server route, under the app's path prefix.
 * @param {string} path
 */
export const serverAddress = (path) => {
  prefix ||= JSON.parse(document.getElementById("_dash-config")?.textContent ?? "").requests_pathname_prefix;
  return prefix + path;
};

/** Refusal by the server: an answer that is none, with its reason; kind is the name of the server's error. */
export class Refusal extends Error {
  /**
   * @param {string} message
   * @param {string} [kind]
   */
  constructor(message, kind = "") {
    super(message);
    this.kind = kind;
  }
}

/** The server is unreachable, or no longer knows the job. */
export class Lost extends Error {
  constructor() {
    super("The connection to the server was lost.");
  }
}

/**
 * Response of a route, whatever it says. Throws Lost if unreachable; an aborted request throws its AbortError.
 * @param {string} path
 * @param {RequestInit} [options]
 */
export const send = async (path, options = {}) => {
  try {
    return await fetch(serverAddress(path), options);
  } catch {
    options.signal?.throwIfAborted();
    throw new Lost();
  }
};

/** @param {Response} response */
const checked = async (response) => {
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  throw new Refusal(body.error || `The server answered ${response.status}.`, body.kind);
};

/**
 * Response of a route that says yes; throws Refusal or Lost.
 * @param {string} path
 * @param {RequestInit} [options]
 */
export const fetchFrom = async (path, options = {}) => checked(await send(path, options));

/**
 * JSON answer of a route; throws Refusal or Lost.
 * @param {string} path
 * @param {RequestInit} [options]
 */
export const reach = async (path, options = {}) => readJson(await fetchFrom(path, options));

/** @param {Response} response */
const readJson = (response) => response.json().catch(() => ({}));

/**
 * Options of a request with a JSON body.
 * @param {object} body
 */
export const jsonPost = (body) => ({ method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

/**
 * JSON answer to a JSON body.
 * @param {string} path
 * @param {object} body
 * @param {RequestInit} [options]
 */
export const post = (path, body, options = {}) => reach(path, { ...options, ...jsonPost(body) });

/* ------------------------------------------------------------------ libraries */

let nAttempts = 0;

/**
 * Exports of a library that the page fetches when it is first needed; the page's head has its address. Throws Lost.
 * @param {string} name
 */
export const fetchLibrary = async (name) => {
  const address = document.querySelector(`meta[name="${name}-library"]`)?.getAttribute("content");
  if (!address) throw new Refusal(`This server has no library for ${name.toUpperCase()} files.`);
  try {
    // Some browsers remember a failed import for ever, by its address.
    return await import(nAttempts ? `${address}?${nAttempts}` : address);
  } catch {
    nAttempts += 1;
    throw new Lost();
  }
};

/* ------------------------------------------------------------------ embeddings */

/**
 * Status of an embedding, or {state: "done", scene}; body: the question, or null for the status of a job.
 * @param {string} path
 * @param {object | null} body
 * @param {RequestInit} [options]
 */
export const reachScene = async (path, body, options = {}) => {
  const asked = body ? jsonPost(body) : { headers: {} };
  const headers = { ...asked.headers, Accept: `${BINARY}, application/json;q=0.9` };
  const response = await send(path, { ...options, ...asked, headers });
  if (response.headers.get("Content-Type") !== BINARY) return readJson(await checked(response));
  return { state: "done", scene: decodeScene(await response.arrayBuffer()) };
};

/** @param {Response} response */
const decoded = async (response) => {
  // 204: the embedding itself has become quicker than its preview in the meantime.
  if (!response.ok || response.status === 204) throw new Lost();
  return decodeScene(await response.arrayBuffer());
};

/**
 * Preview of an embedding; throws Lost if there is none any more.
 * @param {object} question
 * @param {RequestInit} [options]
 */
export const fetchPreview = async (question, options = {}) => decoded(await send("api/previews", { ...options, ...jsonPost(question) }));

/**
 * A large scene by its key; throws Lost if the server no longer has it.
 * @param {string} key
 * @param {RequestInit} [options]
 */
export const fetchScene = async (key, options = {}) => decoded(await send(`api/scenes/${encodeURIComponent(key)}.bin${LAYOUT}`, options));
