r"""Bhattacharyya distances between two blocks of packed models.

The other divergences are in ``divergences``, the table of all in ``table``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.distances.kernels.contract import OVERLAP_FLOOR, Models
from engine.distances.prepared import Block

ONE_HOT_MODELS = 64
Values = NDArray[np.float64]


def bhattacharyya(rows: Models, columns: Models | None) -> Block:
    r"""Return the mean Bhattacharyya distances between two blocks of models, and the numbers of capped overlaps.

    .. math:: d_B(P, Q) = -\frac{1}{N} \sum_n \log \sum_c \sqrt{p^n_c q^n_c}

    Args:
        rows: models of the rows.
        columns: models of the columns; None for ``rows`` with themselves.

    Returns:
        (row, column) float64 in nats per sample, and (row, column) int32, the number of samples with an overlap below
        ``OVERLAP_FLOOR``. Overlaps with a one-hot model are exact at any size: only a zero is capped.

    Source: Mao et al., PNAS 121 (2024) e2310002121, eq. 1 and 2.
    """
    from engine.distances.kernels.near_pairs import repair

    values, capped = rows.kernel.tile(rows.panels, None if columns is None else columns.panels)
    repair(values, rows, columns)
    return finish(values, capped, rows, columns)


def finish(values: Values, capped: NDArray[np.int32], rows: Models, columns: Models | None) -> Block:
    """Write exact distances to one-hot models and a zero diagonal into a tile, in place, and return it."""
    others = rows if columns is None else columns
    for j in others.one_hot:
        values[:, j], capped[:, j] = _distance_to_one_hot(rows, others, j)
    for i in rows.one_hot:
        values[i], capped[i] = _distance_to_one_hot(others, rows, i)
    np.maximum(values, 0.0, out=values)
    if columns is None:
        np.fill_diagonal(values, 0.0)
        np.fill_diagonal(capped, 0)
    return values, capped


def _distance_to_one_hot(
    models: Models, others: Models, one_hot: np.int64
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    r"""Return (model,) distances to a one-hot model, :math:`-\frac{1}{2N} \sum_n \log p^n_{\text{true}}`.

    From logarithms, without square roots: float32 underflows below 1e-38, and an over-confident network easily gives
    the true class less than that.
    """
    everything = slice(None)
    true = others.log_probabilities(np.array([one_hot]), everything)[0].argmax(axis=1)
    distances, capped = np.empty(len(models)), np.empty(len(models), dtype=np.int64)
    for start in range(0, len(models), ONE_HOT_MODELS):
        part = np.arange(start, min(start + ONE_HOT_MODELS, len(models)))
        for i, log_probabilities in zip(part, models.log_probabilities(part, everything), strict=True):
            logs = log_probabilities.astype(np.float64)
            overlaps = 0.5 * (logs[np.arange(len(true)), true] - np.log(np.exp(logs).sum(axis=1)))
            zero = np.isneginf(overlaps)
            capped[i] = zero.sum()
            distances[i] = -np.where(zero, np.log(OVERLAP_FLOOR), overlaps).mean()
    return distances, capped
