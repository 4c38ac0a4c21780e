r"""Clocks that align trajectories, and their table.

A clock assigns every checkpoint a number that mostly increases during training: runs are compared at equal values,
each at the first time it reaches them (:mod:`.resampling`). To add one, write a function of a :class:`Course`, add a
row to ``CLOCKS``, and its formula to ``tests/oracles_paths.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.distances.kernels.contract import OVERLAP_FLOOR
from engine.errors import InvalidSpecError
from engine.values import FloatArray

LARGEST_LOSS = -2.0 * math.log(OVERLAP_FLOOR)
"""Loss of a sample whose true class has probability zero; a distance to the truth is half a loss."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Inputs of the clocks of one run.

    Attributes:
        steps, epochs: (checkpoint,) as recorded; NaN if they were not.
        labels: (sample,) true classes.
        predictions: returns (checkpoint, sample, class) log-probabilities, for clocks that need them.
        errors: (checkpoint,) recorded error rates on this split, NaN or None if missing.
        progress: returns stored (checkpoint,) progress by definition; None computes it.
    """

    steps: NDArray[np.float64] | NDArray[np.int64]
    epochs: Array
    labels: NDArray[np.int64]
    predictions: Callable[[], FloatArray]
    errors: Array | None = None
    progress: Callable[[str], Array] | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """One row of ``CLOCKS``.

    Attributes:
        key: identifier in specs and addresses.
        title: display name.
        unit: unit of its values; empty for a share.
        function: course -> (checkpoint,) values.
        explained: display sentence, including the transformation that makes a decreasing quantity increase.
        can_turn_back: whether it may decrease during training.
        highest: number of classes -> the largest possible value; None if unbounded.
    """

    key: str
    title: str
    unit: str
    function: Callable[[Course], ArrayLike]
    explained: str
    can_turn_back: bool
    highest: Callable[[int], float] | None = None

    def read(self, course: Course) -> Array:
        """Return the (checkpoint,) values of the clock.

        Raises:
            InvalidSpecError: the run did not record the quantity of this clock.
        """
        values = np.asarray(self.function(course), dtype=np.float64)
        if not np.isfinite(values).all():
            first = int(np.flatnonzero(~np.isfinite(values))[0])
            raise InvalidSpecError(
                f"The clock must have a number for every checkpoint, received no {self.title} for checkpoint {first}: "
                "choose another clock, or leave the run out."
            )
        return values

    def grid(self, n_points: int, n_classes: int, largest: float) -> Array:
        """Return (point,) equally spaced values above zero, ending at the clock's highest value.

        Args:
            n_points: number of values.
            n_classes: C.
            largest: the largest value of any run; the end of the grid for a clock without a highest value.

        Raises:
            InvalidSpecError: no point requested, or no value above zero.
        """
        end = largest if self.highest is None else self.highest(n_classes)
        if n_points < 1 or not 0 < end < math.inf:
            raise InvalidSpecError(
                f"A grid must have a point and end above zero, received {n_points} points up to {end:g} on the clock "
                f"{self.title}: choose another clock, or runs that were trained."
            )
        return end * np.arange(1, n_points + 1) / n_points


def largest_fall(values: ArrayLike) -> float:
    """Return the largest fall of a clock below its running maximum; 0 for a monotone clock."""
    numbers = np.asarray(values, dtype=np.float64)
    return float((np.maximum.accumulate(numbers) - numbers).max(initial=0.0))


def cross_entropy(log_probabilities: FloatArray, labels: ArrayLike) -> Array:
    r"""Return the mean cross-entropy of each model, twice its Bhattacharyya distance to the truth.

    .. math:: -\frac{1}{N} \sum_n \log p^n_{\text{true}}

    Args:
        log_probabilities: (model, sample, class) natural logarithms; rows are renormalised.
        labels: (sample,) true classes.

    Returns:
        (model,) float64 nats per sample; a true class of probability zero counts ``LARGEST_LOSS``.
    """
    true = np.asarray(labels)
    losses = np.empty(len(log_probabilities))
    for model, logs in enumerate(log_probabilities):
        # The logarithms of the sums of probabilities are zero up to rounding.
        sums = np.log(np.exp(logs.astype(np.float64)).sum(axis=1))
        of_true = logs[np.arange(len(true)), true].astype(np.float64) - sums
        losses[model] = np.where(np.isneginf(of_true), LARGEST_LOSS, -of_true).mean()
    return losses


def accuracy(log_probabilities: FloatArray, labels: ArrayLike) -> Array:
    """Return (model,) the accuracy; a sample with tied most probable classes counts as a fraction.

    Args:
        log_probabilities: (model, sample, class) natural logarithms.
        labels: (sample,) true classes.
    """
    true = np.asarray(labels)
    shares = np.empty(len(log_probabilities))
    for model, logs in enumerate(log_probabilities):
        is_top = logs == logs.max(axis=1, keepdims=True)
        shares[model] = (is_top[np.arange(len(true)), true] / is_top.sum(axis=1)).mean()
    return shares


def _progress(key: str, title: str, definition: str, explained: str) -> Clock:
    def measure(course: Course) -> Array:
        from engine.trajectories.geodesics import progress

        if course.progress is not None:
            return course.progress(definition)
        return progress(course.predictions(), course.labels, definition)

    return Clock(key, title, "", measure, explained, can_turn_back=True, highest=lambda _: 1.0)


def _accuracy(course: Course) -> Array:
    if course.errors is not None and np.isfinite(course.errors).all():
        return 1.0 - np.asarray(course.errors, dtype=np.float64)
    return accuracy(course.predictions(), course.labels)


def _gain(course: Course) -> Array:
    logs = course.predictions()
    return math.log(logs.shape[2]) - cross_entropy(logs, course.labels)


def _arc_length(course: Course) -> Array:
    from engine.trajectories.lengths import arc_length

    return arc_length(course.predictions())


CLOCKS: dict[str, Clock] = {
    clock.key: clock
    for clock in (
        Clock("step", "step", "steps", lambda run: run.steps, "Training steps, as recorded.", can_turn_back=False),
        Clock("epoch", "epoch", "epochs", lambda run: run.epochs, "Passes over the training data, as recorded.", False),
        _progress(
            "progress",
            "progress",
            "angle",
            "Position on the geodesic from ignorance to truth with the smallest sum of angles, the study's definition.",
        ),
        _progress(
            "progress-bhattacharyya",
            "progress (Bhattacharyya)",
            "bhattacharyya",
            "Position on the geodesic from ignorance to truth with the smallest Bhattacharyya distance.",
        ),
        _progress(
            "progress-mean",
            "progress (mean)",
            "mean",
            "Each sample's nearest position on the geodesic from ignorance to truth, averaged over samples.",
        ),
        Clock(
            "accuracy",
            "accuracy",
            "",
            _accuracy,
            "One minus the recorded error of the split, or from the predictions where none was recorded.",
            can_turn_back=True,
            highest=lambda _: 1.0,
        ),
        Clock(
            "loss",
            "loss, as gain over ignorance",
            "nats",
            _gain,
            "The loss of ignorance, ln C, minus the mean cross-entropy: it rises while the loss falls, from 0 at "
            "ignorance to ln C at the truth.",
            can_turn_back=True,
            highest=math.log,
        ),
        Clock(
            "arc-length",
            "arc length",
            "Fisher-Rao length",
            _arc_length,
            "Length covered so far: the sum of sqrt(8 d_B) over consecutive checkpoints.",
            can_turn_back=False,
        ),
    )
}


def find_clock(key: str) -> Clock:
    """Return the table row of ``key``; raise InvalidSpecError if there is none."""
    try:
        return CLOCKS[key]
    except KeyError:
        raise InvalidSpecError(f"clock must be one of {list(CLOCKS)}, received {key!r}.") from None
