"""Weighting schemes of models in an embedding.

A run with many checkpoints dominates an embedding, and so does a configuration with many seeds. To add a scheme, write
a function of runs and configurations and add a row to ``WEIGHTINGS``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InvalidSpecError

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


def per_configuration(counts: Ints, configurations: Ints) -> Array:
    """Return (run,) weights with equal totals per configuration, shared equally by its runs."""
    _, codes, sizes = np.unique(configurations, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / sizes[codes])


@dataclass(frozen=True, slots=True)
class Weighting:
    """One row of ``WEIGHTINGS``.

    Attributes:
        key: identifier in options and files.
        title: display name.
        function: ((run,) checkpoints, (run,) configuration codes) -> (run,) weights of any scale.
    """

    key: str
    title: str
    function: Callable[[Ints, Ints], Array]


WEIGHTINGS: dict[str, Weighting] = {
    weighting.key: weighting
    for weighting in (
        Weighting("checkpoint", "every checkpoint the same", lambda counts, _: counts.astype(np.float64)),
        Weighting("run", "every run the same", lambda counts, _: np.ones(len(counts))),
        Weighting("configuration", "every configuration the same", per_configuration),
    )
}


def model_weights(scheme: str, counts: ArrayLike, configurations: ArrayLike) -> Array:
    r"""Return the weight of each model: its run's weight, shared equally by the run's checkpoints.

    .. math:: w_{ut} = \frac{W_u}{T_u \sum_v W_v}

    Args:
        scheme: key of ``WEIGHTINGS``.
        counts: (run,) number of checkpoints T of each run; runs without any are skipped.
        configurations: (run,) codes, equal for runs that differ only by their seed.

    Returns:
        (model,) float64 in run order, summing to one.

    Raises:
        InvalidSpecError: an unknown scheme.
    """
    if scheme not in WEIGHTINGS:
        raise InvalidSpecError(f"weights must be one of {sorted(WEIGHTINGS)}, received {scheme!r}.")
    n_checkpoints = np.asarray(counts, dtype=np.int64)
    recorded = n_checkpoints > 0
    n_checkpoints, codes = n_checkpoints[recorded], np.asarray(configurations, dtype=np.int64)[recorded]
    return checked_weights(np.repeat(WEIGHTINGS[scheme].function(n_checkpoints, codes) / n_checkpoints, n_checkpoints))


def checked_weights(weights: ArrayLike) -> Array:
    """Return weights that sum to one.

    Raises:
        InvalidSpecError: a negative or infinite weight, or no positive one.
    """
    w = np.asarray(weights, dtype=np.float64)
    if w.ndim != 1 or not np.isfinite(w).all() or (w < 0).any() or not w.any():
        raise InvalidSpecError(
            "weights must be a list of finite numbers, 0 or more and not all 0: "
            f"received {w.shape} between {w.min(initial=np.inf)} and {w.max(initial=-np.inf)}."
        )
    # Divided by the largest first: the sum of huge weights could overflow.
    w = w / w.max()
    return np.asarray(w / w.sum())
