r"""Checkpoints far from the truth: counted by when in training, and by what.

A network may for a while be certain of wrong answers. Its distance from the truth is half its cross-entropy,
:math:`d_B(P, P_*) = -\frac{1}{2N} \sum_n \log p^n_{\text{true}}`, so a threshold of 2 is a loss of 4 nats; ignorance
is at :math:`\frac12 \log C`, 1.15 for ten classes. Source: Mao et al., PNAS 121 (2024) e2310002121, appendix.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from engine.errors import InvalidSpecError

THRESHOLD = 2.0
EPOCH_EDGES = (0.0, 5.0, 10.0, 15.0, 25.0, 50.0, 75.0, 100.0, 150.0)
"""Lower edges of the study's bins of epochs; the last bin has no end."""
NO_EPOCH = "no epoch recorded"


def count_outliers(
    distances_to_truth: ArrayLike,
    epochs: ArrayLike,
    levels: Sequence[str],
    threshold: float = THRESHOLD,
    edges: Sequence[float] = EPOCH_EDGES,
) -> pd.DataFrame:
    """Return how many checkpoints lie at or beyond a threshold from the truth.

    Args:
        distances_to_truth: (model,) Bhattacharyya distances to P* in nats per sample; infinite ones are beyond.
        epochs: (model,) when each was recorded; NaN where nobody said. Before the first edge is in the first bin.
        levels: (model,) what to count by, such as the architecture of the run.
        threshold: of the distance.
        edges: rising lower edges of bins; a bin includes its lower edge.

    Returns:
        One row per level, in the order of their first models, and bin with any checkpoint of any level: ``level``,
        ``epochs``, ``checkpoints``, ``outliers``, ``share`` (NaN where the level has no checkpoint there).

    Raises:
        InvalidSpecError: shapes that do not fit, or edges that do not rise.
    """
    far, when = np.asarray(distances_to_truth, dtype=np.float64), np.asarray(epochs, dtype=np.float64)
    if far.ndim != 1 or when.shape != far.shape or len(levels) != len(far):
        raise InvalidSpecError(
            f"Each checkpoint needs a distance, an epoch and a level, received {far.shape}, {when.shape} and "
            f"({len(levels)},)."
        )
    if not len(edges) or (np.diff(edges) <= 0).any():
        raise InvalidSpecError(f"edges must rise, received {list(edges)}.")
    names = [*_names(edges), NO_EPOCH]
    bins = np.where(np.isnan(when), len(edges), np.clip(np.searchsorted(edges, when, side="right") - 1, 0, None))
    codes = {level: code for code, level in enumerate(dict.fromkeys(levels))}
    rows = np.array([codes[level] for level in levels], dtype=np.int64)
    counts = np.zeros((2, len(codes), len(names)), dtype=np.int64)
    np.add.at(counts[0], (rows, bins), 1)
    is_outlier = far >= threshold
    np.add.at(counts[1], (rows[is_outlier], bins[is_outlier]), 1)
    level, place = np.nonzero(np.ones_like(counts[0]) * counts[0].any(axis=0))
    checkpoints, outliers = counts[:, level, place]
    with np.errstate(invalid="ignore"):
        share = outliers / checkpoints
    ordered = list(codes)
    return pd.DataFrame(
        {
            "level": [ordered[code] for code in level],
            "epochs": [names[code] for code in place],
            "checkpoints": checkpoints,
            "outliers": outliers,
            "share": share,
        }
    )


def _names(edges: Sequence[float]) -> list[str]:
    """What the bins are called, such as 0 to 5."""
    return [f"{low:g} to {high:g}" for low, high in itertools.pairwise(edges)] + [f"{edges[-1]:g} and later"]
