/*
 * Match a new embedding to the one on screen, so that nobody loses their place.
 *
 * What may be turned. Components are eigenvectors: each is fixed but for its sign, and its axis carries the share of tr W
 * that its title says. Signs are therefore always free. A rotation mixes components, and the mixed axes are no
 * eigenvectors any more; it also destroys distances unless it stays within one signature. Only where eigenvalues of one
 * signature are nearly equal is the basis arbitrary to begin with: there the least change of the data turns it, and
 * matching it back hides nothing. So: rotations within such blocks, signs elsewhere, and never a Procrustes fit of the
 * whole embedding, which would look smoother and be wrong. A rotated axis still tells the truth: its share is what it
 * carries after the rotation, and the block's sum does not change.
 *
 * What is not hidden. Component k stays the one with the k-th largest |eigenvalue|. Where components have changed places
 * they are not put back; scene.alignment.moved names them, and the status line says it.
 *
 * Checkpoints of the same run and number are matched, both clouds about their own centre: an embedding's origin is the
 * mean of its selection, and has no meaning for another one.
 */
(() => {
  "use strict";
  const inpca = (window.inpca = window.inpca || {});

  /** Eigenvalues of one signature closer than this, relative to the larger, count as equal: less than a title's digits. */
  const NEARLY_EQUAL = 0.02;
  /** Components beyond this get signs only: all pairs of fifty would cost more than the picture. */
  const COMPARED = 10;
  /** Correlation from which on two embeddings' components are one: above 1/√2, so that no third can be as close. */
  const SAME = 0.75;

  /**
   * The scene as it is to be drawn after the previous one: a value of its own, the decoded scene stays as it came. Its
   * components point the way they did on the checkpoints both have; without any, truth lies further along than ignorance.
   * scene.alignment, counted from one: {shared, rotated: [[component, ...]], moved: [[component, what it was before]]},
   * and flipped: the components along which truth does not lie further than ignorance. A view that is opened says them
   * itself (flips, a set), so that it is the same whatever was on screen before; what is rotated is then left as it came.
   */
  inpca.orient = (scene, previous, flips = null) => {
    const shared = !flips && previous && previous.study === scene.study ? sharedModels(scene, previous) : { mine: [], theirs: [] };
    const turns = shared.mine.length > 1 ? matchingTurns(scene, previous, shared) : { blocks: [], moved: [], signs: [] };
    const towardsTruth = Array.from({ length: scene.n_components }, (_, k) => (gainTowardsTruth(scene, k) < 0 ? -1 : 1));
    const signs = towardsTruth.map((sign, k) => (flips ? sign * (flips.has(k + 1) ? -1 : 1) : Math.sign(turns.signs[k] || sign)));
    const turn = (values) => values && turned(values, scene.n_components, signs, turns.blocks);
    return {
      ...scene,
      arrays: {
        ...scene.arrays,
        coordinates: turn(scene.arrays.coordinates),
        reference_coordinates: turn(scene.arrays.reference_coordinates),
      },
      alignment: {
        shared: shared.mine.length,
        rotated: turns.blocks.map(({ members }) => members.map((k) => k + 1)),
        moved: turns.moved,
        flipped: new Set(signs.flatMap((sign, k) => (sign === towardsTruth[k] ? [] : [k + 1]))),
      },
      turnedShares: turnedShares(scene, turns.blocks),
    };
  };

  const gainTowardsTruth = ({ arrays, n_components: n }, k) => {
    const references = arrays.reference_coordinates;
    return references ? references[references.length - n + k] - references[k] : 0;
  };

  /** Models of both scenes that are the same checkpoint of the same run, in the same order. */
  const sharedModels = (scene, previous) => {
    const runOf = new Map(previous.run_ids.map((runId, index) => [runId, index]));
    const [mine, theirs] = [[], []];
    scene.run_ids.forEach((runId, index) => {
      if (!runOf.has(runId)) return;
      const [own, other] = [scene.spans[index], previous.spans[runOf.get(runId)]];
      for (let step = 0; step < Math.min(own.count, other.count); step += 1) {
        mine.push(own.first + step);
        theirs.push(other.first + step);
      }
    });
    return { mine, theirs };
  };

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
    const isTurnedBack = (k, l) => blocks.some(({ members }) => members.includes(k) && members.includes(l));
    const norms = [mine, theirs].map((cloud) => cloud.slice(0, compared).map((column) => Math.sqrt(dot(column, column))));
    const moved = [];
    for (let k = 0; k < compared; k += 1) {
      const likeness = products[k].map((product, l) => Math.abs(product) / (norms[0][k] * norms[1][l]) || 0);
      const was = likeness.indexOf(Math.max(...likeness));
      if (!(likeness[was] > SAME) || was === k || isTurnedBack(k, was)) continue;
      moved.push([k + 1, was + 1]);
      // It points the way it did where it was, whatever had its place.
      signs[k] = products[k][was];
    }
    return { signs, blocks, moved };
  };

  /** The first n components of the given models, each about its mean. */
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

  const dot = (a, b) => {
    let sum = 0;
    for (let at = 0; at < a.length; at += 1) sum += a[at] * b[at];
    return sum;
  };

  /** Groups of two and more components of one signature whose eigenvalues are nearly equal to the group's largest. */
  const nearlyEqualBlocks = (scene, compared) => {
    const blocks = [];
    for (const sign of [1, -1]) {
      let block = [];
      for (let k = 0; k < compared; k += 1) {
        if (scene.diagnostics.signature[k] !== sign) continue;
        const size = Math.abs(inpca.share(scene, k + 1));
        if (block.length && size < (1 - NEARLY_EQUAL) * Math.abs(inpca.share(scene, block[0] + 1))) block = [];
        block.push(k);
        if (block.length === 2) blocks.push(block);
      }
    }
    return blocks;
  };

  /**
   * The orthogonal matrix R that makes X R closest to Y, where the given small matrix is XᵀY: the U Vᵀ of its singular
   * value decomposition, found by turning pairs of its columns (one-sided Jacobi). Null where it is singular, so that
   * the data do not say how to turn.
   */
  const polarFactor = (matrix) => {
    const n = matrix.length;
    const u = matrix.map((row) => [...row]);
    const v = matrix.map((_, row) => matrix.map((_, column) => Number(row === column)));
    const turnColumns = (a, p, q, cosine, sine) => {
      for (const row of a) [row[p], row[q]] = [cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]];
    };
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

  /** What rotated axes carry of tr W: the block's shares, mixed by the squares of the rotation. */
  const turnedShares = (scene, blocks) =>
    new Map(
      blocks.flatMap(({ members, rotation }) =>
        members.map((column, at) => [
          column + 1,
          members.reduce((sum, k, row) => sum + rotation[row][at] ** 2 * inpca.share(scene, k + 1), 0),
        ]),
      ),
    );

  /** Signed share of tr W that one axis carries: negative on an imaginary axis; all shares add up to one. */
  inpca.share = (scene, component) => {
    const ratio = scene.diagnostics.explained_variance;
    return scene.turnedShares?.get(component) ?? ratio[component - 1] - (component > 1 ? ratio[component - 2] : 0);
  };

  /** Which of the given components had other places before, in words; empty where none had. */
  inpca.movesInWords = ({ alignment }, components) => {
    const moved = alignment.moved.filter(([now]) => components.includes(now));
    return moved.length ? `component ${moved.map(([now, before]) => `${now} was ${before}`).join(", ")}` : "";
  };
})();
