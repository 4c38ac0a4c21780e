/* Decoder of scenes: typed arrays under an immutable key, written by dashboard/payloads/scene.py. */

const MAGIC = "INPCA2\n\0";
/** Query of addresses that answer with arrays: browsers keep such an answer for ever, whatever its layout. */
export const LAYOUT = "?layout=2";
/** @type {Record<string, Float32ArrayConstructor | Uint32ArrayConstructor>} */
const DTYPES = { "<f4": Float32Array, "<u4": Uint32Array };

/** @param {number} length */
const padded = (length) => Math.ceil(length / 64) * 64;

/**
 * ArrayBuffer -> header fields, and arrays by name; the layout is that of engine/arrays.py.
 * @param {ArrayBuffer} buffer
 */
export const decodeArrays = (buffer) => {
  /** @param {number} start @param {number} length */
  const text = (start, length) => new TextDecoder().decode(new Uint8Array(buffer, start, length));
  if (buffer.byteLength < 16 || text(0, 8) !== MAGIC) throw new Error("The server sent something that is not an embedding.");
  const length = new DataView(buffer).getUint32(12, true);
  /** @type {{ arrays: Record<string, { $array: [string, number[]] }> }} */
  const { arrays: listed, ...header } = JSON.parse(text(16, length));
  let start = padded(16 + length);
  /** @type {Record<string, Float32Array | Uint32Array>} */
  const arrays = {};
  for (const [name, { $array: [dtype, shape] }] of Object.entries(listed)) {
    arrays[name] = new DTYPES[dtype](buffer, start, shape.reduce((product, size) => product * size, 1));
    start += padded(arrays[name].byteLength);
  }
  return { ...header, arrays };
};

/**
 * ArrayBuffer -> {key, run_ids, diagnostics, panels, ..., arrays: {coordinates, run, checkpoint, "model:epoch", ...}}.
 * closer: answers fetched later (panels/closer-look.mjs), shared by all scenes derived from this one.
 * @param {ArrayBuffer} buffer
 * @returns {Scene}
 */
export const decodeScene = (buffer) => {
  const scene = /** @type {any} */ (decodeArrays(buffer));
  return { ...scene, spans: runSpans(scene.arrays.run, scene.run_ids.length), closer: { answers: new Map(), panels: null } };
};

/**
 * First model and number of models of each run; models are contiguous per run, in order of training.
 * @param {Uint32Array} run
 * @param {number} nRuns
 */
const runSpans = (run, nRuns) => {
  const spans = Array.from({ length: nRuns }, () => ({ first: 0, count: 0 }));
  for (let model = 0; model < run.length; model += 1) {
    const span = spans[run[model]];
    if (span.count === 0) span.first = model;
    span.count += 1;
  }
  return spans;
};
