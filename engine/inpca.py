r"""InPCA: the signed eigenpairs of a centred divergence matrix, and what lies outside the fit.

With :math:`L = I - \mathbf{1}\mathbf{1}^T/m` and distances :math:`D` (a divergence, never squared again)

.. math:: W = -\tfrac12 L D L = U \Lambda U^T, \qquad X = U \sqrt{|\Lambda|}, \qquad s = \operatorname{sign} \Lambda,

ordered by falling :math:`|\lambda|`. Negative eigenvalues are part of the geometry and are kept.
Source: Quinn et al., PNAS 116 (2019) 13762; Mao et al., PNAS 121 (2024) e2310002121.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.diagnostics import (
    centred_diagonal,
    centred_norm,
    explained_distance,
    explained_stress,
    explained_variance,
    explained_variance_absolute,
)
from engine.eigenpairs import DenseSource, Source, all_pairs, sum_of_moduli, top_pairs
from engine.errors import InvalidSpecError, SelectionError
from engine.gauge import fix_signs
from engine.kernels.threads import one_blas_thread
from engine.memory import check_budget, memory_budget
from engine.packed_distances import PackedDistances
from engine.tiled_distances import TiledDistances
from engine.values import MINIMUM_MODELS, Distances, DistanceSums, Embedding, FloatArray, PreviewEmbedding

ALL_PAIRS_MODELS = 200
"""Up to here solving for all eigenpairs costs no more than iterating for the top ones."""
ALL_PAIRS_SHARE = 0.1
"""Above this share of the spectrum an iteration loses against solving for all of it."""
WHOLE_SPECTRUM_MODELS = 400
"""Up to here all eigenvalues take a few milliseconds. The time is cubic: at 2,000 models it is most of a second."""
RANK_TOLERANCE = 1e-14
"""Times the number of models: eigenvalues this small against the largest are rounding of a zero."""
SYMMETRY_TOLERANCE = 1e-6
"""Relative to the largest distance: what rounding in float32 may do to an array that is meant to be symmetric."""
CHECK_ROWS = 512
TAKE_A_SELECTION = "close other programs, or embed what DistanceStore.selection returns, which takes a quarter"


def embed(
    distances: Distances | PackedDistances | TiledDistances | ArrayLike,
    n_components: int = 10,
    *,
    whole_spectrum: bool | None = None,
    start: NDArray[np.float64] | None = None,
) -> Embedding:
    """Return the InPCA embedding of a matrix of divergences.

    Args:
        distances: (model, model) symmetric divergences with a zero diagonal: an array, :class:`Distances`, or what
            :meth:`DistanceStore.selection` returns.
        n_components: how many signed eigenpairs; fewer come back where the rank is lower, none for equal models.
        whole_spectrum: whether to compute all eigenvalues for the sake of ``explained_variance_absolute``, the one
            diagnostic that needs them; it is NaN without. None does so up to ``WHOLE_SPECTRUM_MODELS`` models.
        start: (model, component) coordinates that are nearly right, such as those of a preview, or those of an
            embedding that shares most models with the others projected into it. They save time and change nothing
            beyond the residual.

    Returns:
        The embedding; see :class:`Embedding` for shapes.

    Raises:
        InvalidSpecError: not a divergence matrix, no component asked for, or a start for other models.
        SelectionError: fewer than three models.
        MemoryBudgetError: a given array is too large to be checked and multiplied in memory.
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
    rank = int((np.abs(spectrum) > RANK_TOLERANCE * n_models * np.abs(spectrum).max(initial=0.0)).sum())
    n_kept = min(n_components, rank)
    eigenvalues = spectrum[:n_kept].copy()
    vectors = fix_signs(vectors[:, :n_kept])
    return Embedding(
        coordinates=vectors * np.sqrt(np.abs(eigenvalues)),
        eigenvalues=eigenvalues,
        signature=np.sign(eigenvalues).astype(np.int8),
        explained_stress=explained_stress(eigenvalues, norm),
        explained_variance=explained_variance(eigenvalues, trace),
        explained_variance_absolute=explained_variance_absolute(eigenvalues, absolute_total),
        explained_distance=explained_distance(
            eigenvalues, vectors, centred_diagonal(row_means, grand_mean), norm, trace
        ),
        row_means=row_means,
        grand_mean=grand_mean,
        frobenius_norm=norm,
        trace=trace,
        residual=residual,
        divergence=divergence,
    )


def _read(distances: Distances | PackedDistances | TiledDistances | ArrayLike) -> tuple[Source, DistanceSums, str]:
    """What to multiply with, row sums and norm, and the divergence; whatever comes without sums is checked first."""
    if isinstance(distances, PackedDistances | TiledDistances):
        check_model_count(distances.n_models)
        return distances, distances.sums, distances.divergence
    if isinstance(distances, Distances) and distances.sums is not None:
        check_model_count(len(distances.values))
        return DenseSource(distances.values), distances.sums, distances.divergence
    given = distances.values if isinstance(distances, Distances) else np.asarray(distances)
    check_budget(8 * given.size, memory_budget(None), "A checked copy of the distances", TAKE_A_SELECTION)
    matrix = check_distances(given)
    sums = DistanceSums(matrix.sum(axis=1), float(np.vdot(matrix, matrix)))
    return DenseSource(matrix), sums, distances.divergence if isinstance(distances, Distances) else "given"


def _centred(source: Source, row_means: NDArray[np.float64]) -> NDArray[np.float64]:
    """W itself."""
    matrix = source.columns(range(source.n_models))
    return np.asarray(-0.5 * (matrix - row_means[:, None] - row_means + row_means.mean()))


def check_model_count(n_models: int) -> None:
    """Raise unless there is something to look at.

    Raises:
        SelectionError: fewer than three models.
    """
    if n_models < MINIMUM_MODELS:
        raise SelectionError(
            f"An embedding needs at least {MINIMUM_MODELS} models, received {n_models}: select more checkpoints."
        )


def check_distances(matrix: FloatArray) -> NDArray[np.float64]:
    """Return the matrix as float64, exactly symmetric; raise unless it is a matrix of divergences."""
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise InvalidSpecError(
            f"distances must be a square (model, model) matrix, received the shape {matrix.shape}. "
            "A rectangle is projected with `project`."
        )
    check_model_count(len(matrix))
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


def _residual(centred: NDArray[np.float64], eigenvalues: NDArray[np.float64], vectors: NDArray[np.float64]) -> float:
    """Return the largest ||W u - lambda u|| / |lambda_1|, measured, not taken from the solver."""
    errors = np.linalg.norm(centred @ vectors - vectors * eigenvalues, axis=0)
    largest = np.abs(eigenvalues).max(initial=0.0)
    return float(errors.max() / largest) if largest else 0.0


def project(embedding: Embedding | PreviewEmbedding, distances_to_fitted: ArrayLike) -> NDArray[np.float64]:
    r"""Return out-of-sample points in the coordinates of an embedding.

    .. math:: x_{qk} = s_k |\lambda_k|^{-1/2} \sum_j b_{qj} U_{jk}, \qquad b_{qj} = -\tfrac12 (d_{qj} - r_j)

    Terms of :math:`b_q` that do not depend on j drop out, because every eigenvector sums to zero. Without the
    signature :math:`s_k` every time-like coordinate would come out mirrored.

    Args:
        embedding: the fit.
        distances_to_fitted: (point, model) divergences of the points to the fitted models, in their order.

    Returns:
        (point, component) float64. A fitted model's own distances return its own coordinates.

    Raises:
        InvalidSpecError: other than one finite column per fitted model.
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
    # X = U sqrt|lambda|, so s U / sqrt|lambda| = X / lambda. The per-point mean is taken out for rounding's sake.
    b = -0.5 * (rows - rows.mean(axis=1, keepdims=True) - embedding.row_means + embedding.grand_mean)
    with one_blas_thread():
        points: NDArray[np.float64] = b @ (embedding.coordinates / embedding.eigenvalues)
    return points


def leading(embedding: Embedding, n_components: int) -> Embedding:
    """Return an embedding without the components after the first few."""
    of_components = (
        "eigenvalues",
        "signature",
        "explained_stress",
        "explained_variance",
        "explained_variance_absolute",
        "explained_distance",
    )
    return replace(
        embedding,
        coordinates=embedding.coordinates[:, :n_components],
        **{name: getattr(embedding, name)[:n_components] for name in of_components},
    )


def minkowski_distances(coordinates: FloatArray, signature: ArrayLike) -> NDArray[np.float64]:
    r"""Return the distances that coordinates stand for, :math:`\sum_k s_k (X_{ik} - X_{jk})^2`.

    Args:
        coordinates: (model, component).
        signature: (component,) of +1 and -1.

    Returns:
        (model, model) float64, exactly symmetric, zero diagonal; with every non-zero component the divergences
        themselves, with fewer it may be negative.
    """
    x = np.asarray(coordinates, dtype=np.float64)
    signs = np.asarray(signature, dtype=np.float64)
    gram = (x * signs) @ x.T
    gram = 0.5 * (gram + gram.T)
    squares = np.diagonal(gram)
    return squares[:, None] + squares - 2.0 * gram
