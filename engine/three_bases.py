r"""An embedding with three axes from four models: ignorance, truth, and a mean model early and one late on the way.

Four points span three axes: the way from ignorance to truth, how networks leave ignorance, and how they arrive at
truth. Every model is projected on these. That they explain nearly as much as the best axes of all models says that
training leaves its start and reaches its end in the same direction, whatever is trained.
Source: Mao et al., PNAS 121 (2024) e2310002121, fig. 10 and 11.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InvalidSpecError, SelectionError
from engine.inpca import embed, leading, project
from engine.kernels.threads import one_blas_thread
from engine.values import Embedding, FloatArray

MOST_AXES = 3
SMALLEST_AXIS = 1e-9
"""Of the largest |eigenvalue|: an axis shorter than that is rounding, and projecting divides by it."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class MeanModel:
    r"""A mean of models around a progress.

    Attributes:
        log_probabilities: (sample, class) float64.
        effective_count: of how many models it is the mean, :math:`(\sum w)^2 / \sum w^2`.
    """

    log_probabilities: Array
    effective_count: float


def mean_models(
    runs: Iterable[tuple[FloatArray, Array]], positions: ArrayLike, width: float = 0.05
) -> tuple[MeanModel, ...]:
    r"""Return means of the probabilities of all models, weighted by how near their progress is to each position.

    .. math:: A = \frac{\sum_i w_i p_i}{\sum_i w_i}, \qquad w_i = \exp\Bigl(-\frac{(s_i - s)^2}{2 \sigma^2}\Bigr)

    Args:
        runs: of each run, (checkpoint, sample, class) log-probabilities and the (checkpoint,) progress s_i; each is
            looked at once.
        positions: (mean,) s.
        width: :math:`\sigma`, the standard deviation of the weights.

    Raises:
        InvalidSpecError: a width that is not above 0.
        SelectionError: no model has a progress anywhere near a position.
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
    r"""Return the cosine between how models leave ignorance and how they arrive at truth, whatever the divergence.

    On square roots of probabilities z, where a model is a point on a product of spheres:

    .. math:: \frac{\langle z_{early} - z_{P_0},\ z_{P_*} - z_{late} \rangle}
              {\|z_{early} - z_{P_0}\|\ \|z_{P_*} - z_{late}\|}

    Args:
        models: (4, sample, class) natural-log probabilities of P0, P*, the early mean and the late mean.

    Returns:
        From -1 to 1; NaN where either chord has no length. It is below one even where all four lie on the geodesic,
        which is bent: a geodesic by :math:`\theta` has chords at up to that angle.
    """
    ignorance, truth, early, late = np.exp(0.5 * models.astype(np.float64))
    away, home = early - ignorance, truth - late
    lengths = float(np.vdot(away, away) * np.vdot(home, home))
    return float(np.vdot(away, home) / np.sqrt(lengths)) if lengths > 0 else float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class ThreeBases:
    """The embedding of four models, and all others in it.

    Attributes:
        embedding: of P0, P*, the early and the late mean, in that order; at most three components.
        coordinates: (model, component) of the projected models.
        cosine: Minkowski product of the way from P0 to the early mean and the way from the late mean to P*, over their
            lengths; NaN where either has none. The ways are vectors of the embedding, which holds all four distances
            exactly. It may exceed one: vectors with a time-like part enclose no angle. See :func:`chord_cosine`.
    """

    embedding: Embedding
    coordinates: Array
    cosine: float


def three_bases(among: ArrayLike, distances: ArrayLike) -> ThreeBases:
    r"""Return the embedding of the four models, with the others projected into it.

    The cosine follows from distances alone, since :math:`2 (b - a) \cdot (d - c) = D_{ad} + D_{bc} - D_{ac} - D_{bd}`
    in any space where D are squared lengths.

    Args:
        among: (4, 4) divergences of P0, P*, the early mean and the late mean.
        distances: (model, 4) divergences of the models to these.

    Raises:
        InvalidSpecError: shapes that do not fit, or distances that are none.
        SelectionError: the four models span no axis, as they are equal.
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
