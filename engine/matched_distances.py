r"""Bhattacharyya distances between models that belong together, one number per pair instead of all against all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidPredictionsError
from engine.kernels import OVERLAP_FLOOR
from engine.values import FloatArray

Array = NDArray[np.float64]
CHUNK_ELEMENTS = 2**18
"""Numbers that are taken through all steps together, so that they stay in the cache."""


def matched_distances(log_probabilities: FloatArray, others: FloatArray) -> Array:
    r"""Return the distance of each model to its partner.

    .. math:: d_B(P, Q) = -\frac{1}{N} \sum_n \log \sum_c \sqrt{p^n_c q^n_c}

    In float64 throughout; near partners keep their digits as :math:`\log(1 - \tfrac12 |\sqrt p - \sqrt q|^2)`.

    Args:
        log_probabilities: (..., sample, class) natural logarithms; rows are renormalised, ``-inf`` is allowed.
        others: the partners, of a shape that broadcasts with it.

    Returns:
        (...) float64 in nats per sample. Overlaps under ``OVERLAP_FLOOR`` are capped, as everywhere.

    Raises:
        InvalidPredictionsError: the shapes do not fit.
    """
    if log_probabilities.shape[-2:] != others.shape[-2:] or min(log_probabilities.ndim, others.ndim) < 2:
        raise InvalidPredictionsError(
            "Partners must hold the same samples and classes: received the shapes "
            f"{log_probabilities.shape} and {others.shape}."
        )
    shape = np.broadcast_shapes(log_probabilities.shape, others.shape)
    rows, columns = (np.broadcast_to(side, shape) for side in (log_probabilities, others))
    result = np.zeros(shape[:-2])
    n_samples, n_classes = shape[-2:]
    for index in np.ndindex(*shape[:-2]):
        total = 0.0
        step = max(1, CHUNK_ELEMENTS // n_classes)
        for start in range(0, n_samples, step):
            s, t = (_unit_roots(side[index][start : start + step]) for side in (rows, columns))
            gap = 0.5 * ((s - t) ** 2).sum(axis=1)
            overlap = np.maximum((s * t).sum(axis=1), OVERLAP_FLOOR)
            total -= float(np.where(gap < 0.5, np.log1p(-np.minimum(gap, 0.5)), np.log(overlap)).sum())
        result[index] = total / n_samples
    return result


def _unit_roots(log_probabilities: FloatArray) -> Array:
    roots = np.exp(0.5 * log_probabilities.astype(np.float64))
    return np.asarray(roots / np.sqrt((roots * roots).sum(axis=1, keepdims=True)))
