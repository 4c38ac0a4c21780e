r"""Lengths of trajectories in three conventions, and of geodesics between models.

Between consecutive checkpoints, with the angle :math:`\theta_n` between their square roots in sample n:

* *angle*: the mean of :math:`\theta_n`, exactly. For the geodesic from ignorance to truth, :math:`\arccos(1/\sqrt{C})`.
* *Fisher-Rao*: :math:`\sqrt{8 d_B}`. For small steps :math:`d_B = \tfrac12 \overline{\theta_n^2}`, so its sum is the
  length in the Fisher metric, :math:`2 \sqrt{\overline{\theta_n^2}}`: a geodesic in small steps has twice the root mean
  square of its angles, and from ignorance to truth :math:`2 \arccos(1/\sqrt{C})`.
* *arc*: :math:`\sqrt{d_B}`, the arc element of the published study's code.

The angle is a mean of the samples' lengths, the other two are roots of a mean of squares: up to their factors they
agree if all samples move equally, and otherwise the latter are larger.
Source: Mao et al., PNAS 121 (2024) e2310002121, methods; Amari and Nagaoka, Methods of Information Geometry, 2000.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.distances.kernels.contract import OVERLAP_FLOOR
from engine.errors import InvalidPredictionsError
from engine.machine import run_all
from engine.values import FloatArray

STEPS_PER_CALL = 8

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    r"""Steps between consecutive checkpoints of a run.

    Attributes:
        angles: (step,) float64 mean over samples of the angle, radians.
        squares: (step,) float64 mean over samples of the squared angle.
        distances: (step,) float64 Bhattacharyya distance, nats per sample; zero overlaps are replaced by
            ``OVERLAP_FLOOR``.
    """

    angles: Array
    squares: Array
    distances: Array


@dataclass(frozen=True, slots=True)
class Lengths:
    """Lengths of one trajectory.

    Attributes:
        angle: sum of mean angles, radians.
        fisher_rao: sum of sqrt(8 d_B).
        arc: sum of sqrt(d_B).
    """

    angle: float
    fisher_rao: float
    arc: float


def steps_of(log_probabilities: FloatArray) -> Steps:
    """Return the steps between consecutive checkpoints, accurate also for near-identical ones.

    Args:
        log_probabilities: (checkpoint, sample, class) natural logarithms in the order of training; rows are
            renormalised, ``-inf`` is allowed.

    Raises:
        InvalidPredictionsError: not three axes, or an empty one.
    """
    if log_probabilities.ndim != 3 or 0 in log_probabilities.shape:
        raise InvalidPredictionsError(
            f"log_probabilities must have the axes (checkpoint, sample, class), none empty; received "
            f"{log_probabilities.shape}."
        )
    found = np.empty((3, len(log_probabilities) - 1))

    def take(first: int) -> None:
        models = log_probabilities[first : first + STEPS_PER_CALL + 1]
        roots = 0.5 * models.astype(np.float64)
        np.exp(roots, out=roots)
        _compare_neighbours(roots, OVERLAP_FLOOR, found[:, first : first + STEPS_PER_CALL])

    run_all([(take, (first,)) for first in range(0, found.shape[1], STEPS_PER_CALL)])
    return Steps(*found)


def path_lengths(log_probabilities: FloatArray) -> Lengths:
    """Return the lengths of a trajectory; see :func:`steps_of`. A single checkpoint has length zero.

    The angle measures a chain of great circles; the true path between two checkpoints can only be longer.
    """
    steps = steps_of(log_probabilities)
    arc = float(np.sqrt(steps.distances).sum())
    return Lengths(float(steps.angles.sum()), math.sqrt(8.0) * arc, arc)


def geodesic_lengths(start: FloatArray, end: FloatArray) -> Lengths:
    r"""Return the lengths of the geodesic between two models in the three conventions, in the limit of small steps.

    .. math:: \overline{\theta_n}, \qquad 2 \sqrt{\overline{\theta_n^2}}, \qquad
        \tfrac{1}{\sqrt 2} \sqrt{\overline{\theta_n^2}}

    No path between the two is shorter in any convention. Equal models have length zero.

    Args:
        start, end: (sample, class) natural logarithms.

    Raises:
        InvalidPredictionsError: the shapes do not match.
    """
    if start.shape != end.shape:
        raise InvalidPredictionsError(
            f"The ends must have the same axes (sample, class), received {start.shape} and {end.shape}."
        )
    step = steps_of(np.stack([start, end]))
    root = math.sqrt(step.squares[0])
    return Lengths(float(step.angles[0]), 2.0 * root, root / math.sqrt(2.0))


def arc_length(log_probabilities: FloatArray) -> Array:
    """Return the (checkpoint,) cumulative Fisher-Rao length, 0 at the first checkpoint.

    Args:
        log_probabilities: (checkpoint, sample, class) natural logarithms in the order of training.
    """
    covered = np.sqrt(8.0 * steps_of(log_probabilities).distances)
    return np.concatenate([[0.0], np.cumsum(covered)])


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"}, error_model="numpy")
def _compare_neighbours(roots, floor, found):  # type: ignore[no-untyped-def]
    """Normalise the roots in place and write measures of each step between consecutive models into ``found``."""
    n_models, n_samples, n_classes = roots.shape
    for m in range(n_models):
        for n in range(n_samples):
            square = 0.0
            for c in range(n_classes):
                square += roots[m, n, c] * roots[m, n, c]
            scale = 1.0 / math.sqrt(square)
            for c in range(n_classes):
                roots[m, n, c] *= scale
    for m in range(n_models - 1):
        angles = squares = logs = 0.0
        for n in range(n_samples):
            s, t = roots[m, n], roots[m + 1, n]
            overlap = across = along = 0.0
            for c in range(n_classes):
                overlap += s[c] * t[c]
                across += (s[c] - t[c]) * (s[c] - t[c])
                along += (s[c] + t[c]) * (s[c] + t[c])
            theta = 2.0 * math.atan2(math.sqrt(across), math.sqrt(along))
            angles += theta
            squares += theta * theta
            # The overlap is also 1 - |s - t|^2 / 2, which near one keeps digits that the product has rounded away.
            logs += math.log1p(-0.5 * across) if across < 1.0 else math.log(max(overlap, floor))
        found[0, m], found[1, m], found[2, m] = angles / n_samples, squares / n_samples, -logs / n_samples
