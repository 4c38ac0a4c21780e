/* Test for WebGL. */

/** @type {string | null} */
let problem = null;

/** Reason why 3D is unavailable, as a sentence; empty if available. Tested once: every test uses a context. */
export const webglProblem = () => {
  problem = problem ?? findProblem();
  return problem;
};

const findProblem = () => {
  if (!window.WebGLRenderingContext) return "This browser has no WebGL.";
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("webgl") || /** @type {WebGLRenderingContext | null} */ (canvas.getContext("experimental-webgl"));
  // The number of contexts is limited, and an unused one counts until it is garbage-collected.
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return context ? "" : "This browser's WebGL is switched off or blocked.";
};
