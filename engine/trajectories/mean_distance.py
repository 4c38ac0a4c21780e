r"""Mean distance between trajectories at equal clock.

.. math:: d_{\text{traj}}(u, v) = \int_0^1 d_B(P_u(s), P_v(s)) \, ds
          \approx \frac{1}{S} \sum_{i=1}^{S} d_B(P_u(s_i), P_v(s_i))

Source: Mao et al., PNAS 121 (2024) e2310002121, eq. 5. Each point of the clock needs one square of distances, computed
by the kernels of :mod:`engine.distances.bhattacharyya`, which keep the digits of near-identical models.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.distances.table import find_divergence
from engine.errors import InvalidPredictionsError, InvalidSpecError
from engine.machine import device_for
from engine.values import FloatArray

Array = NDArray[np.float64]
GRID_ROUNDING = 1e-9
"""Tolerance by which a prefix that ends on a grid point includes it despite rounding."""


def trajectory_distances(
    resampled: FloatArray, *, divergence: str = "bhattacharyya", device: str | None = None
) -> Array:
    """Return the mean distance at equal clock between every two trajectories.

    Args:
        resampled: (run, point, sample, class) log-probabilities of all runs at the same values of a clock. For a
            prefix or a snapshot pass part of the points: see :func:`points_until` and :func:`point_at`.
        divergence, device: as of :func:`distances_along`.

    Returns:
        (run, run) float64 in the unit of the divergence, exactly symmetric with a diagonal of zeros.

    Raises:
        InvalidPredictionsError: not distributions, or no point.
        InvalidSpecError: unknown divergence.
        DeviceError: the device is not available.
    """
    if resampled.ndim != 4 or 0 in resampled.shape:
        raise InvalidPredictionsError(
            "resampled must have the axes (run, point, sample, class), none empty; "
            f"received the shape {resampled.shape}."
        )
    points = distances_along([resampled], divergence=divergence, device=device)
    return np.asarray(sum(values for values, _ in points) / resampled.shape[1])


def distances_along(
    chunks: Iterable[FloatArray], *, divergence: str = "bhattacharyya", device: str | None = None
) -> Iterator[tuple[Array, int]]:
    """Yield the distances between all runs at successive values of the clock.

    One chunk of points and one square of distances are in memory at a time, so the number of runs is limited only by
    the size of a chunk of a single point.

    Args:
        chunks: (run, point, sample, class) log-probabilities of successive intervals of the clock; may be a generator.
        divergence: key of ``DIVERGENCES``; the study's is the default.
        device: ``"cpu"``, ``"cuda"``, ...; None takes the best available.

    Yields:
        (run, run) float64 in the unit of the divergence, symmetric with a diagonal of zeros, and the number of capped
        samples over pairs of different runs.

    Raises:
        InvalidPredictionsError: not distributions.
        InvalidSpecError: unknown divergence.
        DeviceError: the device is not available.
    """
    divergent = find_divergence(divergence)
    device = device_for(device)
    for chunk in chunks:
        for point in range(chunk.shape[1]):
            models = divergent.ready(np.ascontiguousarray(chunk[:, point]), device, "resampled", 0)
            values, capped = divergent.function(models, None)
            yield values, int(np.tril(capped).sum())


def points_until(grid: ArrayLike, end: float) -> slice:
    """Return the slice of a rising grid at or before ``end``: a prefix of the trajectories.

    Raises:
        InvalidSpecError: there is no such point.
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
    """Return the slice of the grid point nearest to ``position``: a snapshot of the trajectories."""
    nearest = int(np.abs(np.asarray(grid, dtype=np.float64) - position).argmin())
    return slice(nearest, nearest + 1)


def between_groups(distances: Array, groups: ArrayLike) -> Array:
    """Return the mean distances between groups of runs, such as the seeds of a configuration.

    Args:
        distances: (run, run) symmetric.
        groups: (run,) 0, 1, ...: the group of each run.

    Returns:
        (group, group) float64, symmetric: means over all pairs of a run of one and a run of the other; the diagonal is
        zero by definition.
    """
    members = _members(groups)
    counts = members.sum(axis=0)
    means = members.T @ distances @ members / np.outer(counts, counts)
    means = 0.5 * (means + means.T)
    np.fill_diagonal(means, 0.0)
    return means


def _members(groups: ArrayLike) -> Array:
    """Return the (run, group) indicator of membership."""
    codes = np.asarray(groups)
    if codes.ndim != 1 or not len(codes) or not np.array_equal(np.unique(codes), np.arange(codes.max() + 1)):
        raise InvalidSpecError(f"groups must be numbered 0, 1, ... without a gap, one per run; received {groups!r}.")
    return np.asarray(codes[:, None] == np.arange(codes.max() + 1), dtype=np.float64)
