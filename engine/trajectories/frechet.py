r"""Distances between trajectories without a common clock: nearest-point, weighted, discrete Frechet.

All use a rectangle of divergences :math:`D_{ij} = d(X_i, Y_j)` between the checkpoints of two runs, in order,
and no predictions. Sources: Frechet 1906; Eiter and Mannila, Computing discrete Frechet distance,
CD-TR 94/64 (1994); Mao et al., PNAS 121 (2024) e2310002121.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from engine.errors import InvalidSpecError
from engine.machine import run_all
from engine.values import FloatArray, Progress

Array = NDArray[np.float64]
SYMMETRISATIONS = ("mean", "min", "shorter")
"""``mean`` and ``min`` of the two directions; ``shorter`` takes the direction that starts from the shorter one."""
BLOCK_RUNS = 16
"""Number of runs per call, each with all before it: progress is reported between calls."""


def frechet_distances(distances: FloatArray, counts: ArrayLike, progress: Progress | None = None) -> Array:
    r"""Return the discrete Frechet distance between every two runs: the least maximum of D over monotone couplings.

    .. math:: F_{ij} = \max(D_{ij}, \min(F_{i-1,j}, F_{i,j-1}, F_{i-1,j-1})), \qquad F = F_{mn}

    Args:
        distances: (model, model) symmetric divergences, the models of a run together and in order.
        counts: (run,) number of models of each run, at least one; they may differ.
        progress: called with the completed fraction; raises to cancel.

    Returns:
        (run, run) float64 in the unit of the distances, symmetric with a diagonal of zeros.

    Raises:
        InvalidSpecError: the counts do not add up to the number of models.
    """
    starts = _starts(distances, counts)
    values = np.zeros((len(starts) - 1, len(starts) - 1))
    _by_blocks(_leashes, (distances, starts, values), len(values), progress)
    return np.asarray(values + values.T)


def closeness_distances(
    distances: FloatArray,
    counts: ArrayLike,
    scale: float = 0.0,
    symmetrisation: str = "mean",
    progress: Progress | None = None,
) -> Array:
    r"""Return the mean distance of the models of a run to another run, for every two runs, symmetrised.

    .. math:: \frac{\sum_i d(X_i, Y) \, \delta_i}{\sum_i \delta_i}, \qquad \delta_i = \sqrt{d(X_i, X_{i+1})}

    over all models but the last, which begins no step; unweighted for a run that does not move. The distance of a model
    to a run is that to the nearest of its models, :math:`\min_t d_t`, for ``scale`` 0. Otherwise it is a mean weighted
    towards near models,

    .. math:: \frac{\sum_t K_t \, d_t \, \delta_t}{\sum_t K_t \, \delta_t}, \qquad K_t = e^{-d_t / 2\sigma^2},

    again over all models but the last. If the run does not move, its models have equal weights; a run of one model is
    that model.

    Args:
        distances: (model, model) symmetric divergences, the models of a run together and in order.
        counts: (run,) number of models of each run, at least one.
        scale: sigma; its square is in the unit of the distances.
        symmetrisation: one of ``SYMMETRISATIONS``; length is the sum of the square roots of the steps.
        progress: called with the completed fraction; raises to cancel.

    Returns:
        (run, run) float64, symmetric; the diagonal is set to zero, because the weighted mean includes neighbours and
        would give a run a distance to itself.

    Raises:
        InvalidSpecError: the counts do not add up, the symmetrisation is unknown, or the scale is negative.
    """
    if symmetrisation not in SYMMETRISATIONS:
        raise InvalidSpecError(f"symmetrisation must be one of {SYMMETRISATIONS}, received {symmetrisation!r}.")
    if not scale >= 0.0:
        raise InvalidSpecError(f"scale must be 0 (the nearest model) or a positive number, received {scale}.")
    starts = _starts(distances, counts)
    steps = np.sqrt(np.maximum(np.diagonal(distances, 1).astype(np.float64), 0.0))
    there = np.zeros((len(starts) - 1, len(starts) - 1))
    _by_blocks(_closeness, (distances, starts, steps, float(scale), there), len(there), progress)
    if symmetrisation == "mean":
        values = 0.5 * (there + there.T)
    elif symmetrisation == "min":
        values = np.minimum(there, there.T)
    else:
        lengths = np.array([steps[a : b - 1].sum() for a, b in pairwise(starts)])
        # For runs of equal length the mean is taken: it does not depend on their order.
        shorter = np.where(lengths[:, None] < lengths, there, there.T)
        values = np.where(lengths[:, None] == lengths, 0.5 * (there + there.T), shorter)
    np.fill_diagonal(values, 0.0)
    return values


def _starts(distances: FloatArray, counts: ArrayLike) -> NDArray[np.int64]:
    """Return (run + 1,) first model of each run, then the number of models."""
    lengths = np.asarray(counts, dtype=np.int64)
    n_models = int(lengths.sum())
    if lengths.ndim != 1 or (lengths < 1).any() or distances.shape != (n_models, n_models):
        raise InvalidSpecError(
            "counts must say how many models each run has, at least one, and distances must be (model, model): "
            f"received {n_models} models in {lengths.size} runs and distances of the shape {distances.shape}."
        )
    return np.concatenate([[0], np.cumsum(lengths)])


def _by_blocks(fill: Callable[..., None], arguments: tuple[Any, ...], n_runs: int, progress: Progress | None) -> None:
    """Call ``fill`` for all rows of runs, in blocks; later rows have more pairs, so distant rows are combined."""
    n_calls = -(-n_runs // BLOCK_RUNS)
    for call in range(n_calls):
        run_all([(fill, (*arguments, row)) for row in range(call, n_runs, n_calls)])
        if progress is not None:
            progress((call + 1) / n_calls)


@njit(nogil=True, cache=True)
def _leash(block):  # type: ignore[no-untyped-def]
    """Recursion of :func:`frechet_distances` row by row; ``reach`` holds the previous row, then this one."""
    n_rows, n_columns = block.shape
    reach = np.empty(n_columns)
    for i in range(n_rows):
        before = reach[0]
        reach[0] = block[i, 0] if i == 0 else max(reach[0], block[i, 0])
        for j in range(1, n_columns):
            least = reach[j - 1]
            if i > 0:
                least = min(least, before, reach[j])
            before = reach[j]
            reach[j] = max(least, block[i, j])
    return reach[n_columns - 1]


@njit(nogil=True, cache=True)
def _leashes(distances, starts, values, row):  # type: ignore[no-untyped-def]
    for column in range(row):
        values[row, column] = _leash(distances[starts[row] : starts[row + 1], starts[column] : starts[column + 1]])


@njit(nogil=True, cache=True)
def _weighted(row, increments, scale):  # type: ignore[no-untyped-def]
    """Return the distance of one model to a run; kernels are relative to the largest one."""
    nearest = np.inf
    for t in range(len(row)):
        nearest = min(nearest, row[t])
    if scale == 0.0 or len(row) == 1:
        return nearest
    least = np.inf
    total = 0.0
    for t in range(len(increments)):
        total += increments[t]
    for t in range(len(increments)):
        if increments[t] > 0.0 or total == 0.0:
            least = min(least, row[t])
    weight = 0.0
    mean = 0.0
    for t in range(len(increments)):
        step = increments[t] if total > 0.0 else 1.0
        if step > 0.0:
            share = np.exp((least - row[t]) / (2.0 * scale * scale)) * step
            weight += share
            mean += share * row[t]
    return mean / weight


@njit(nogil=True, cache=True)
def _one_way(block, increments, other_increments, scale):  # type: ignore[no-untyped-def]
    """Return the mean distance from the rows to the columns."""
    total = 0.0
    for t in range(len(increments)):
        total += increments[t]
    if len(increments) == 0:
        return _weighted(block[0], other_increments, scale)
    far = 0.0
    for i in range(len(increments)):
        step = increments[i] if total > 0.0 else 1.0
        far += _weighted(block[i], other_increments, scale) * step
    return far / total if total > 0.0 else far / len(increments)


@njit(nogil=True, cache=True)
def _closeness(distances, starts, steps, scale, values, row):  # type: ignore[no-untyped-def]
    a, b = starts[row], starts[row + 1]
    for column in range(len(starts) - 1):
        if column != row:
            c, d = starts[column], starts[column + 1]
            values[row, column] = _one_way(distances[a:b, c:d], steps[a : b - 1], steps[c : d - 1], scale)
