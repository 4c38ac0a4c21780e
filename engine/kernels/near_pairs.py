r"""Digits for near-identical models, which the dot product loses.

For unit vectors :math:`s \cdot t = 1 - h` with :math:`h = \tfrac12 |s - t|^2`, so a distance is also
:math:`-\frac{1}{N}\sum_n \log(1 - h_n)`. The dot form rounds at 1e-8 whatever the distance, the difference form
relative to the distance. For far pairs it is the other way round, and the difference form is slower: hence a repair.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.kernels.threads import run_all
from engine.values import FloatArray

ALWAYS_REPAIRED = 1e-4
"""Distances below this are recomputed in float64; nats."""
FEW_SAMPLES = 1e-2
"""With few samples the rounding of the dot form does not average out, so the threshold is FEW_SAMPLES / sqrt(N)."""
BUFFER_BYTES = 32 * 2**20
PAIRS_PER_CALL = 512


def repair(values: NDArray[np.float64], rows: FloatArray, columns: FloatArray | None) -> None:
    """Recompute the small entries of a tile in place; ``columns=None`` means a symmetric tile.

    Args:
        values: (row, column) mean Bhattacharyya distances.
        rows: (row, sample, class) log-probabilities.
        columns: (column, sample, class) log-probabilities, or None for ``rows`` themselves.
    """
    n_samples, n_classes = rows.shape[1:]
    near = values < max(ALWAYS_REPAIRED, FEW_SAMPLES / math.sqrt(n_samples))
    if columns is None:
        near &= np.tri(len(rows), k=-1, dtype=bool)
    i, j = np.nonzero(near)
    if not len(i):
        return
    left_models, left = np.unique(i, return_inverse=True)
    right_models, right = np.unique(j, return_inverse=True)
    others = rows if columns is None else columns
    total = np.zeros(len(i))
    step = max(1, BUFFER_BYTES // (8 * n_classes * (len(left_models) + len(right_models))))
    for n in range(0, n_samples, step):
        s = _unit_roots(rows[left_models, n : n + step])
        t = _unit_roots(others[right_models, n : n + step])
        parts = [slice(k, k + PAIRS_PER_CALL) for k in range(0, len(i), PAIRS_PER_CALL)]
        run_all([(_add_logs, (s, t, left[part], right[part], total[part])) for part in parts])
    values[i, j] = total / -n_samples
    if columns is None:
        values[j, i] = values[i, j]


def _unit_roots(log_probabilities: FloatArray) -> NDArray[np.float64]:
    roots = np.exp(0.5 * log_probabilities.astype(np.float64))
    roots /= np.sqrt(np.einsum("msc,msc->ms", roots, roots))[:, :, None]
    return roots


@njit(nogil=True, cache=True)
def _add_logs(s, t, left, right, total):  # type: ignore[no-untyped-def]
    for pair in range(len(left)):
        a, b = s[left[pair]], t[right[pair]]
        logs = 0.0
        for n in range(a.shape[0]):
            h = 0.0
            for c in range(a.shape[1]):
                difference = a[n, c] - b[n, c]
                h += difference * difference
            # -h - h^2/2 - h^3/3 is log1p(-h) to 1e-12 relative below 1e-4; beyond, the library's is worth its price.
            h *= 0.5
            logs += -h * (1.0 + h * (0.5 + h / 3.0)) if h < 1e-4 else math.log1p(-h)
        total[pair] += logs
