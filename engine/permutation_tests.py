r"""Do runs that differ in a hyperparameter take different paths? Tests by permutation, on a matrix of divergences.

Two trainings are compared with all others, so the entries of such a matrix are anything but independent, and a p-value
from a table would be wrong. Both tests here ask instead how often chance does as well: the values of the hyperparameter
are dealt out anew among the units, whole rows and columns at a time.

How divergences enter. PERMANOVA is written for distances and takes sums of their *squares*, because for points of a
Euclidean space :math:`\frac1n \sum_{i<j} d_{ij}^2` is the sum of squares about the centroid. Bhattacharyya distances
are like squared distances already (:math:`d_B \approx \frac18 ds^2` of the Fisher metric; InPCA's centred matrix
:math:`W = -\frac12 L D L` takes D as it is for the same reason), and so is their mean over a clock. So
:math:`d_{ij}` stands where Anderson writes :math:`d_{ij}^2`: the total is tr W, and the share explained is the share
of InPCA's own total, signs included. Squared once more, far pairs would decide alone.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from engine.errors import InvalidSpecError
from engine.factors import Array, Factor, differences, directions
from engine.kernels.threads import one_blas_thread, run_all

N_PERMUTATIONS = 999
CHUNK_ELEMENTS = 2**22
"""Numbers of permuted vectors that are multiplied together."""
CHUNK_PERMUTATIONS = 16
TIE = 1e-9
"""Relative: permutations that amount to the order as it is return its statistic up to rounding, and must count."""


@dataclass(frozen=True, slots=True)
class PermutationTest:
    """What a test by permutation found.

    Attributes:
        statistic: pseudo-F, or Mantel's correlation; NaN where it is not defined.
        share: of the total variation, :math:`R^2` of PERMANOVA; NaN for Mantel's test. With time-like components it
            may leave [0, 1].
        degrees: of freedom: how many independent contrasts the factor adds.
        p_value: :math:`(1 + \\#\\{\\text{permuted} \\ge \\text{observed}\\}) / (1 + B)`; NaN where nothing is tested.
        smallest_p: no p-value below this was possible, with so many permutations of so few units.
        n_permutations: B.
        is_exact: whether they are all there are.
    """

    statistic: float
    share: float
    degrees: int
    p_value: float
    smallest_p: float
    n_permutations: int
    is_exact: bool


def permanova(
    divergences: ArrayLike,
    factor: Factor,
    *,
    given: Sequence[Factor] = (),
    blocks: ArrayLike | None = None,
    n_permutations: int = N_PERMUTATIONS,
    seed: int = 0,
    check: Callable[[], None] | None = None,
) -> PermutationTest:
    r"""Test whether units with different values of a factor lie apart: permutational analysis of variance.

    With G = W of the divergences, :math:`H_0` the projector on what ``given`` describes and H on what the factor adds,

    .. math:: F = \frac{\operatorname{tr}(H G) / q}{\operatorname{tr}((I - H_0 - H) G) / (n - 1 - q_0 - q)},
        \qquad R^2 = \frac{\operatorname{tr}(H G)}{\operatorname{tr} G}.

    Without ``given`` and for levels this is Anderson's pseudo-F with :math:`SS_T = \frac1n \sum_{i<j} d_{ij}` and
    :math:`SS_W = \sum_g \frac{1}{n_g} \sum_{i<j \in g} d_{ij}`. With it, the factor is credited only with what the
    others cannot explain, and the residuals from them are permuted (Freedman and Lane).

    Args:
        divergences: (unit, unit) symmetric, zero diagonal, like squared distances; see the module.
        factor: what is tested.
        given: what it is to explain beyond.
        blocks: (unit,) permute only among units with equal values, as within an optimiser; None permutes all.
        n_permutations: as many, or all there are if those are fewer.
        seed: of the permutations.
        check: called now and then; raises where nobody waits any more.

    Raises:
        InvalidSpecError: shapes that do not fit.

    Source: Anderson, Austral Ecology 26 (2001) 32; McArdle and Anderson, Ecology 82 (2001) 290; Freedman and Lane,
    J. Bus. Econ. Stat. 1 (1983) 292.
    """
    gram = _gram(divergences, [factor, *given])
    n_units = len(gram)
    known = directions(given, n_units)
    added = directions([factor], n_units, known)
    n_known, degrees = known.shape[1], added.shape[1]
    n_left = n_units - 1 - n_known - degrees
    total = float(np.trace(gram))
    residual = gram - known @ (known.T @ gram)
    residual -= (residual @ known) @ known.T
    share = float(np.vdot(added, gram @ added)) / total if total > 0 else math.nan
    orders, is_exact = permutations(n_units, n_permutations, seed, blocks)
    smallest = 1.0 / (1 + len(orders))
    if not given and not factor.is_continuous:
        smallest = max(smallest, 1.0 / arrangements(factor.codes, blocks))
    if degrees == 0 or n_left == 0 or total <= 0:
        return PermutationTest(math.nan, share, degrees, math.nan, smallest, len(orders), is_exact)

    left = float(np.trace(residual))
    both = np.hstack([added, known])

    def pseudo_f(which: NDArray[np.int64]) -> Array:
        # Permuting rows of the projectors by an order is permuting G by its inverse; all orders are equally likely.
        vectors = both[which].transpose(1, 0, 2).reshape(n_units, -1)
        parts = (vectors * (residual @ vectors)).sum(axis=0).reshape(len(which), -1)
        explained = parts[:, :degrees].sum(axis=1)
        unexplained = left - parts.sum(axis=1)
        # With time-like components, what is left may be nothing or less: then nothing could separate more.
        ratio = np.full(len(which), np.inf)
        np.divide(explained / degrees, unexplained / n_left, out=ratio, where=unexplained > 0)
        return ratio

    step = max(1, CHUNK_ELEMENTS // (n_units * both.shape[1]))
    with one_blas_thread():
        observed = float(pseudo_f(np.arange(n_units)[None])[0])
        n_reached = 0
        for start in range(0, len(orders), step):
            if check is not None:
                check()
            n_reached += _count_reached(pseudo_f(orders[start : start + step]), observed)
    p_value = (1 + n_reached) / (1 + len(orders))
    return PermutationTest(observed, share, degrees, p_value, smallest, len(orders), is_exact)


def mantel(
    divergences: ArrayLike,
    factor: Factor,
    *,
    blocks: ArrayLike | None = None,
    n_permutations: int = N_PERMUTATIONS,
    seed: int = 0,
    check: Callable[[], None] | None = None,
) -> PermutationTest:
    r"""Test whether pairs that differ in a factor are farther apart than pairs that agree.

    The statistic is Pearson's correlation over pairs i < j between the divergences and the factor's
    :func:`~engine.factors.differences`; the p-value is one-sided. In a balanced design it ranks permutations as
    PERMANOVA does; with unequal groups it gives large ones more weight.

    Args:
        divergences, factor, blocks, n_permutations, seed, check: as of :func:`permanova`.

    Raises:
        InvalidSpecError: shapes that do not fit.

    Source: Mantel, Cancer Research 27 (1967) 209.
    """
    matrix = _check_divergences(divergences, [factor])
    others = differences(factor)
    orders, is_exact = permutations(len(matrix), n_permutations, seed, blocks)
    smallest = 1.0 / (1 + len(orders))
    if not factor.is_continuous:
        smallest = max(smallest, 1.0 / arrangements(factor.codes, blocks))
    rows, columns = np.tril_indices(len(matrix), -1)
    spreads = (
        [values[rows, columns].std() * math.sqrt(max(1, len(rows))) for values in (matrix, others)]
        if len(rows)
        else [0.0]
    )
    if min(spreads) <= TIE * max(float(matrix.max(initial=0.0)), np.finfo(float).tiny):
        return PermutationTest(math.nan, math.nan, 1, math.nan, smallest, len(orders), is_exact)
    matrix = matrix - matrix[rows, columns].mean()
    others = others - others[rows, columns].mean()
    scale = spreads[0] * spreads[1]

    def correlations(which: NDArray[np.int64]) -> Array:
        sums = np.empty(len(which))
        _cross_sums(matrix, others, which, sums)
        return sums / scale

    observed = float(correlations(np.arange(len(matrix))[None])[0])
    n_reached = 0
    chunks = [orders[start : start + CHUNK_PERMUTATIONS] for start in range(0, len(orders), CHUNK_PERMUTATIONS)]
    for start in range(0, len(chunks), CHUNK_PERMUTATIONS):
        if check is not None:
            check()
        calls = [(correlations, (chunk,)) for chunk in chunks[start : start + CHUNK_PERMUTATIONS]]
        n_reached += sum(_count_reached(values, observed) for values in run_all(calls))
    p_value = (1 + n_reached) / (1 + len(orders))
    return PermutationTest(observed, math.nan, 1, p_value, smallest, len(orders), is_exact)


def holm(p_values: ArrayLike) -> Array:
    """Return p-values adjusted for how many were looked at (Holm 1979); NaN, where nothing was tested, stays.

    With them, the chance that any hyperparameter without effect falls below a threshold is at most that threshold.
    """
    given = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(len(given), np.nan)
    tested = np.flatnonzero(np.isfinite(given))
    order = tested[np.argsort(given[tested], kind="stable")]
    factors = len(order) - np.arange(len(order))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(factors * given[order]))
    return adjusted


def permutations(
    n_units: int, n_permutations: int, seed: int, blocks: ArrayLike | None = None
) -> tuple[NDArray[np.int64], bool]:
    """Return orders of the units other than the given one, drawn at random, or all of them where those are fewer.

    Args:
        n_units: how many units.
        n_permutations: how many orders, at most.
        seed: of the draw.
        blocks: (unit,) only units with equal values change places.

    Returns:
        (permutation, unit) int64, and whether they are all there are.
    """
    groups = [np.arange(n_units)]
    if blocks is not None:
        codes = np.asarray(blocks)
        if codes.shape != (n_units,):
            raise InvalidSpecError(f"blocks must have a value for each of {n_units} units, received {codes.shape}.")
        groups = [np.flatnonzero(codes == code) for code in np.unique(codes)]
    if math.prod(math.factorial(len(group)) for group in groups) <= n_permutations + 1:
        orders = []
        for parts in itertools.product(*(itertools.permutations(group.tolist()) for group in groups)):
            order = np.arange(n_units)
            for group, part in zip(groups, parts, strict=True):
                order[group] = part
            orders.append(order)
        return np.array(orders[1:], dtype=np.int64).reshape(-1, n_units), True
    random = np.random.default_rng(seed)
    drawn = np.tile(np.arange(n_units), (n_permutations, 1))
    for group in groups:
        drawn[:, group] = random.permuted(np.tile(group, (n_permutations, 1)), axis=1)
    return drawn, False


def arrangements(codes: ArrayLike, blocks: ArrayLike | None = None) -> float:
    """Return in how many ways that matter levels can be dealt out: no p-value is below one over this.

    Ways that differ only in which of two equally large groups has which name are one. Within blocks such names are
    counted apart, so that the number is then an upper bound. Infinity where it is beyond floating point.
    """
    levels = np.asarray(codes)
    strata = np.zeros(len(levels), dtype=np.int64) if blocks is None else np.asarray(blocks)
    logarithm = 0.0
    for stratum in np.unique(strata):
        sizes = np.unique(levels[strata == stratum], return_counts=True)[1]
        logarithm += math.lgamma(sizes.sum() + 1) - sum(math.lgamma(size + 1) for size in sizes)
    if blocks is None:
        alike = np.unique(np.unique(levels, return_counts=True)[1], return_counts=True)[1]
        logarithm -= sum(math.lgamma(count + 1) for count in alike)
    return round(math.exp(logarithm)) if logarithm < 30 else math.exp(min(logarithm, 700.0))


def _count_reached(values: Array, observed: float) -> int:
    return (
        int((values >= observed - TIE * abs(observed)).sum())
        if math.isfinite(observed)
        else int(np.isinf(values).sum())
    )


def _check_divergences(divergences: ArrayLike, factors: Sequence[Factor]) -> Array:
    matrix = np.asarray(divergences, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.isfinite(matrix).all():
        raise InvalidSpecError(f"divergences must be a finite (unit, unit) square, received the shape {matrix.shape}.")
    for factor in factors:
        if factor.n_units != len(matrix):
            raise InvalidSpecError(
                f"{factor.name} must have a value for each of the {len(matrix)} units, received {factor.n_units}."
            )
    return matrix


def _gram(divergences: ArrayLike, factors: Sequence[Factor]) -> Array:
    matrix = _check_divergences(divergences, factors)
    means = matrix.mean(axis=1)
    return np.asarray(-0.5 * (matrix - means[:, None] - means + means.mean()))


@njit(nogil=True, cache=True)
def _cross_sums(matrix, others, orders, sums):  # type: ignore[no-untyped-def]
    """sums[b] = the sum over pairs i < j of matrix[i, j] * others[order[i], order[j]]."""
    for b in range(orders.shape[0]):
        order = orders[b]
        total = 0.0
        for i in range(1, len(order)):
            row = others[order[i]]
            for j in range(i):
                total += matrix[i, j] * row[order[j]]
        sums[b] = total
