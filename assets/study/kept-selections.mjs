/* Short names on the server for selections of many runs. */

import { isNamedSingly, keptMask, selectionNames, writeAddress } from "../page/address.mjs";
import { on } from "../page/events.mjs";
import { post } from "../page/requests.mjs";
import { state } from "../page/state.mjs";

const answers = new WeakMap();

/** Request the name, once per selection; resolves when the name is known, not needed, or unavailable. */
export const nameSelection = () => {
  const { study, kept } = state;
  if (!study?.study || isNamedSingly(state)) return Promise.resolve();
  if (!answers.has(kept)) answers.set(kept, ask(study, kept));
  return answers.get(kept);
};

/**
 * @param {Study} study
 * @param {Set<string>} kept
 */
const ask = async (study, kept) => {
  try {
    const path = `api/studies/${encodeURIComponent(study.study)}/selections`;
    const { name } = await post(path, { fingerprint: study.fingerprint, mask: keptMask({ study, kept }) });
    selectionNames.set(kept, name);
    writeAddress();
  } catch {
    // The address then carries the bit mask, which is longer but equivalent.
    answers.delete(kept);
  }
};

export const install = () => {
  on("select", nameSelection);
};
