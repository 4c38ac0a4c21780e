/* Encoder of arrays, for tests of what decodes them. */

/** Bytes of a header and its arrays, as engine/arrays.py lays them out; the page leaves the checksum to the server. */
export const encoded = (fields, arrays) => {
  const padded = (length) => Math.ceil(length / 64) * 64;
  const dtype = (values) => (values instanceof Float32Array ? "<f4" : "<u4");
  const listed = Object.entries(arrays).map(([name, values]) => [name, { $array: [dtype(values), [values.length]] }]);
  const text = new TextEncoder().encode(JSON.stringify({ ...fields, arrays: Object.fromEntries(listed) }));
  const blocks = Object.values(arrays);
  const start = padded(16 + text.length);
  const bytes = new Uint8Array(blocks.reduce((total, { byteLength }) => total + padded(byteLength), start));
  bytes.set(new TextEncoder().encode("INPCA2\n\0"));
  new DataView(bytes.buffer).setUint32(12, text.length, true);
  bytes.set(text, 16);
  blocks.reduce((offset, values) => {
    bytes.set(new Uint8Array(values.buffer), offset);
    return offset + padded(values.byteLength);
  }, start);
  return bytes.buffer;
};
