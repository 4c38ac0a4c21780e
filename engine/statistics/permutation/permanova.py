r"""Permutational analysis of variance (PERMANOVA) of divergences.

PERMANOVA is written for distances and sums their *squares*, because for points of a Euclidean space
:math:`\frac1n \sum_{i<j} d_{ij}^2` is the sum of squares about the centroid. Bhattacharyya distances already behave
like squared distances (:math:`d_B \approx \frac18 ds^2` of the Fisher metric; InPCA's centred matrix
:math:`W = -\frac12 L D L` uses D unsquared for the same reason), and so does their mean over a clock. So
:math:`d_{ij}` replaces Anderson's :math:`d_{ij}^2`: the total is tr W, and the explained share is a share of InPCA's
total, signs included. Squared once more, distant pairs would dominate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from engine.errors import InvalidSpecError
from engine.machine import one_blas_thread
from engine.statistics.factors import Array, Factor, contrasts, directions
from engine.statistics.permutation.orders import Orders, arrangements, permutations
from engine.statistics.permutation.outcome import PermutationTest, count_reached

N_PERMUTATIONS = 999
CHUNK_ELEMENTS = 2**22
"""Number of elements of the permuted vectors per block."""
LEAST_SPREAD = 1e-12
"""Variance of a level relative to the mean variance, below which its weight in Welch's statistic stops growing."""


def permanova(
    divergences: ArrayLike,
    factor: Factor,
    *,
    given: Sequence[Factor] = (),
    strata: ArrayLike | None = None,
    n_permutations: int = N_PERMUTATIONS,
    seed: int = 0,
    check: Callable[[], None] | None = None,
) -> PermutationTest:
    r"""Test whether units with different levels of a factor lie apart: permutational analysis of variance.

    With G = W of the divergences, :math:`H_0` the projector on the span of ``given`` and H on what the factor adds,

    .. math:: F = \frac{\operatorname{tr}(H G) / q}{\operatorname{tr}((I - H_0 - H) G) / (n - 1 - q_0 - q)},
        \qquad R^2 = \frac{\operatorname{tr}(H G)}{\operatorname{tr} G},
        \qquad \omega^2 = \frac{\operatorname{tr}(H G) - q\,s^2}{\operatorname{tr} G + s^2}

    with the denominator of F as :math:`s^2`. Without ``given`` and for levels this is Anderson's pseudo-F with
    :math:`SS_T = \frac1n \sum_{i<j} d_{ij}` and :math:`SS_W = \sum_g \frac{1}{n_g} \sum_{i<j \in g} d_{ij}`. With it,
    the factor is credited only with what the others cannot explain, and the residuals from them are permuted (Freedman
    and Lane): among all units, or exactly, within ``strata`` of equal values of the others.

    Levels of unequal size are compared by Welch's statistic of the same residuals instead (:func:`welch`), alone and
    within strata, since F then rejects where levels are unequally wide and lie together.

    Args:
        divergences: (unit, unit) symmetric, zero diagonal, like squared distances; see the module.
        factor: the tested factor.
        given: factors to adjust for.
        strata: (unit,) codes, equal only for units that agree in all of ``given``.
        n_permutations: number of permutations; all of them if there are fewer.
        seed: seed of the permutations.
        check: called periodically; raises to cancel.

    Raises:
        InvalidSpecError: the shapes do not match.

    Source: Anderson, Austral Ecology 26 (2001) 32; McArdle and Anderson, Ecology 82 (2001) 290; Freedman and Lane,
    J. Bus. Econ. Stat. 1 (1983) 292; Anderson and ter Braak, J. Stat. Comput. Simul. 73 (2003) 85.
    """
    gram = centred(divergences, [factor, *given])
    n_units = len(gram)
    known = directions(given, n_units)
    added = directions([factor], n_units, known)
    n_known, degrees = known.shape[1], added.shape[1]
    n_left = n_units - 1 - n_known - degrees
    total = float(np.trace(gram))
    residual = gram - known @ (known.T @ gram)
    residual -= (residual @ known) @ known.T
    explained = float(np.vdot(added, gram @ added))
    share = explained / total if total > 0 else math.nan
    orders = permutations(n_units, n_permutations, seed, strata)
    smallest = 1.0 / (1 + len(orders))
    if not factor.is_continuous and (strata is not None or not given):
        smallest = max(smallest, 1.0 / arrangements(factor.codes, strata))
    # Residuals of confounded factors are no scatter of levels: among all units they are compared by F.
    is_welch = has_unequal_levels(factor) and (strata is not None or not given)
    name = "Welch" if is_welch else "F"
    if degrees == 0 or n_left == 0 or total <= 0:
        return PermutationTest(math.nan, math.nan, smallest, len(orders), degrees, share, name=name)

    left = float(np.trace(residual))
    both = np.hstack([added, known])

    def statistics(which: Orders) -> tuple[Array, Array]:
        # Permuting rows of the projectors is permuting G by the inverse permutation; all are equally likely.
        vectors = both[which].transpose(1, 0, 2).reshape(n_units, -1)
        parts = (vectors * (residual @ vectors)).sum(axis=0).reshape(len(which), -1)
        added_parts, unexplained = parts[:, :degrees].sum(axis=1), left - parts.sum(axis=1)
        if is_welch:
            return added_parts, welch(residual, contrasts(factor)[which])
        # With time-like components the residual may be zero or negative: then no separation could be greater.
        ratio = np.full(len(which), np.inf)
        np.divide(added_parts / degrees, unexplained / n_left, out=ratio, where=unexplained > 0)
        return added_parts, ratio

    step = max(1, CHUNK_ELEMENTS // (n_units * (both.shape[1] + len(factor.levels) * is_welch)))
    with one_blas_thread():
        observed = float(statistics(np.arange(n_units)[None])[1][0])
        n_reached, by_chance = 0, 0.0
        for start in range(0, len(orders), step):
            if check is not None:
                check()
            shares, values = statistics(orders[start : start + step])
            n_reached += count_reached(values, observed)
            by_chance += float(shares.sum())
    mean_square = (left - explained) / n_left
    return PermutationTest(
        statistic=observed,
        p_value=(1 + n_reached) / (1 + len(orders)),
        smallest_p=smallest,
        n_permutations=len(orders),
        degrees=degrees,
        share=share,
        chance_share=(by_chance + explained) / (1 + len(orders)) / total,
        omega_squared=(explained - degrees * mean_square) / (total + mean_square),
        name=name,
    )


def has_unequal_levels(factor: Factor) -> bool:
    """Return whether a factor has levels of unequal size, each of two units or more: those of Welch's statistic."""
    sizes = np.bincount(factor.codes)
    return not factor.is_continuous and len(sizes) > 1 and bool(sizes.min() > 1) and bool(sizes.min() < sizes.max())


def welch(gram: ArrayLike, indicators: ArrayLike) -> Array:
    r"""Return Welch's statistic of levels for several arrangements of units.

    With the means :math:`\bar x_j`, sizes :math:`n_j` and variances :math:`s_j^2` of k levels, all from inner products,
    :math:`w_j = n_j / s_j^2` and :math:`W = \sum_j w_j`,

    .. math:: W_d^* = \frac{\frac{1}{(k-1) W} \sum_{j<l} w_j w_l |\bar x_j - \bar x_l|^2}
        {1 + \frac{2(k-2)}{k^2-1} \sum_j \frac{1}{n_j - 1} \left(1 - \frac{w_j}{W}\right)^2}.

    Args:
        gram: (unit, unit) inner products.
        indicators: (arrangement, unit, level) 1 where a unit has a level.

    Source: Hamidi et al., J. Comput. Biol. 26 (2019) 1193, after Alekseyenko, Bioinformatics 32 (2016) 3552.
    """
    matrix, members = np.asarray(gram, np.float64), np.asarray(indicators, np.float64)
    sizes = members.sum(axis=1)
    inner = np.einsum("bij,bil->bjl", members, np.einsum("ih,bhl->bil", matrix, members))
    inner /= sizes[:, :, None] * sizes[:, None, :]
    own = np.einsum("bjj->bj", inner)
    variances = (np.einsum("i,bij->bj", np.diag(matrix), members) - sizes * own) / (sizes - 1)
    # With time-like components a variance may be negative: such a level is taken for nearly a point.
    floor = LEAST_SPREAD * np.abs(variances).mean(axis=1, keepdims=True) + np.finfo(float).tiny
    weights = sizes / np.maximum(variances, floor)
    total = weights.sum(axis=1)
    apart = own[:, :, None] + own[:, None, :] - 2.0 * inner
    between = 0.5 * np.einsum("bj,bl,bjl->b", weights, weights, apart) / total
    k = members.shape[2]
    scatter = ((1.0 - weights / total[:, None]) ** 2 / (sizes - 1)).sum(axis=1)
    return np.asarray(between / (k - 1) / (1.0 + 2.0 * (k - 2) / (k * k - 1) * scatter))


def check_divergences(divergences: ArrayLike, factors: Sequence[Factor]) -> Array:
    """Return the (unit, unit) divergences in float64.

    Raises:
        InvalidSpecError: no finite square, or a factor with another number of units.
    """
    matrix = np.asarray(divergences, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.isfinite(matrix).all():
        raise InvalidSpecError(f"divergences must be a finite (unit, unit) square, received the shape {matrix.shape}.")
    for factor in factors:
        if factor.n_units != len(matrix):
            raise InvalidSpecError(
                f"{factor.name} must have a value for each of the {len(matrix)} units, received {factor.n_units}."
            )
    return matrix


def centred(divergences: ArrayLike, factors: Sequence[Factor]) -> Array:
    r"""Return :math:`W = -\frac12 L D L`, the inner products about the mean."""
    matrix = check_divergences(divergences, factors)
    means = matrix.mean(axis=1)
    return np.asarray(-0.5 * (matrix - means[:, None] - means + means.mean()))
