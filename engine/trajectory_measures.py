r"""Distances between trajectories that need no common clock: nearest points, weighted averages and Frechet's leash.

All of them read a rectangle of divergences :math:`D_{ij} = d(X_i, Y_j)` between the checkpoints of two runs, in order,
and never look at predictions. Sources: Frechet 1906; Eiter and Mannila, Computing discrete Frechet distance,
CD-TR 94/64 (1994); Mao et al., PNAS 121 (2024) e2310002121.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from engine.divergences import Cancelled, Progress
from engine.errors import InvalidSpecError, JobCancelled
from engine.kernels.threads import run_all
from engine.values import FloatArray

Array = NDArray[np.float64]
SYMMETRISATIONS = ("mean", "min", "shorter")
"""``mean`` and ``min`` of the two directions; ``shorter`` keeps the direction that starts from the shorter one."""
BLOCK_RUNS = 16
"""Runs whose pairs with all before them are one call: progress is reported between calls."""


def point_to_trajectory(distances: FloatArray, steps: ArrayLike, scale: float = 0.0) -> Array:
    r"""Return how far points lie from a trajectory.

    For ``scale`` 0 the nearest of its models, :math:`\min_t d_t`. Otherwise a mean that looks at near models first,

    .. math:: \frac{\sum_t K_t \, d_t \, \delta_t}{\sum_t K_t \, \delta_t}, \qquad
              K_t = e^{-d_t / 2\sigma^2}, \qquad \delta_t = \sqrt{d(Y_t, Y_{t+1})},

    over all models but the last, which begins no step. Where a trajectory stands still its models count alike; a
    trajectory of one model is that model.

    Args:
        distances: (point, model) divergences of the points to the models of the trajectory, in order.
        steps: (model - 1,) divergences between successive models of the trajectory.
        scale: sigma; its square is in the unit of the distances.

    Returns:
        (point,) float64 in the unit of the distances.

    Raises:
        InvalidSpecError: shapes that do not fit, or a negative scale.
    """
    rows = np.asarray(distances, dtype=np.float64)
    if rows.ndim != 2 or not rows.shape[1]:
        raise InvalidSpecError(f"distances must be (point, model) with at least one model, received {rows.shape}.")
    increments = _increments(steps, rows.shape[1])
    _check_scale(scale)
    return np.array([_weighted(row, increments, float(scale)) for row in rows])


def trajectory_to_trajectory(
    distances: FloatArray, steps: ArrayLike, other_steps: ArrayLike, scale: float = 0.0, *, per_length: bool = True
) -> tuple[float, float]:
    r"""Return how far two trajectories are from each other, in either direction.

    .. math:: \sum_i d(X_i, Y) \, \delta_i, \qquad \delta_i = \sqrt{d(X_i, X_{i+1})}

    with :func:`point_to_trajectory`, over all models but the last of X.

    Args:
        distances: (model, other model) divergences between the two.
        steps: (model - 1,) divergences between successive models of the first.
        other_steps: the same of the second.
        scale: of :func:`point_to_trajectory`.
        per_length: whether to divide by the length :math:`\sum_i \delta_i`, which makes a mean of the sum. The mean of
            a trajectory that stands still is the plain one; the sum is zero then.

    Returns:
        From the first to the second, and back.

    Raises:
        InvalidSpecError: shapes that do not fit, or a negative scale.
    """
    block = np.ascontiguousarray(distances, dtype=np.float64)
    if block.ndim != 2 or 0 in block.shape:
        raise InvalidSpecError(f"distances must be (model, other model), none empty, received {block.shape}.")
    _check_scale(scale)
    first, second = _increments(steps, block.shape[0]), _increments(other_steps, block.shape[1])
    there = _one_way(block, first, second, float(scale), per_length)
    return float(there), float(_one_way(block.T, second, first, float(scale), per_length))


def discrete_frechet(distances: FloatArray) -> float:
    r"""Return the shortest leash with which two walkers, neither ever going back, can walk both trajectories.

    .. math:: F_{ij} = \max(D_{ij}, \min(F_{i-1,j}, F_{i,j-1}, F_{i-1,j-1})), \qquad F = F_{mn}

    Args:
        distances: (model, other model) divergences; the numbers of models may differ.

    Raises:
        InvalidSpecError: no model on one side.
    """
    block = np.asarray(distances)
    if block.ndim != 2 or 0 in block.shape:
        raise InvalidSpecError(f"distances must be (model, other model), none empty, received {block.shape}.")
    return float(_leash(block))


def frechet_distances(
    distances: FloatArray,
    counts: ArrayLike,
    *,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Array:
    """Return the discrete Frechet distance between every two runs.

    Args:
        distances: (model, model) symmetric divergences, the models of a run together and in order.
        counts: (run,) how many models each run has, at least one.
        progress: told the fraction done.
        cancelled: asked now and then whether to stop.

    Returns:
        (run, run) float64 in the unit of the distances, symmetric with a diagonal of zeros.

    Raises:
        InvalidSpecError: counts that do not add up.
        JobCancelled: ``cancelled`` said so.
    """
    starts = _starts(distances, counts)
    values = np.zeros((len(starts) - 1, len(starts) - 1))
    _by_blocks(_fill_leashes, (distances, starts, values), len(values), progress, cancelled)
    return np.asarray(values + values.T)


def closeness_distances(
    distances: FloatArray,
    counts: ArrayLike,
    scale: float = 0.0,
    symmetrisation: str = "mean",
    *,
    per_length: bool = True,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Array:
    """Return :func:`trajectory_to_trajectory` between every two runs, made symmetric.

    Args:
        distances: (model, model) symmetric divergences, the models of a run together and in order.
        counts: (run,) how many models each run has, at least one.
        scale, per_length: of :func:`trajectory_to_trajectory`.
        symmetrisation: one of ``SYMMETRISATIONS``; length is the sum of the square roots of the steps.
        progress: told the fraction done.
        cancelled: asked now and then whether to stop.

    Returns:
        (run, run) float64, symmetric with a diagonal of zeros: the weighted mean would put a run at a distance from
        itself, because it looks at neighbours as well.

    Raises:
        InvalidSpecError: counts that do not add up, an unknown symmetrisation, a negative scale.
        JobCancelled: ``cancelled`` said so.
    """
    if symmetrisation not in SYMMETRISATIONS:
        raise InvalidSpecError(f"symmetrisation must be one of {SYMMETRISATIONS}, received {symmetrisation!r}.")
    _check_scale(scale)
    starts = _starts(distances, counts)
    steps = np.sqrt(np.maximum(np.diagonal(distances, 1).astype(np.float64), 0.0))
    there = np.zeros((len(starts) - 1, len(starts) - 1))
    arguments = (distances, starts, steps, float(scale), per_length, there)
    _by_blocks(_fill_closeness, arguments, len(there), progress, cancelled)
    if symmetrisation == "mean":
        values = 0.5 * (there + there.T)
    elif symmetrisation == "min":
        values = np.minimum(there, there.T)
    else:
        lengths = np.array([steps[a : b - 1].sum() for a, b in pairwise(starts)])
        # Of two runs of the same length either would do; the mean does not depend on their order.
        shorter = np.where(lengths[:, None] < lengths, there, there.T)
        values = np.where(lengths[:, None] == lengths, 0.5 * (there + there.T), shorter)
    np.fill_diagonal(values, 0.0)
    return values


def _check_scale(scale: float) -> None:
    if not scale >= 0.0:
        raise InvalidSpecError(f"scale must be 0 (the nearest model) or a positive number, received {scale}.")


def _increments(steps: ArrayLike, n_models: int) -> Array:
    """Square roots of the divergences between successive models."""
    values = np.asarray(steps, dtype=np.float64)
    if values.shape != (n_models - 1,):
        raise InvalidSpecError(
            f"steps must hold one divergence between each two successive models: received the shape {values.shape} for "
            f"{n_models} models."
        )
    return np.sqrt(np.maximum(values, 0.0))


def _starts(distances: FloatArray, counts: ArrayLike) -> NDArray[np.int64]:
    """(run + 1,) where each run's models start, and where the last one's end."""
    lengths = np.asarray(counts, dtype=np.int64)
    n_models = int(lengths.sum())
    if lengths.ndim != 1 or (lengths < 1).any() or distances.shape != (n_models, n_models):
        raise InvalidSpecError(
            "counts must say how many models each run has, at least one, and distances must be (model, model): "
            f"received {n_models} models in {lengths.size} runs and distances of the shape {distances.shape}."
        )
    return np.concatenate([[0], np.cumsum(lengths)])


def _by_blocks(
    fill: Callable[..., None],
    arguments: tuple[Any, ...],
    n_runs: int,
    progress: Progress | None,
    cancelled: Cancelled | None,
) -> None:
    """Call ``fill`` for all rows of runs, a few at a time; later rows have more pairs, so far ones go together."""
    n_calls = -(-n_runs // BLOCK_RUNS)
    for call in range(n_calls):
        if cancelled is not None and cancelled():
            raise JobCancelled("The distances between trajectories were cancelled.")
        run_all([(fill, (*arguments, row)) for row in range(call, n_runs, n_calls)])
        if progress is not None:
            progress((call + 1) / n_calls)


def _fill_leashes(distances: FloatArray, starts: NDArray[np.int64], values: Array, row: int) -> None:
    _leashes(distances, starts, row, values[row])


def _fill_closeness(
    distances: FloatArray,
    starts: NDArray[np.int64],
    steps: Array,
    scale: float,
    per_length: bool,
    values: Array,
    row: int,
) -> None:
    _closeness(distances, starts, steps, scale, per_length, row, values[row])


@njit(nogil=True, cache=True)
def _leash(block):  # type: ignore[no-untyped-def]
    """The recursion of :func:`discrete_frechet` row by row; ``reach`` holds the row before, then this one."""
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
def _leashes(distances, starts, row, values):  # type: ignore[no-untyped-def]
    for column in range(row):
        values[column] = _leash(distances[starts[row] : starts[row + 1], starts[column] : starts[column + 1]])


@njit(nogil=True, cache=True)
def _weighted(row, increments, scale):  # type: ignore[no-untyped-def]
    """Distance of one point, see :func:`point_to_trajectory`; kernels are taken relative to the largest of them."""
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
def _one_way(block, increments, other_increments, scale, per_length):  # type: ignore[no-untyped-def]
    """From the rows to the columns, see :func:`trajectory_to_trajectory`."""
    total = 0.0
    for t in range(len(increments)):
        total += increments[t]
    if len(increments) == 0:
        return _weighted(block[0], other_increments, scale) if per_length else 0.0
    far = 0.0
    for i in range(len(increments)):
        step = increments[i] if total > 0.0 else 1.0
        far += _weighted(block[i], other_increments, scale) * step
    if total == 0.0:
        return far / len(increments) if per_length else 0.0
    return far / total if per_length else far


@njit(nogil=True, cache=True)
def _closeness(distances, starts, steps, scale, per_length, row, values):  # type: ignore[no-untyped-def]
    a, b = starts[row], starts[row + 1]
    for column in range(len(starts) - 1):
        if column != row:
            c, d = starts[column], starts[column + 1]
            values[column] = _one_way(distances[a:b, c:d], steps[a : b - 1], steps[c : d - 1], scale, per_length)
