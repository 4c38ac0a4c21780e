"""What can be filtered in a study: one filter for every column that differs between runs.

Pure functions from a run table to frozen descriptions; the page draws them and the browser applies them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from engine.hyperparameters import level_text

MAXIMUM_PILLS_FOR_NUMBERS = 4
"""A number with no more distinct values than this is picked, not ranged (batch sizes, seeds)."""

MAXIMUM_DISCRETE_STEPS = 24
"""Up to this many distinct numbers every value is its own step of the slider; above, equal bins are cut."""

LOGARITHMIC_RATIO = 30.0
"""Positive numbers that span more than this are binned by their logarithm."""


@dataclass(frozen=True, slots=True)
class LevelsFilter:
    """Pills: any of the chosen levels passes; none chosen means all pass.

    Attributes:
        name: column of the run table.
        levels: text of each distinct value, in natural order.
        counts: (level,) how many runs have it.
    """

    name: str
    levels: tuple[str, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RangeFilter:
    """A range of numbers with its histogram.

    Attributes:
        name: column of the run table.
        stops: where a handle may stand, ascending. Discrete: the values themselves; otherwise bin edges.
        counts: (stop,) runs per value when discrete, (stop - 1,) runs per bin otherwise.
        discrete: whether each stop is a value that occurs.
    """

    name: str
    stops: tuple[float, ...]
    counts: tuple[int, ...]
    discrete: bool

    @property
    def is_logarithmic(self) -> bool:
        """Whether the bins are cut by the logarithm (a discrete filter has no bins)."""
        return not self.discrete and _is_wide(self.stops[0], self.stops[-1])

    def enclosing_stops(self, low: float, high: float) -> tuple[int, int]:
        """The narrowest pair of stop indices that lets everything in [low, high] pass; all where nothing would."""
        last = len(self.stops) - 1
        if high < self.stops[0] or low > self.stops[-1]:
            return 0, last
        first = max((index for index, stop in enumerate(self.stops) if stop <= low), default=0)
        return first, min((index for index, stop in enumerate(self.stops) if stop >= high), default=last)


Filter = LevelsFilter | RangeFilter


def is_numeric(column: pd.Series) -> bool:
    """Whether a column holds numbers (truth values are categories)."""
    return bool(pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column))


def filters_of(runs: pd.DataFrame, columns: Sequence[str]) -> tuple[Filter, ...]:
    """Filters of the columns that differ between runs, in the order given; columns that do not differ are left out."""
    return tuple(found for name in columns if (found := _filter_of(runs[name], name)) is not None)


def _filter_of(column: pd.Series, name: str) -> Filter | None:
    texts = column.map(level_text)
    if texts.nunique() < 2:
        return None
    if not is_numeric(column):
        return _levels(texts, name, sorted(texts.unique()))
    finite = column.dropna().astype(float)
    finite = finite[finite.map(math.isfinite)]
    distinct = sorted(finite.unique())
    if len(distinct) <= MAXIMUM_PILLS_FOR_NUMBERS:
        order = [level_text(value) for value in distinct]
        return _levels(texts, name, order + sorted(set(texts) - set(order)))
    if len(distinct) <= MAXIMUM_DISCRETE_STEPS:
        counts = finite.value_counts()
        return RangeFilter(name, tuple(map(float, distinct)), tuple(int(counts[value]) for value in distinct), True)
    edges = _bin_edges(float(distinct[0]), float(distinct[-1]))
    counts = pd.cut(finite, edges, include_lowest=True).value_counts(sort=False)
    return RangeFilter(name, edges, tuple(int(count) for count in counts), False)


def _levels(texts: pd.Series, name: str, order: Sequence[str]) -> LevelsFilter:
    counts = texts.value_counts()
    return LevelsFilter(name, tuple(order), tuple(int(counts[level]) for level in order))


def _bin_edges(low: float, high: float) -> tuple[float, ...]:
    n_bins = MAXIMUM_DISCRETE_STEPS
    if _is_wide(low, high):
        inner = [low * (high / low) ** (index / n_bins) for index in range(1, n_bins)]
    else:
        inner = [low + (high - low) * index / n_bins for index in range(1, n_bins)]
    return (low, *inner, high)


def _is_wide(low: float, high: float) -> bool:
    return low > 0 and high / low > LOGARITHMIC_RATIO
