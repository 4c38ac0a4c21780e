r"""Variance components of runs: between configurations and within them, from divergences.

Divergences stand where squared distances do (see ``permutation/permanova.py``): for points x of a Euclidean space
:math:`d_{ij} = |x_i - x_j|^2`, with time-like components the same sums with signs. The model is
:math:`x_{gr} = \mu + a_g + e_{gr}` with independent :math:`E|a|^2 = \tau^2` and :math:`E|e|^2 = \sigma^2`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from engine.errors import InvalidSpecError


@dataclass(frozen=True, slots=True)
class VarianceComponents:
    """Variances of a run about its configuration and of configurations about their mean, and pairs compared with pairs.

    Attributes:
        within: :math:`\\hat\\sigma^2`, in the unit of the divergences; NaN without a repeated configuration.
        between: :math:`\\hat\\tau^2`; negative by chance, or where configurations are alike.
        share_of_squares: share of the sum of squares that lies within configurations.
        pair_ratio: mean divergence of two runs of a configuration over that of two of different ones.
        nearest: share of the runs with a repetition whose nearest run is one; equally near ones share the place.
        nearest_by_chance: the same if the nearest run were any other.
        degrees_within, degrees_between: degrees of freedom, N - G and G - 1.
    """

    within: float
    between: float
    share_of_squares: float
    pair_ratio: float
    nearest: float
    nearest_by_chance: float
    degrees_within: int
    degrees_between: int

    @property
    def share_of_squares_by_chance(self) -> float:
        """Expected share of the sum of squares within configurations if they were alike: that of the degrees."""
        return self.degrees_within / (self.degrees_within + self.degrees_between)

    @property
    def share_within(self) -> float:
        r"""Share of a run's variance that repetitions have, :math:`\sigma^2 / (\sigma^2 + \tau^2)`, at most 1."""
        if not self.within > 0:
            return math.nan
        return self.within / (self.within + max(self.between, 0.0))


def variance_components(divergences: ArrayLike, groups: ArrayLike) -> VarianceComponents:
    r"""Return the variance components of runs in configurations, unbalanced ones allowed.

    With N runs in G groups of :math:`n_g`,

    .. math:: SS_W = \sum_g \frac{1}{n_g} \sum_{i<j \in g} d_{ij}, \qquad SS_T = \frac1N \sum_{i<j} d_{ij},
        \qquad \hat\sigma^2 = \frac{SS_W}{N - G},
        \qquad \hat\tau^2 = \frac{1}{n_0} \left(\frac{SS_T - SS_W}{G - 1} - \hat\sigma^2\right),
        \qquad n_0 = \frac{N - \sum_g n_g^2 / N}{G - 1},

    both unbiased (:math:`E\,MS_B = \sigma^2 + n_0 \tau^2`).

    Args:
        divergences: (run, run) symmetric, zero diagonal, like squared distances.
        groups: (run,) configuration of each run.

    Raises:
        InvalidSpecError: the shapes do not match, or there are fewer than two groups.

    Source: Searle, Casella, McCulloch, Variance Components (1992), 3.6, with sums of squares from distances as in
    Anderson, Austral Ecology 26 (2001) 32.
    """
    matrix = np.asarray(divergences, dtype=np.float64)
    codes = np.unique(np.asarray(groups), return_inverse=True)[1]
    if matrix.shape != (len(codes), len(codes)) or not np.isfinite(matrix).all():
        raise InvalidSpecError(f"divergences must be a finite (run, run) square for {len(codes)} runs.")
    sizes = np.bincount(codes)
    n_runs, n_groups = len(codes), len(sizes)
    if n_groups < 2:
        raise InvalidSpecError("Variance between configurations needs two of them, and these runs are of one.")
    is_same = codes[:, None] == codes
    within_squares = 0.5 * float((matrix * is_same / sizes[codes]).sum())
    squares = 0.5 * float(matrix.sum()) / n_runs
    within = within_squares / (n_runs - n_groups) if n_runs > n_groups else math.nan
    n_0 = (n_runs - float((sizes**2).sum()) / n_runs) / (n_groups - 1)
    between = ((squares - within_squares) / (n_groups - 1) - within) / n_0

    i, j = np.triu_indices(n_runs, 1)
    same, apart = matrix[i, j][is_same[i, j]], matrix[i, j][~is_same[i, j]]
    is_repeated = sizes[codes] > 1
    others = matrix + np.where(np.eye(n_runs, dtype=bool), np.inf, 0.0)
    is_nearest = others == others.min(axis=1, keepdims=True)
    nearest = (is_nearest & is_same).sum(axis=1) / is_nearest.sum(axis=1)
    return VarianceComponents(
        within=within,
        between=between,
        share_of_squares=within_squares / squares if squares > 0 else math.nan,
        pair_ratio=float(same.mean() / apart.mean()) if len(same) and apart.mean() > 0 else math.nan,
        nearest=float(nearest[is_repeated].mean()) if is_repeated.any() else math.nan,
        nearest_by_chance=float((sizes[codes][is_repeated] - 1).mean() / (n_runs - 1))
        if is_repeated.any()
        else math.nan,
        degrees_within=n_runs - n_groups,
        degrees_between=n_groups - 1,
    )
