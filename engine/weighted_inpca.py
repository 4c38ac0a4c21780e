r"""InPCA of models that do not all count the same.

With weights :math:`w_i \ge 0`, :math:`\sum w_i = 1`, weighted row means :math:`r_i = \sum_j w_j D_{ij}` and
:math:`\mu = \sum_i w_i r_i`

.. math:: B_{ij} = -\tfrac12 (D_{ij} - r_i - r_j + \mu), \qquad
          S = \operatorname{diag}(\sqrt w)\, B\, \operatorname{diag}(\sqrt w) = Q \Lambda Q^T, \qquad
          X = \operatorname{diag}(\sqrt w)^{-1} Q \sqrt{|\Lambda|}.

A model with weight k is the same as k equal models. With all weights alike X is that of :mod:`engine.inpca`, and the
eigenvalues are its own over the number of models. Source: Mao et al., PNAS 121 (2024) e2310002121, who weight the
geodesic among their trajectories.

What the closed forms of :mod:`engine.diagnostics` become. Rows of B times w are zero, so with sums replaced by weighted
sums the cross terms vanish as before:

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

from engine.diagnostics import explained_stress, explained_variance
from engine.eigenpairs import DenseSource, all_pairs, top_pairs
from engine.errors import InvalidSpecError
from engine.gauge import fix_signs
from engine.inpca import (
    ALL_PAIRS_MODELS,
    ALL_PAIRS_SHARE,
    RANK_TOLERANCE,
    TAKE_A_SELECTION,
    check_distances,
    check_model_count,
)
from engine.kernels.threads import one_blas_thread
from engine.memory import check_budget, memory_budget
from engine.values import Distances
from engine.weights import checked_weights

CHUNK_ROWS = 256

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class WeightedEmbedding:
    """InPCA coordinates of weighted models; every sum and mean in it is a weighted one.

    Attributes:
        coordinates: (model, component) float64; columns have weighted mean zero, and weighted mean square |eigenvalue|.
        eigenvalues: (component,) float64 of S, by falling modulus, signs kept.
        signature: (component,) int8, +1 space-like, -1 time-like.
        explained_stress: (component,) 1 - ||S - S_k||_F / ||S||_F.
        explained_variance: (component,) sum of eigenvalues over tr S.
        explained_distance: (component,) 1 - sqrt(sum w_i w_j (D - D_k)_ij^2 / sum w_i w_j D_ij^2).
        weights: (model,) adding up to one.
        row_means: (model,) r.
        grand_mean: mu.
        frobenius_norm: ||S||_F, from sums over all distances.
        trace: tr S.
        divergence: key of the divergence that was embedded.
    """

    coordinates: Array
    eigenvalues: Array
    signature: NDArray[np.int8]
    explained_stress: Array
    explained_variance: Array
    explained_distance: Array
    weights: Array
    row_means: Array
    grand_mean: float
    frobenius_norm: float
    trace: float
    divergence: str

    @property
    def n_models(self) -> int:
        return int(self.coordinates.shape[0])

    @property
    def n_components(self) -> int:
        return int(self.coordinates.shape[1])


def embed_weighted(distances: Distances | ArrayLike, weights: ArrayLike, n_components: int = 10) -> WeightedEmbedding:
    """Return the InPCA embedding in which each model counts as much as its weight says.

    Args:
        distances: (model, model) symmetric divergences with a zero diagonal.
        weights: (model,) 0 or more, of any scale. A model with weight 0 has no part in the fit and is projected into
            it, which is what the coordinates of a model tend to as its weight goes to 0.
        n_components: how many signed eigenpairs; fewer come back where the rank is lower.

    Raises:
        InvalidSpecError: not a divergence matrix, weights that are none or not one per model, or no component.
        SelectionError: fewer than three models with a weight above 0.
        MemoryBudgetError: a given array is too large to be checked in memory.
    """
    if n_components < 1:
        raise InvalidSpecError(f"n_components must be at least 1, received {n_components}.")
    matrix, divergence = _read(distances)
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
        explained_distance=_explained_distance(
            eigenvalues, coordinates**2 * signature, row_means - 0.5 * grand_mean, norm, trace, w
        ),
        weights=w,
        row_means=row_means,
        grand_mean=grand_mean,
        frobenius_norm=norm,
        trace=trace,
        divergence=divergence,
    )


def _read(distances: Distances | ArrayLike) -> tuple[NDArray[np.floating[Any]], str]:
    """The matrix, checked where nobody vouches for it, and the divergence."""
    if isinstance(distances, Distances) and distances.sums is not None:
        return distances.values, distances.divergence
    given = distances.values if isinstance(distances, Distances) else np.asarray(distances)
    check_budget(8 * given.size, memory_budget(None), "A checked copy of the distances", TAKE_A_SELECTION)
    return check_distances(given), distances.divergence if isinstance(distances, Distances) else "given"


def _mean_square(matrix: NDArray[np.floating[Any]], w: Array) -> float:
    """sum_ij w_i w_j D_ij^2, some rows at a time."""
    of_rows = np.empty(len(matrix))
    for start in range(0, len(matrix), CHUNK_ROWS):
        chunk = matrix[start : start + CHUNK_ROWS].astype(np.float64)
        of_rows[start : start + CHUNK_ROWS] = np.square(chunk, out=chunk) @ w
    return float(w @ of_rows)


def _centred_norm(mean_square: float, row_means: Array, grand_mean: float, w: Array) -> float:
    # The grand mean is taken out first: large sums would be subtracted otherwise.
    left = mean_square - grand_mean**2 - 2.0 * float(w @ (row_means - grand_mean) ** 2)
    return 0.5 * float(np.sqrt(max(0.0, left)))


def _explained_distance(
    eigenvalues: Array, squares: Array, diagonal: Array, norm: float, trace: float, w: Array
) -> Array:
    """The closed form above; ``squares`` are (model, component) squared coordinates with their signature."""
    total = 2.0 * float(w @ diagonal**2) + 2.0 * trace**2 + 4.0 * norm**2
    if total == 0.0:
        return np.ones(len(eigenvalues))
    left = diagonal[:, None] - np.cumsum(squares, axis=1)
    missed = (
        2.0 * (w @ left**2)
        + 2.0 * (trace - np.cumsum(eigenvalues)) ** 2
        + 4.0 * np.clip(norm**2 - np.cumsum(eigenvalues**2), 0.0, None)
    )
    return np.asarray(1.0 - np.sqrt(missed / total))


def _pairs(
    source: DenseSource, w: Array, row_means: Array, grand_mean: float, norm: float, n_components: int
) -> tuple[Array, Array]:
    """Signed eigenpairs of S, as many as it has and are wanted."""
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
    rank = int((np.abs(eigenvalues) > RANK_TOLERANCE * n_models * np.abs(eigenvalues).max(initial=0.0)).sum())
    n_kept = min(n_components, rank)
    return eigenvalues[:n_kept].copy(), vectors[:, :n_kept]


def _coordinates(source: DenseSource, w: Array, eigenvalues: Array, vectors: Array) -> Array:
    r"""(model, component) coordinates, from :math:`\lambda_k X_{ik} = \sum_j B_{ij} w_j X_{jk}`.

    That is the eigenvalue equation for models with a weight and the projection of those without; dividing Q by the
    roots of weights instead would blow a solver's rounding up without bound where they are small.
    """
    if not len(eigenvalues):
        return np.zeros((len(w), 0))
    weighted = np.sqrt(w)[:, None] * vectors * np.sqrt(np.abs(eigenvalues))
    products = source.multiply(weighted, np.dtype(np.float64))
    # What B has more than -D/2 is the same for all models, or vanishes because the weighted columns sum to zero.
    products -= w @ products
    return fix_signs(-0.5 * products / eigenvalues)


class _WeightedSource:
    r"""Distances :math:`R \operatorname{diag}(\sqrt w) D \operatorname{diag}(\sqrt w) R`, to be multiplied and centred.

    S is :math:`-\frac12 H \operatorname{diag}(\sqrt w) D \operatorname{diag}(\sqrt w) H` with H taking out the unit
    vector :math:`\sqrt w`. The solver takes out the constant vector. R is the reflection that swaps the two, so what
    the solver finds are the eigenvectors of S, reflected.
    """

    def __init__(self, source: DenseSource, w: Array) -> None:
        self._source = source
        self._roots = np.sqrt(w)[:, None]
        mirror = np.sqrt(w) - 1.0 / np.sqrt(len(w))
        length = float(np.linalg.norm(mirror))
        # Weights that are all alike: the two vectors are the same, and nothing needs to be swapped.
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
