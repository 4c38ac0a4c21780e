r"""Clocks that trajectories are aligned by, and the table of those on offer.

A clock gives every checkpoint of a run a number that rises while the run trains, on the whole: runs are compared at
equal numbers, the first time each reaches them (:mod:`engine.resampling`). To add one, write a function of a
:class:`Course` and a row of ``CLOCKS``, and its formula to ``tests/oracles_paths.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InvalidSpecError
from engine.kernels import OVERLAP_FLOOR
from engine.values import FloatArray

LARGEST_LOSS = -2.0 * math.log(OVERLAP_FLOOR)
"""What a sample whose true class has probability zero counts; a distance to the truth is half a loss."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What the clocks of one run are read from.

    Attributes:
        steps, epochs: (checkpoint,) as recorded; NaN where they were not.
        labels: (sample,) true classes.
        predictions: returns (checkpoint, sample, class) log-probabilities, for clocks that need them.
        errors: (checkpoint,) recorded share of wrong predictions on this split, NaN or None where there is none.
        progress: returns (checkpoint,) by definition, where somebody keeps it; by default it is computed.
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
        key: how specs and addresses name it.
        title: how people name it.
        unit: of its values; empty for a share.
        function: course -> (checkpoint,) values.
        explained: a sentence for people, with what makes it rise where the quantity itself falls.
        can_turn_back: whether it may fall while a run trains.
        highest: number of classes -> the largest value there can be; None where there is no largest.
    """

    key: str
    title: str
    unit: str
    function: Callable[[Course], Array]
    explained: str
    can_turn_back: bool
    highest: Callable[[int], float] | None = None

    def read(self, course: Course) -> Array:
        """Return (checkpoint,) the clock's values.

        Raises:
            InvalidSpecError: the run did not record what this clock shows.
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
        """Return (point,) equally spaced values, the last of them the clock's highest, and none of them zero.

        Args:
            n_points: how many.
            n_classes: C.
            largest: the largest value that a run has; it ends the grid of a clock without a highest value.

        Raises:
            InvalidSpecError: no point, or no value above zero.
        """
        end = largest if self.highest is None else self.highest(n_classes)
        if n_points < 1 or not 0 < end < math.inf:
            raise InvalidSpecError(
                f"A grid must have a point and end above zero, received {n_points} points up to {end:g} on the clock "
                f"{self.title}: choose another clock, or runs that were trained."
            )
        return end * np.arange(1, n_points + 1) / n_points


def largest_fall(values: ArrayLike) -> float:
    """Return how far a clock falls below what it has shown before, at most; 0 for one that never turns back."""
    numbers = np.asarray(values, dtype=np.float64)
    return float((np.maximum.accumulate(numbers) - numbers).max(initial=0.0))


def cross_entropy(log_probabilities: FloatArray, labels: ArrayLike) -> Array:
    r"""Return the mean loss of each model, twice its Bhattacharyya distance to the truth.

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
        of_true = logs[np.arange(len(true)), true].astype(np.float64) - _log_sums(logs)
        losses[model] = np.where(np.isneginf(of_true), LARGEST_LOSS, -of_true).mean()
    return losses


def accuracy(log_probabilities: FloatArray, labels: ArrayLike) -> Array:
    """Return (model,) the share of samples whose true class is the most probable; of equally probable ones, a part.

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


def _log_sums(logs: FloatArray) -> Array:
    """(sample,) logarithms of the sums of probabilities, which rounding has left near zero."""
    return np.asarray(np.log(np.exp(logs.astype(np.float64)).sum(axis=1)))


def _steps(course: Course) -> Array:
    return np.asarray(course.steps, dtype=np.float64)


def _epochs(course: Course) -> Array:
    return np.asarray(course.epochs, dtype=np.float64)


def _progress(definition: str) -> Callable[[Course], Array]:
    def measure(course: Course) -> Array:
        from engine.geodesics import progress

        if course.progress is not None:
            return course.progress(definition)
        return progress(course.predictions(), course.labels, definition)

    return measure


def _accuracy(course: Course) -> Array:
    if course.errors is not None and np.isfinite(course.errors).all():
        return 1.0 - np.asarray(course.errors, dtype=np.float64)
    return accuracy(course.predictions(), course.labels)


def _gain(course: Course) -> Array:
    logs = course.predictions()
    return math.log(logs.shape[2]) - cross_entropy(logs, course.labels)


def _arc_length(course: Course) -> Array:
    from engine.lengths import arc_length

    return arc_length(course.predictions())


def _one(_: int) -> float:
    return 1.0


CLOCKS: dict[str, Clock] = {
    clock.key: clock
    for clock in (
        Clock("step", "step", "steps", _steps, "Training steps, as recorded.", can_turn_back=False),
        Clock("epoch", "epoch", "epochs", _epochs, "Passes over the training data, as recorded.", can_turn_back=False),
        Clock(
            "progress",
            "progress",
            "",
            _progress("angle"),
            "Position on the geodesic from ignorance to truth with the smallest sum of angles, the study's definition.",
            can_turn_back=True,
            highest=_one,
        ),
        Clock(
            "progress-bhattacharyya",
            "progress (Bhattacharyya)",
            "",
            _progress("bhattacharyya"),
            "Position on the geodesic from ignorance to truth with the smallest Bhattacharyya distance.",
            can_turn_back=True,
            highest=_one,
        ),
        Clock(
            "progress-mean",
            "progress (mean)",
            "",
            _progress("mean"),
            "Each sample's nearest position on the geodesic from ignorance to truth, averaged over samples.",
            can_turn_back=True,
            highest=_one,
        ),
        Clock(
            "accuracy",
            "accuracy",
            "",
            _accuracy,
            "One minus the recorded error of the split, or from the predictions where none was recorded.",
            can_turn_back=True,
            highest=_one,
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
    """Return the table row of ``key``, or raise InvalidSpecError."""
    try:
        return CLOCKS[key]
    except KeyError:
        raise InvalidSpecError(f"clock must be one of {list(CLOCKS)}, received {key!r}.") from None
