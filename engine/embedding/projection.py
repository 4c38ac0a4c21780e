r"""Out-of-sample projection: fitted and projected models, four-model bases.

An embedding is computed from the fitted models; other models are projected into it, and their distances are reproduced
less well. :func:`fit_and_project` measures how well, for either group, as in the report on linear and nonlinear
networks, arXiv 2505.08915. :func:`three_bases` fits four models alone: ignorance P0, truth P*, the mean of models early
in training, and that of models late in it (progress, 0 at P0 and 1 at P*, says how early). They span three axes: from
P0 to P*, from P0 to the early mean, from the late mean to P*. If these explain nearly as much of all models as the same
number of components fitted to all of them, the networks share the direction in which they leave P0, and the one in
which they reach P*. Source: Mao et al., PNAS 121 (2024) e2310002121, fig. 10 and 11.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.embedding.explained import Explained, explained_among, explained_between
from engine.embedding.inpca import check_model_count, embed, leading, project
from engine.errors import InvalidSpecError, SelectionError
from engine.machine import one_blas_thread
from engine.values import Embedding, FloatArray

MOST_AXES = 3
SMALLEST_AXIS = 1e-9
"""Smallest |eigenvalue| of an axis of four models, relative to the largest; below this an axis is
rounding error, and projection divides by it."""

Array = NDArray[np.float64]
SMALLEST_FITTED = 1e-6
"""Smallest |eigenvalue| of a fitted component, relative to the largest. The distances are float32, with relative errors
of 1e-7: a smaller eigenvalue is mostly error, and projection divides by its root."""


@dataclass(frozen=True, slots=True, eq=False)
class MeanModel:
    r"""Weighted mean of models near a value of progress, from 0 at ignorance to 1 at truth.

    Attributes:
        log_probabilities: (sample, class) float64; -inf where every averaged probability is zero.
        effective_count: effective number of averaged models, :math:`(\sum w)^2 / \sum w^2`.
    """

    log_probabilities: Array
    effective_count: float


def mean_models(
    runs: Iterable[tuple[FloatArray, Array]], positions: ArrayLike, width: float = 0.05
) -> tuple[MeanModel, ...]:
    r"""Return one mean model per position, of all models weighted by how near their progress is to the position.

    .. math:: A = \frac{\sum_i w_i p_i}{\sum_i w_i}, \qquad w_i = \exp\Bigl(-\frac{(s_i - s)^2}{2 \sigma^2}\Bigr)

    Args:
        runs: per run, (checkpoint, sample, class) log-probabilities and (checkpoint,) progress s_i; iterated once.
        positions: (mean,) values s of progress.
        width: :math:`\sigma`, the width in progress of the Gaussian weight.

    Raises:
        InvalidSpecError: a width that is not above 0.
        SelectionError: no model has a progress near one of the positions.
    """
    if not width > 0:
        raise InvalidSpecError(f"width must be above 0, received {width!r}.")
    centres = np.asarray(positions, dtype=np.float64)
    sums: Array | None = None
    weight, squared = np.zeros((2, len(centres)))
    for log_probabilities, progress in runs:
        near = np.exp(-0.5 * ((np.asarray(progress) - centres[:, None]) / width) ** 2)
        probabilities = np.exp(log_probabilities.astype(np.float64)).reshape(len(log_probabilities), -1)
        with one_blas_thread():
            part = (near @ probabilities).reshape(len(centres), *log_probabilities.shape[1:])
        sums = part if sums is None else sums + part
        weight += near.sum(axis=1)
        squared += (near**2).sum(axis=1)
    if sums is None or not (squared > 0).all():
        empty = [float(s) for s, total in zip(centres, squared, strict=True) if not total > 0]
        raise SelectionError(
            f"No checkpoint has a progress near {empty or centres.tolist()} with a width of {width:g}: move the "
            "position to where there are some, or widen it."
        )
    with np.errstate(divide="ignore"):
        logs = np.log(sums / sums.sum(axis=2, keepdims=True))
    return tuple(
        MeanModel(log, float(total**2 / square)) for log, total, square in zip(logs, weight, squared, strict=True)
    )


def chord_cosine(models: FloatArray) -> float:
    r"""Return the cosine between the chords P0 to early mean and late mean to P*, independent of the divergence.

    With square roots of probabilities z, points on a product of spheres:

    .. math:: \frac{\langle z_{early} - z_{P_0},\ z_{P_*} - z_{late} \rangle}
              {\|z_{early} - z_{P_0}\|\ \|z_{P_*} - z_{late}\|}

    Args:
        models: (4, sample, class) natural-log probabilities of P0, P*, the early mean and the late mean.

    Returns:
        From -1 to 1; NaN if either chord has no length. It is below one even if all four lie on the geodesic P0 to P*,
        which is an arc: chords at the two ends of an arc of angle :math:`\theta` differ in direction by up to
        :math:`\theta`.
    """
    ignorance, truth, early, late = np.exp(0.5 * models.astype(np.float64))
    away, home = early - ignorance, truth - late
    lengths = float(np.vdot(away, away) * np.vdot(home, home))
    return float(np.vdot(away, home) / np.sqrt(lengths)) if lengths > 0 else float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class ThreeBases:
    """Embedding of four models with all others projected into it.

    Attributes:
        embedding: embedding of P0, P*, the early and the late mean, in that order; at most three components.
        coordinates: (model, component) of the projected models.
        cosine: Minkowski product of the vectors P0 to early mean and late mean to P*, over their lengths; NaN if either
            length is zero. The vectors are those of the embedding, whose three components reproduce the six distances
            of four models exactly. The product counts time-like components negatively, so that it may exceed one.
            See :func:`chord_cosine`.
    """

    embedding: Embedding
    coordinates: Array
    cosine: float


def three_bases(among: ArrayLike, distances: ArrayLike) -> ThreeBases:
    r"""Return the embedding of the four models, with the others projected into it.

    The cosine follows from divergences alone, since :math:`2 (b - a) \cdot (d - c) = D_{ad} + D_{bc} - D_{ac} - D_{bd}`
    for the points a of P0, b of the early mean, c of the late mean and d of P*, whose squared distances are D.

    Args:
        among: (4, 4) divergences of P0, P*, the early mean and the late mean.
        distances: (model, 4) divergences of the models to these four.

    Raises:
        InvalidSpecError: the shapes do not match, or the values are not divergences.
        SelectionError: the four models are equal and span no axis.
    """
    four = np.asarray(among, dtype=np.float64)
    if four.shape != (4, 4):
        raise InvalidSpecError(f"among must be (4, 4), received the shape {four.shape}.")
    embedding = embed(four, MOST_AXES)
    sizes = np.abs(embedding.eigenvalues)
    n_axes = int((sizes > SMALLEST_AXIS * sizes.max(initial=0.0)).sum())
    if not n_axes:
        raise SelectionError("Ignorance, truth and both means are the same model, so they span no axis.")
    embedding = leading(embedding, n_axes)
    ignorance, truth, early, late = range(4)
    product = 0.5 * (four[ignorance, truth] + four[early, late] - four[ignorance, late] - four[early, truth])
    lengths = four[ignorance, early] * four[late, truth]
    return ThreeBases(
        embedding, project(embedding, distances), float(product / np.sqrt(lengths)) if lengths > 0 else float("nan")
    )


@dataclass(frozen=True, slots=True, eq=False)
class FitAndProjection:
    """Embedding of some models with the others projected into it.

    Attributes:
        embedding: embedding of the fitted models, in their order.
        coordinates: (model, component) of all models, fitted and projected.
        heights: (model, component) float64 signed squared heights above the first 1, 2, ... components, in the unit of
            the divergence; negative if the remainder is time-like. See :func:`_heights`.
        fitted: explained shares of the distances among the fitted models.
        projected: the same among the projected models.
        between: the same between fitted and projected models; it has no stress.
        own: (component,) explained stress of an embedding of the projected models alone: no embedding with the same
            number of components explains more of them. None if there are fewer than three of them.
    """

    embedding: Embedding
    coordinates: Array
    heights: Array
    fitted: Explained
    projected: Explained
    between: Explained
    own: Array | None


def fit_and_project(distances: FloatArray, is_fitted: ArrayLike, n_components: int = 10) -> FitAndProjection:
    """Return the embedding of some of the models, with the others projected into it.

    Args:
        distances: (model, model) symmetric divergences with a zero diagonal.
        is_fitted: (model,) bool, the models to fit.
        n_components: number of signed eigenpairs; fewer are returned if the fitted models have a lower rank.

    Raises:
        SelectionError: fewer than three models to fit, or none to project.
        InvalidSpecError: ``is_fitted`` is not one boolean per model.
    """
    chosen = np.asarray(is_fitted)
    if chosen.dtype != np.bool_ or chosen.shape != distances.shape[:1]:
        raise InvalidSpecError(
            f"is_fitted must hold one truth value per model: received {chosen.dtype}, {chosen.shape} for "
            f"{len(distances)} models."
        )
    fitted, projected = np.flatnonzero(chosen), np.flatnonzero(~chosen)
    check_model_count(len(fitted))
    if not len(projected):
        raise SelectionError(
            "All models are in the group that is fitted, so none is left to project: select runs outside the group."
        )
    within = distances[np.ix_(fitted, fitted)]
    embedding = embed(within, n_components)
    n_kept = int((np.abs(embedding.eigenvalues) > SMALLEST_FITTED * np.abs(embedding.eigenvalues[:1]).sum()).sum())
    embedding = leading(embedding, n_kept)
    rows = distances[np.ix_(projected, fitted)]
    coordinates, heights = np.empty((2, len(distances), n_kept))
    coordinates[fitted] = embedding.coordinates
    coordinates[projected] = project(embedding, rows)
    heights[fitted] = _heights(embedding, embedding.row_means, embedding.coordinates)
    heights[projected] = _heights(embedding, rows.mean(axis=1, dtype=np.float64), coordinates[projected])
    among = distances[np.ix_(projected, projected)]
    return FitAndProjection(
        embedding=embedding,
        coordinates=coordinates,
        heights=heights,
        fitted=explained_among(within, embedding.coordinates, embedding.signature),
        projected=explained_among(among, coordinates[projected], embedding.signature),
        between=explained_between(rows, coordinates[projected], embedding.coordinates, embedding.signature),
        own=embed(among, n_kept).explained_stress if len(projected) > 2 and n_kept else None,
    )


def _heights(embedding: Embedding, row_means: Array, points: Array) -> Array:
    r"""Return the (point, component) signed squared heights of points above the first 1, 2, ... components.

    .. math:: \rho_q = r_q - \mu / 2 - \sum_k s_k x_{qk}^2, \qquad r_q = \frac1m \sum_j d_{qj}

    Here r is the mean distance of a point to the m fitted models, :math:`\mu` the mean distance among these, s the
    signature and x the coordinates. With all non-zero components, :math:`d_{qj}` is the distance in the embedding plus
    :math:`\rho_q`, exactly and for every fitted model j; and :math:`\rho` is zero for the fitted models. With the first
    k, :math:`\rho` also has the omitted components; for fitted models its average is :math:`\sum_{l > k} \lambda_l / m`
    (eigenvalues :math:`\lambda`), with which the heights of projected points are to be compared.
    """
    squared = np.cumsum(points**2 * embedding.signature, axis=1)
    return np.asarray((row_means - 0.5 * embedding.grand_mean)[:, None] - squared)
