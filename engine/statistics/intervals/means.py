r"""Intervals of mean distances between configurations, within and between levels.

The mean over pairs of a kind is :math:`\theta = \frac1N \sum_{c<c'} \bar d_{cc'}`, with :math:`\bar d_{cc'}` the mean
over pairs of a run of c and a run of c'. *Configurations* are drawn again as units of the jackknife, in groups of equal
level: the interval is for the level. *Seeds*: units are runs, in groups of equal configuration, and the interval is
for these configurations, whatever others would do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InvalidSpecError
from engine.statistics.intervals.jackknife import INVERSE_CUBE_ROOT, LEAST_UNITS, LEVEL, Array, Interval, jackknife
from engine.trajectories.mean_distance import between_groups


def mean_over_configurations(
    distances: ArrayLike, pairs: ArrayLike, levels: ArrayLike, *, level: float = LEVEL
) -> Interval:
    """Return the mean distance of some pairs of configurations, with configurations drawn again.

    Args:
        distances: (configuration, configuration) symmetric.
        pairs: (configuration, configuration) symmetric mask of the pairs, such as those within a level.
        levels: (configuration,) codes; configurations are drawn again among those of the same level.
        level: of confidence.

    Returns:
        One value; without an interval if a level that takes part has fewer than ``LEAST_UNITS`` configurations.

    Raises:
        InvalidSpecError: there is no pair, or the shapes do not match.
    """
    matrix, mask = _paired(distances, pairs)
    sums, counts = (matrix * mask).sum(axis=1), mask.sum(axis=1)
    total, number = sums.sum() / 2, counts.sum() / 2
    taking = np.flatnonzero(counts)
    codes = np.asarray(levels)[taking]
    estimate = np.asarray(total / number)
    if np.unique(codes, return_counts=True)[1].min() < LEAST_UNITS:
        return _alone(estimate)
    left_out = (total - sums[taking]) / (number - counts[taking])
    return jackknife(estimate, left_out, codes, level=level, scale=INVERSE_CUBE_ROOT)


def mean_over_seeds(
    distances: ArrayLike, configurations: ArrayLike, pairs: ArrayLike, *, level: float = LEVEL
) -> Interval:
    """Return the mean distance of some pairs of configurations, with the seeds of each drawn again.

    Args:
        distances: (run, run) symmetric.
        configurations: (run,) 0, 1, ...
        pairs: (configuration, configuration) symmetric mask of the pairs.
        level: of confidence.

    Returns:
        One value; without an interval if a configuration that takes part has a single run, or fewer than
        ``LEAST_UNITS`` runs are free to vary.

    Raises:
        InvalidSpecError: there is no pair, or the shapes do not match.
    """
    runs, codes = np.asarray(distances, np.float64), np.asarray(configurations)
    matrix, mask = _paired(between_groups(runs, codes), pairs)
    sizes = np.bincount(codes)
    number = mask.sum() / 2
    estimate = np.asarray((matrix * mask).sum() / 2 / number)
    taking = np.flatnonzero(mask[codes].any(axis=1))
    own = codes[taking]
    if sizes[own].min() < 2 or (sizes[np.unique(own)] - 1).sum() < LEAST_UNITS:
        return _alone(estimate)
    members = codes[:, None] == np.arange(len(sizes))
    to_configurations = runs[taking] @ members / sizes
    # Without run r of c the mean between c and c' is (m d_cc' - d_rc') / (m - 1).
    change = ((matrix[own] - to_configurations) * mask[own]).sum(axis=1) / (sizes[own] - 1)
    return jackknife(estimate, estimate + change / number, own, level=level, scale=INVERSE_CUBE_ROOT)


def mean_of_each(values: ArrayLike, *, level: float = LEVEL) -> Interval:
    """Return the mean of one positive value per configuration, such as the distance of its seeds, over configurations.

    Args:
        values: (configuration,) values.
        level: of confidence.
    """
    given = np.asarray(values, np.float64)
    estimate = np.asarray(given.mean())
    if len(given) < LEAST_UNITS:
        return _alone(estimate)
    return jackknife(estimate, (given.sum() - given) / (len(given) - 1), level=level, scale=INVERSE_CUBE_ROOT)


def _paired(distances: ArrayLike, pairs: ArrayLike) -> tuple[Array, NDArray[np.bool_]]:
    matrix, mask = np.asarray(distances, np.float64), np.array(pairs, dtype=bool)
    if mask.shape != matrix.shape:
        raise InvalidSpecError(f"pairs must be a mask of the shape {matrix.shape}, received {mask.shape}.")
    np.fill_diagonal(mask, False)
    if not mask.any():
        raise InvalidSpecError("A mean distance needs a pair of configurations, and no pair is of this kind.")
    return matrix, mask


def _alone(estimate: Array) -> Interval:
    return Interval(estimate, np.asarray(np.nan), np.asarray(np.nan))
