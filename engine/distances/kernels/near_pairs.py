r"""Recomputation of small Bhattacharyya distances without cancellation.

For unit vectors :math:`s \cdot t = 1 - h` with :math:`h = \tfrac12 |s - t|^2`, so a distance is also
:math:`-\frac{1}{N}\sum_n \log(1 - h_n)`. The dot form has an absolute rounding error of 1e-8 at any distance, the
difference form a relative one. For far pairs the dot form is the more exact and the faster, so only near pairs are
recomputed.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.distances.kernels.contract import Models
from engine.distances.kernels.roots import square_roots
from engine.machine import run_all
from engine.values import FloatArray

ALWAYS_REPAIRED = 1e-4
"""Distances below this are recomputed; nats."""
ALWAYS_EXACT = 1e-5
"""Distances below this are recomputed in float64; nats. Relative errors: a float32 root 1.2e-7, the difference of two
1.7e-7, hence a distance d 2.4e-7 / sqrt(d), even if the errors of all samples agree: below 1e-4 above this value."""
FEW_SAMPLES = 1e-2
"""With few samples the rounding errors of the dot form do not average out, so the threshold is FEW_SAMPLES / sqrt(N),
or higher if samples have identical predictions, whose rounding errors are equal."""
SAMPLES_COMPARED = 32
"""Most samples per model compared by :func:`share_alike`."""
BUFFER_BYTES = 32 * 2**20
PAIRS_PER_CALL = 64
MODELS_PER_CALL = 8


def share_alike(log_probabilities: FloatArray) -> NDArray[np.float64]:
    """Return the (model,) share of pairs of samples with bit-identical predictions.

    Estimated from the first class of at most ``SAMPLES_COMPARED`` samples; 1 for a model whose
    predictions do not depend on the sample.
    """
    n_samples = log_probabilities.shape[1]
    picked = log_probabilities[:, :: -(-n_samples // SAMPLES_COMPARED), 0]
    n_picked = picked.shape[1]
    n_alike = (picked[:, :, None] == picked[:, None, :]).sum(axis=(1, 2)) - n_picked
    share: NDArray[np.float64] = n_alike / max(1, n_picked * (n_picked - 1))
    return share


def repair(values: NDArray[np.float64], rows: Models, columns: Models | None) -> None:
    """Recompute the small (row, column) distances of a tile in place; ``columns=None`` means a symmetric tile."""
    # Variance of a mean of N rounding errors, of which a share is equal: two samples round alike if both models do.
    alike = np.minimum.outer(rows.alike, rows.alike if columns is None else columns.alike)
    near = values < np.maximum(ALWAYS_REPAIRED, FEW_SAMPLES * np.sqrt(1.0 / rows.shape[0] + alike))
    if columns is None:
        near &= np.tri(len(values), k=-1, dtype=bool)
    nearest = near & (values < ALWAYS_EXACT)
    for pairs, unit_roots in ((nearest, _exact_roots), (near & ~nearest, square_roots)):
        i, j = np.nonzero(pairs)
        if len(i):
            values[i, j] = _recompute(i, j, rows, columns, unit_roots)
            if columns is None:
                values[j, i] = values[i, j]


def _recompute(
    i: NDArray[np.int64],
    j: NDArray[np.int64],
    rows: Models,
    columns: Models | None,
    unit_roots: Callable[[FloatArray], FloatArray],
) -> NDArray[np.float64]:
    """Return (pair,) distances between models i of the rows and j of the columns."""
    if columns is None:
        models, both = np.unique(np.concatenate([i, j]), return_inverse=True)
        sides = [(rows, models)]
        left, right = both[: len(i)], both[len(i) :]
    else:
        (row_models, left), (column_models, right) = (np.unique(k, return_inverse=True) for k in (i, j))
        sides = [(rows, row_models), (columns, column_models)]
    n_samples, n_classes = rows.shape
    total = np.zeros(len(i))
    step = max(1, BUFFER_BYTES // (8 * n_classes * sum(len(models) for _, models in sides)))
    for n in range(0, n_samples, step):
        roots = [unit_roots(side.log_probabilities(models, slice(n, n + step))) for side, models in sides]
        parts = [slice(k, k + PAIRS_PER_CALL) for k in range(0, len(i), PAIRS_PER_CALL)]
        run_all([(_add_logs, (roots[0], roots[-1], left[part], right[part], total[part])) for part in parts])
    return total / -n_samples


def _exact_roots(log_probabilities: FloatArray) -> NDArray[np.float64]:
    """Return float64 square roots of the probabilities, as unit vectors; in parallel."""
    roots = np.empty(log_probabilities.shape)
    parts = [slice(k, k + MODELS_PER_CALL) for k in range(0, len(roots), MODELS_PER_CALL)]
    run_all([(_fill_roots, (log_probabilities[part], roots[part])) for part in parts])
    return roots


def _fill_roots(log_probabilities: FloatArray, roots: NDArray[np.float64]) -> None:
    np.multiply(log_probabilities, 0.5, out=roots)
    np.exp(roots, out=roots)
    roots /= np.sqrt(np.einsum("msc,msc->ms", roots, roots))[:, :, None]


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"}, error_model="numpy")
def _add_logs(s, t, left, right, total):  # type: ignore[no-untyped-def]
    """Add sum_n log(1 - h_n) of the models s[left[pair]] and t[right[pair]] to each total[pair]."""
    for pair in range(len(left)):
        a, b = s[left[pair]], t[right[pair]]
        logs = 0.0
        for n in range(a.shape[0]):
            square = (a[n, 0] - b[n, 0]) * (a[n, 0] - b[n, 0])
            for c in range(1, a.shape[1]):
                square += (a[n, c] - b[n, c]) * (a[n, c] - b[n, c])
            # Below h = 1e-4, -h - h^2/2 - h^3/3 is log1p(-h) to 1e-12 relative; above, log1p is needed.
            h = 0.5 * np.float64(square)
            logs += -h * (1.0 + h * (0.5 + h / 3.0)) if h < 1e-4 else math.log1p(-h)
        total[pair] += logs
