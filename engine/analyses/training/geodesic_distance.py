"""Analysis "distance to the geodesic" during training."""

from __future__ import annotations

import numpy as np

from engine.analyses.analysis import Analysis, Options
from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.training.clocks import CLOCK, READING, read_clock
from engine.analyses.training.geodesic import DEFINITION, ENDS, ChosenGeodesic


def run(material: Material, options: Options) -> Finding:
    """Return distances of every checkpoint; the third column of the table is the clock of the horizontal axis."""
    chosen = ChosenGeodesic(material, options["start"], options["end"])
    readings = read_clock(material, options["clock"])
    definition = options["definition"]
    progress = chosen.progress(definition, (READING, 0.6))
    nearest = progress if definition == "bhattacharyya" else chosen.progress("bhattacharyya", (0.6, 0.8))
    far, n_capped = np.empty((2, len(progress))), 0
    for done, run_id in enumerate(material.run_ids):
        material.report(0.8 + 0.2 * done / len(material.run_ids))
        models = material.log_probabilities(run_id)
        own = slice(material.starts[done], material.starts[done] + material.counts[done])
        far[0, own], capped = chosen.circle.distances(models, progress[own])
        far[1, own], _ = chosen.circle.distances(models, nearest[own])
        n_capped += int(capped.sum())
    table = material.models[["run_id", "checkpoint"]].assign(
        **{
            readings.clock.title: readings.values,
            "position": progress,
            "distance": far[0],
            "nearest position": nearest,
            "nearest distance": far[1],
        }
    )
    notes = [*readings.notes, *chosen.notes(progress, definition)]
    if n_capped:
        notes.append(f"{n_capped} overlaps with the geodesic were zero and count as the smallest one there is, 2^-63.")
    medians = np.median(np.maximum.reduceat(far, material.starts, axis=1), axis=1).tolist()
    names = "median of the farthest a run gets (nats)", "the same from the nearest point (nats)"
    return Finding({"distances": table}, numbers=dict(zip(names, medians, strict=True)), notes=tuple(notes))


GEODESIC_DISTANCES = Analysis(
    key="geodesic-distance",
    title="Distance to the geodesic",
    group="Along training",
    shows="How far each run keeps from the geodesic as it trains: at zero it would be on it.",
    not_shown=(
        "Runs that keep the same distance need not leave the geodesic on the same side: a distance has no direction."
    ),
    computed=(
        "The Bhattacharyya distance, in nats per sample, between a checkpoint and the geodesic's point at the "
        "checkpoint's own progress; and beside it, the distance to the geodesic's nearest point in that same measure."
    ),
    options=(CLOCK, DEFINITION, *ENDS),
    run=run,
)
