"""Analysis "tube": distances of seeds to the mean of their configuration."""

from __future__ import annotations

import numpy as np
import pandas as pd

from engine.analyses.analysis import Analysis, Options
from engine.analyses.between_runs.aligned import AlignedRuns, alignment_options, configuration_names
from engine.analyses.between_runs.repetitions import pair_numbers, repetition_notes, repetitions_of
from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.options import REPLICATES, Choice
from engine.errors import SelectionError
from engine.trajectories.means import MEAN_MODELS, distances_to_mean

BOX_SHARES = (0.0, 0.19, 0.38, 0.57, 0.76, 0.95)
"""Positions of the boxes along the clock, as shares of it."""
MEAN = Choice("mean", "mean", tuple((mean.key, mean.title) for mean in MEAN_MODELS.values()), "arithmetic")
"""Kind of mean: the published study uses the arithmetic one."""


def run(material: Material, options: Options) -> Finding:
    """Return the distance of every seed to the mean of its configuration, along the clock."""
    codes, names = material.configurations, configuration_names(material)
    members = [np.flatnonzero(codes == code) for code in range(len(names))]
    repeated = [(code, runs) for code, runs in enumerate(members) if len(runs) > 1]
    if not repeated:
        raise SelectionError(
            f"A tube needs a configuration with at least two seeds, and each of the {len(codes)} selected runs is the "
            "only one of its configuration: select runs that differ in nothing but a seed."
        )
    aligned = AlignedRuns(material, options)
    parts = []
    for done, (code, runs) in enumerate(repeated):
        chunks = aligned.chunks(runs=runs.tolist())
        widths = np.concatenate([distances_to_mean(chunk, options["mean"]) for chunk in chunks], axis=1)
        parts += [
            pd.DataFrame(
                {
                    "run_id": material.run_ids[index],
                    "configuration": names[code],
                    aligned.title: aligned.grid,
                    "distance to the mean": widths[place],
                }
            )
            for place, index in enumerate(runs)
        ]
        material.report(0.7 * (done + 1) / len(repeated))
    table = pd.concat(parts, ignore_index=True)
    widths = table["distance to the mean"].to_numpy().reshape(-1, aligned.n_points)
    n_left = len(codes) - len(widths)  # runs without a second seed
    notes = list(aligned.notes())
    if n_left:
        notes.append(f"{n_left} runs are left out: their configurations have one seed only, which is its own mean.")
    if options["mean"] in ("square_root", "bhattacharyya") and max(len(runs) for _, runs in repeated) == 2:
        notes.append("Of two seeds this mean is halfway between, so that both are equally far from it.")
    tables = {"widths": table, "boxes": _boxes(aligned, widths)}
    numbers: dict[str, float | int | str] = {
        "median distance to the mean": float(np.median(widths)),
        "configurations with seeds": len(repeated),
    }
    if len(names) > 1:
        among = aligned.distances(divergence="bhattacharyya")
        # (m-1)/2m of the distance of a pair is that of a member to the mean of m, for squared distances: the distance
        # between configurations itself would be a yardstick that no two seeds can reach.
        sizes = np.array([len(runs) for _, runs in repeated for _ in runs])
        unrelated = float(((sizes - 1) / (2 * sizes)).mean()) * among.between
        tables["unrelated_runs"] = pd.DataFrame({aligned.title: aligned.grid, "distance to the mean": unrelated})
        numbers["distance to the mean of as many unrelated runs"] = float(unrelated.mean())
        found = repetitions_of(among.among_runs, material)
        numbers |= pair_numbers(found)
        notes += repetition_notes(found)
        notes.append(
            "Pairs are compared with pairs: of m runs, each is (m-1)/2m of a pair's distance from their mean, whatever "
            "they are. The dashed line is that share of the distance between configurations, exact for squared "
            "distances and within 1 % on the studies that ship."
        )
    else:
        notes.append("All seeds are of one configuration: there is nothing to compare its tube with.")
    return Finding(tables=tables, numbers=numbers, notes=tuple(notes))


def _boxes(aligned: AlignedRuns, widths: np.ndarray) -> pd.DataFrame:
    """Return one row per box: quartiles over seeds at a value of the clock, and whiskers.

    A whisker ends at the last value within 1.5 interquartile ranges of its quartile; ``n_beyond`` counts the rest.
    """
    shares = np.arange(1, aligned.n_points + 1) / aligned.n_points
    points = sorted({int(np.abs(shares - share).argmin()) for share in BOX_SHARES})
    rows = []
    for point in points:
        values = np.sort(widths[:, point])
        lower, median, upper = np.quantile(values, [0.25, 0.5, 0.75])
        reach = 1.5 * (upper - lower)
        whiskers = values[(values >= lower - reach) & (values <= upper + reach)][[0, -1]]
        n_beyond = int(((values < whiskers[0]) | (values > whiskers[1])).sum())
        rows.append((aligned.grid[point], len(values), whiskers[0], lower, median, upper, whiskers[1], n_beyond))
    names = ["n_seeds", "lower whisker", "lower quartile", "median", "upper quartile", "upper whisker", "n_beyond"]
    return pd.DataFrame(rows, columns=[aligned.title, *names])


TUBE = Analysis(
    key="tube",
    title="Tube around the mean",
    group="Trajectories",
    shows="How far the seeds of a configuration stray from their common path, along the clock.",
    not_shown=(
        "A narrow tube is no test by itself: of two runs, each is a quarter of their distance from their mean, "
        "whatever they are."
    ),
    computed=(
        "At each value of the clock, the Bhattacharyya distance of every seed to the mean model of its configuration; "
        "boxes over all seeds of all configurations that have at least two. Dashed: as far as runs of different "
        "configurations would be from their mean."
    ),
    options=(REPLICATES, MEAN, *alignment_options(100)),
    run=run,
    version=3,
)
