r"""Mean models: six kinds of means of predictions, sample by sample.

With p_r the predictions of model r of R for one sample, and means over r in angle brackets, before normalisation:

=============  =====================================================================================================
arithmetic     :math:`\langle p \rangle`
geometric      :math:`\exp \langle \log p \rangle`
harmonic       :math:`1 / \langle 1/p \rangle`
square root    :math:`\langle \sqrt p \rangle^2`, the chord's midpoint brought back to the sphere
Bhattacharyya  the c with the least sum of Bhattacharyya distances to all p_r, see :mod:`.centroids`
Jeffreys       the c with the least sum of symmetrised Kullback-Leibler divergences, see :mod:`.centroids`
=============  =====================================================================================================

Fully confident models have probabilities of zero, and if each class is zero for some model, a mean of logarithms or
reciprocals would leave no class. A zero is therefore read as the limit of ever smaller equal probabilities.
Source: Mao et al., PNAS 121 (2024) e2310002121, appendix E.4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.distances.pairwise import matched_distances
from engine.errors import InvalidPredictionsError, InvalidSpecError
from engine.values import FloatArray

Array = NDArray[np.float64]
CHUNK_BYTES = 2**22
"""Bytes of log-probabilities per block, small enough that intermediate results stay in cache."""


def mean_model(log_probabilities: FloatArray, kind: str = "arithmetic") -> Array:
    """Return the mean of models, e.g. the seeds of a configuration at equal progress.

    Args:
        log_probabilities: (model, ..., sample, class) natural logarithms, rows summing to one; ``-inf`` is allowed.
            Axes in between, such as the points of a clock, are kept.
        kind: key of ``MEAN_MODELS``.

    Returns:
        (..., sample, class) float64 log-probabilities, rows summing to one. It is independent of the order of the
        models up to rounding, and the mean of equal models is that model.

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
    """Return the distances of models to their mean; for seeds of a configuration, the width of their tube.

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
    """Return (sample, class) logarithms proportional to the mean of (model, sample, class) log-probabilities."""
    return log_sum(logs, axis=0)


def geometric_mean(logs: Array) -> Array:
    """Return (sample, class) means over models of (model, sample, class) log-probabilities.

    A zero is the limit of ever smaller equal probabilities; in the limit a class with fewer zeros outweighs all others,
    so only the classes with the fewest zeros remain, usually those with none.
    """
    zero = np.isneginf(logs)
    n_zeros = zero.sum(axis=0)
    means = np.where(zero, 0.0, logs).sum(axis=0) / len(logs)
    return np.where(n_zeros == n_zeros.min(axis=1, keepdims=True), means, -np.inf)


def harmonic_mean(logs: Array) -> Array:
    """Return the unnormalised harmonic mean; shapes as in :func:`arithmetic_mean`."""
    zero = np.isneginf(logs)
    n_zeros = zero.sum(axis=0)
    # If every class has zeros, a class with k of them has k times the mean of reciprocals of one with a single zero;
    # otherwise classes with zeros vanish.
    with np.errstate(divide="ignore"):
        means = np.where(n_zeros == 0, -log_sum(np.where(zero, 0.0, -logs), axis=0), -np.log(n_zeros))
    return np.where((n_zeros == 0) | (n_zeros.min(axis=1, keepdims=True) > 0), means, -np.inf)


def square_root_mean(logs: Array) -> Array:
    """Return the unnormalised square-root mean; shapes as in :func:`arithmetic_mean`."""
    return 2.0 * log_sum(0.5 * logs, axis=0)


def bhattacharyya_centroid(logs: Array) -> Array:
    """Return the Bhattacharyya centroid, see :mod:`.centroids`; shapes as in :func:`arithmetic_mean`."""
    from engine.trajectories import centroids

    return centroids.bhattacharyya_centroid(logs)


def jeffreys_centroid(logs: Array) -> Array:
    """Return the Jeffreys centroid, see :mod:`.centroids`; shapes as in :func:`arithmetic_mean`."""
    from engine.trajectories import centroids

    return centroids.jeffreys_centroid(logs, geometric_mean(logs))


def log_sum(logs: Array, axis: int, keepdims: bool = False) -> Array:
    """Return the logarithm of the sum of exponentials along an axis; minus infinity if all terms are zero."""
    top = logs.max(axis=axis, keepdims=True)
    top[np.isneginf(top)] = 0.0
    with np.errstate(divide="ignore"):
        total = np.log(np.exp(logs - top).sum(axis=axis, keepdims=True)) + top
    return np.asarray(total if keepdims else total.squeeze(axis))


def normalised(logs: Array) -> Array:
    """Return (..., class) log-probabilities with rows that sum to one."""
    return np.asarray(logs - log_sum(logs, axis=-1, keepdims=True))


@dataclass(frozen=True, slots=True)
class MeanModel:
    """One row of ``MEAN_MODELS``.

    Attributes:
        key: identifier in specs and addresses.
        title: display name.
        formula: formula as one line of text.
        function: (model, sample, class) log-probabilities, rows summing to one -> (sample, class) logarithms
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
