"""Permutation test of the spread of levels (PERMDISP)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from engine.statistics.factors import Array, Factor
from engine.statistics.permutation.orders import permutations
from engine.statistics.permutation.outcome import PermutationTest, count_reached
from engine.statistics.permutation.permanova import N_PERMUTATIONS, check_divergences

LEAST_UNITS = 3
"""Least number of units of a level with a spread: of two, both are equally far from their mean."""


def permdisp(
    divergences: ArrayLike,
    factor: Factor,
    *,
    n_permutations: int = N_PERMUTATIONS,
    seed: int = 0,
    check: Callable[[], None] | None = None,
) -> PermutationTest:
    r"""Test whether the levels of a factor are unequally wide.

    The statistic is the F of an analysis of variance of the units' distances from the mean of their own level,

    .. math:: z_i = \sqrt{\tfrac{n_g}{n_g - 1} \Big|\tfrac{1}{n_g} \sum_{j \in g} d_{ij}
        - \tfrac{1}{n_g^2} \sum_{j<l \in g} d_{jl}\Big|},

    in which divergences stand for squared distances and the first factor makes small levels comparable; residuals of z
    are permuted. A small p says that a difference found by PERMANOVA may be one of spread.

    Args:
        divergences, factor, n_permutations, seed, check: as of :func:`.permanova.permanova`.

    Returns:
        A test with NaN as p-value for numbers, and if a level has fewer than ``LEAST_UNITS`` units.

    Raises:
        InvalidSpecError: the shapes do not match.

    Source: Anderson, Biometrics 62 (2006) 245.
    """
    matrix = check_divergences(divergences, [factor])
    n_units, sizes = len(matrix), np.bincount(factor.codes, minlength=1)
    if factor.is_continuous or len(sizes) < 2 or sizes.min() < LEAST_UNITS:
        return PermutationTest(math.nan, math.nan, math.nan, 0, len(sizes) - 1)
    members = (factor.codes[:, None] == np.arange(len(sizes))).astype(np.float64)
    to_levels = matrix @ members / sizes
    within = 0.5 * np.einsum("ij,ij->j", members, to_levels) / sizes
    own = sizes[factor.codes]
    apart = to_levels[np.arange(n_units), factor.codes] - within[factor.codes]
    spread = np.sqrt(np.abs(apart) * own / (own - 1))
    means = (members.T @ spread) / sizes
    residuals = spread - means[factor.codes]

    def f(values: Array) -> Array:
        level_means = values @ members / sizes
        between = (sizes * (level_means - values.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
        within = ((values - level_means[:, factor.codes]) ** 2).sum(axis=1)
        ratio = np.full(len(values), np.inf)
        np.divide(between / (len(sizes) - 1), within / (n_units - len(sizes)), out=ratio, where=within > 0)
        return ratio

    if check is not None:
        check()
    orders = permutations(n_units, n_permutations, seed)
    observed = float(f(spread[None])[0])
    n_reached = count_reached(f(residuals[orders]), observed)
    smallest = 1.0 / (1 + len(orders))
    if not np.ptp(spread) > 0:
        return PermutationTest(math.nan, math.nan, smallest, len(orders), len(sizes) - 1)
    return PermutationTest(observed, (1 + n_reached) / (1 + len(orders)), smallest, len(orders), len(sizes) - 1)
