/* Many kept runs get a short name on the server, so that the address stays short. */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});
  const { state } = inpca;
  const answers = new WeakMap();
  const names = new WeakMap();

  /** Name of the kept runs; empty where they need none, or have none yet. */
  inpca.selectionName = ({ kept }) => names.get(kept) ?? "";

  /** Ask for the name once per selection; resolves when the address can do with what there is. */
  inpca.nameSelection = () => {
    const { study, kept } = state;
    if (!study?.study || inpca.isNamedSingly(state)) return Promise.resolve();
    if (!answers.has(kept)) answers.set(kept, ask(study, kept));
    return answers.get(kept);
  };

  const ask = async (study, kept) => {
    try {
      const path = `api/studies/${encodeURIComponent(study.study)}/selections`;
      const { name } = await inpca.post(path, { fingerprint: study.fingerprint, mask: inpca.keptMask({ study, kept }) });
      names.set(kept, name);
      inpca.writeAddress();
    } catch {
      // The address then carries the runs bit by bit, which is longer but says the same.
      answers.delete(kept);
    }
  };

  inpca.on("select", inpca.nameSelection);
})();
