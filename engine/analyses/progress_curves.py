"""Progress along training, and against the error."""

from __future__ import annotations

import numpy as np

from engine.analyses.analysis import Analysis, Options
from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.options import Choice

DEFINITIONS = (
    ("angle", "sum of angles (the study's)"),
    ("bhattacharyya", "Bhattacharyya distance"),
    ("mean", "mean over samples"),
)


def run(material: Material, options: Options) -> Finding:
    """Progress and error of every checkpoint."""
    models = material.models
    error = f"{material.split}_error"
    table = models[["run_id", "checkpoint", "step", "epoch"]].copy()
    table["progress"] = material.progress(options["definition"])
    notes = []
    if error in models:
        table["error"] = models[error].to_numpy()
    else:
        notes.append(f"The runs recorded no {error}, so there is no curve of it.")
    falls = sum(
        bool((np.diff(table["progress"].to_numpy()[start : start + count]) < -1e-3).any())
        for start, count in zip(material.starts, material.counts, strict=True)
    )
    if falls:
        notes.append(f"{falls} of {len(material.run_ids)} runs go back at some point: progress is not monotone.")
    ends = table["progress"].to_numpy()[material.starts + material.counts - 1]
    return Finding(
        tables={"progress": table},
        numbers={"median progress at the end": float(np.median(ends)), "runs that go back": falls},
        notes=tuple(notes),
    )


PROGRESS_CURVES = Analysis(
    key="progress",
    title="Progress and error",
    group="Along training",
    shows="How far along the way from ignorance to truth each run is as it trains, and how that goes with its error.",
    computed=(
        "Progress is the position on the geodesic from P0 to P* that is nearest to the checkpoint; "
        "the definition says in which sense."
    ),
    options=(Choice("definition", "progress by", DEFINITIONS, "angle"),),
    run=run,
)
