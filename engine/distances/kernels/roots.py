"""Square roots of probabilities, rows normalised to unit length."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.machine import run_all
from engine.values import FloatArray

CALL_BYTES = 2**19
"""Bytes of models per call; a chunk stays in the cache through all steps."""


class NotOneError(ValueError):
    """A row of probabilities does not sum to one; holds its model, sample and sum."""

    def __init__(self, model: int, sample: int, total: float) -> None:
        super().__init__(f"the row of model {model}, sample {sample} sums to {total}")
        self.model, self.sample, self.total = model, sample, total


def square_roots(log_probabilities: FloatArray, tolerance: float = math.inf) -> NDArray[np.float32]:
    """Return the square roots of the renormalised probabilities: each row scaled to unit length.

    Args:
        log_probabilities: (model, sample, class) natural logarithms.
        tolerance: largest deviation of a row's sum from one.

    Raises:
        NotOneError: a row's sum is outside the tolerance; NaN and infinity always are.
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
    # An infinite root makes an infinite sum, which _scale refuses with its position.
    with np.errstate(over="ignore"):
        np.exp(roots, out=roots)
    model, sample, total = _scale(roots, tolerance)
    return model, sample, total


@njit(nogil=True, cache=True, error_model="numpy")
def _scale(roots, tolerance):  # type: ignore[no-untyped-def]
    """Scale rows to unit length in place; return (model, sample, sum) of the first bad row, or model -1."""
    n_models, n_samples, n_classes = roots.shape
    # Float64 totals: scaling rounds each root once. The square roots have their own loop, which vectorises.
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
