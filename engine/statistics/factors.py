r"""Hyperparameters as experimental factors: levels, contrasts, aliasing.

A sweep is rarely a full factorial. If each learning rate is used with one optimiser only, every effect of the learning
rate can be attributed to the optimiser: the two are *aliased*, and no analysis of the runs can separate them. This
module finds aliased factors, so that importances and p-values can be reported with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidSpecError

Array = NDArray[np.float64]

UNITS_PER_LEVEL = 2
"""A numeric hyperparameter with fewer units per level than this, as in a random search, is treated as a number: one
level per value would explain everything and leave nothing to test against."""
SPLINE_UNITS = 12
"""Least number of distinct values of a number whose effect may bend; of fewer, a straight line is fitted."""
SPLINE_KNOTS = (0.0, 1 / 3, 2 / 3, 1.0)
"""Quantiles of the distinct values at the knots of the natural spline: three degrees of freedom."""
RANK_TOLERANCE = 1e-9
"""Remainder of a direction, relative to its length, below which it is a combination of those before it."""


@dataclass(frozen=True, slots=True, eq=False)
class Factor:
    """Values of one hyperparameter over units, which are runs or configurations.

    Attributes:
        name: name of the hyperparameter.
        codes: (unit,) int64, index of each unit's level in ``levels``.
        levels: the values as text: numbers in increasing order, others in order of the units.
        numbers: (unit,) float64 values of a numeric hyperparameter without gaps, as logarithms if all are positive;
            None otherwise.
        is_continuous: whether it is treated as a number, because its levels hardly repeat.
    """

    name: str
    codes: NDArray[np.int64]
    levels: tuple[str, ...]
    numbers: Array | None
    is_continuous: bool

    @property
    def n_units(self) -> int:
        return len(self.codes)


def make_factor(name: str, values: Iterable[Any]) -> Factor:
    """Build the factor of a hyperparameter.

    Args:
        name: name of the hyperparameter.
        values: one per unit: numbers, booleans or text; ``None`` or NaN if missing, which is a level too.
    """
    # Keys distinguish True from 1, and make all NaN equal.
    keys = [
        (isinstance(value, bool | np.bool_), None if value is None or value != value else value) for value in values
    ]
    distinct = list(dict.fromkeys(keys))
    is_numeric = all(
        not is_truth and isinstance(value, int | float | np.integer | np.floating) for is_truth, value in distinct
    )
    if is_numeric:
        distinct.sort(key=lambda key: float(key[1]))  # type: ignore[arg-type]
    places = {key: place for place, key in enumerate(distinct)}
    codes = np.array([places[key] for key in keys], dtype=np.int64)
    numbers = None
    if is_numeric and distinct:
        plain = np.array([float(value) for _, value in distinct])  # type: ignore[arg-type]
        if np.isfinite(plain).all():
            numbers = (np.log(plain) if (plain > 0).all() else plain)[codes]
    levels = tuple("missing" if value is None else str(value) for _, value in distinct)
    return Factor(name, codes, levels, numbers, numbers is not None and len(codes) < UNITS_PER_LEVEL * len(levels))


def contrasts(factor: Factor) -> Array:
    """Return the (unit, column) design matrix of a factor: level indicators, or a spline of its numbers."""
    if factor.is_continuous:
        assert factor.numbers is not None
        return spline(factor.numbers)
    return np.asarray(factor.codes[:, None] == np.arange(len(factor.levels)), dtype=np.float64)


def spline(numbers: Array) -> Array:
    r"""Return the (unit, column) columns of a natural cubic spline of numbers without its constant, or a line.

    A line misses an effect that is largest in the middle of the range. With :math:`x` scaled to [0, 1], knots
    :math:`\xi_1 < \dots < \xi_K` and :math:`d_k(x) = ((x - \xi_k)_+^3 - (x - \xi_K)_+^3) / (\xi_K - \xi_k)`, the
    columns are :math:`x` and :math:`d_k - d_{K-1}` for :math:`k < K - 1`: cubic between knots, straight beyond them.

    Source: Hastie, Tibshirani and Friedman, The Elements of Statistical Learning (2009), eq. 5.4 and 5.5.
    """
    distinct = np.unique(numbers)
    span = distinct[-1] - distinct[0] if len(distinct) else 0.0
    if len(distinct) < SPLINE_UNITS or not span > 0:
        return numbers[:, None]
    x = (numbers - distinct[0]) / span
    knots = np.quantile((distinct - distinct[0]) / span, SPLINE_KNOTS)
    cubes = np.maximum(x[:, None] - knots, 0.0) ** 3
    bends = (cubes[:, :-1] - cubes[:, -1:]) / (knots[-1] - knots[:-1])
    return np.column_stack([x, bends[:, :-1] - bends[:, -1:]])


def strata_of(factors: Sequence[Factor], n_units: int) -> NDArray[np.int64]:
    """Return (unit,) codes, equal for units that agree in all factors."""
    codes = np.stack([np.zeros(n_units, np.int64), *(factor.codes for factor in factors)], axis=1)
    return np.asarray(np.unique(codes, axis=0, return_inverse=True)[1].reshape(-1), dtype=np.int64)


def directions(factors: Sequence[Factor], n_units: int, beyond: Array | None = None) -> Array:
    """Return an orthonormal basis of the span of factors' contrasts, without the constant.

    Args:
        factors: any number.
        n_units: number of their units.
        beyond: (unit, direction) orthonormal directions to exclude as well.

    Returns:
        (unit, direction) float64; no direction if the factors add nothing to ``beyond``.
    """
    columns = [contrasts(factor) for factor in factors]
    design = np.hstack([np.zeros((n_units, 0)), *columns])
    design = design - design.mean(axis=0)
    design /= np.maximum(np.linalg.norm(design, axis=0), np.finfo(float).tiny)
    if beyond is not None:
        # Twice: the rounding left by the first subtraction could be taken for a direction.
        for _ in range(2):
            design = design - beyond @ (beyond.T @ design)
    vectors, sizes, _ = np.linalg.svd(design, full_matrices=False)
    return np.asarray(vectors[:, sizes > RANK_TOLERANCE])


def cramers_v(first: Factor, second: Factor) -> float:
    r"""Return Cramer's V, the association of two factors, :math:`\sqrt{\chi^2 / (n (\min(r, c) - 1))}`, from 0 to 1.

    Raises:
        InvalidSpecError: the factors have different numbers of units.
    """
    _check_units([first, second])
    counts = np.zeros((len(first.levels), len(second.levels)))
    np.add.at(counts, (first.codes, second.codes), 1)
    smaller = min(counts.shape) - 1
    if smaller < 1:
        return 0.0
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / first.n_units
    chi_square = float(((counts - expected) ** 2 / expected).sum())
    return float(np.sqrt(chi_square / (first.n_units * smaller)))


def determines(first: Factor, second: Factor) -> bool:
    """Return whether every level of the first occurs with one level of the second only: the first is *nested* in it.

    Raises:
        InvalidSpecError: the factors have different numbers of units.
    """
    _check_units([first, second])
    pairs = len(set(zip(first.codes.tolist(), second.codes.tolist(), strict=True)))
    return len(second.levels) > 1 and pairs == len(first.levels)


def aliased_groups(factors: Sequence[Factor]) -> list[tuple[int, ...]]:
    """Return groups of at least two factors linked by one determining another, each as indices in order.

    Raises:
        InvalidSpecError: the factors have different numbers of units.
    """
    groups = list(range(len(factors)))
    for i, first in enumerate(factors):
        for j, second in enumerate(factors):
            if i != j and groups[i] != groups[j] and determines(first, second):
                groups = [groups[i] if group == groups[j] else group for group in groups]
    members = [tuple(np.flatnonzero(np.array(groups) == group).tolist()) for group in dict.fromkeys(groups)]
    return [group for group in members if len(group) > 1]


def describe_aliases(factors: Sequence[Factor]) -> tuple[str, ...]:
    """Return a sentence per factor that determines others, and per factor that the others jointly determine."""
    sentences = []
    for i, first in enumerate(factors):
        above = []
        for j, second in enumerate(factors):
            if i == j or not determines(first, second):
                continue
            if not determines(second, first):
                above.append(second.name)
            elif i < j:
                sentences.append(f"{first.name} and {second.name} always change together: nothing can tell them apart.")
        if above:
            names = " and one ".join(above)
            sentences.append(
                f"Each {first.name} occurs with one {names} only, so whatever {' or '.join(above)} does can be "
                f"credited to {first.name} as well."
            )
    for i, factor in enumerate(factors):
        others = [other for j, other in enumerate(factors) if j != i]
        if len(factor.levels) < 2 or not others or any(determines(other, factor) for other in others):
            continue
        if not directions([factor], factor.n_units, directions(others, factor.n_units)).shape[1]:
            sentences.append(
                f"{factor.name} is fixed by the other hyperparameters together: it has no share of its own."
            )
    return tuple(sentences)


def _check_units(factors: Sequence[Factor]) -> None:
    counts = {factor.n_units for factor in factors}
    if len(counts) > 1:
        raise InvalidSpecError(f"Factors must have a value for the same units, received {sorted(counts)} values.")
