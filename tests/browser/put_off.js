/*
 * Pending tasks of a page: timers, frames, idle callbacks, requests and animations.
 *
 * Runs before the page's own scripts. A test that asserts that an event does not occur waits until no task is pending.
 * Not counted: the pulse and loops over frames, which never end, and timers of more than a second.
 */
(() => {
  "use strict";
  const LONGEST_MS = 1000;
  const CALM_FRAMES = 3;
  const pending = new Map();
  /** Pending timers and requests of the pulse. */
  const beats = new Set();
  let beatMs = null;
  let last = 0;
  let calm = 0;
  let aside = null;
  let running = null;

  const note = (words) => {
    last += 1;
    pending.set(last, words);
    return last;
  };

  const timers = new Map();
  const { setTimeout, clearTimeout, requestAnimationFrame, cancelAnimationFrame, requestIdleCallback, cancelIdleCallback, fetch } = window;

  window.setTimeout = (task, milliseconds = 0, ...rest) => {
    if (typeof task !== "function" || (milliseconds > LONGEST_MS && task.name !== "feel")) return setTimeout(task, milliseconds, ...rest);
    const isBeat = task.name === "feel";
    const mine = isBeat ? 0 : note(`timer ${milliseconds} ${task.name}`);
    const id = setTimeout(() => {
      forget(id);
      task(...rest);
    }, milliseconds);
    timers.set(id, mine);
    if (isBeat) {
      beats.add(id);
      beatMs = milliseconds;
    }
    return id;
  };

  const forget = (id) => {
    pending.delete(timers.get(id));
    timers.delete(id);
    beats.delete(id);
  };

  window.clearTimeout = (id) => {
    forget(id);
    clearTimeout(id);
  };

  const frames = new Map();

  window.requestAnimationFrame = (task) => {
    // A loop requests its own next frame.
    const mine = task === running ? 0 : note(`frame ${task.name}`);
    const id = requestAnimationFrame((now) => {
      frames.delete(id);
      pending.delete(mine);
      running = task;
      try {
        task(now);
      } finally {
        running = null;
      }
    });
    frames.set(id, mine);
    return id;
  };

  window.cancelAnimationFrame = (id) => {
    pending.delete(frames.get(id));
    frames.delete(id);
    cancelAnimationFrame(id);
  };

  const idle = new Map();

  window.requestIdleCallback = (task, options) => {
    const mine = note("idle");
    const id = requestIdleCallback((deadline) => {
      idle.delete(id);
      pending.delete(mine);
      task(deadline);
    }, options);
    idle.set(id, mine);
    return id;
  };

  window.cancelIdleCallback = (id) => {
    pending.delete(idle.get(id));
    idle.delete(id);
    cancelIdleCallback(id);
  };

  const during = (words, promise) => {
    const mine = note(words);
    const end = () => pending.delete(mine);
    promise.then(end, end);
    return promise;
  };

  window.fetch = (...all) => {
    const address = String(all[0]?.url ?? all[0]);
    const answer = fetch(...all);
    if (!address.includes("/pulse?")) return during(`request ${address}`, answer);
    const end = () => beats.delete(answer);
    beats.add(answer);
    answer.then(end, end);
    return answer;
  };

  for (const read of ["arrayBuffer", "blob", "json", "text"]) {
    const own = Response.prototype[read];
    Response.prototype[read] = function (...all) {
      return during(`${read} ${this.url}`, own.apply(this, all));
    };
  }

  const isMoving = (animation) => animation.playState === "running" && animation.effect?.getComputedTiming().endTime !== Infinity;

  const putOff = () => [...pending.values(), ...document.getAnimations().filter(isMoving).map(() => "animation")];

  const isOver = () => putOff().every((words) => aside !== null && words.includes(aside));

  window.putOff = {
    list: putOff,
    /** Whether the pulse has ended: no request or timer of it is pending. */
    hasNoPulse: () => beats.size === 0,
    /** Delay before the next pulse that the page last chose, milliseconds. */
    beatMs: () => beatMs,
    /** Begin a wait; tasks whose description contains `words` are not counted. */
    begin: (words) => {
      calm = 0;
      aside = words;
    },
    /** Whether no task was pending in `CALM_FRAMES` calls in a row; called once per frame. */
    isOver: () => {
      calm = document.readyState === "complete" && isOver() ? calm + 1 : 0;
      return calm >= CALM_FRAMES;
    },
  };
})();
