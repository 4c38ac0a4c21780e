r"""Low-rank preview: approximate embeddings of selections from a factor of the study.

For the study's centred matrix :math:`W \approx F \Lambda F^T`, with the eigenpairs of largest modulus, and a selection
S with its own centring matrix :math:`L_S`,

.. math:: W_S = L_S W_{SS} L_S \approx G \Lambda G^T, \qquad G = L_S F_S.

With :math:`G^T G = R^T R` the non-zero eigenpairs of the right-hand side are :math:`(\theta, G R^{-1} y)`, where
:math:`(\theta, y)` are those of the small matrix :math:`R \Lambda R^T`. The cost is that of :math:`G^T G`, linear in
the number of models.

The remainder, :math:`E_S = L_S (W - F \Lambda F^T)_{SS} L_S`, is a compression of the remainder of the study's factor,
so :math:`\|E_S\|_2` is at most the modulus of the first eigenvalue that the factor omits. Weyl's bound for eigenvalues
and, to first order, Davis and Kahan's for vectors follow: an estimate of the error, conservative in the tests. The
norms, that of :math:`E_S` included, are exact, because they follow from sums over the tiles of each pair of
runs: with row sums r of :math:`D_{SS}` and :math:`\hat W = F_S \Lambda F_S^T`, whose row means are :math:`\hat w`,

.. math:: \langle W_S, L_S \hat W L_S \rangle
          = -\tfrac12 \Bigl( \langle D_{SS}, \hat W \rangle - 2 \sum_i r_i \hat w_i
          + \textstyle\sum_i r_i \cdot \operatorname{mean} \hat w \Bigr).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.distances.tiles.streamed import TiledDistances, TileSums
from engine.embedding.diagnostics import centred_norm, explained_stress
from engine.embedding.eigenpairs import Source, leading_pairs
from engine.embedding.inpca import fix_signs
from engine.errors import SelectionError
from engine.machine import one_blas_thread, run_all
from engine.values import MINIMUM_MODELS, PreviewEmbedding

FINE_RANK, COARSE_RANK = 256, 128
FINE_MODELS = 5000
"""Number of models up to which a finer factor costs no more than a coarse one costs beyond."""
SHIFT = 1e-7
"""Ridge relative to the mean square of a column: lets a selection below the rank have a Cholesky factor."""
SLAB_ROWS = 2048
SMALL_RANK = 64
"""Size up to which solving for all pairs of the small matrix is as fast as iterating for the first."""

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    r"""Low-rank factor of a study with the sums of its tiles.

    Attributes:
        run_ids: runs of the study, in model order.
        starts: (run + 1,) int64, first model of each run, then the number of models.
        factor: (model, rank) float32 unit eigenvectors F.
        eigenvalues: (rank,) float64, signed, in decreasing modulus.
        sums: row sums and sums of squares per pair of runs.
        products: (run, run) sums of distances times :math:`F \Lambda F^T`.
        gram: (rank, rank) float64 :math:`F^T F`, the identity up to rounding.
        totals: (rank,) float64 sums of the columns of F.
        divergence: key of the divergence.
    """

    run_ids: tuple[str, ...]
    starts: Ints
    factor: NDArray[np.float32]
    eigenvalues: Array
    sums: TileSums
    products: Array
    gram: Array
    totals: Array
    divergence: str

    @classmethod
    def build(
        cls,
        tiles: TiledDistances,
        source: Source,
        run_ids: Sequence[str],
        models: Sequence[int] | Ints,
        rank: int | None = None,
        check: Callable[[], None] | None = None,
    ) -> Preview:
        """Return the preview of a study from all its distances.

        Args:
            tiles: the distances of the study.
            source: the same distances in their fastest form for products.
            run_ids: the runs, in the order of rows and columns.
            models: (run,) number of models of each run.
            rank: number of eigenpairs; by default more for small studies.
            check: called between passes; may raise to stop.

        Raises:
            CacheError: tiles are damaged.
        """
        starts = np.concatenate([[0], np.cumsum(models)]).astype(np.int64)
        if rank is None:
            rank = FINE_RANK if source.n_models <= FINE_MODELS else COARSE_RANK
        sums = tiles.sums_by_run(np.asarray(models, dtype=np.int64))
        eigenvalues, vectors = leading_pairs(source, min(rank, source.n_models - 1), check)
        factor = np.ascontiguousarray(vectors, dtype=np.float32)
        if check is not None:
            check()
        with one_blas_thread():
            products = tiles.products_by_run(np.asarray(models, dtype=np.int64), factor, eigenvalues)
            gram, totals = _gram(factor)
        return cls(tuple(run_ids), starts, factor, eigenvalues, sums, products, gram, totals, tiles.divergence)

    @property
    def n_bytes(self) -> int:
        """Size in memory, in bytes."""
        return int(self.factor.nbytes + self.sums.rows.nbytes + self.sums.squares.nbytes)

    def embed(self, run_ids: Sequence[str], n_components: int = 10) -> PreviewEmbedding:
        """Return an approximate embedding of some runs, with an estimate of its error.

        Args:
            run_ids: runs of the study, each once.
            n_components: number of signed eigenpairs; fewer are returned if the factor has fewer.

        Raises:
            SelectionError: a run is not in the preview, or there are fewer than three models.
        """
        places = {run_id: place for place, run_id in enumerate(self.run_ids)}
        unknown = [run_id for run_id in run_ids if run_id not in places]
        if unknown:
            raise SelectionError(f"The preview knows nothing of the run {unknown[0]!r}: it is of {len(places)} others.")
        chosen = np.array([places[run_id] for run_id in run_ids], dtype=np.int64)
        n_models = int((self.starts[chosen + 1] - self.starts[chosen]).sum())
        if n_models < MINIMUM_MODELS:
            raise SelectionError(f"A preview needs at least {MINIMUM_MODELS} models, received {n_models}.")
        with one_blas_thread():
            return self._solve(chosen, self._rows(chosen), n_components)

    def _rows(self, runs: Ints) -> NDArray[np.float32]:
        """Return (model, rank) rows of the factor."""
        parts = [self.factor[self.starts[run] : self.starts[run + 1]] for run in runs]
        return np.concatenate(parts) if parts else self.factor[:0]

    def _selected_gram(self, chosen: Ints, factor: NDArray[np.float32]) -> tuple[Array, Array]:
        """Return F_S^T F_S and the column sums of F_S, computed from S or from its complement, whichever is smaller."""
        if 2 * len(factor) <= len(self.factor):
            return _gram(factor)
        others = np.setdiff1d(np.arange(len(self.run_ids)), chosen)
        gram, sums = _gram(self._rows(others))
        return self.gram - gram, self.totals - sums

    def _solve(self, chosen: Ints, factor: NDArray[np.float32], n_components: int) -> PreviewEmbedding:
        """Return the preview of the chosen runs, whose rows of the factor are given."""
        n_models, rank = factor.shape
        among = np.ix_(chosen, chosen)
        row_sums = self.sums.selected_rows(chosen, self.starts)
        norm = centred_norm(float(self.sums.squares[among].sum()), row_sums / n_models)
        gram, sums = self._selected_gram(chosen, factor)
        mean = sums / n_models
        gram = gram - n_models * np.outer(mean, mean)
        gram[np.diag_indices(rank)] += SHIFT * np.trace(gram) / rank
        root = np.linalg.cholesky(gram)
        small = (root.T * self.eigenvalues) @ root
        theta, y = _largest(small, min(n_components + 1, rank))
        kept = np.abs(theta[:n_components]) > SHIFT * np.abs(theta[0])
        n_kept = int(kept.sum())
        weights = np.linalg.solve(root.T, y[:, :n_kept]) * np.sqrt(np.abs(theta[:n_kept]))
        coordinates = np.concatenate(
            run_all([(np.matmul, (slab, weights.astype(np.float32))) for slab in _slabs(factor)])
        )
        coordinates = fix_signs(coordinates.astype(np.float64) - mean @ weights)
        approximate_means = factor @ (self.eigenvalues * mean).astype(np.float32)
        overlap = -0.5 * (
            float(self.products[among].sum())
            - 2.0 * float(row_sums @ approximate_means)
            + float(row_sums.sum()) * float(mean @ (self.eigenvalues * mean))
        )
        missed = float(np.sqrt(max(0.0, norm**2 - 2.0 * overlap + float((small * small.T).sum()))))
        return PreviewEmbedding(
            coordinates=coordinates,
            eigenvalues=theta[:n_kept].copy(),
            signature=np.sign(theta[:n_kept]).astype(np.int8),
            explained_stress=explained_stress(theta[:n_kept], norm),
            error_estimate=error_estimate(theta, n_kept, float(np.abs(self.eigenvalues[-1]))),
            row_means=row_sums / n_models,
            grand_mean=float(row_sums.mean()) / n_models,
            missed=missed / norm if norm else 0.0,
            frobenius_norm=norm,
            trace=0.5 * float(row_sums.mean()),
            divergence=self.divergence,
        )


def _slabs(factor: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    return [factor[start : start + SLAB_ROWS] for start in range(0, max(1, len(factor)), SLAB_ROWS)]


def _gram(factor: NDArray[np.float32]) -> tuple[Array, Array]:
    parts = run_all([(_slab_gram, (slab,)) for slab in _slabs(factor)])
    return sum(part[0] for part in parts), sum(part[1] for part in parts)


def _slab_gram(slab: NDArray[np.float32]) -> tuple[Array, Array]:
    wide = slab.astype(np.float64)
    return wide.T @ wide, wide.sum(axis=0)


def _largest(small: Array, count: int) -> tuple[Array, Array]:
    """Return the pairs of largest modulus of a small symmetric matrix."""
    if len(small) <= SMALL_RANK or count > len(small) // 4:
        theta, y = np.linalg.eigh(small)
    else:
        from scipy.sparse.linalg import eigsh

        start = np.random.default_rng(0).standard_normal(len(small))
        theta, y = eigsh(small, k=count, which="LM", v0=start, tol=1e-8)
    order = np.argsort(-np.abs(theta), kind="stable")[:count]
    return theta[order], y[:, order]


def error_estimate(theta: Array, n_kept: int, missed: float) -> Array:
    r"""Return the estimated root-mean-square error of each component, relative to the root mean square of the first.

    .. math:: \Bigl(\sqrt{|\theta_k|}\,\frac{\epsilon}{\gamma_k} + \frac{\epsilon}{2\sqrt{|\theta_k|}}\Bigr)
              \Big/ \sqrt{|\theta_1|}

    with :math:`\epsilon` the modulus of the remainder of the factor, and :math:`\gamma_k` the distance of
    :math:`\theta_k` to its nearest neighbour or zero; at most the error of reversing the component.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.empty(n_kept)
        for k in range(n_kept):
            gap = np.abs(np.append(np.delete(theta, k), 0.0) - theta[k]).min()
            size = np.sqrt(np.abs(theta[k]))
            errors[k] = min(size * missed / gap + missed / (2.0 * size), 2.0 * size) if gap else 2.0 * size
        return errors / np.sqrt(np.abs(theta[0])) if n_kept else errors
