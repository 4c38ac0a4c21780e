"""Analysis "reindexed": runs resampled at equal values of a clock."""

from __future__ import annotations

import numpy as np
import pandas as pd

from engine.analyses.analysis import Analysis, Options
from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.options import Choice, Number
from engine.analyses.training.clocks import CLOCK, READING, read_clock
from engine.trajectories.clocks import accuracy, cross_entropy, largest_fall
from engine.trajectories.resampling import END_POLICIES, crossings, models_at

POLICY = Choice(
    "after",
    "beyond its end a run",
    (("hold", "stays at its last checkpoint"), ("reference", "is stretched to the grid's end")),
    "hold",
)


def run(material: Material, options: Options) -> Finding:
    """Return every run at every value of the grid; the third column of the table is the clock."""
    readings = read_clock(material, options["clock"])
    clock, after = readings.clock, options["after"]
    grid = clock.grid(options["points"], material.n_classes, float(np.nanmax(readings.values)))
    resampled, reach, epochs = [], [], material.models["epoch"].to_numpy()
    for run in np.flatnonzero(readings.can_be_read).tolist():
        material.report(READING + (1.0 - READING) * run / len(material.run_ids))
        run_id, values = material.run_ids[run], readings.of_run(material, run)
        where = crossings(values, grid, after=after)
        points = models_at(material.log_probabilities(run_id), where)
        start, end = epochs[material.starts[run] + np.stack([where.earlier, where.later])]
        columns = {
            "run_id": run_id,
            "point": np.arange(len(grid)),
            clock.title: grid,
            "reached": where.is_inside,
            "checkpoint": where.earlier + (where.later - where.earlier) * where.fraction,
            "epoch passed": start + (end - start) * where.fraction,
            "accuracy of the model there": accuracy(points, material.labels),
            "loss of the model there": cross_entropy(points, material.labels),
        }
        resampled.append(pd.DataFrame(columns))
        reach.append([run_id, values[0], values[-1], values.max(), largest_fall(values), int(where.is_inside.sum())])
    table = pd.concat(resampled, ignore_index=True)
    ends = pd.DataFrame(reach, columns=["run_id", "first", "last", "largest", "largest fall", "points reached"])
    n_reached = table.groupby("point", sort=True)["reached"].sum().to_numpy()
    shares = pd.DataFrame({clock.title: grid, "share of runs": n_reached / len(ends)})
    all_reach = grid[n_reached == len(ends)]
    notes = [f"The clock is {clock.title}. {clock.explained}", *readings.notes, *filter(None, [readings.turning])]
    if n_short := int((ends["largest"].to_numpy() < grid[-1]).sum()):
        notes.append(f"{n_short} of {len(ends)} runs do not reach the end of the grid: {END_POLICIES[after]}.")
    if n_late := int((ends["first"].to_numpy() > grid[0]).sum()):
        share = f"{n_late} of {len(ends)} runs"
        notes.append(f"{share} begin beyond the grid's first value; before, they are at their first checkpoint.")
    return Finding(
        tables={"resampled": table, "reach": ends, "shares": shares},
        numbers={
            "largest value that all runs reach": float(all_reach.max()) if len(all_reach) else "none",
            "runs that reach the end": len(ends) - n_short,
        },
        notes=tuple(notes),
    )


REINDEXED_RUNS = Analysis(
    key="reindexed",
    title="Runs at equal clocks",
    group="Along training",
    shows="When each run first gets to each value of a clock, how many ever do, and what a run is like there.",
    not_shown=(
        "What a run would be like beyond its last checkpoint is not known: where few arrive, a curve is of those "
        "few, or of runs held at their end."
    ),
    computed=(
        "A value is crossed between the first checkpoint that reaches it and the one before; the model there is on the "
        "great circle between the two, sample by sample, in proportion. Accuracy and loss are those of that model."
    ),
    options=(CLOCK, Number("points", "grid points", 2, 200, 50, is_whole=True), POLICY),
    run=run,
)
