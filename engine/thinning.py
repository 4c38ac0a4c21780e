"""Fewer runs or checkpoints where all of them would take too long, evenly and always the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def evenly(n_things: int, most: int) -> NDArray[np.int64]:
    """Return rising places of at most so many of some things, evenly spread, first and last among them.

    Args:
        n_things: how many there are.
        most: at least two.
    """
    if n_things <= most:
        return np.arange(n_things)
    return np.round(np.linspace(0, n_things - 1, most)).astype(np.int64)


def thin_runs(counts: ArrayLike, most_models: int) -> list[NDArray[np.int64]]:
    """Return which checkpoints to keep of each run, so that at most so many are left in all.

    Every run keeps the same share of its checkpoints, evenly spread, its first and last among them; where not even
    those two fit, runs are left out evenly as well.

    Args:
        counts: (run,) checkpoints of each run.
        most_models: at least two.

    Returns:
        (run,) rising places of checkpoints; none of a run that is left out.
    """
    sizes = np.asarray(counts, dtype=np.int64)
    kept = np.zeros(len(sizes), dtype=np.int64)
    runs = evenly(len(sizes), max(2, most_models // 2))
    kept[runs] = sizes[runs]
    if kept.sum() > most_models:
        # The largest length that all can be cut to.
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
    """What is left of each run when the longest keeps so many: the same share, but two where there are two."""
    shares = np.floor(kept * (longest / kept.max())).astype(np.int64)
    return np.where(kept > 0, np.maximum(shares, np.minimum(kept, 2)), 0)
