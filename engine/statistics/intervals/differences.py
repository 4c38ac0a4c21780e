r"""Intervals of the distance between levels beyond that within them.

For two levels A and B in a stratum s of configurations that agree in the other hyperparameters,

.. math:: \delta_s = \bar d_{AB} - \tfrac12 (\bar d_{AA} + \bar d_{BB}), \qquad \delta = \sum_s w_s \delta_s,
    \quad w_s \propto \frac{n_A n_B}{n_A + n_B}

which is zero on average where the levels do nothing, and for points with squared distances the squared distance of the
levels' means. With inner products about the mean, residuals :math:`r_i` from the means of cells (a level in a stratum)
and :math:`\Delta_s = \bar x_A - \bar x_B`, unit i moves :math:`\delta` by
:math:`\psi_i = \pm \frac{2 w_s}{n_i} \Delta_s \cdot r_i`, and the variance is
:math:`v_1 = \sum_i \frac{n_i}{n_i - 1} \psi_i^2`. Where :math:`\Delta` is small this vanishes, but products of two
residuals remain, with the variance :math:`v_2 = 4 \operatorname{tr}(\Sigma^2) \sum c_{ij}^2`, c being the weight of a
pair. The jackknife counts those twice on average, and much less by chance just when the estimate is far too low;
therefore v is the larger of :math:`v_1` and :math:`2 v_2`. The interval is symmetric in
:math:`\operatorname{arsinh}(\delta / 2\sqrt{v_2})`: plain near zero, logarithmic for large differences, which are
skewed.
Source: Székely and Rizzo, J. Stat. Plan. Inference 143 (2013) 1249; Efron and Stein, Ann. Stat. 9 (1981) 586 (the
jackknife of products); Bai and Saranadasa, Stat. Sin. 6 (1996) 311 (the trace of a squared covariance).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InvalidSpecError
from engine.statistics.intervals.jackknife import LEVEL, ROUNDING, Array, quantile_of

Ints = NDArray[np.int64]
LEAST_FREE = 4
"""Least number of configurations free to vary about the means of their cells, for an interval."""
LEAST_COMPARED = 0.5
"""Least share of the configurations that strata must leave to be compared."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Distance between two levels beyond that within them.

    Attributes:
        first, second: codes of the levels.
        estimate: in the unit of the divergences.
        low, high: ends of the interval; NaN if too few configurations vary.
        n_strata: number of strata with two configurations of each level; 0 if there is none, so that all configurations
            of the two levels are compared regardless of the other hyperparameters.
        n_units: number of configurations that take part.
    """

    first: int
    second: int
    estimate: float
    low: float
    high: float
    n_strata: int
    n_units: int


def between_minus_within(
    divergences: ArrayLike, levels: ArrayLike, strata: ArrayLike, *, level: float = LEVEL
) -> list[Difference]:
    """Return the differences of all pairs of levels with at least two configurations each.

    Args:
        divergences: (configuration, configuration) symmetric, zero diagonal, like squared distances.
        levels: (configuration,) codes.
        strata: (configuration,) codes, equal for configurations that are compared.
        level: of confidence.

    Raises:
        InvalidSpecError: the shapes do not match.
    """
    matrix, codes, places = np.asarray(divergences, np.float64), np.asarray(levels), np.asarray(strata)
    if matrix.shape != (len(codes), len(codes)) or places.shape != codes.shape:
        raise InvalidSpecError(
            f"divergences must be a square of the {len(codes)} configurations that have a level, with a stratum each; "
            f"received the shapes {matrix.shape} and {places.shape}."
        )
    names, counts = np.unique(codes, return_counts=True)
    found = []
    for first, second in combinations(names[counts > 1].tolist(), 2):
        cells = _cells(codes, places, first, second)
        n_strata = len(cells)
        if not cells:
            cells = [(np.flatnonzero(codes == first), np.flatnonzero(codes == second))]
        estimate, low, high = _difference(matrix, cells, level)
        found.append(Difference(first, second, estimate, low, high, n_strata, sum(len(a) + len(b) for a, b in cells)))
    return found


def _cells(codes: Ints, places: Ints, first: int, second: int) -> list[tuple[Ints, Ints]]:
    """Return the configurations of two levels in each stratum that has two of both."""
    both = [
        (np.flatnonzero((places == place) & (codes == first)), np.flatnonzero((places == place) & (codes == second)))
        for place in np.unique(places)
    ]
    return [(a, b) for a, b in both if min(len(a), len(b)) > 1]


def _difference(matrix: Array, cells: list[tuple[Ints, Ints]], level: float) -> tuple[float, float, float]:
    """Return the estimate and the ends of its interval."""
    weights = np.array([len(a) * len(b) / (len(a) + len(b)) for a, b in cells])
    weights /= weights.sum()
    units = np.concatenate([np.concatenate(pair) for pair in cells])
    part = matrix[np.ix_(units, units)]
    means = part.mean(axis=1)
    gram = -0.5 * (part - means[:, None] - means + means.mean())
    # Rows of `take` subtract the mean of the own cell: residuals from inner products.
    take = np.eye(len(units))
    estimate, pair_weights, start = 0.0, 0.0, 0
    shares, free = np.zeros(2), np.zeros(2)
    for weight, (a, b) in zip(weights, cells, strict=True):
        ours, theirs = np.arange(start, start + len(a)), np.arange(start + len(a), start + len(a) + len(b))
        start += len(a) + len(b)
        within = [_mean_within(part[np.ix_(own, own)]) for own in (ours, theirs)]
        estimate += weight * (part[np.ix_(ours, theirs)].mean() - 0.5 * sum(within))
        pair_weights += weight**2 / (len(a) * len(b))
        along = gram[ours].mean(axis=0) - gram[theirs].mean(axis=0)
        for side, own in enumerate((ours, theirs)):
            n_own = len(own)
            take[np.ix_(own, own)] -= 1.0 / n_own
            moves = 2.0 * weight / n_own * (along[own] - along[own].mean())
            shares[side] += n_own / (n_own - 1) * float(moves @ moves)
            free[side] += n_own - 1
            pair_weights += weight**2 / (2 * n_own * (n_own - 1))
    n_free, variance = float(free.sum()), float(shares.sum())
    residual = take @ gram @ take.T
    width, trace = float(np.vdot(residual, residual)), float(np.trace(residual))
    spread = (width - trace**2 / n_free) / ((n_free + 2) * (n_free - 1))
    products = 4.0 * max(spread, 0.0) * pair_weights
    if n_free < LEAST_FREE or not products > 0 or not np.sqrt(products) > ROUNDING * float(np.abs(part).max()):
        return float(estimate), np.nan, np.nan
    # Of two levels, each with its own variance; products are estimated from all residuals.
    degrees = variance**2 / (shares**2 / free).sum() if variance > 2.0 * products else n_free
    unit = 2.0 * np.sqrt(products)
    middle = np.arcsinh(estimate / unit)
    reach = quantile_of(degrees, level) * np.sqrt(max(variance, 2.0 * products) / (unit**2 + estimate**2))
    return float(estimate), float(unit * np.sinh(middle - reach)), float(unit * np.sinh(middle + reach))


def _mean_within(square: Array) -> float:
    return float(square.sum() / (len(square) * (len(square) - 1)))


def strata_leaving_pairs(levels: ArrayLike, others: Sequence[Ints]) -> tuple[Ints, list[int]]:
    """Return strata of as many other hyperparameters as leave configurations to compare.

    A sweep of every combination has one configuration per stratum of all others. So they are taken one by one, and one
    is left aside if with it two levels no longer meet in a stratum with two configurations of each, or fewer than
    ``LEAST_COMPARED`` of all configurations are in such strata.

    Args:
        levels: (configuration,) codes of the compared levels.
        others: (configuration,) codes of the other hyperparameters, the most important first.

    Returns:
        (configuration,) codes of the strata, and the indices of the hyperparameters that define them.
    """
    codes = np.unique(np.asarray(levels), return_inverse=True)[1]
    strata = np.zeros(len(codes), np.int64)
    taken: list[int] = []
    n_meeting = _meetings(codes, strata)[0]
    for place, other in enumerate(others):
        finer = np.unique(np.stack([strata, other]), axis=1, return_inverse=True)[1].reshape(-1)
        meeting, compared = _meetings(codes, finer)
        if meeting == n_meeting and compared >= LEAST_COMPARED:
            strata, taken = finer.astype(np.int64), [*taken, place]
    return strata, taken


def _meetings(codes: Ints, strata: Ints) -> tuple[int, float]:
    """Return how many pairs of levels have a stratum with two of each, and the share of configurations in them."""
    counts = np.zeros((strata.max() + 1, codes.max() + 1), dtype=np.int64)
    np.add.at(counts, (strata, codes), 1)
    several = counts > 1
    is_compared = several & (several.sum(axis=1, keepdims=True) > 1)
    meets = several.T.astype(np.int64) @ several
    return int((np.triu(meets, 1) > 0).sum()), float(counts[is_compared].sum() / len(codes))
