/*
 * Count of what a page holds: event listeners and WebGL contexts.
 *
 * Runs before the page's own scripts. A listener counts while its target is the window, the document or an element of the
 * document; a context counts until it is lost or collected.
 */
(() => {
  "use strict";
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  /** WeakRef of each target that has listeners, and its listeners: [[type, listener, capture]]. */
  const targets = new Set();
  const known = new WeakMap();
  const contexts = [];

  const captureOf = (options) => (typeof options === "object" && options !== null ? Boolean(options.capture) : Boolean(options));

  const forget = (target, type, listener, capture) => {
    const held = known.get(target);
    const at = held?.findIndex((one) => one[0] === type && one[1] === listener && one[2] === capture) ?? -1;
    if (at >= 0) held.splice(at, 1);
  };

  EventTarget.prototype.addEventListener = function (type, listener, options) {
    const target = this ?? window;
    const capture = captureOf(options);
    const isPassing = typeof options === "object" && options !== null && (options.once || options.signal);
    if (listener && !isPassing) {
      if (!known.has(target)) {
        known.set(target, []);
        targets.add(new WeakRef(target));
      }
      const held = known.get(target);
      if (!held.some((one) => one[0] === type && one[1] === listener && one[2] === capture)) held.push([type, listener, capture]);
    }
    return addEventListener.call(target, type, listener, options);
  };

  EventTarget.prototype.removeEventListener = function (type, listener, options) {
    forget(this ?? window, type, listener, captureOf(options));
    return removeEventListener.call(this ?? window, type, listener, options);
  };

  const { getContext } = HTMLCanvasElement.prototype;
  HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
    const context = getContext.call(this, kind, ...rest);
    if (context && /^(experimental-)?webgl/.test(kind) && !contexts.some((one) => one.deref() === context)) {
      contexts.push(new WeakRef(context));
    }
    return context;
  };

  const isHeld = (target) => target === window || target === document || (target instanceof Node && target.isConnected);

  window.held = () => {
    const counts = {};
    for (const reference of targets) {
      const target = reference.deref();
      if (!target || !isHeld(target)) continue;
      const place = target === window ? "window" : target === document ? "document" : "elements";
      counts[place] = (counts[place] ?? 0) + known.get(target).length;
    }
    const live = contexts.map((one) => one.deref()).filter((context) => context && !context.isContextLost());
    return { ...counts, contexts: live.length };
  };
})();
