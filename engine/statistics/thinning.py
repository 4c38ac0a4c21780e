"""Deterministic thinning of runs and checkpoints."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

SEED = 0


def evenly(n_things: int, most: int) -> NDArray[np.int64]:
    """Return increasing indices of at most `most` items, evenly spread, first and last included.

    Args:
        n_things: number of items.
        most: at least two.
    """
    if n_things <= most:
        return np.arange(n_things)
    return np.round(np.linspace(0, n_things - 1, most)).astype(np.int64)


def thin_runs(counts: ArrayLike, most_models: int) -> list[NDArray[np.int64]]:
    """Return the checkpoints to keep of each run, at most `most_models` in total.

    Every run keeps the same share of its checkpoints, evenly spread, first and last included; if not even those two
    fit, runs are omitted evenly as well.

    Args:
        counts: (run,) number of checkpoints of each run.
        most_models: at least two.

    Returns:
        (run,) increasing indices of checkpoints; empty for an omitted run.
    """
    sizes = np.asarray(counts, dtype=np.int64)
    kept = np.zeros(len(sizes), dtype=np.int64)
    runs = evenly(len(sizes), max(2, most_models // 2))
    kept[runs] = sizes[runs]
    if kept.sum() > most_models:
        # Bisection for the largest length to which all runs can be cut.
        low, high = 1, int(kept.max())
        while low + 1 < high:
            middle = (low + high) // 2
            low, high = (middle, high) if _cut(kept, middle, sizes).sum() <= most_models else (low, middle)
        kept = _cut(kept, low, sizes)
    return [
        evenly(size, most) if most > 1 else np.arange(most)
        for size, most in zip(sizes.tolist(), kept.tolist(), strict=True)
    ]


def _cut(kept: NDArray[np.int64], longest: int, sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number kept per run if the longest keeps `longest`: an equal share, at least the two ends."""
    shares = np.floor(kept * (longest / kept.max())).astype(np.int64)
    return np.where(kept > 0, np.maximum(shares, np.minimum(kept, 2)), 0)


def drawn_runs(counts: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return the indices of all runs, or of as many as have at most ``most`` models together; deterministic.

    Args:
        counts: (run,) number of models of each run.
        most: most models to draw; a single run may have more.
    """
    if counts.sum() <= most:
        return np.arange(len(counts))
    order = np.random.default_rng(SEED).permutation(len(counts))
    n_runs = max(1, int(np.searchsorted(np.cumsum(counts[order]), most, side="right")))
    return np.sort(order[:n_runs])
