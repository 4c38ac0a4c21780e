"""Sums and means of probabilities that are kept as logarithms, with minus infinity for zero."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def log_sum(logs: Array, axis: int, keepdims: bool = False) -> Array:
    """Return the logarithm of the sum of exponentials along an axis; of nothing but zeros, minus infinity."""
    top = logs.max(axis=axis, keepdims=True)
    top[np.isneginf(top)] = 0.0
    with np.errstate(divide="ignore"):
        total = np.log(np.exp(logs - top).sum(axis=axis, keepdims=True)) + top
    return np.asarray(total if keepdims else total.squeeze(axis))


def normalised(logs: Array) -> Array:
    """Return (..., class) log-probabilities with rows that sum to one."""
    return np.asarray(logs - log_sum(logs, axis=-1, keepdims=True))


def geometric_mean(logs: Array) -> Array:
    """Return (sample, class) means over models of (model, sample, class) log-probabilities.

    A zero is the limit of ever smaller equal probabilities, and then a class with fewer of them outweighs all others
    without bound: only the classes that are zero for the fewest models remain. Mostly that is none of them.
    """
    zero = np.isneginf(logs)
    n_zeros = zero.sum(axis=0)
    means = np.where(zero, 0.0, logs).sum(axis=0) / len(logs)
    return np.where(n_zeros == n_zeros.min(axis=1, keepdims=True), means, -np.inf)
