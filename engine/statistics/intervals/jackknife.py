r"""Jackknife confidence intervals, on scales where the statistic is nearly normal.

With :math:`\theta_{(i)}` the statistic without unit i and :math:`\varphi` a scale, the variance of
:math:`\varphi(\theta)` is the sum over groups of units, each of :math:`n_g`,

.. math:: v = \sum_g v_g, \quad v_g = \frac{n_g - 1}{n_g} \sum_{i \in g} (\varphi(\theta_{(i)}) - \bar\varphi_g)^2,
    \qquad \nu = \frac{v^2}{\sum_g v_g^2 / (n_g - 1)}

and the interval is :math:`\varphi^{-1}(\varphi(\theta) \pm t_\nu \sqrt v)`. Percentiles of a bootstrap would be no
substitute: a unit drawn twice is at distance zero from itself, and their band may leave the estimate out.
Source: Tukey, Ann. Math. Stat. 29 (1958) 614; Miller, Biometrika 61 (1974) 1; Arvesen, Ann. Math. Stat. 40 (1969) 2076
(means over pairs); Satterthwaite, Biometrics Bull. 2 (1946) 110 (degrees of freedom).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InvalidSpecError

Array = NDArray[np.float64]

LEVEL = 0.95
LEAST_UNITS = 4
"""Least number of units of a group for an interval: fewer were not simulated, and three give a factor t of 4.3."""
ROUNDING = 1e-7
"""Standard error, relative to the value on its scale, below which nothing varies: there is no interval then."""


@dataclass(frozen=True, slots=True, eq=False)
class Interval:
    """Estimates with confidence intervals.

    Attributes:
        estimate: (...) values from all data.
        low, high: (...) ends of the intervals; NaN where there is none, because too few units vary or all are alike.
    """

    estimate: Array
    low: Array
    high: Array


@dataclass(frozen=True, slots=True)
class Scale:
    """A monotone scale of a statistic.

    Attributes:
        forward, back: to the scale and back; not finite beyond its range.
    """

    forward: Callable[[Array], Array]
    back: Callable[[Array], Array]


PLAIN = Scale(lambda x: x, lambda y: y)
LOGARITHM = Scale(np.log, np.exp)
LOGIT = Scale(lambda x: np.log(x / (1.0 - x)), lambda y: 1.0 / (1.0 + np.exp(-y)))
INVERSE_CUBE_ROOT = Scale(lambda x: -(x ** (-1 / 3)), lambda y: np.where(y < 0, np.abs(y) ** -3.0, np.inf))
"""For mean distances, which are skewed like variances. On the logarithm their intervals cover too little; on the
inverse square root a quarter of the levels of four configurations has no upper end."""


def jackknife(
    estimate: ArrayLike,
    left_out: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    level: float = LEVEL,
    scale: Scale = PLAIN,
) -> Interval:
    """Return the interval of statistics from their values with one unit left out.

    Args:
        estimate: (...) from all units.
        left_out: (unit, ...) without that unit.
        groups: (unit,) codes; the units of a group are draws from one population, of which there are as many in every
            study. None: one group.
        level: probability that the interval holds the mean of the estimate over studies.
        scale: on which the statistic is taken as normal.

    Raises:
        InvalidSpecError: the shapes do not match, or the level is not between 0 and 1.
    """
    values, without = np.asarray(estimate, np.float64), np.asarray(left_out, np.float64)
    codes = np.zeros(len(without), np.int64) if groups is None else np.asarray(groups)
    if without.shape[1:] != values.shape or codes.shape != without.shape[:1]:
        raise InvalidSpecError(
            f"left_out must have a value per unit for each of {values.shape}, and a group per unit; received "
            f"{without.shape} and {codes.shape}."
        )
    with np.errstate(all="ignore"):
        middle, moved = scale.forward(values), scale.forward(without)
        variance, squares = np.zeros(values.shape), np.zeros(values.shape)
        for code in np.unique(codes):
            members = moved[codes == code]
            if (n_units := len(members)) > 1:
                part = (n_units - 1) / n_units * ((members - members.mean(axis=0)) ** 2).sum(axis=0)
                variance += part
                squares += part**2 / (n_units - 1)
        reach = np.sqrt(variance) * quantile_of(variance**2 / squares, level)
        is_known = np.isfinite(reach) & (np.sqrt(variance) > ROUNDING * np.abs(middle))
        low, high = scale.back(middle - reach), scale.back(middle + reach)
        is_known &= np.isfinite(low) & np.isfinite(high)
    return Interval(values, np.where(is_known, low, np.nan), np.where(is_known, high, np.nan))


def quantile_of(degrees: ArrayLike, level: float) -> Array:
    """Return the factor of a standard error in Student's interval.

    Args:
        degrees: (...) degrees of freedom; NaN gives NaN.
        level: share of the distribution within.

    Raises:
        InvalidSpecError: the level is not between 0 and 1.
    """
    from scipy.special import stdtrit

    if not 0 < level < 1:
        raise InvalidSpecError(f"level must be between 0 and 1, received {level}.")
    return np.asarray(stdtrit(np.asarray(degrees, np.float64), 0.5 + 0.5 * level))
