"""Runs drawn at random where all of them are too many to be compared with each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SEED = 0


def drawn_runs(counts: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return the places of all runs, or of as many as have ``most`` models together; the same every time.

    Args:
        counts: (run,) models of each run.
        most: models that may be drawn; a single run may have more.
    """
    if counts.sum() <= most:
        return np.arange(len(counts))
    order = np.random.default_rng(SEED).permutation(len(counts))
    n_runs = max(1, int(np.searchsorted(np.cumsum(counts[order]), most, side="right")))
    return np.sort(order[:n_runs])
