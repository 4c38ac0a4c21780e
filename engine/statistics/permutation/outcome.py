"""Outcome of a permutation test, and adjustment for several."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
TIE = 1e-9
"""Relative tolerance: permutations equivalent to the identity give its statistic up to rounding, and must count."""


@dataclass(frozen=True, slots=True)
class PermutationTest:
    """Result of a permutation test.

    Attributes:
        statistic: the statistic as observed; NaN if undefined.
        p_value: :math:`(1 + \\#\\{\\text{permuted} \\ge \\text{observed}\\}) / (1 + B)`; NaN if nothing is tested.
        smallest_p: least possible p-value for this number of permutations and units.
        n_permutations: B.
        degrees: degrees of freedom: number of independent contrasts that the factor adds.
        share: share of the total variation, :math:`R^2` of PERMANOVA; NaN for other tests. With time-like components it
            may leave [0, 1].
        chance_share: mean of ``share`` over the permutations.
        omega_squared: ``share`` without what chance adds to it, see :func:`.permanova.permanova`.
        name: of the statistic.
    """

    statistic: float
    p_value: float
    smallest_p: float
    n_permutations: int
    degrees: int = 1
    share: float = math.nan
    chance_share: float = math.nan
    omega_squared: float = math.nan
    name: str = "F"


def count_reached(values: Array, observed: float) -> int:
    """Return how many permuted statistics are at least the observed one."""
    if not math.isfinite(observed):
        return int(np.isinf(values).sum())
    return int((values >= observed - TIE * abs(observed)).sum())


def holm(p_values: ArrayLike) -> Array:
    """Return p-values adjusted for multiple testing (Holm 1979); NaN entries, of no test, remain.

    The probability that any hyperparameter without effect falls below a threshold is then at most that threshold.
    """
    given = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(len(given), np.nan)
    tested = np.flatnonzero(np.isfinite(given))
    order = tested[np.argsort(given[tested], kind="stable")]
    factors = len(order) - np.arange(len(order))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(factors * given[order]))
    return adjusted
