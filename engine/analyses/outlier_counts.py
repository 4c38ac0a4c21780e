"""Checkpoints far from the truth, by epoch and by a hyperparameter."""

from __future__ import annotations

import numpy as np
import pandas as pd

from engine.analyses.analysis import Analysis, Options
from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.options import Column, Number, levels_of
from engine.outliers import THRESHOLD, count_outliers

ALL = "all runs"


def run(material: Material, options: Options) -> Finding:
    """Outliers by level and bin of epochs, the course of every run, and each run's farthest checkpoint."""
    column, threshold = options["column"], options["threshold"]
    models = material.models
    # Whatever divergence is looked at: the threshold is one of cross-entropy.
    far = material.references("bhattacharyya")[-1].astype(np.float64)
    levels = levels_of(material.hyperparameters[column]).tolist() if column else [ALL] * len(material.run_ids)
    table = count_outliers(far, models["epoch"], np.repeat(levels, material.counts).tolist(), threshold)
    if column and column not in table:
        table = table.rename(columns={"level": column})
    is_outlier = far >= threshold
    course = models[["run_id", "checkpoint", "step", "epoch"]].assign(
        **{"distance to the truth": far, "is outlier": is_outlier}
    )
    spans = zip(material.starts, material.counts, strict=True)
    farthest = models.iloc[[start + int(far[start : start + count].argmax()) for start, count in spans]]
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
    computed=(
        "A checkpoint counts where its Bhattacharyya distance to the truth P* is at the threshold or beyond. That "
        "distance is half the mean cross-entropy, and finite unless a true class has probability zero."
    ),
    options=(Column("column", "counted by"), Number("threshold", "distance to P* from", 0.0, 50.0, THRESHOLD)),
    run=run,
)
