"""How far runs keep from the geodesic as they train."""

from __future__ import annotations

import numpy as np

from engine.analyses.analysis import Analysis, Options
from engine.analyses.chosen_geodesic import DEFINITION, ENDS, ChosenGeodesic
from engine.analyses.clock_readings import CLOCK, READING, read_clock
from engine.analyses.finding import Finding
from engine.analyses.material import Material


def run(material: Material, options: Options) -> Finding:
    """Distances of every checkpoint; the third column of the table is the clock that they are drawn against."""
    chosen = ChosenGeodesic(material, options["start"], options["end"])
    readings = read_clock(material, options["clock"])
    definition = options["definition"]
    progress = chosen.progress(definition, (READING, 0.6))
    nearest = progress if definition == "bhattacharyya" else chosen.progress("bhattacharyya", (0.6, 0.8))
    at_progress, at_nearest = np.empty_like(progress), np.empty_like(progress)
    n_capped = 0
    for done, run_id in enumerate(material.run_ids):
        material.report(0.8 + 0.2 * done / len(material.run_ids))
        models = material.log_probabilities(run_id)
        own = slice(material.starts[done], material.starts[done] + material.counts[done])
        at_progress[own], capped = chosen.circle.distances(models, progress[own])
        at_nearest[own], _ = chosen.circle.distances(models, nearest[own])
        n_capped += int(capped.sum())
    along = readings.clock.title
    columns = {
        "run_id": material.models["run_id"],
        "checkpoint": material.models["checkpoint"],
        along: readings.values,
        "position": progress,
        "distance": at_progress,
        "nearest position": nearest,
        "nearest distance": at_nearest,
    }
    table = material.models[["run_id", "checkpoint"]].assign(**columns)
    notes = list(readings.notes)
    notes += chosen.notes(progress, definition)
    if n_capped:
        notes.append(f"{n_capped} overlaps with the geodesic were zero and count as the smallest one there is, 2^-63.")
    farthest = np.maximum.reduceat(at_progress, material.starts)
    return Finding(
        tables={"distances": table},
        numbers={
            "median of the farthest a run gets (nats)": float(np.median(farthest)),
            "the same from the nearest point (nats)": float(
                np.median(np.maximum.reduceat(at_nearest, material.starts))
            ),
        },
        notes=tuple(notes),
    )


GEODESIC_DISTANCES = Analysis(
    key="geodesic-distance",
    title="Distance to the geodesic",
    group="Along training",
    shows="How far each run keeps from the geodesic as it trains: at zero it would be on it.",
    computed=(
        "The Bhattacharyya distance, in nats per sample, between a checkpoint and the geodesic's point at the "
        "checkpoint's own progress; and beside it, the distance to the geodesic's nearest point in that same measure."
    ),
    options=(CLOCK, DEFINITION, *ENDS),
    run=run,
)
