r"""InPCA embedding: signed eigenpairs of a centred divergence matrix, out-of-sample projection.

With :math:`L = I - \mathbf{1}\mathbf{1}^T/m` and distances :math:`D` (a divergence, never squared again)

.. math:: W = -\tfrac12 L D L = U \Lambda U^T, \qquad X = U \sqrt{|\Lambda|}, \qquad s = \operatorname{sign} \Lambda,

ordered by decreasing :math:`|\lambda|`. Negative eigenvalues are part of the geometry and are kept.
Source: Quinn et al., PNAS 116 (2019) 13762; Mao et al., PNAS 121 (2024) e2310002121.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.distances.tiles.packed import PackedDistances
from engine.distances.tiles.streamed import TiledDistances
from engine.distances.uncompiled import DenseDistances
from engine.embedding.diagnostics import (
    centred_diagonal,
    centred_norm,
    explained_distance,
    explained_stress,
    explained_variance,
    explained_variance_absolute,
)
from engine.embedding.eigenpairs import DenseSource, Source, all_pairs, sum_of_moduli, top_pairs
from engine.errors import InvalidSpecError, SelectionError
from engine.machine import check_budget, memory_budget, one_blas_thread
from engine.values import MINIMUM_MODELS, Coordinates, Distances, DistanceSums, Embedding, FloatArray

Array = NDArray[np.float64]

ALL_PAIRS_MODELS = 200
"""Number of models up to which solving for all eigenpairs costs no more than iterating for the top ones."""
ALL_PAIRS_SHARE = 0.1
"""Share of the spectrum above which solving for all of it is faster than iterating."""
WHOLE_SPECTRUM_MODELS = 400
"""Models up to which all eigenvalues take a few milliseconds; the time is cubic: most of a second at 2,000."""
RANK_TOLERANCE = 1e-14
"""Times the number of models, relative to the largest eigenvalue: smaller eigenvalues are rounded zeros."""
SYMMETRY_TOLERANCE = 1e-6
"""Asymmetry of an array, relative to its largest distance, that float32 rounding can cause."""
CHECK_ROWS = 512
"""Rows and columns per block of the symmetry check."""
TAKE_A_SELECTION = "close other programs, or embed what DistanceStore.selection returns, which takes a quarter"


def embed(
    distances: Distances | PackedDistances | TiledDistances | DenseDistances | ArrayLike,
    n_components: int = 10,
    *,
    whole_spectrum: bool | None = None,
    start: Array | None = None,
) -> Embedding:
    """Return the InPCA embedding of a matrix of divergences.

    Args:
        distances: (model, model) symmetric divergences with a zero diagonal: an array, :class:`Distances`, or the
            result of :meth:`DistanceStore.selection`.
        n_components: number of signed eigenpairs; fewer are returned if the rank is lower, none for equal models.
        whole_spectrum: whether to compute all eigenvalues, which only ``explained_variance_absolute`` needs; without
            them it is NaN. None computes them up to ``WHOLE_SPECTRUM_MODELS`` models.
        start: (model, component) approximate coordinates, e.g. of a preview, or of an embedding of most of the models
            into which the others are projected. They save time and change the result only within the residual.

    Returns:
        The embedding; see :class:`Embedding` for shapes.

    Raises:
        InvalidSpecError: not a divergence matrix, no component requested, or a start for other models.
        SelectionError: fewer than three models.
        MemoryBudgetError: an array is too large to be checked and multiplied in memory.
    """
    if n_components < 1:
        raise InvalidSpecError(f"n_components must be at least 1, received {n_components}.")
    source, sums, divergence = _read(distances)
    n_models = source.n_models
    if start is not None and (start.ndim != 2 or len(start) != n_models or not np.isfinite(start).all()):
        raise InvalidSpecError(
            f"start must be finite, ({n_models}, component), one row per model; received the shape {start.shape}."
        )
    row_means = sums.rows / n_models
    grand_mean = float(row_means.mean())
    norm = centred_norm(sums.squares, row_means)
    trace = 0.5 * n_models * grand_mean
    absolute_total = np.nan
    if n_models <= ALL_PAIRS_MODELS or n_components > ALL_PAIRS_SHARE * n_models:
        centred = _centred(source, row_means)
        spectrum, vectors = all_pairs(centred)
        absolute_total = float(np.abs(spectrum).sum())
        residual = _residual(centred, spectrum[:n_components], vectors[:, :n_components])
    elif norm == 0.0:
        spectrum, vectors, residual, absolute_total = np.zeros(0), np.zeros((n_models, 0)), 0.0, 0.0
    else:
        spectrum, vectors, residual = top_pairs(source, n_components, start)
        if n_models <= WHOLE_SPECTRUM_MODELS if whole_spectrum is None else whole_spectrum:
            absolute_total = sum_of_moduli(_centred(source, row_means))
    eigenvalues, vectors = within_rank(spectrum, vectors, n_components)
    vectors = fix_signs(vectors)
    return Embedding(
        coordinates=vectors * np.sqrt(np.abs(eigenvalues)),
        eigenvalues=eigenvalues,
        signature=np.sign(eigenvalues).astype(np.int8),
        explained_stress=explained_stress(eigenvalues, norm),
        explained_variance=explained_variance(eigenvalues, trace),
        explained_variance_absolute=explained_variance_absolute(eigenvalues, absolute_total),
        explained_distance=explained_distance(
            eigenvalues, vectors**2 * eigenvalues, centred_diagonal(row_means, grand_mean), norm, trace
        ),
        row_means=row_means,
        grand_mean=grand_mean,
        frobenius_norm=norm,
        trace=trace,
        residual=residual,
        divergence=divergence,
    )


def _read(
    distances: Distances | PackedDistances | TiledDistances | DenseDistances | ArrayLike,
) -> tuple[Source, DistanceSums, str]:
    """Return the source, row sums and norm, and the divergence's key; input without sums is checked first."""
    if isinstance(distances, PackedDistances | TiledDistances | DenseDistances):
        check_model_count(distances.n_models)
        return distances, distances.sums, distances.divergence
    if isinstance(distances, Distances) and distances.sums is not None:
        check_model_count(len(distances.values))
        return DenseSource(distances.values), distances.sums, distances.divergence
    matrix, divergence = checked_matrix(distances)
    return DenseSource(matrix), DistanceSums.of(matrix), divergence


def checked_matrix(distances: Distances | ArrayLike) -> tuple[FloatArray, str]:
    """Return the (model, model) matrix, checked unless it comes with sums, and the divergence's key."""
    if not isinstance(distances, Distances):
        return check_distances(np.asarray(distances)), "given"
    return distances.values if distances.sums is not None else check_distances(distances.values), distances.divergence


def within_rank(spectrum: Array, vectors: Array, n_components: int) -> tuple[Array, Array]:
    """Return the requested (component,) eigenvalues and (model, component) vectors, without rounded zeros."""
    smallest = RANK_TOLERANCE * len(vectors) * np.abs(spectrum).max(initial=0.0)
    n_kept = min(n_components, int((np.abs(spectrum) > smallest).sum()))
    return spectrum[:n_kept].copy(), vectors[:, :n_kept]


def _centred(source: Source, row_means: Array) -> Array:
    """Return the (model, model) centred matrix W."""
    matrix = source.columns(range(source.n_models))
    return np.asarray(-0.5 * (matrix - row_means[:, None] - row_means + row_means.mean()))


def check_model_count(n_models: int) -> None:
    """Raise unless there are enough models for an embedding.

    Raises:
        SelectionError: fewer than three models.
    """
    if n_models < MINIMUM_MODELS:
        raise SelectionError(
            f"An embedding needs at least {MINIMUM_MODELS} models, received {n_models}: select more checkpoints."
        )


def check_distances(matrix: FloatArray) -> Array:
    """Return the matrix as float64, exactly symmetric; raise unless it is a matrix of divergences."""
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise InvalidSpecError(
            f"distances must be a square (model, model) matrix, received the shape {matrix.shape}. "
            "A rectangle is projected with `project`."
        )
    check_model_count(len(matrix))
    check_budget(8 * matrix.size, memory_budget(None), "A checked copy of the distances", TAKE_A_SELECTION)
    checked = np.array(matrix, dtype=np.float64, order="C")
    if not np.isfinite(float(checked.sum())):
        i, j = np.argwhere(~np.isfinite(checked))[0]
        raise InvalidSpecError(f"distances must be finite, received {checked[i, j]} between models {i} and {j}.")
    tolerance = SYMMETRY_TOLERANCE * max(float(checked.max()), -float(checked.min()))
    diagonal = int(np.abs(np.diagonal(checked)).argmax())
    if abs(checked[diagonal, diagonal]) > tolerance:
        raise InvalidSpecError(
            f"distances must be zero on the diagonal, received {checked[diagonal, diagonal]} for model {diagonal}."
        )
    np.fill_diagonal(checked, 0.0)
    for start in range(0, len(checked), CHECK_ROWS):
        for other in range(0, start + 1, CHECK_ROWS):
            lower = checked[start : start + CHECK_ROWS, other : other + CHECK_ROWS]
            upper = checked[other : other + CHECK_ROWS, start : start + CHECK_ROWS].T
            if np.array_equal(lower, upper):
                continue
            gap = np.abs(lower - upper)
            i, j = np.unravel_index(int(gap.argmax()), gap.shape)
            if gap[i, j] > tolerance:
                raise InvalidSpecError(
                    f"distances must be symmetric: models {start + i} and {other + j} are {lower[i, j]} apart one way "
                    f"and {upper[i, j]} the other. Symmetrise on purpose, (D + D.T) / 2, if that is what you mean."
                )
            mean = 0.5 * (lower + upper)
            lower[...] = mean
            upper[...] = mean
    return checked


def _residual(centred: Array, eigenvalues: Array, vectors: Array) -> float:
    """Return the largest ||W u - lambda u|| / |lambda_1|, measured and not taken from the solver."""
    errors = np.linalg.norm(centred @ vectors - vectors * eigenvalues, axis=0)
    largest = np.abs(eigenvalues).max(initial=0.0)
    return float(errors.max() / largest) if largest else 0.0


def project(embedding: Coordinates, distances_to_fitted: ArrayLike) -> Array:
    r"""Return the coordinates of out-of-sample points in an embedding.

    .. math:: x_{qk} = s_k |\lambda_k|^{-1/2} \sum_j b_{qj} U_{jk}, \qquad b_{qj} = -\tfrac12 (d_{qj} - r_j)

    Terms of :math:`b_q` that do not depend on j vanish, because every eigenvector sums to zero. Without the
    signature :math:`s_k` every time-like coordinate would be mirrored.

    Args:
        embedding: the fitted embedding.
        distances_to_fitted: (point, model) divergences of the points to the fitted models, in their order.

    Returns:
        (point, component) float64. The distances of a fitted model give its own coordinates.

    Raises:
        InvalidSpecError: not one finite column per fitted model.
    """
    rows = np.asarray(distances_to_fitted, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != embedding.n_models:
        raise InvalidSpecError(
            f"distances_to_fitted must be (point, {embedding.n_models}), one column per fitted model; "
            f"received the shape {rows.shape}."
        )
    if not np.isfinite(rows).all():
        i, j = np.argwhere(~np.isfinite(rows))[0]
        raise InvalidSpecError(f"distances_to_fitted must be finite, received {rows[i, j]} at point {i}, model {j}.")
    # X = U sqrt|lambda|, so s U / sqrt|lambda| = X / lambda. The mean per point is subtracted to limit rounding.
    b = -0.5 * (rows - rows.mean(axis=1, keepdims=True) - embedding.row_means + embedding.grand_mean)
    with one_blas_thread():
        points: Array = b @ (embedding.coordinates / embedding.eigenvalues)
    return points


def leading(embedding: Embedding, n_components: int) -> Embedding:
    """Return an embedding restricted to its first components."""
    shares = "explained_stress", "explained_variance", "explained_variance_absolute", "explained_distance"
    return replace(
        embedding,
        coordinates=embedding.coordinates[:, :n_components],
        **{name: getattr(embedding, name)[:n_components] for name in ("eigenvalues", "signature", *shares)},
    )


def minkowski_distances(coordinates: FloatArray, signature: ArrayLike) -> Array:
    r"""Return the squared Minkowski distances of coordinates, :math:`\sum_k s_k (X_{ik} - X_{jk})^2`.

    Args:
        coordinates: (model, component).
        signature: (component,) of +1 and -1.

    Returns:
        (model, model) float64, exactly symmetric, zero diagonal; with all non-zero components these are the
        divergences, with fewer they can be negative.
    """
    x = np.asarray(coordinates, dtype=np.float64)
    signs = np.asarray(signature, dtype=np.float64)
    gram = (x * signs) @ x.T
    gram = 0.5 * (gram + gram.T)
    squares = np.diagonal(gram)
    return squares[:, None] + squares - 2.0 * gram


def fix_signs(vectors: Array) -> Array:
    """Return the eigenvectors with signs such that the largest entry of each is positive.

    Eigenvectors are defined up to sign. Among entries equal up to rounding the first one decides, so that symmetric
    vectors do not flip between machines.
    """
    size = np.abs(vectors)
    first_large = (size > (1 - 1e-6) * size.max(axis=0, initial=0.0)).argmax(axis=0)
    signs = np.sign(vectors[first_large, np.arange(vectors.shape[1])])
    return np.asarray(vectors * np.where(signs == 0, 1.0, signs))
