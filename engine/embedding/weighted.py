r"""InPCA of weighted models.

With weights :math:`w_i \ge 0`, :math:`\sum w_i = 1`, weighted row means :math:`r_i = \sum_j w_j D_{ij}` and
:math:`\mu = \sum_i w_i r_i`

.. math:: B_{ij} = -\tfrac12 (D_{ij} - r_i - r_j + \mu), \qquad
          S = \operatorname{diag}(\sqrt w)\, B\, \operatorname{diag}(\sqrt w) = Q \Lambda Q^T, \qquad
          X = \operatorname{diag}(\sqrt w)^{-1} Q \sqrt{|\Lambda|}.

A model with weight k is equivalent to k equal models. With equal weights X is that of :mod:`.inpca`, and the
eigenvalues are those of :mod:`.inpca` over the number of models. Source: Mao et al., PNAS 121 (2024) e2310002121, who
weight the geodesic among their trajectories.

The closed forms of :mod:`.diagnostics` carry over: rows of B times w are zero, so the weighted cross terms vanish
again:

.. math:: \|S\|_F^2 = \sum_{ij} w_i w_j B_{ij}^2
              = \tfrac14 \Bigl(\sum_{ij} w_i w_j D_{ij}^2 - 2 \sum_i w_i r_i^2 + \mu^2\Bigr), \qquad
          \operatorname{tr} S = \mu / 2, \qquad b_i = B_{ii} = r_i - \mu / 2,

.. math:: \sum_{ij} w_i w_j (D - D_k)_{ij}^2 = 2 \sum_i w_i (b_i - b_{k,i})^2
              + 2 \Bigl(\operatorname{tr} S - \sum_{l \le k} \lambda_l\Bigr)^2
              + 4 \Bigl(\|S\|_F^2 - \sum_{l \le k} \lambda_l^2\Bigr), \qquad b_{k,i} = \sum_{l \le k} s_l X_{il}^2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.embedding.diagnostics import centred_diagonal, explained_distance, explained_stress, explained_variance
from engine.embedding.eigenpairs import DenseSource, all_pairs, top_pairs
from engine.embedding.inpca import (
    ALL_PAIRS_MODELS,
    ALL_PAIRS_SHARE,
    check_model_count,
    checked_matrix,
    fix_signs,
    within_rank,
)
from engine.embedding.weights import checked_weights
from engine.errors import InvalidSpecError
from engine.machine import one_blas_thread
from engine.values import Coordinates, Distances, FloatArray

CHUNK_ROWS = 256

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class WeightedEmbedding(Coordinates):
    """InPCA coordinates of weighted models; all sums and means are weighted, and S stands for W.

    Attributes:
        explained_variance: (component,) sum of eigenvalues over tr S.
        explained_distance: (component,) 1 - sqrt(sum w_i w_j (D - D_k)_ij^2 / sum w_i w_j D_ij^2).
        weights: (model,) summing to one. Columns of coordinates have weighted mean zero and mean square |eigenvalue|.
    """

    explained_variance: Array
    explained_distance: Array
    weights: Array


def embed_weighted(distances: Distances | ArrayLike, weights: ArrayLike, n_components: int = 10) -> WeightedEmbedding:
    """Return the InPCA embedding of weighted models.

    Args:
        distances: (model, model) symmetric divergences with a zero diagonal.
        weights: (model,) >= 0, of any scale. A model with weight 0 is not fitted but projected, which is the limit of
            its coordinates as its weight goes to 0.
        n_components: number of signed eigenpairs; fewer are returned if the rank is lower.

    Raises:
        InvalidSpecError: not a divergence matrix, invalid weights or not one per model, or no component.
        SelectionError: fewer than three models with a weight above 0.
        MemoryBudgetError: an array is too large to be checked in memory.
    """
    if n_components < 1:
        raise InvalidSpecError(f"n_components must be at least 1, received {n_components}.")
    matrix, divergence = checked_matrix(distances)
    w = checked_weights(weights)
    if len(w) != len(matrix):
        raise InvalidSpecError(f"weights must hold one number per model: received {len(w)} for {len(matrix)} models.")
    check_model_count(int((w > 0).sum()))
    source = DenseSource(matrix)
    row_means = source.multiply(w[:, None], np.dtype(np.float64))[:, 0]
    grand_mean = float(w @ row_means)
    with one_blas_thread():
        norm = _centred_norm(_mean_square(matrix, w), row_means, grand_mean, w)
    eigenvalues, vectors = _pairs(source, w, row_means, grand_mean, norm, n_components)
    coordinates = _coordinates(source, w, eigenvalues, vectors)
    signature = np.sign(eigenvalues).astype(np.int8)
    trace = 0.5 * grand_mean
    return WeightedEmbedding(
        coordinates=coordinates,
        eigenvalues=eigenvalues,
        signature=signature,
        explained_stress=explained_stress(eigenvalues, norm),
        explained_variance=explained_variance(eigenvalues, trace),
        explained_distance=explained_distance(
            eigenvalues, coordinates**2 * signature, centred_diagonal(row_means, grand_mean), norm, trace, w
        ),
        weights=w,
        row_means=row_means,
        grand_mean=grand_mean,
        frobenius_norm=norm,
        trace=trace,
        divergence=divergence,
    )


def _mean_square(matrix: FloatArray, w: Array) -> float:
    """Return sum_ij w_i w_j D_ij^2, by blocks of rows."""
    of_rows = np.empty(len(matrix))
    for start in range(0, len(matrix), CHUNK_ROWS):
        chunk = matrix[start : start + CHUNK_ROWS].astype(np.float64)
        of_rows[start : start + CHUNK_ROWS] = np.square(chunk, out=chunk) @ w
    return float(w @ of_rows)


def _centred_norm(mean_square: float, row_means: Array, grand_mean: float, w: Array) -> float:
    # The grand mean is subtracted first: otherwise large sums would be subtracted.
    left = mean_square - grand_mean**2 - 2.0 * float(w @ (row_means - grand_mean) ** 2)
    return 0.5 * float(np.sqrt(max(0.0, left)))


def _pairs(
    source: DenseSource, w: Array, row_means: Array, grand_mean: float, norm: float, n_components: int
) -> tuple[Array, Array]:
    """Return the signed eigenpairs of S, at most the rank and at most the requested number."""
    n_models = source.n_models
    if norm == 0.0:
        return np.zeros(0), np.zeros((n_models, 0))
    if n_models <= ALL_PAIRS_MODELS or n_components > ALL_PAIRS_SHARE * n_models:
        roots = np.sqrt(w)
        centred = source.columns(range(n_models)) - row_means[:, None] - row_means + grand_mean
        eigenvalues, vectors = all_pairs(-0.5 * roots[:, None] * centred * roots)
    else:
        weighted = _WeightedSource(source, w)
        eigenvalues, vectors, _ = top_pairs(weighted, n_components)
        vectors = weighted.reflected(vectors)
    return within_rank(eigenvalues, vectors, n_components)


def _coordinates(source: DenseSource, w: Array, eigenvalues: Array, vectors: Array) -> Array:
    r"""Return (model, component) coordinates, from :math:`\lambda_k X_{ik} = \sum_j B_{ij} w_j X_{jk}`.

    For models with a weight this is the eigenvalue equation, for those without the projection. Dividing Q by the roots
    of the weights instead would amplify the solver's rounding without bound for small weights.
    """
    if not len(eigenvalues):
        return np.zeros((len(w), 0))
    weighted = np.sqrt(w)[:, None] * vectors * np.sqrt(np.abs(eigenvalues))
    products = source.multiply(weighted, np.dtype(np.float64))
    # The terms of B other than -D/2 are the same for all models, or vanish as the weighted columns sum to zero.
    products -= w @ products
    return fix_signs(-0.5 * products / eigenvalues)


class _WeightedSource:
    r"""Source of :math:`R \operatorname{diag}(\sqrt w) D \operatorname{diag}(\sqrt w) R`, for a solver that centres.

    S is :math:`-\frac12 H \operatorname{diag}(\sqrt w) D \operatorname{diag}(\sqrt w) H`, where H projects out the unit
    vector :math:`\sqrt w`. The solver projects out the constant vector. R is the reflection that swaps the two, so the
    solver's eigenvectors are those of S, reflected.
    """

    def __init__(self, source: DenseSource, w: Array) -> None:
        self._source = source
        self._roots = np.sqrt(w)[:, None]
        mirror = np.sqrt(w) - 1.0 / np.sqrt(len(w))
        length = float(np.linalg.norm(mirror))
        # With equal weights the two vectors coincide and no reflection is needed.
        self._mirror = (mirror / length if length > 1e-12 else np.zeros(len(w)))[:, None]
        self.n_models = source.n_models
        self.dtype = source.dtype
        self.vectors_per_pass = source.vectors_per_pass

    def reflected(self, vectors: Array) -> Array:
        return np.asarray(vectors - 2.0 * self._mirror * (self._mirror.T @ vectors))

    def multiply(self, vectors: Array, dtype: np.dtype[Any]) -> Array:
        products = self._source.multiply(self._roots * self.reflected(vectors), dtype)
        return self.reflected(self._roots * products)

    def columns(self, models: Sequence[int]) -> Array:
        unit = np.zeros((self.n_models, len(models)))
        unit[models, np.arange(len(models))] = 1.0
        return self.multiply(unit, self.dtype)
