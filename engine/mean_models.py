r"""The mean of several models, such as the seeds of a configuration at equal progress: six kinds, all sample by sample.

With p_r the predictions of model r of R for one sample, and means over r in angle brackets, before normalisation:

=============  =====================================================================================================
arithmetic     :math:`\langle p \rangle`
geometric      :math:`\exp \langle \log p \rangle`
harmonic       :math:`1 / \langle 1/p \rangle`
square root    :math:`\langle \sqrt p \rangle^2`, the chord's midpoint brought back to the sphere
Bhattacharyya  the c with the least sum of Bhattacharyya distances to all p_r, see :mod:`engine.centroids`
Jeffreys       the c with the least sum of symmetrised Kullback-Leibler divergences, see :mod:`engine.centroids`
=============  =====================================================================================================

Models that are certain have probabilities of zero, and where each class is zero for some model, no class would be left
to a mean of logarithms or reciprocals. A zero is therefore read as the limit of ever smaller equal probabilities.
Source: Mao et al., PNAS 121 (2024) e2310002121, appendix E.4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidPredictionsError, InvalidSpecError
from engine.log_sums import geometric_mean, log_sum, normalised
from engine.matched_distances import matched_distances
from engine.values import FloatArray

Array = NDArray[np.float64]
CHUNK_BYTES = 2**22
"""Log-probabilities that are taken together, so that what is made of them stays in the cache."""


def mean_model(log_probabilities: FloatArray, kind: str = "arithmetic") -> Array:
    """Return the mean of models.

    Args:
        log_probabilities: (model, ..., sample, class) natural logarithms, rows summing to one; ``-inf`` is allowed.
            Axes in between, such as the points of a clock, are kept.
        kind: key of ``MEAN_MODELS``.

    Returns:
        (..., sample, class) float64 log-probabilities, rows summing to one. It does not depend on the order of the
        models but for rounding, and the mean of equal models is that model.

    Raises:
        InvalidPredictionsError: no model, or no axes of samples and classes.
        InvalidSpecError: unknown kind.
    """
    if kind not in MEAN_MODELS:
        raise InvalidSpecError(f"kind must be one of {sorted(MEAN_MODELS)}, received {kind!r}.")
    if log_probabilities.ndim < 3 or 0 in log_probabilities.shape:
        raise InvalidPredictionsError(
            "log_probabilities must have the axes (model, ..., sample, class), none empty; "
            f"received the shape {log_probabilities.shape}."
        )
    n_models, n_classes = log_probabilities.shape[0], log_probabilities.shape[-1]
    rows = log_probabilities.reshape(n_models, -1, n_classes)
    result = np.empty(rows.shape[1:])
    step = max(1, CHUNK_BYTES // (8 * n_models * n_classes))
    for start in range(0, len(result), step):
        part = slice(start, start + step)
        result[part] = normalised(MEAN_MODELS[kind].function(normalised(rows[:, part].astype(np.float64))))
    return result.reshape(log_probabilities.shape[1:])


def distances_to_mean(log_probabilities: FloatArray, kind: str = "arithmetic") -> Array:
    """Return how far models lie from their mean: with the seeds of a configuration, the width of the tube they fill.

    Args:
        log_probabilities: (model, ..., sample, class) natural logarithms, rows summing to one.
        kind: key of ``MEAN_MODELS``.

    Returns:
        (model, ...) float64 Bhattacharyya distances in nats per sample; zero for a single model.

    Raises:
        InvalidPredictionsError, InvalidSpecError: as :func:`mean_model`.
    """
    return matched_distances(log_probabilities, mean_model(log_probabilities, kind))


def arithmetic_mean(logs: Array) -> Array:
    """(model, sample, class) log-probabilities -> (sample, class) logarithms of what is proportional to the mean."""
    return log_sum(logs, axis=0)


def harmonic_mean(logs: Array) -> Array:
    """As :func:`arithmetic_mean`."""
    zero = np.isneginf(logs)
    n_zeros = zero.sum(axis=0)
    # Where k models are zero and that is the least there is, the mean of reciprocals is k times that of one zero.
    with np.errstate(divide="ignore"):
        means = np.where(n_zeros == 0, -log_sum(np.where(zero, 0.0, -logs), axis=0), -np.log(n_zeros))
    return np.where((n_zeros == 0) | (n_zeros.min(axis=1, keepdims=True) > 0), means, -np.inf)


def square_root_mean(logs: Array) -> Array:
    """As :func:`arithmetic_mean`."""
    return 2.0 * log_sum(0.5 * logs, axis=0)


def bhattacharyya_centroid(logs: Array) -> Array:
    """As :func:`arithmetic_mean`; see :mod:`engine.centroids`."""
    from engine import centroids

    return centroids.bhattacharyya_centroid(logs)


def jeffreys_centroid(logs: Array) -> Array:
    """As :func:`arithmetic_mean`; see :mod:`engine.centroids`."""
    from engine import centroids

    return centroids.jeffreys_centroid(logs)


@dataclass(frozen=True, slots=True)
class MeanModel:
    """One row of ``MEAN_MODELS``.

    Attributes:
        key: how specs and addresses name it.
        title: how people name it.
        formula: in a line of text.
        function: (model, sample, class) log-probabilities, rows summing to one -> (sample, class) logarithms of what is
            proportional to the mean.
    """

    key: str
    title: str
    formula: str
    function: Callable[[Array], Array]


MEAN_MODELS: dict[str, MeanModel] = {
    row.key: row
    for row in (
        MeanModel("arithmetic", "Arithmetic mean", "mean of p", arithmetic_mean),
        MeanModel("geometric", "Geometric mean", "exp of the mean of log p, normalised", geometric_mean),
        MeanModel("harmonic", "Harmonic mean", "1 / mean of 1/p, normalised", harmonic_mean),
        MeanModel("square_root", "Square-root mean", "squared mean of √p, normalised", square_root_mean),
        MeanModel(
            "bhattacharyya", "Bhattacharyya centroid", "least sum of Bhattacharyya distances", bhattacharyya_centroid
        ),
        MeanModel("jeffreys", "Jeffreys centroid", "least sum of symmetrised KL divergences", jeffreys_centroid),
    )
}
