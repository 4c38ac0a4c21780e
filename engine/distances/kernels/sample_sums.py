r"""CPU sums over samples for divergences without a matrix product.

The column models are the last, contiguous axis, so that the innermost loops vectorise over them. Arrays are float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.distances.kernels.logarithm import logarithm, polynomial
from engine.machine import run_all

ROWS_PER_CALL = 16
ANGLE_DEGREE = 18

_A = polynomial(lambda h: 2.0 * np.arcsin(np.sqrt(0.5 * h)) ** 2 / h, 0.0, 1.0, ANGLE_DEGREE)
r"""Coefficients of :math:`\theta^2 / 2h` in h, where :math:`\cos \theta = 1 - h`. The function is analytic up to h = 2,
so that degree 18 has an error of 1e-14 on [0, 1]."""


def mixture_sums(rows: NDArray[np.float64], columns: NDArray[np.float64], symmetric: bool) -> NDArray[np.float64]:
    r"""Return (row, column) :math:`\sum_n \sum_c m \log m` with :math:`m = a^n_c + b^n_c`.

    Args:
        rows, columns: (sample, class, model) a and b.
        symmetric: whether both are the same models; then only entries on and below the diagonal are valid.
    """
    return _sums(_add_mixtures, rows, columns, symmetric)


def squared_angle_sums(rows: NDArray[np.float64], columns: NDArray[np.float64], symmetric: bool) -> NDArray[np.float64]:
    r"""Return (row, column) :math:`\sum_n \theta_n^2` with :math:`\cos \theta_n = \sum_c s^n_c t^n_c`.

    Arguments are those of :func:`mixture_sums`, with square roots of probabilities s and t.
    """
    return _sums(_add_squared_angles, rows, columns, symmetric)


def _sums(
    add: Callable[..., Any], rows: NDArray[np.float64], columns: NDArray[np.float64], symmetric: bool
) -> NDArray[np.float64]:
    totals = np.zeros((rows.shape[2], columns.shape[2]))
    parts = [slice(start, start + ROWS_PER_CALL) for start in range(0, len(totals), ROWS_PER_CALL)]
    run_all([(add, (rows[:, :, part], columns, part.start if symmetric else -1, totals[part])) for part in parts])
    return totals


@njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")
def _add_mixtures(rows, columns, diagonal, totals):  # type: ignore[no-untyped-def]
    for n in range(rows.shape[0]):
        for i in range(rows.shape[2]):
            n_columns = columns.shape[2] if diagonal < 0 else diagonal + i + 1
            total = totals[i, :n_columns]
            for c in range(rows.shape[1]):
                a, b = rows[n, c, i], columns[n, c, :n_columns]
                for j in range(n_columns):
                    m = a + b[j]
                    total[j] += m * logarithm(m)


@njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")
def _add_squared_angles(rows, columns, diagonal, totals):  # type: ignore[no-untyped-def]
    """Add each pair's sum over samples of squared Fisher-Rao angles to ``totals``."""
    overlaps = np.empty(columns.shape[2])
    for n in range(rows.shape[0]):
        for i in range(rows.shape[2]):
            n_columns = columns.shape[2] if diagonal < 0 else diagonal + i + 1
            overlaps[:n_columns] = 0.0
            for c in range(rows.shape[1]):
                a, b = rows[n, c, i], columns[n, c, :n_columns]
                for j in range(n_columns):
                    overlaps[j] += a * b[j]
            total = totals[i, :n_columns]
            for j in range(n_columns):
                h = min(max(1.0 - overlaps[j], 0.0), 1.0)
                p = (((((_A[18] * h + _A[17]) * h + _A[16]) * h + _A[15]) * h + _A[14]) * h + _A[13]) * h + _A[12]
                p = (((((p * h + _A[11]) * h + _A[10]) * h + _A[9]) * h + _A[8]) * h + _A[7]) * h + _A[6]
                p = (((((p * h + _A[5]) * h + _A[4]) * h + _A[3]) * h + _A[2]) * h + _A[1]) * h + _A[0]
                total[j] += 2.0 * h * p
