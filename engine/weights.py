"""What each model counts in an embedding: the weighting schemes on offer.

A run recorded at many checkpoints pulls an embedding towards itself, and so does a configuration with many seeds. To
add a scheme: write a function of runs and configurations, and add a row to ``WEIGHTINGS``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InvalidSpecError

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


def per_checkpoint(counts: Ints, configurations: Ints) -> Array:
    """(run,) weights when every checkpoint counts the same."""
    return counts.astype(np.float64)


def per_run(counts: Ints, configurations: Ints) -> Array:
    """(run,) weights when every run counts the same, however many checkpoints it has."""
    return np.ones(len(counts))


def per_configuration(counts: Ints, configurations: Ints) -> Array:
    """(run,) weights when every configuration counts the same; its runs share its weight alike."""
    _, codes, sizes = np.unique(configurations, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / sizes[codes])


@dataclass(frozen=True, slots=True)
class Weighting:
    """One row of ``WEIGHTINGS``.

    Attributes:
        key: how options and files name it.
        title: how people name it.
        function: ((run,) checkpoints, (run,) configuration codes) -> (run,) weights of any scale.
    """

    key: str
    title: str
    function: Callable[[Ints, Ints], Array]


WEIGHTINGS: dict[str, Weighting] = {
    weighting.key: weighting
    for weighting in (
        Weighting("checkpoint", "every checkpoint the same", per_checkpoint),
        Weighting("run", "every run the same", per_run),
        Weighting("configuration", "every configuration the same", per_configuration),
    )
}


def model_weights(scheme: str | ArrayLike, counts: ArrayLike, configurations: ArrayLike | None = None) -> Array:
    r"""Return what each model counts: a run's weight, shared alike by its checkpoints.

    .. math:: w_{ut} = \frac{W_u}{T_u \sum_v W_v}

    Args:
        scheme: key of ``WEIGHTINGS``, or (run,) weights W of the runs, 0 or more, of any scale. A run with weight 0 is
            in no embedding's fit and is projected into it.
        counts: (run,) how many checkpoints T each run has; runs without any are skipped.
        configurations: (run,) codes, the same for runs that differ by their seed only; None where each run is a
            configuration of its own.

    Returns:
        (model,) float64 in run order, adding up to one.

    Raises:
        InvalidSpecError: an unknown scheme, or weights that are negative, not finite, all zero, or not one per run.
    """
    n_checkpoints = np.asarray(counts, dtype=np.int64)
    codes = np.arange(len(n_checkpoints)) if configurations is None else np.asarray(configurations, dtype=np.int64)
    if isinstance(scheme, str):
        if scheme not in WEIGHTINGS:
            raise InvalidSpecError(f"weights must be one of {sorted(WEIGHTINGS)} or a list, received {scheme!r}.")
        of_runs = np.zeros(len(n_checkpoints))
        recorded = n_checkpoints > 0
        of_runs[recorded] = WEIGHTINGS[scheme].function(n_checkpoints[recorded], codes[recorded])
    else:
        of_runs = np.asarray(scheme, dtype=np.float64)
        if of_runs.shape != n_checkpoints.shape:
            raise InvalidSpecError(
                f"weights must hold one number per run: received the shape {of_runs.shape} for "
                f"{len(n_checkpoints)} runs."
            )
    return checked_weights(np.repeat(of_runs / np.maximum(1, n_checkpoints), n_checkpoints))


def checked_weights(weights: ArrayLike) -> Array:
    """Return weights that add up to one.

    Raises:
        InvalidSpecError: a negative or infinite weight, or none above zero.
    """
    w = np.asarray(weights, dtype=np.float64)
    if w.ndim != 1 or not np.isfinite(w).all() or (w < 0).any() or not w.any():
        raise InvalidSpecError(
            "weights must be a list of finite numbers, 0 or more and not all 0: "
            f"received {w.shape} between {w.min(initial=np.inf)} and {w.max(initial=-np.inf)}."
        )
    # By the largest first: the sum of huge weights must not overflow.
    w = w / w.max()
    return np.asarray(w / w.sum())
