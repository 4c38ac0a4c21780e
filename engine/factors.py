r"""Hyperparameters as factors of an experiment: their levels, how they enter a model, and which cannot be told apart.

A sweep is rarely a full grid. Where each learning rate is used with one optimiser only, whatever the learning rate does
the optimiser can be credited with: the two are *aliased*, and no analysis of the runs can separate them. This module
finds such columns, so that whoever shows an importance or a p-value can say so.
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
"""A numeric hyperparameter with fewer units per level than this, as of a random search, is taken as a number: a level
of its own for each value would explain everything and leave nothing to test against."""
RANK_TOLERANCE = 1e-9
"""Relative to a direction's length: what is left of it by the directions before it, when it is one of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Factor:
    """One hyperparameter over some units, which are runs or configurations.

    Attributes:
        name: of the hyperparameter.
        codes: (unit,) int64, the level of each, counted from zero in the order of ``levels``.
        levels: the values as text: numbers by size, others in the order of the units.
        numbers: (unit,) float64 values of a numeric hyperparameter without gaps, logarithms where all are positive;
            None otherwise.
        is_continuous: whether it is taken as a number, because its levels hardly repeat.
    """

    name: str
    codes: NDArray[np.int64]
    levels: tuple[str, ...]
    numbers: Array | None
    is_continuous: bool

    @property
    def n_units(self) -> int:
        return len(self.codes)

    @property
    def is_logarithmic(self) -> bool:
        """Whether ``numbers`` are natural logarithms of the values."""
        return self.numbers is not None and all(float(level) > 0 for level in self.levels)


def make_factor(name: str, values: Iterable[Any]) -> Factor:
    """Return a hyperparameter as a factor.

    Args:
        name: of the hyperparameter.
        values: one per unit: numbers, truth values or text; ``None`` or NaN where it is missing, which is a level too.
    """
    # True == 1 in Python, and a NaN equals nothing; neither is meant here.
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
    """(unit, column) how a factor enters a linear model: an indicator of each level, or its numbers."""
    if factor.is_continuous:
        assert factor.numbers is not None
        return factor.numbers[:, None]
    return np.asarray(factor.codes[:, None] == np.arange(len(factor.levels)), dtype=np.float64)


def differences(factor: Factor) -> Array:
    """(unit, unit) one where two units differ in a factor, zero where they agree; differences of its numbers where
    it is taken as a number."""
    if factor.is_continuous:
        assert factor.numbers is not None
        return np.abs(factor.numbers[:, None] - factor.numbers)
    return np.asarray(factor.codes[:, None] != factor.codes, dtype=np.float64)


def directions(factors: Sequence[Factor], n_units: int, beyond: Array | None = None) -> Array:
    """Return an orthonormal basis of what factors can describe, the constant left out.

    Args:
        factors: any number.
        n_units: how many units they have.
        beyond: (unit, direction) orthonormal: what is described already, and left out as well.

    Returns:
        (unit, direction) float64; no direction where the factors say nothing new.
    """
    columns = [contrasts(factor) for factor in factors]
    design = np.hstack([np.zeros((n_units, 0)), *columns])
    design = design - design.mean(axis=0)
    design /= np.maximum(np.linalg.norm(design, axis=0), np.finfo(float).tiny)
    if beyond is not None:
        # Twice: what rounding leaves of the first subtraction would pass for a direction.
        for _ in range(2):
            design = design - beyond @ (beyond.T @ design)
    vectors, sizes, _ = np.linalg.svd(design, full_matrices=False)
    return np.asarray(vectors[:, sizes > RANK_TOLERANCE])


def cramers_v(first: Factor, second: Factor) -> float:
    r"""Return how strongly two factors go together, :math:`\sqrt{\chi^2 / (n (\min(r, c) - 1))}`, from 0 to 1.

    Raises:
        InvalidSpecError: they have different units.
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
    """Whether every value of the first occurs with one value of the second only, which is then *nested* above it.

    Raises:
        InvalidSpecError: they have different units.
    """
    _check_units([first, second])
    pairs = len(set(zip(first.codes.tolist(), second.codes.tolist(), strict=True)))
    return len(second.levels) > 1 and pairs == len(first.levels)


def aliased_groups(factors: Sequence[Factor]) -> list[tuple[int, ...]]:
    """Return the groups, of two and more, of factors linked by one determining another; each by its places, in order.

    Raises:
        InvalidSpecError: they have different units.
    """
    groups = list(range(len(factors)))
    for i, first in enumerate(factors):
        for j, second in enumerate(factors):
            if i != j and groups[i] != groups[j] and determines(first, second):
                groups = [groups[i] if group == groups[j] else group for group in groups]
    members = [tuple(np.flatnonzero(np.array(groups) == group).tolist()) for group in dict.fromkeys(groups)]
    return [group for group in members if len(group) > 1]


def describe_aliases(factors: Sequence[Factor]) -> tuple[str, ...]:
    """Return a sentence for every factor that determines others, and for every one that the others fix together."""
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
