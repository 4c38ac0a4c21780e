"""How sure distances between trajectories are: with other samples, or with other seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.analyses.aligned_runs import AlignedRuns, alignment_options
from engine.analyses.analysis import Analysis, Options
from engine.analyses.bootstrap_bands import OVER
from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.options import Choice, Column, Number, levels_of
from engine.errors import SelectionError
from engine.thinning import evenly

if TYPE_CHECKING:
    from engine.bootstrap import Replicates

Array = NDArray[np.float64]
MOST_RUNS = 150
SEEDS = "seeds of one configuration"


def run(material: Material, options: Options) -> Finding:
    """Mean distances within and between the values of a hyperparameter, and those of single pairs, with bands."""
    from engine.bootstrap import Replicates, draw_groups, draw_runs

    if len(material.run_ids) < 2:
        raise SelectionError("Distances between trajectories need at least two runs, received one: select more.")
    aligned = AlignedRuns(material, options)
    runs = evenly(len(material.run_ids), MOST_RUNS)
    notes = list(aligned.notes())
    if len(runs) < len(material.run_ids):
        notes.append(f"{len(runs)} of {len(material.run_ids)} runs are compared, taken evenly from their list.")
    codes, column = material.configurations[runs], options["column"]
    kinds = _kinds(material, runs, column)
    level = options["level"] / 100
    tables: dict[str, pd.DataFrame] = {}
    if options["over"] == "samples":
        parts, groups = _by_group(material, aligned, runs)
        shares = draw_groups(groups, options["repeats"])
        sizes = np.bincount(groups) / len(groups)
        i, j = np.triu_indices(len(runs), 1)
        single = Replicates(sizes @ parts[:, i, j], shares @ parts[:, i, j])
        low, high = single.band(level)
        names = np.array(material.run_ids, dtype=object)[runs]
        tables["pairs"] = pd.DataFrame(
            {
                "run_id": names[i],
                "other_run_id": names[j],
                "distance": single.estimate,
                "low": low,
                "high": high,
                "pair": kinds[i, j],
            }
        )
        means = {
            kind: Replicates(single.estimate[members].mean(), single.draws[:, members].mean(axis=1))
            for kind in sorted(set(kinds[i, j]))
            if (members := kinds[i, j] == kind).any()
        }
        notes.append(
            f"Samples are drawn in {len(sizes)} random groups; the bands say nothing about other runs or seeds."
        )
    else:
        if np.bincount(codes).max() < 2:
            raise SelectionError(
                "Other seeds can be drawn only where a configuration has several runs, and here each has one: select "
                "runs that differ in nothing but the seed, or draw other samples."
            )
        distances = aligned.distances().among_runs[np.ix_(runs, runs)]
        means = _over_seeds(distances, kinds, draw_runs(codes, options["repeats"]))
        notes.append(
            "Seeds are drawn again within their configurations; pairs of seeds of one configuration are left out, for "
            "a run drawn twice would be nowhere from itself. The bands say nothing about other samples."
        )
    if not means:
        raise SelectionError(
            "Other seeds change distances between configurations, and here is one configuration: select more, or draw "
            "other samples."
        )
    counts = pd.Series(kinds[np.triu_indices(len(runs), 1)]).value_counts()
    rows = []
    for kind, found in means.items():
        low, high = found.band(level)
        rows.append((kind, int(counts[kind]), float(found.estimate), float(low), float(high), float(found.bias)))
    table = pd.DataFrame(rows, columns=["pair", "pairs", "mean distance", "low", "high", "bias"])
    tables = {"means": table.sort_values("mean distance", kind="stable", ignore_index=True), **tables}
    nearest, farthest = tables["means"].iloc[0], tables["means"].iloc[-1]
    numbers: dict[str, float | int | str] = {
        f"nearest on average, {nearest['pair']}": float(nearest["mean distance"]),
        f"farthest on average, {farthest['pair']}": float(farthest["mean distance"]),
        "replicates": options["repeats"],
    }
    return Finding(tables=tables, numbers=numbers, notes=tuple(notes))


def _kinds(material: Material, runs: NDArray[np.int64], column: str) -> NDArray[np.object_]:
    """(run, run) which values of a hyperparameter meet in a pair, the same in either order."""
    codes = material.configurations[runs]
    if column:
        levels = levels_of(material.hyperparameters[column]).to_numpy(dtype=object)[runs]
        kinds = np.empty((len(runs), len(runs)), dtype=object)
        for i, one in enumerate(levels):
            for j, other in enumerate(levels):
                kinds[i, j] = f"within {one}" if one == other else " and ".join(sorted((one, other)))
    else:
        kinds = np.full((len(runs), len(runs)), "different configurations", dtype=object)
    kinds[codes[:, None] == codes] = SEEDS
    return kinds


def _by_group(material: Material, aligned: AlignedRuns, runs: NDArray[np.int64]) -> tuple[Array, NDArray[np.int64]]:
    """(group, run, run) distances at equal clock over each group of samples, and the (sample,) groups."""
    from engine.bootstrap import N_GROUPS, check_mean_over_samples, deal
    from engine.trajectory_distances import distances_along

    groups = deal(material.n_samples, N_GROUPS)
    n_groups = int(groups.max()) + 1

    def make() -> Array:
        total = np.zeros((n_groups, len(runs), len(runs)))
        done = 0
        for chunk in aligned.chunks(runs=runs.tolist()):
            if not done:
                check_mean_over_samples(chunk[:, -1], groups, material.divergence)
            parts = (np.ascontiguousarray(chunk[:, :, groups == group]) for group in range(n_groups))
            for place, (values, _) in enumerate(distances_along(parts, divergence=material.divergence)):
                total[place // chunk.shape[1]] += values
                done += 1
                material.report(done / (n_groups * aligned.n_points))
        return total / aligned.n_points

    question = [aligned.clock, aligned.n_points, aligned.after, n_groups, runs.tolist()]
    return material.remember("grouped-trajectories", question, make), groups


def _over_seeds(distances: Array, kinds: NDArray[np.object_], drawn: NDArray[np.int64]) -> dict[str, Replicates]:
    from engine.bootstrap import Replicates

    n_runs = len(distances)
    weights = np.zeros((len(drawn), n_runs))
    np.add.at(weights, (np.arange(len(drawn))[:, None], drawn), 1.0)
    means = {}
    for kind in sorted(set(kinds[np.triu_indices(n_runs, 1)]) - {SEEDS}):
        members = np.tril(kinds == kind, -1).astype(np.float64)
        members += members.T
        totals = ((weights @ (members * distances)) * weights).sum(axis=1)
        values = totals / ((weights @ members) * weights).sum(axis=1)
        means[str(kind)] = Replicates(np.asarray((members * distances).sum() / members.sum()), values)
    return means


DISTANCE_BANDS = Analysis(
    key="distance-bands",
    title="How sure: distances between trajectories",
    group="How sure",
    shows=(
        "Mean distances between trainings by the values of a hyperparameter that meet in a pair, with bands: whether "
        "trainings of one architecture are nearer to each other than to those of another, and how sure that is."
    ),
    computed=(
        "Distances between trajectories at equal clock, averaged over pairs of runs of different configurations. "
        "Bootstrap: samples are drawn again with replacement, in random groups, or runs within their configurations; a "
        "band holds the stated share of replicates between its percentiles."
    ),
    options=(
        Choice("over", "drawn again are", OVER, "samples"),
        Column("column", "pairs by"),
        Number("repeats", "replicates", 20, 1000, 200, is_whole=True),
        Number("level", "band, %", 50, 99, 95),
        *alignment_options(50),
    ),
    run=run,
)
