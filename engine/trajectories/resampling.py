r"""Trajectories resampled at values of a clock.

Between two checkpoints a model is interpolated on the great circle through the square roots of their probabilities,
sample by sample. Source: Mao et al., PNAS 121 (2024) e2310002121, eq. 3; Shoemake, SIGGRAPH 1985, for the two weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InvalidPredictionsError, InvalidSpecError
from engine.machine import run_all
from engine.values import FloatArray

END_POLICIES = {
    "hold": "after its last checkpoint a run stays where it is",
    "reference": "the last checkpoint is taken for the end of the grid, as the published study's code does",
}
"""Policies for grid values beyond a run's own: key and display text."""
CALL_ELEMENTS = 2**11
"""Elements (samples x classes) of each model per parallel call: many enough to outweigh the overhead of the call, few
enough that there are calls for all cores."""


@dataclass(frozen=True, slots=True, eq=False)
class Crossings:
    """Checkpoints and fractions at which a run crosses the values of a grid.

    Attributes:
        earlier, later: (point,) int64 checkpoints before and after the crossing.
        fraction: (point,) float64 in [0, 1], from the earlier to the later one.
        is_inside: (point,) bool, whether the value is between the clock's first and largest.
    """

    earlier: NDArray[np.int64]
    later: NDArray[np.int64]
    fraction: NDArray[np.float64]
    is_inside: NDArray[np.bool_]


def crossings(clock: ArrayLike, grid: ArrayLike, *, after: str = "hold") -> Crossings:
    r"""Return the first crossings of a run's clock through each value of a grid.

    A value :math:`\tau` is crossed between checkpoints k - 1 and k, k being the first with :math:`s_k \ge \tau`, at
    the fraction :math:`(\tau - s_{k-1}) / (s_k - s_{k-1})`. So a clock that turns back is crossed once, the first time,
    and a rising grid never leads backwards in training. Before its first value a run is at its first checkpoint.

    Args:
        clock: (checkpoint,) in any unit; need not be monotone.
        grid: (point,) values of the clock.
        after: key of ``END_POLICIES``. ``"hold"``: beyond its largest value a run is at its last checkpoint.
            ``"reference"``: the last checkpoint's value is raised to the grid's largest, so that values that no earlier
            checkpoint reaches are interpolated between the last two checkpoints.

    Raises:
        InvalidSpecError: no checkpoint, a number that is not finite, an unknown policy.
    """
    if after not in END_POLICIES:
        raise InvalidSpecError(f"after must be one of {sorted(END_POLICIES)}, received {after!r}.")
    values, targets = _finite(clock, "clock"), _finite(grid, "grid")
    if not len(values):
        raise InvalidSpecError("clock must have a value for each checkpoint, received none.")
    last, reached = len(values) - 1, values.max()
    is_inside = (targets >= values[0]) & (targets <= reached)
    if after == "reference" and last and len(targets):
        values = values.copy()
        values[last] = max(values[last], targets.max())
    # The first value to reach a target is also the first running maximum to reach it.
    later = np.searchsorted(np.maximum.accumulate(values), targets, side="left")
    is_held = (later == 0) | (later > last)
    later = np.minimum(later, last)
    earlier = np.where(is_held, later, later - 1)
    # All values before `later` are below the target, so no step is zero.
    step = np.where(is_held, 1.0, values[later] - values[earlier])
    return Crossings(earlier, later, np.where(is_held, 0.0, (targets - values[earlier]) / step), is_inside)


def interpolate(log_p: FloatArray, log_q: FloatArray, positions: ArrayLike) -> NDArray[np.float64]:
    r"""Return models on the great circle between two models.

    .. math:: \sqrt{\gamma_t^n} = \frac{\sin((1-t)\theta_n) \sqrt{p^n} + \sin(t \theta_n) \sqrt{q^n}}{\sin\theta_n},
        \quad \theta_n = \arccos \sum_c \sqrt{p^n_c q^n_c}

    Args:
        log_p, log_q: (sample, class) natural logarithms of the two; rows are renormalised, ``-inf`` is allowed.
        positions: (point,) t in [0, 1]; exactly 0 and 1 return the given models.

    Returns:
        (point, sample, class) float64 log-probabilities; ``-inf`` where both models have it.

    Raises:
        InvalidPredictionsError: the shapes do not match.
        InvalidSpecError: a position is out of range.
    """
    if log_p.ndim != 2 or log_p.shape != log_q.shape:
        raise InvalidPredictionsError(
            f"log_p and log_q must have the same axes (sample, class), received {log_p.shape} and {log_q.shape}."
        )
    t = _finite(positions, "positions")
    if not ((t >= 0) & (t <= 1)).all():
        raise InvalidSpecError(f"positions must lie in [0, 1], received {t.min()}..{t.max()}.")
    points = np.empty((len(t), *log_p.shape))
    zero = np.zeros(len(t), dtype=np.int64)
    _fill(np.stack([log_p, log_q]).astype(np.float64), zero, zero + 1, t, points)
    return points


def resample(
    log_probabilities: FloatArray, clock: ArrayLike, grid: ArrayLike, *, after: str = "hold"
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the models of a run at given values of its clock; see :func:`crossings` and :func:`interpolate`.

    Args:
        log_probabilities: (checkpoint, sample, class) natural logarithms, in the order of training.
        clock: (checkpoint,) its clock, in any unit.
        grid: (point,) values of the clock.
        after: key of ``END_POLICIES``.

    Returns:
        (point, sample, class) float32 log-probabilities, and (point,) bool: whether the run reached the value. The
        models at all other points are its first or last ones, or follow from the policy.

    Raises:
        InvalidPredictionsError: not (checkpoint, sample, class), or not one checkpoint per clock value.
        InvalidSpecError: a number is not finite, or the policy is unknown.
    """
    where = crossings(clock, grid, after=after)
    n_values = np.size(clock)
    if log_probabilities.ndim != 3 or len(log_probabilities) != n_values:
        raise InvalidPredictionsError(
            "log_probabilities must have the axes (checkpoint, sample, class) and one checkpoint per value of the "
            f"clock, received {log_probabilities.shape} and {n_values} values."
        )
    return models_at(log_probabilities, where), where.is_inside


def models_at(log_probabilities: FloatArray, where: Crossings) -> NDArray[np.float32]:
    """Return the models at known crossings.

    Args:
        log_probabilities: (checkpoint, sample, class) natural logarithms of all checkpoints that ``where`` names.
        where: from :func:`crossings`.

    Returns:
        (point, sample, class) float32 log-probabilities.
    """
    points = np.empty((len(where.fraction), *log_probabilities.shape[1:]), dtype=np.float32)
    _fill(log_probabilities, where.earlier, where.later, where.fraction, points)
    return points


def _finite(numbers: ArrayLike, name: str) -> NDArray[np.float64]:
    values = np.asarray(numbers, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise InvalidSpecError(f"{name} must be a list of finite numbers, received {numbers!r}.")
    return values


def _fill(
    logs: FloatArray,
    earlier: NDArray[np.int64],
    later: NDArray[np.int64],
    fraction: NDArray[np.float64],
    points: NDArray[Any],
) -> None:
    """Write the interpolated model between two of ``logs`` into each of ``points``."""
    from engine.trajectories.numba_loops import interpolate_rows

    n_samples, n_classes = logs.shape[1:]
    step = max(1, CALL_ELEMENTS // n_classes)
    parts = [slice(n, n + step) for n in range(0, n_samples, step)]
    run_all([(interpolate_rows, (logs[:, part], earlier, later, fraction, points[:, part])) for part in parts])
