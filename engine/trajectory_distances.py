r"""How far apart two trainings are as wholes: their distance at equal clock, averaged over the clock.

.. math:: d_{\text{traj}}(u, v) = \int_0^1 d_B(P_u(s), P_v(s)) \, ds
          \approx \frac{1}{S} \sum_{i=1}^{S} d_B(P_u(s_i), P_v(s_i))

Source: Mao et al., PNAS 121 (2024) e2310002121, eq. 5. At each point of the clock this is one square of distances, so
the kernels of :mod:`engine.divergences` do the work and near twins keep their digits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.devices import choose_device, find_device
from engine.divergence_table import find_divergence
from engine.divergences import Cancelled, Progress, preparation
from engine.errors import InvalidPredictionsError, InvalidSpecError, JobCancelled
from engine.values import FloatArray

Array = NDArray[np.float64]
GRID_ROUNDING = 1e-9
"""A prefix that ends on a point of the grid includes it, whatever either was rounded to."""


def trajectory_distances(
    resampled: FloatArray,
    *,
    divergence: str = "bhattacharyya",
    device: str | None = None,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Array:
    """Return the mean distance at equal clock between every two trajectories.

    Args:
        resampled: (run, point, sample, class) log-probabilities of all runs at the same values of a clock. A prefix
            or a snapshot is a part of its points: see :func:`points_until` and :func:`point_at`.
        divergence: key of ``DIVERGENCES``; the study's is the default.
        device: ``"cpu"``, ``"cuda"``, ...; None takes the best one there is.
        progress: told the fraction done, between points.
        cancelled: asked between points whether to stop.

    Returns:
        (run, run) float64 in the unit of the divergence, exactly symmetric with a diagonal of zeros.

    Raises:
        InvalidPredictionsError: not distributions, or no point.
        InvalidSpecError: unknown divergence.
        DeviceError: the device is not there.
        JobCancelled: ``cancelled`` said so.
    """
    if resampled.ndim != 4 or 0 in resampled.shape:
        raise InvalidPredictionsError(
            "resampled must have the axes (run, point, sample, class), none empty; "
            f"received the shape {resampled.shape}."
        )
    n_runs, n_points = resampled.shape[:2]
    total = np.zeros((n_runs, n_runs))
    for done, (values, _) in enumerate(
        distances_along([resampled], divergence=divergence, device=device, cancelled=cancelled)
    ):
        total += values
        if progress is not None:
            progress((done + 1) / n_points)
    return np.asarray(total / n_points)


def distances_along(
    chunks: Iterable[FloatArray],
    *,
    divergence: str = "bhattacharyya",
    device: str | None = None,
    cancelled: Cancelled | None = None,
) -> Iterator[tuple[Array, int]]:
    """Yield the distances between all runs at one value of the clock after the other.

    One chunk of points and one square of distances are in memory at a time, so any number of runs can be compared
    that a chunk of a single point has room for.

    Args:
        chunks: (run, point, sample, class) log-probabilities, one stretch of the clock after the other; they may be
            made while they are asked for.
        divergence: key of ``DIVERGENCES``.
        device: ``"cpu"``, ``"cuda"``, ...; None takes the best one there is.
        cancelled: asked between points whether to stop.

    Yields:
        (run, run) float64 in the unit of the divergence, symmetric with a diagonal of zeros, and how many samples of
        pairs of different runs were capped.

    Raises:
        InvalidPredictionsError: not distributions.
        InvalidSpecError: unknown divergence.
        DeviceError: the device is not there.
        JobCancelled: ``cancelled`` said so.
    """
    measure, ready = find_divergence(divergence).function, preparation(divergence)
    device = choose_device(device) or find_device(None)
    for chunk in chunks:
        for point in range(chunk.shape[1]):
            if cancelled is not None and cancelled():
                raise JobCancelled("The distances between trajectories were cancelled.")
            models = ready(np.ascontiguousarray(chunk[:, point]), device, "resampled", 0)
            values, capped = measure(models, None)
            yield values, int(np.tril(capped).sum())


def points_until(grid: ArrayLike, end: float) -> slice:
    """Return which points of a rising grid lie at or before ``end``: the prefix of the trajectories.

    Raises:
        InvalidSpecError: none of them does.
    """
    values = np.asarray(grid, dtype=np.float64)
    count = int((values <= end + GRID_ROUNDING).sum())
    if count == 0:
        raise InvalidSpecError(
            f"A prefix needs a point of the clock at or before its end: received the end {end}, and the first point is "
            f"{values.min(initial=np.inf)}. Choose a later end."
        )
    return slice(0, count)


def point_at(grid: ArrayLike, position: float) -> slice:
    """Return which point of a grid is nearest to ``position``: the snapshot of the trajectories there."""
    nearest = int(np.abs(np.asarray(grid, dtype=np.float64) - position).argmin())
    return slice(nearest, nearest + 1)


def between_groups(distances: Array, groups: ArrayLike) -> Array:
    """Return the mean distances between groups of runs, such as the seeds of a configuration.

    Args:
        distances: (run, run) symmetric.
        groups: (run,) 0, 1, ...: the group of each run.

    Returns:
        (group, group) float64, symmetric: means over all pairs of a run of one and a run of the other; the diagonal is
        zero by definition. What seeds do within a group is told by :func:`within_groups`.
    """
    members = _members(groups)
    counts = members.sum(axis=0)
    means = members.T @ distances @ members / np.outer(counts, counts)
    means = 0.5 * (means + means.T)
    np.fill_diagonal(means, 0.0)
    return means


def within_groups(distances: Array, groups: ArrayLike) -> Array:
    """Return (group,) mean distances between different runs of a group; NaN where it has one run only."""
    members = _members(groups)
    counts = members.sum(axis=0)
    pairs = np.where(counts > 1, counts * (counts - 1), np.nan)
    return np.asarray(np.einsum("rg,rs,sg->g", members, distances, members, optimize=True) / pairs)


def _members(groups: ArrayLike) -> Array:
    """(run, group) one where the run belongs to the group."""
    codes = np.asarray(groups)
    if codes.ndim != 1 or not len(codes) or not np.array_equal(np.unique(codes), np.arange(codes.max() + 1)):
        raise InvalidSpecError(f"groups must be numbered 0, 1, ... without a gap, one per run; received {groups!r}.")
    return np.asarray(codes[:, None] == np.arange(codes.max() + 1), dtype=np.float64)
