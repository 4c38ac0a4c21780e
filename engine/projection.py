r"""Fit an embedding to some models, project the others into it, and say how faithful that is for either.

Source: Mao et al., PNAS 121 (2024) e2310002121 (projection); the comparison of what is explained of fitted and of
projected models follows their report on linear and nonlinear networks, arXiv 2505.08915.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InvalidSpecError, SelectionError
from engine.explained import Explained, explained_among, explained_between
from engine.inpca import check_model_count, embed, leading, project
from engine.values import Embedding, FloatArray

SMALLEST_FITTED = 1e-6
"""Of the largest |eigenvalue|. Distances kept in float32 carry 1e-7 of themselves: eigenvalues below are made of that,
and to project means to divide by their roots."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class FitAndProjection:
    """An embedding of some models with the others in it.

    Attributes:
        embedding: of the fitted models, in their order.
        is_fitted: (model,) which those are.
        coordinates: (model, component) of all, fitted and projected.
        heights: (model, component) see :func:`residual_heights`; column k is over the first k + 1 components.
        fitted: what the components explain of the distances among the fitted models.
        projected: among the projected models.
        between: between fitted and projected ones; it has no stress.
        own: (component,) explained stress of an embedding of the projected models alone, the most that as many
            components can reach; None where there are too few of them.
    """

    embedding: Embedding
    is_fitted: NDArray[np.bool_]
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
        is_fitted: (model,) which models to fit.
        n_components: how many signed eigenpairs; fewer come back where the fitted models do not span as many.

    Raises:
        SelectionError: fewer than three models to fit, or none to project.
        InvalidSpecError: ``is_fitted`` does not hold one truth value per model.
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
        is_fitted=chosen,
        coordinates=coordinates,
        heights=heights,
        fitted=explained_among(within, embedding.coordinates, embedding.signature),
        projected=explained_among(among, coordinates[projected], embedding.signature),
        between=explained_between(rows, coordinates[projected], embedding.coordinates, embedding.signature),
        own=embed(among, n_kept).explained_stress if len(projected) > 2 and n_kept else None,
    )


def residual_heights(embedding: Embedding, distances_to_fitted: ArrayLike) -> Array:
    r"""Return how high above the components of an embedding points lie, as a squared height with a sign.

    .. math:: \rho_q = r_q - \mu / 2 - \sum_k s_k x_{qk}^2, \qquad r_q = \frac1m \sum_j d_{qj}

    With all components that are not zero, :math:`d_{qj}` is the distance in the embedding plus :math:`\rho_q`, exactly
    and for every fitted model j; and :math:`\rho` is zero for the fitted models. With the first k, :math:`\rho` also
    holds what lies along the components left out; for fitted models it is :math:`\sum_{l > k} \lambda_l / m` on
    average, which is what the height of a projected point should be held against.

    Args:
        embedding: the fit.
        distances_to_fitted: (point, model) divergences of the points to the fitted models, in their order.

    Returns:
        (point, component) float64, over the first 1, 2, ... components; in the unit of the divergence. Negative where
        what is left of a point is time-like.

    Raises:
        InvalidSpecError: other than one finite column per fitted model.
    """
    points = project(embedding, distances_to_fitted)
    rows = np.asarray(distances_to_fitted, dtype=np.float64)
    return _heights(embedding, rows.mean(axis=1), points)


def _heights(embedding: Embedding, row_means: Array, points: Array) -> Array:
    squared = np.cumsum(points**2 * embedding.signature, axis=1)
    return np.asarray((row_means - 0.5 * embedding.grand_mean)[:, None] - squared)
