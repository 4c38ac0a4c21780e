"""Square roots of probabilities, in rows of unit length: what every kernel's panels are made of."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.kernels.threads import run_all
from engine.values import FloatArray

CALL_BYTES = 2**19
"""Models of about this size are taken through all steps before the next, so that they stay in the cache."""


class NotOneError(ValueError):
    """A row of probabilities that does not sum to one: (model, sample) and its sum."""

    def __init__(self, model: int, sample: int, total: float) -> None:
        super().__init__(f"the row of model {model}, sample {sample} sums to {total}")
        self.model, self.sample, self.total = model, sample, total


def square_roots(log_probabilities: FloatArray, tolerance: float = math.inf) -> NDArray[np.float32]:
    """Return square roots of probabilities, rows scaled to length one: that is what renormalising comes to.

    Args:
        log_probabilities: (model, sample, class) natural logarithms.
        tolerance: how far a row's probabilities may sum from one.

    Raises:
        NotOneError: a row sums to something else; NaN and infinity always do.
    """
    roots = np.empty(log_probabilities.shape, dtype=np.float32)
    step = max(1, CALL_BYTES // max(1, roots[:1].nbytes))
    starts = range(0, len(roots), step)
    found = run_all([(_take, (log_probabilities[k : k + step], roots[k : k + step], tolerance)) for k in starts])
    for start, (model, sample, total) in zip(starts, found, strict=True):
        if model >= 0:
            raise NotOneError(start + model, sample, total)
    return roots


def _take(logs: FloatArray, roots: NDArray[np.float32], tolerance: float) -> tuple[int, int, float]:
    np.multiply(logs, 0.5, out=roots, casting="same_kind")
    # Infinity is refused by its sum, with its place.
    with np.errstate(over="ignore"):
        np.exp(roots, out=roots)
    model, sample, total = _scale(roots, tolerance)
    return model, sample, total


@njit(nogil=True, cache=True, error_model="numpy")
def _scale(roots, tolerance):  # type: ignore[no-untyped-def]
    """Scale rows to length one in place; returns (model, sample, sum) of the first bad row, or model -1."""
    n_models, n_samples, n_classes = roots.shape
    # Float64, so that scaling rounds a root once; a loop of their own lets the square roots be taken side by side.
    totals = np.empty(n_samples)
    for m in range(n_models):
        rows = roots[m]
        for n in range(n_samples):
            total = 0.0
            for c in range(n_classes):
                total += np.float64(rows[n, c]) * np.float64(rows[n, c])
            totals[n] = total
        for n in range(n_samples):
            if not abs(totals[n] - 1.0) <= tolerance:
                return m, n, totals[n]
        for n in range(n_samples):
            totals[n] = 1.0 / math.sqrt(totals[n])
        for n in range(n_samples):
            for c in range(n_classes):
                rows[n, c] = np.float32(rows[n, c] * totals[n])
    return -1, -1, 1.0
