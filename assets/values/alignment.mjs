/*
 * Alignment of a new embedding to the one on screen.
 *
 * Allowed rotations. Components are eigenvectors: each is fixed but for its sign, and its title states its share of tr W.
 * Signs are therefore always free. A rotation mixes components into axes that are no eigenvectors; it also changes
 * distances unless it stays within one signature. Only within a block of nearly equal eigenvalues of one signature is the
 * basis arbitrary: a small change of the data rotates it, and rotating it back hides nothing. So: rotations within such
 * blocks, signs elsewhere, and never a Procrustes fit of the whole embedding, which would look smoother and be wrong. The
 * share of a rotated axis is computed after the rotation; the block's sum does not change.
 *
 * Order. Component k stays the one with the k-th largest |eigenvalue|. Components that have swapped places are not
 * swapped back; scene.alignment.moved lists them, and the status line reports them.
 *
 * Checkpoints are matched by run and number, each cloud centred on its own mean: an embedding's origin is the mean of its
 * selection, and has no meaning for another one.
 */

/** @typedef {{ mine: number[], theirs: number[] }} Shared models of two scenes that are the same checkpoints */

/** Eigenvalues of one signature closer than this, relative to the larger, count as equal: less than a title's digits. */
const NEARLY_EQUAL = 0.02;
/** Components beyond this get signs only: all pairs of fifty would cost more than the picture. */
const COMPARED = 10;
/** Correlation above which components of two embeddings count as the same: above 1/√2, so at most one can match. */
const SAME = 0.75;

/**
 * The scene aligned to the previous one, as a new value. Signs match on the shared checkpoints; without any, P* has a
 * larger coordinate than P0. scene.alignment, counted from one: {shared, rotated: [[component, ...]],
 * moved: [[component, its former number]]}, and flipped: the components in which P* does not exceed P0. An opened view
 * gives the flipped components itself (flips, a set), so that it does not depend on the previous scene; then only the given
 * blocks are rotated.
 * @param {Scene} scene
 * @param {Scene | null} previous
 * @param {Set<number> | null} [flips]
 * @param {Turned[]} [given]
 * @returns {AlignedScene}
 */
export const orient = (scene, previous, flips = null, given = []) => {
  /** @type {Shared} */
  const shared = !flips && previous && previous.study === scene.study ? sharedModels(scene, previous) : { mine: [], theirs: [] };
  /** @type {{ signs: number[], blocks: Turned[], moved: [number, number][] }} */
  const turns = previous && shared.mine.length > 1 ? matchingTurns(scene, previous, shared) : { blocks: given, moved: [], signs: [] };
  const towardsTruth = Array.from({ length: scene.n_components }, (_, k) => (gainTowardsTruth(scene, k) < 0 ? -1 : 1));
  const signs = towardsTruth.map((sign, k) => (flips ? sign * (flips.has(k + 1) ? -1 : 1) : Math.sign(turns.signs[k] || sign)));
  /** @param {Float32Array} values */
  const turn = (values) => turned(values, scene.n_components, signs, turns.blocks);
  const { reference_coordinates: references } = scene.arrays;
  return {
    ...scene,
    arrays: {
      ...scene.arrays,
      coordinates: turn(scene.arrays.coordinates),
      reference_coordinates: references && turn(references),
    },
    alignment: {
      shared: shared.mine.length,
      rotated: turns.blocks.map(({ members }) => members.map((k) => k + 1)),
      moved: turns.moved,
      flipped: new Set(signs.flatMap((sign, k) => (sign === towardsTruth[k] ? [] : [k + 1]))),
      blocks: turns.blocks,
    },
    turnedShares: turnedShares(scene, turns.blocks),
  };
};

/**
 * @param {Pick<Scene, "arrays" | "n_components">} scene
 * @param {number} k
 */
const gainTowardsTruth = ({ arrays, n_components: n }, k) => {
  const references = arrays.reference_coordinates;
  return references ? references[references.length - n + k] - references[k] : 0;
};

/**
 * Models of both scenes that are the same checkpoint of the same run, in the same order.
 * @param {Scene} scene
 * @param {Scene} previous
 */
const sharedModels = (scene, previous) => {
  const runOf = new Map(previous.run_ids.map((runId, index) => [runId, index]));
  /** @type {Shared} */
  const { mine, theirs } = { mine: [], theirs: [] };
  scene.run_ids.forEach((runId, index) => {
    const before = runOf.get(runId);
    if (before === undefined) return;
    const [own, other] = [scene.spans[index], previous.spans[before]];
    for (let step = 0; step < Math.min(own.count, other.count); step += 1) {
      mine.push(own.first + step);
      theirs.push(other.first + step);
    }
  });
  return { mine, theirs };
};

/**
 * @param {Scene} scene
 * @param {Scene} previous
 * @param {Shared} shared
 */
const matchingTurns = (scene, previous, shared) => {
  const n = Math.min(scene.n_components, previous.n_components);
  const compared = Math.min(n, COMPARED);
  const [mine, theirs] = [columns(scene, shared.mine, n), columns(previous, shared.theirs, n)];
  const products = Array.from({ length: compared }, (_, k) => Array.from({ length: compared }, (_, l) => dot(mine[k], theirs[l])));
  const signs = Array.from({ length: n }, (_, k) => (k < compared ? products[k][k] : dot(mine[k], theirs[k])));
  const blocks = nearlyEqualBlocks(scene, compared).flatMap((members) => {
    const rotation = polarFactor(members.map((k) => members.map((l) => products[k][l])));
    return rotation ? [{ members, rotation }] : [];
  });
  /**
   * @param {number} k
   * @param {number} l
   */
  const isTurnedBack = (k, l) => blocks.some(({ members }) => members.includes(k) && members.includes(l));
  const norms = [mine, theirs].map((cloud) => cloud.slice(0, compared).map((column) => Math.sqrt(dot(column, column))));
  /** @type {[number, number][]} */
  const moved = [];
  for (let k = 0; k < compared; k += 1) {
    const likeness = products[k].map((product, l) => Math.abs(product) / (norms[0][k] * norms[1][l]) || 0);
    const was = likeness.indexOf(Math.max(...likeness));
    if (!(likeness[was] > SAME) || was === k || isTurnedBack(k, was)) continue;
    moved.push([k + 1, was + 1]);
    // Sign from the component it was before, not from the component formerly at this place.
    signs[k] = products[k][was];
  }
  return { signs, blocks, moved };
};

/**
 * First n components of the given models, each centred on its mean.
 * @param {Pick<Scene, "arrays" | "n_components">} scene
 * @param {number[]} models
 * @param {number} n
 */
const columns = ({ arrays, n_components: width }, models, n) =>
  Array.from({ length: n }, (_, k) => {
    const column = new Float64Array(models.length);
    let sum = 0;
    for (let at = 0; at < models.length; at += 1) {
      column[at] = arrays.coordinates[models[at] * width + k];
      sum += column[at];
    }
    for (let at = 0; at < models.length; at += 1) column[at] -= sum / models.length;
    return column;
  });

/**
 * @param {Float64Array} a
 * @param {Float64Array} b
 */
const dot = (a, b) => {
  let sum = 0;
  for (let at = 0; at < a.length; at += 1) sum += a[at] * b[at];
  return sum;
};

/**
 * Groups of two and more components of one signature whose eigenvalues are nearly equal to the group's largest.
 * @param {Scene} scene
 * @param {number} compared
 */
const nearlyEqualBlocks = (scene, compared) => {
  /** @type {number[][]} */
  const blocks = [];
  for (const sign of [1, -1]) {
    /** @type {number[]} */
    let block = [];
    for (let k = 0; k < compared; k += 1) {
      if (scene.diagnostics.signature[k] !== sign) continue;
      const size = Math.abs(share(scene, k + 1));
      if (block.length && size < (1 - NEARLY_EQUAL) * Math.abs(share(scene, block[0] + 1))) block = [];
      block.push(k);
      if (block.length === 2) blocks.push(block);
    }
  }
  return blocks;
};

/**
 * The orthogonal R that minimises |X R - Y|, given the small matrix XᵀY = U S Vᵀ: R = U Vᵀ (orthogonal Procrustes), by
 * one-sided Jacobi rotations of column pairs. Null if the matrix is singular: R is then not unique.
 * @param {number[][]} matrix
 */
const polarFactor = (matrix) => {
  const n = matrix.length;
  const u = matrix.map((row) => [...row]);
  const v = matrix.map((_, row) => matrix.map((_, column) => Number(row === column)));
  /**
   * @param {number[][]} a
   * @param {number} p
   * @param {number} q
   * @param {number} cosine
   * @param {number} sine
   */
  const turnColumns = (a, p, q, cosine, sine) => {
    for (const row of a) [row[p], row[q]] = [cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]];
  };
  /**
   * @param {number} p
   * @param {number} q
   */
  const inner = (p, q) => u.reduce((sum, row) => sum + row[p] * row[q], 0);
  for (let sweep = 0; sweep < 30; sweep += 1) {
    let largest = 0;
    for (let p = 0; p < n; p += 1) {
      for (let q = p + 1; q < n; q += 1) {
        const [pp, qq, pq] = [inner(p, p), inner(q, q), inner(p, q)];
        if (pq === 0) continue;
        largest = Math.max(largest, Math.abs(pq) / Math.sqrt(pp * qq));
        const zeta = (qq - pp) / (2 * pq);
        const tangent = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const cosine = 1 / Math.hypot(1, tangent);
        for (const a of [u, v]) turnColumns(a, p, q, cosine, cosine * tangent);
      }
    }
    if (largest < 1e-14) break;
  }
  const sizes = matrix.map((_, p) => Math.sqrt(inner(p, p)));
  if (!(Math.min(...sizes) > 1e-9 * Math.max(...sizes))) return null;
  return u.map((row) => v.map((other) => row.reduce((sum, value, p) => sum + (value / sizes[p]) * other[p], 0)));
};

/**
 * @param {Float32Array} values
 * @param {number} n
 * @param {number[]} signs
 * @param {Turned[]} blocks
 */
const turned = (values, n, signs, blocks) => {
  const result = values.slice();
  const isRotated = new Set(blocks.flatMap(({ members }) => members));
  const flipped = signs.flatMap((sign, k) => (sign < 0 && !isRotated.has(k) ? [k] : []));
  for (let start = 0; start < values.length; start += n) {
    for (const k of flipped) result[start + k] = -values[start + k];
    for (const { members, rotation } of blocks) {
      members.forEach((column, at) => {
        result[start + column] = members.reduce((sum, k, row) => sum + values[start + k] * rotation[row][at], 0);
      });
    }
  }
  return result;
};

/**
 * Shares of tr W of rotated axes: the block's shares, mixed by the squared entries of the rotation.
 * @param {Scene} scene
 * @param {Turned[]} blocks
 */
const turnedShares = (scene, blocks) =>
  new Map(
    blocks.flatMap(({ members, rotation }) =>
      members.map((column, at) => [
        column + 1,
        members.reduce((sum, k, row) => sum + rotation[row][at] ** 2 * share(scene, k + 1), 0),
      ]),
    ),
  );

/**
 * Signed share of tr W of one axis: negative on an imaginary axis; all shares sum to one.
 * @param {Scene} scene
 * @param {number} component
 */
export const share = (scene, component) => {
  const ratio = scene.diagnostics.explained_variance;
  return scene.turnedShares?.get(component) ?? ratio[component - 1] - (component > 1 ? ratio[component - 2] : 0);
};

/**
 * Sentence on which of the given components have changed places; empty if none has.
 * @param {{ alignment: Alignment }} scene
 * @param {number[]} components
 */
export const movesInWords = ({ alignment }, components) => {
  const moved = alignment.moved.filter(([now]) => components.includes(now));
  return moved.length ? `component ${moved.map(([now, before]) => `${now} was ${before}`).join(", ")}` : "";
};

/**
 * Whether a scene has these components flipped, and these blocks turned.
 * @param {AlignedScene} scene
 * @param {Set<number>} flips
 * @param {unknown} turned
 */
export const isOrientedAs = ({ alignment: { flipped, blocks } }, flips, turned) =>
  JSON.stringify(blocks) === JSON.stringify(turned) && flipped.size === flips.size && [...flips].every((component) => flipped.has(component));
