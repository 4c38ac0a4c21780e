"""Filters of a study, one per column that differs between runs.

Pure functions from a run table to frozen descriptions; the browser draws and applies them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from engine.store.hyperparameters import level_text

MAXIMUM_PILLS_FOR_NUMBERS = 4
"""A numeric column with at most this many distinct values becomes pills, not a range (batch sizes, seeds)."""

MAXIMUM_DISCRETE_STEPS = 24
"""Up to this many distinct numbers, each value is a slider stop; above, equal bins."""

LOGARITHMIC_RATIO = 30.0
"""Positive columns with max / min above this are binned by logarithm."""


@dataclass(frozen=True, slots=True)
class LevelsFilter:
    """Filter by levels, drawn as pills; a run passes if its level is chosen, or if none is.

    Attributes:
        name: column of the run table.
        levels: text of each distinct value, in natural order.
    """

    name: str
    levels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RangeFilter:
    """Filter by numeric range, with a histogram.

    Attributes:
        name: column of the run table.
        stops: handle positions, ascending: the values if discrete, bin edges otherwise.
        counts: (stop,) runs per value when discrete, (stop - 1,) runs per bin otherwise.
        discrete: whether the stops are the values that occur.
    """

    name: str
    stops: tuple[float, ...]
    counts: tuple[int, ...]
    discrete: bool

    @property
    def is_logarithmic(self) -> bool:
        """Whether bins are equal in the logarithm (a discrete filter has no bins)."""
        return not self.discrete and _is_wide(self.stops[0], self.stops[-1])

    def enclosing_stops(self, low: float, high: float) -> tuple[int, int]:
        """Narrowest pair of stop indices that encloses [low, high]; all stops if no run would pass."""
        last = len(self.stops) - 1
        if high < self.stops[0] or low > self.stops[-1]:
            return 0, last
        first = max((index for index, stop in enumerate(self.stops) if stop <= low), default=0)
        return first, min((index for index, stop in enumerate(self.stops) if stop >= high), default=last)


Filter = LevelsFilter | RangeFilter


def is_numeric(column: pd.Series) -> bool:
    """Whether a column is numeric; booleans are categories."""
    return bool(pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column))


def filters_of(runs: pd.DataFrame, columns: Sequence[str]) -> tuple[Filter, ...]:
    """Filters of the columns that differ between runs, in the order given; constant columns are omitted."""
    return tuple(found for name in columns if (found := _filter_of(runs[name], name)) is not None)


def finite_numbers(column: pd.Series) -> pd.Series:
    """Finite values of a numeric column as floats; none of a column of categories."""
    numbers = column.dropna().astype(float) if is_numeric(column) else pd.Series(dtype=float)
    return numbers[numbers.map(math.isfinite).astype(bool)]


def natural_levels(column: pd.Series) -> list[str]:
    """Text of each distinct value: finite numbers in their order, then the others by name."""
    order = [level_text(value) for value in sorted(finite_numbers(column).unique())]
    return order + sorted(set(column.map(level_text)) - set(order))


def _filter_of(column: pd.Series, name: str) -> Filter | None:
    if column.map(level_text).nunique() < 2:
        return None
    finite = finite_numbers(column)
    distinct = sorted(map(float, finite.unique()))
    if not is_numeric(column) or len(distinct) <= MAXIMUM_PILLS_FOR_NUMBERS:
        return LevelsFilter(name, tuple(natural_levels(column)))
    if len(distinct) <= MAXIMUM_DISCRETE_STEPS:
        counts = finite.value_counts()
        return RangeFilter(name, tuple(distinct), tuple(int(counts[value]) for value in distinct), True)
    edges = _bin_edges(distinct[0], distinct[-1])
    counts = pd.cut(finite, edges, include_lowest=True).value_counts(sort=False)
    return RangeFilter(name, edges, tuple(map(int, counts)), False)


def _bin_edges(low: float, high: float) -> tuple[float, ...]:
    n_bins = MAXIMUM_DISCRETE_STEPS
    if _is_wide(low, high):
        inner = [low * (high / low) ** (index / n_bins) for index in range(1, n_bins)]
    else:
        inner = [low + (high - low) * index / n_bins for index in range(1, n_bins)]
    return (low, *inner, high)


def _is_wide(low: float, high: float) -> bool:
    return low > 0 and high / low > LOGARITHMIC_RATIO
