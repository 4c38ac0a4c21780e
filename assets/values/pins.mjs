/* Letters of pinned runs. */

const LETTERS = "ABCDEFGHIJKL";

/** Most runs that can have a letter and a colour. */
export const MOST_PINS = LETTERS.length;

/**
 * [{runId, slot, letter}] of picked runs, by slot; empty if too many are picked. A run keeps its letter while it stays
 * pinned; a new run takes the first free one.
 * @param {Set<string>} picked
 * @param {Pin[]} before
 */
export const pinsOf = (picked, before) => {
  if (picked.size > MOST_PINS) return [];
  const kept = new Map(before.filter((pin) => picked.has(pin.runId)).map((pin) => [pin.runId, pin.slot]));
  const taken = new Set(kept.values());
  const free = [...LETTERS].map((_, slot) => slot).filter((slot) => !taken.has(slot));
  return [...picked]
    .map((runId) => ({ runId, slot: /** @type {number} */ (kept.get(runId) ?? free.shift()) }))
    .map(({ runId, slot }) => ({ runId, slot, letter: LETTERS[slot] }))
    .sort((a, b) => a.slot - b.slot);
};

/**
 * CSS class that carries a pin's colour and letter (styles/picture.css).
 * @param {Pick<Pin, "slot">} pin
 */
export const pinClass = ({ slot }) => `pin-${slot + 1}`;
