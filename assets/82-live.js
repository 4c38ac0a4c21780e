/*
 * A study that is being recorded: its pulse is felt every moment, what is new is said at the foot, and taken up by itself
 * while the reader follows it. Runs that have fallen silent are called stalled wherever a run's status stands.
 */
(() => {
  "use strict";
  const inpca = window.inpca;
  const { state, byId, make } = inpca;

  const FAST_MS = 500;
  const SLOW_MS = 5000;
  /** Of all time, the most that waiting for pulses may take: far away, or on a busy server, they come less often. */
  const WAITING_SHARE = 0.5;
  const LEAST_BETWEEN_MS = 1000;
  const TYPING_MS = 1500;
  const STATUSES = ["finished", "running", "stalled", "failed"];

  let pulse = null;
  let tag = "";
  let toldAt = 0;
  let timer = null;
  let isFeeling = false;
  let isFollowing = inpca.recall("follow", false);
  let wasChosenPresenting = false;
  let grownAt = 0;
  let notBefore = 0;
  let isPressed = false;
  let typedAt = -TYPING_MS;

  /* ------------------------------------------------------------------ feeling it */

  const isRecorded = () => pulse?.unfinished.some((run) => !run.is_stalled) ?? false;

  const feel = async () => {
    clearTimeout(timer);
    if (isFeeling || document.hidden || !state.study?.study) return;
    isFeeling = true;
    const { study } = state.study;
    const began = performance.now();
    let isReached = false;
    try {
      const headers = tag ? { "If-None-Match": tag } : {};
      // The tag stands for the study and for who is stalled; how long each has been silent can be counted on from here.
      const path = `api/studies/${encodeURIComponent(study)}/pulse?held=${state.study.fingerprint}`;
      const response = await fetch(inpca.address(path), { headers, cache: "no-store" });
      const told = response.status === 200 ? await response.json() : null;
      isReached = response.ok || response.status === 304;
      if (told && state.study.study === study) {
        [pulse, tag, toldAt] = [told, response.headers.get("ETag") ?? "", performance.now()];
        markStalled();
        inpca.emit("pulse", told);
      }
    } catch {
      /* Out of reach: whoever asks for something says so. */
    }
    isFeeling = false;
    const least = isReached && isRecorded() ? FAST_MS : SLOW_MS;
    timer = setTimeout(feel, Math.min(SLOW_MS, Math.max(least, (performance.now() - began) / WAITING_SHARE)));
    show();
    consider();
  };

  document.addEventListener("visibilitychange", () => !document.hidden && feel());

  /* ------------------------------------------------------------------ what is new */

  const some = (n, noun) => `${inpca.format(n)} new ${noun}${n === 1 ? "" : "s"}`;

  /** What the study has that the page does not, in words; empty where that is nothing. */
  const news = () => {
    if (!pulse || pulse.fingerprint === state.study.fingerprint) return "";
    const held = inpca.column(state.study, "n_checkpoints").numbers.reduce((sum, count) => sum + count, 0);
    const [runs, checkpoints] = [pulse.n_runs - state.study.run_ids.length, pulse.n_checkpoints - held];
    if (runs < 0 || checkpoints < 0 || (runs === 0 && checkpoints === 0)) return "changed on disk";
    return [runs && some(runs, "run"), checkpoints && some(checkpoints, "checkpoint")].filter(Boolean).join(", ");
  };

  const stalledRuns = () => pulse?.unfinished.filter((run) => run.is_stalled) ?? [];

  const silenceOf = (run) => run.silence + (performance.now() - toldAt) / 1000;

  const inWords = (seconds) => {
    if (seconds < 120) return `${Math.floor(seconds)} s`;
    if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
    return seconds < 172800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86400)} days`;
  };

  const show = () => {
    if (!state.study?.study) {
      byId("live").hidden = byId("live-mark").hidden = true;
      return;
    }
    const stalled = stalledRuns();
    const recorded = (pulse?.unfinished ?? []).filter((run) => !run.is_stalled);
    const words = news();
    byId("live").hidden = !words && recorded.length + stalled.length === 0;
    const counts = [recorded.length && `${inpca.format(recorded.length)} recording`, stalled.length && `${inpca.format(stalled.length)} stalled`];
    byId("live-summary").textContent = counts.filter(Boolean).join(" · ");
    byId("live-summary").toggleAttribute("data-beating", recorded.length > 0);
    byId("live-summary").title = recorded.length ? `Latest checkpoint ${inWords(Math.min(...recorded.map(silenceOf)))} ago` : "";
    // While it is followed, what is new is on its way; it is said only where the reader's hands hold it back.
    const isWaiting = words !== "" && !(mayFollow() && !isHeld());
    byId("live-news").hidden = byId("live-show").hidden = !isWaiting;
    if (isWaiting && byId("live-news").textContent !== words) byId("live-news").textContent = words;
    for (const id of ["live-follow", "live-mark"]) byId(id).setAttribute("aria-pressed", String(mayFollow()));
    byId("live-mark").hidden = recorded.length === 0;
    byId("live-mark").textContent = mayFollow() ? "live" : "frozen";
    // Told once in words by whoever switches it on; once a second would be too much for those who listen to the page.
    byId("status-line").setAttribute("aria-live", mayFollow() && recorded.length ? "off" : "polite");
    listStalled(stalled);
  };

  /* ------------------------------------------------------------------ following it */

  const isPresenting = () => byId("page").hasAttribute("data-present");

  /** A presentation stays as it is unless somebody has asked to follow while presenting. */
  const mayFollow = () => {
    wasChosenPresenting &&= isPresenting();
    return isFollowing && (!isPresenting() || wasChosenPresenting);
  };

  /** Whether something is being moved, typed, played or computed. */
  const isHeld = () =>
    isPressed ||
    performance.now() - typedAt < TYPING_MS ||
    inpca.isPlaying() ||
    inpca.asker.askedName() !== null ||
    inpca.isComparing() ||
    (state.view === "figures" && byId("figure-page").dataset.waiting === "yes");

  const consider = () => {
    if (!state.study?.study || !news() || !mayFollow() || isHeld() || performance.now() < notBefore) return;
    takeUp();
  };

  const takeUp = () => inpca.catchUp().catch(() => {});

  const toggleFollow = () => {
    const isOn = !mayFollow();
    isFollowing = isOn;
    wasChosenPresenting = isOn && isPresenting();
    inpca.remember("follow", isOn);
    byId("announcer").textContent = isOn ? "Following: what is new comes into the picture" : "Frozen: the picture stays as it is";
    show();
    consider();
  };

  /** As long a rest as the work took, so that a large study is not embedded all the time. */
  inpca.on("scene", (scene) => {
    if (scene.is_preview || !grownAt) return;
    const now = performance.now();
    notBefore = Math.max(grownAt + LEAST_BETWEEN_MS, 2 * now - grownAt);
    grownAt = 0;
  });

  document.addEventListener("pointerdown", () => (isPressed = true), true);
  for (const name of ["pointerup", "pointercancel"]) window.addEventListener(name, () => (isPressed = false), true);
  window.addEventListener("blur", () => (isPressed = false));
  document.addEventListener("input", () => (typedAt = performance.now()), true);

  // Whoever stops an embedding does not want the next one in its place.
  document.addEventListener("click", ({ target }) => target.closest?.("#cancel-button") && mayFollow() && toggleFollow());

  /* ------------------------------------------------------------------ stalled runs */

  /** Put "stalled" in the place of "running" in a study's status column; the runs for which that has changed. */
  const overlay = (study) => {
    const column = inpca.column(study, "status");
    if (!column) return [];
    const stalled = new Set(stalledRuns().map((run) => run.run_id));
    column.recorded = column.recorded ?? column.level.map((level) => column.levels[level]);
    const was = column.level.map((level) => column.levels[level]);
    const statuses = column.recorded.map((status, run) => (status === "running" && stalled.has(study.run_ids[run]) ? "stalled" : status));
    column.levels = STATUSES.filter((status) => statuses.includes(status));
    column.level = statuses.map((status) => column.levels.indexOf(status));
    return study.run_ids.filter((_, run) => was[run] !== statuses[run]);
  };

  const markStalled = () => {
    const { study } = state;
    const changed = overlay(study);
    if (changed.length === 0) return;
    const column = inpca.column(study, "status");
    for (const runId of changed) {
      const node = inpca.table?.getRowNode(runId);
      node?.updateData({ ...node.data, status: column.levels[column.level[inpca.row(study, runId)]] });
    }
    // A search may ask for it, and the picture be coloured by it.
    if (state.constraints.some(({ kind }) => kind === "search")) inpca.reselect();
    else if (state.colorBy === "run:status") inpca.draw();
  };

  const listStalled = (stalled) => {
    const box = byId("stalled-runs");
    const lines = stalled.map((run) => [run.run_id, `no checkpoint for ${inWords(silenceOf(run))}, not sealed as finished`]);
    const content = JSON.stringify(lines);
    if ((box.dataset.content ?? "[]") === content) return;
    box.dataset.content = content;
    const list = box.firstElementChild ?? make("details");
    if (!list.isConnected) list.open = stalled.length <= 3;
    const entries = lines.map(([runId, words]) => {
      const line = make("p");
      line.append(make("bdi", "run-name", runId), words);
      return line;
    });
    list.replaceChildren(make("summary", "", stalled.length === 1 ? "1 run stalled" : `${stalled.length} runs stalled`), ...entries);
    box.replaceChildren(...(stalled.length ? [list] : []));
  };

  /* ------------------------------------------------------------------ the page */

  inpca.on("forget", () => {
    [pulse, tag] = [null, ""];
  });
  inpca.on("study", (study) => {
    if (study.study) overlay(study);
    show();
    feel();
  });
  inpca.on("grown", (study) => {
    grownAt = performance.now();
    notBefore = grownAt + LEAST_BETWEEN_MS;
    // What the page knows is at least as new as the last pulse.
    if (pulse) pulse.fingerprint = study.fingerprint;
    tag = "";
    overlay(study);
    show();
  });

  inpca.keys.push({ key: "l", label: "follow or freeze a study that is being recorded", action: "live-follow", group: "Page", also: [] });

  Object.assign(inpca.actions, { "live-follow": toggleFollow, "live-mark": toggleFollow, "live-show": takeUp });
})();
