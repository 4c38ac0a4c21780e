r"""Analysis "outliers": checkpoints far from the truth, by epoch and group.

A network may temporarily be certain of wrong answers. Its distance from the truth is half its cross-entropy,
:math:`d_B(P, P_*) = -\frac{1}{2N} \sum_n \log p^n_{\text{true}}`, so a threshold of 2 is a loss of 4 nats; ignorance
is at :math:`\frac12 \log C`, 1.15 for ten classes. Source: Mao et al., PNAS 121 (2024) e2310002121, appendix.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from engine.analyses.analysis import Analysis, Options
from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.options import Column, Number, levels_of

THRESHOLD = 2.0
EPOCH_EDGES = (0.0, 5.0, 10.0, 15.0, 25.0, 50.0, 75.0, 100.0, 150.0)
"""Lower edges of the study's bins of epochs; the last bin is unbounded."""
NO_EPOCH = "no epoch recorded"
ALL = "all runs"


def count_outliers(
    distances_to_truth: ArrayLike, epochs: ArrayLike, levels: Sequence[str], threshold: float = THRESHOLD
) -> pd.DataFrame:
    """Return the numbers of checkpoints at or beyond a threshold distance from the truth.

    Args:
        distances_to_truth: (model,) Bhattacharyya distances to P* in nats per sample; may be infinite.
        epochs: (model,) epoch of each checkpoint; NaN if unknown. Epochs below the first edge are in the first bin.
        levels: (model,) labels to count by, such as the architecture of the run.
        threshold: threshold of the distance.

    Returns:
        One row per level, in order of first occurrence, and bin with any checkpoint of any level: ``level``,
        ``epochs``, ``checkpoints``, ``outliers``, ``share`` (NaN if the level has no checkpoint there).
    """
    is_outlier, when = np.asarray(distances_to_truth) >= threshold, np.asarray(epochs, dtype=np.float64)
    names = [f"{low:g} to {high:g}" for low, high in itertools.pairwise(EPOCH_EDGES)]
    names += [f"{EPOCH_EDGES[-1]:g} and later", NO_EPOCH]
    # A bin includes its lower edge.
    places = np.clip(np.searchsorted(EPOCH_EDGES, when, side="right") - 1, 0, None)
    bins = np.where(np.isnan(when), len(EPOCH_EDGES), places)
    ordered = list(dict.fromkeys(levels))
    rows = np.array([ordered.index(level) for level in levels], dtype=np.int64)
    counts = np.zeros((2, len(ordered), len(names)), dtype=np.int64)
    np.add.at(counts[0], (rows, bins), 1)
    np.add.at(counts[1], (rows[is_outlier], bins[is_outlier]), 1)
    # Every level, in the bins that hold a checkpoint of some level.
    level, place = np.nonzero(np.ones_like(counts[0]) * counts[0].any(axis=0))
    checkpoints, outliers = counts[:, level, place]
    with np.errstate(invalid="ignore"):
        share = outliers / checkpoints
    return pd.DataFrame(
        {
            "level": [ordered[code] for code in level],
            "epochs": [names[code] for code in place],
            "checkpoints": checkpoints,
            "outliers": outliers,
            "share": share,
        }
    )


def run(material: Material, options: Options) -> Finding:
    """Return outliers by level and bin of epochs, the losses of every run, and each run's farthest checkpoint."""
    column, threshold = options["column"], options["threshold"]
    models = material.models
    # Independent of the selected divergence: the threshold is one of cross-entropy.
    far = material.references("bhattacharyya")[-1].astype(np.float64)
    levels = levels_of(material.hyperparameters[column]).tolist() if column else [ALL] * len(material.run_ids)
    table = count_outliers(far, models["epoch"], np.repeat(levels, material.counts).tolist(), threshold)
    if column and column not in table:
        table = table.rename(columns={"level": column})
    is_outlier = far >= threshold
    course = models[["run_id", "checkpoint", "step", "epoch"]]
    course = course.assign(**{"distance to the truth": far, "is outlier": is_outlier})
    places = [int(own.argmax()) for own in np.split(far, material.starts[1:])]
    farthest = models.iloc[material.starts + places]
    runs = pd.DataFrame(
        {
            "run_id": list(material.run_ids),
            "outliers": np.add.reduceat(is_outlier.astype(np.int64), material.starts),
            "farthest distance": np.maximum.reduceat(far, material.starts),
            "farthest checkpoint": farthest["checkpoint"].to_numpy(),
            "farthest epoch": farthest["epoch"].to_numpy(),
        }
    )
    ignorance = 0.5 * np.log(material.n_classes)
    notes = [
        f"The distance to the truth is half the cross-entropy, so {threshold:g} is a loss of {2 * threshold:g} nats; "
        f"ignorance is at {ignorance:.3f}."
    ]
    if threshold <= ignorance:
        notes.append("The threshold is below ignorance: networks that know nothing yet count as outliers.")
    if models["epoch"].isna().any():
        notes.append(f"{int(models['epoch'].isna().sum())} checkpoints have no epoch; they have a bin of their own.")
    return Finding(
        tables={"outliers": table, "course": course, "runs": runs},
        numbers={
            "outliers": int(is_outlier.sum()),
            "checkpoints": len(course),
            "threshold": threshold,
            "runs with an outlier": int((runs["outliers"] > 0).sum()),
            "largest distance to the truth": float(far.max()),
        },
        notes=tuple(notes),
    )


OUTLIER_COUNTS = Analysis(
    key="outliers",
    title="Outliers",
    group="Along training",
    shows="When in training, and for which networks, predictions are far from the truth: certain of what is wrong.",
    not_shown=(
        "The threshold is a choice and no test, and a count says nothing of what these predictions have in common."
    ),
    computed=(
        "A checkpoint counts where its Bhattacharyya distance to the truth P* is at the threshold or beyond. That "
        "distance is half the mean cross-entropy, and finite unless a true class has probability zero."
    ),
    options=(Column("column", "counted by"), Number("threshold", "distance to P* from", 0.0, 50.0, THRESHOLD)),
    run=run,
)
