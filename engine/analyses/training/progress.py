"""Analysis "progress": progress during training, and against the error."""

from __future__ import annotations

import numpy as np

from engine.analyses.analysis import Analysis, Options
from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.options import Choice
from engine.analyses.training.clocks import READING, read_clock
from engine.analyses.training.geodesic import DEFINITION, ENDS, ChosenGeodesic

GOES_BACK = 1e-3
"""Smallest decrease of progress that is reported."""
ALONG = Choice("along", "against", (("epoch", "epoch"), ("step", "step")), "epoch")


def run(material: Material, options: Options) -> Finding:
    """Return progress and error of every checkpoint; the third column of the table is the horizontal axis."""
    models, notes = material.models, []
    along = options["along"]
    if along == "epoch" and not np.isfinite(models["epoch"]).any():
        along = "step"
        notes.append("The runs recorded no epochs: progress is drawn against steps.")
    table = models[["run_id", "checkpoint", along, "step" if along == "epoch" else "epoch"]].copy()
    accuracy = read_clock(material, "accuracy")
    chosen = ChosenGeodesic(material, options["start"], options["end"])
    progress = chosen.progress(options["definition"], (READING, 1.0))
    table["progress"], table["error"] = progress, 1.0 - accuracy.values
    notes += accuracy.notes
    ends = material.starts + material.counts - 1
    n_back = sum(bool((np.diff(own) < -GOES_BACK).any()) for own in np.split(progress, material.starts[1:]))
    if n_back:
        notes.append(f"{n_back} of {len(material.run_ids)} runs go back at some point: progress is not monotone.")
    notes += chosen.notes(progress, options["definition"])
    return Finding(
        tables={"progress": table},
        numbers={
            "median progress at the end": float(np.median(progress[ends])),
            "median error at the end": float(np.median(table["error"].to_numpy()[ends])),
            "runs that go back": n_back,
        },
        notes=tuple(notes),
    )


PROGRESS_CURVES = Analysis(
    key="progress",
    title="Progress and error",
    group="Along training",
    shows="How far along the way from ignorance to truth each run is as it trains, and how that goes with its error.",
    not_shown=(
        "Runs at equal progress need not be alike: runs that learn other samples in another order have the same curves."
    ),
    computed=(
        "Progress is the position on the geodesic that is nearest to the checkpoint; the definition says in which "
        "sense. The geodesic may lead between any two models: pin a run to choose its ends. The dashed line is "
        "progress = 1 - error."
    ),
    options=(DEFINITION, ALONG, *ENDS),
    run=run,
    version=2,
)
