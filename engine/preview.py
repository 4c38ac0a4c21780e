r"""Embeddings of selections before their distances are looked at: what a low-rank factor of the study says of them.

For the study's centred matrix :math:`W \approx F \Lambda F^T`, with the eigenpairs of largest modulus, and a selection
S with its own centring :math:`L_S`,

.. math:: W_S = L_S W_{SS} L_S \approx G \Lambda G^T, \qquad G = L_S F_S.

With :math:`G^T G = R^T R` the non-zero eigenpairs of the right-hand side are :math:`(\theta, G R^{-1} y)` for those,
:math:`(\theta, y)`, of the small matrix :math:`R \Lambda R^T`. The cost is that of :math:`G^T G`, linear in the
number of models.

What was left out, :math:`E_S = L_S (W - F \Lambda F^T)_{SS} L_S`, is a compression of what the study's factor left out,
so :math:`\|E_S\|_2` is at most the modulus of the first eigenvalue that is not in it. From that follow Weyl's bound for
eigenvalues and, to first order, that of Davis and Kahan for vectors: an estimate of the error, on the safe side in the
tests. The norms are exact, that of :math:`E_S` among them, because they follow from sums over the tiles of each pair of
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

from engine.diagnostics import centred_norm, explained_stress
from engine.eigenpairs import Source, leading_pairs
from engine.errors import SelectionError
from engine.gauge import fix_signs
from engine.kernels.threads import one_blas_thread, run_all
from engine.tiled_distances import TiledDistances, TileSums
from engine.values import MINIMUM_MODELS, PreviewEmbedding

FINE_RANK, COARSE_RANK = 256, 128
FINE_MODELS = 5000
"""Up to here a finer factor costs a preview no more than a coarse one does beyond."""
SHIFT = 1e-7
"""Relative to the mean square of a column: keeps the Cholesky factor of a selection smaller than the rank in being."""
SLAB_ROWS = 2048
SMALL_RANK = 64
"""Up to here solving for all pairs of the small matrix is as quick as iterating for the first."""

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    r"""A study's factor, and what its tiles add up to.

    Attributes:
        run_ids: the runs of the study, each with the range of its models in ``starts``.
        starts: (run + 1,) int64, the first model of each run, and the number of models.
        factor: (model, rank) float32 unit eigenvectors F.
        eigenvalues: (rank,) float64, by falling modulus.
        sums: row sums and sums of squares per pair of runs.
        products: (run, run) sums of distances times :math:`F \Lambda F^T`.
        gram: (rank, rank) float64 :math:`F^T F`, up to rounding the unit matrix.
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
            source: the same distances, wherever they are multiplied fastest.
            run_ids: the runs, in the order of rows and columns.
            models: (run,) how many models each has.
            rank: how many eigenpairs; by default more for small studies.
            check: called between passes; may raise to stop.

        Raises:
            CacheError: tiles turned out damaged.
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
        """What it holds in memory."""
        return int(self.factor.nbytes + self.sums.rows.nbytes + self.sums.squares.nbytes)

    def embed(self, run_ids: Sequence[str], n_components: int = 10) -> PreviewEmbedding:
        """Return an approximate embedding of some runs, with an estimate of its error.

        Args:
            run_ids: runs of the study, each once.
            n_components: how many signed eigenpairs; fewer come back where the factor has fewer.

        Raises:
            SelectionError: a run that the preview does not know, or fewer than three models.
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
        """(model, rank) rows of the factor."""
        parts = [self.factor[self.starts[run] : self.starts[run + 1]] for run in runs]
        return np.concatenate(parts) if parts else self.factor[:0]

    def _selected_gram(self, chosen: Ints, factor: NDArray[np.float32]) -> tuple[Array, Array]:
        """F_S^T F_S and the sums of the columns of F_S, by way of whichever is smaller: S, or what it lacks."""
        if 2 * len(factor) <= len(self.factor):
            return _gram(factor)
        others = np.setdiff1d(np.arange(len(self.run_ids)), chosen)
        gram, sums = _gram(self._rows(others))
        return self.gram - gram, self.totals - sums

    def _solve(self, chosen: Ints, factor: NDArray[np.float32], n_components: int) -> PreviewEmbedding:
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
            error_estimate=_error_estimate(theta, n_kept, float(np.abs(self.eigenvalues[-1]))),
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
    """The pairs of largest modulus of a small symmetric matrix."""
    if len(small) <= SMALL_RANK or count > len(small) // 4:
        theta, y = np.linalg.eigh(small)
    else:
        from scipy.sparse.linalg import eigsh

        start = np.random.default_rng(0).standard_normal(len(small))
        theta, y = eigsh(small, k=count, which="LM", v0=start, tol=1e-8)
    order = np.argsort(-np.abs(theta), kind="stable")[:count]
    return theta[order], y[:, order]


def _error_estimate(theta: Array, n_kept: int, missed: float) -> Array:
    r"""Root mean square error of each component, against that of the first component itself.

    .. math:: \Bigl(\sqrt{|\theta_k|}\,\frac{\epsilon}{\gamma_k} + \frac{\epsilon}{2\sqrt{|\theta_k|}}\Bigr)
              \Big/ \sqrt{|\theta_1|}

    with :math:`\epsilon` the modulus of what the factor left out, and :math:`\gamma_k` the distance of
    :math:`\theta_k` to its nearest neighbour or zero; never more than turning the component round would make.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.empty(n_kept)
        for k in range(n_kept):
            gap = np.abs(np.append(np.delete(theta, k), 0.0) - theta[k]).min()
            size = np.sqrt(np.abs(theta[k]))
            errors[k] = min(size * missed / gap + missed / (2.0 * size), 2.0 * size) if gap else 2.0 * size
        return errors / np.sqrt(np.abs(theta[0])) if n_kept else errors
