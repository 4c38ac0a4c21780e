"""Analysis "distance bands": bootstrap of distances between trajectories."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.analyses.analysis import Analysis, Options
from engine.analyses.between_runs.aligned import AlignedRuns, Chunk, alignment_options, compared_runs, pair_table
from engine.analyses.finding import Finding
from engine.analyses.inference.bootstrap import NO_SEEDS, OVER, band_options
from engine.analyses.material import Material
from engine.analyses.options import REPLICATES, Choice, Column, levels_of
from engine.errors import SelectionError

if TYPE_CHECKING:
    from engine.statistics.bootstrap import Replicates

Array = NDArray[np.float64]
MOST_RUNS = 150
SEEDS = "seeds of one configuration"


def run(material: Material, options: Options) -> Finding:
    """Return mean distances within and between the levels of a hyperparameter, and of single pairs, with bands."""
    from engine.statistics.bootstrap import Replicates, draw_groups, draw_runs

    runs, thinned = compared_runs(material, MOST_RUNS, "Distances between trajectories")
    aligned = AlignedRuns(material, options)
    notes = [*aligned.notes(), *thinned]
    codes = material.configurations[runs]
    kinds = _kinds(material, runs, options["column"])
    level = options["level"] / 100
    tables: dict[str, pd.DataFrame] = {}
    if options["over"] == "samples":
        parts, groups = _by_group(material, aligned, runs)
        shares = draw_groups(groups, options["repeats"])
        sizes = np.bincount(groups) / len(groups)
        i, j = np.triu_indices(len(runs), 1)
        single = Replicates(sizes @ parts[:, i, j], shares @ parts[:, i, j])
        low, high = single.band(level)
        columns = {"distance": single.estimate, "low": low, "high": high}
        tables["pairs"] = pair_table(material, runs, kinds, columns)
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
            raise SelectionError(NO_SEEDS)
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
    """Return (run, run) the pair of levels of a hyperparameter, the same in either order."""
    codes = material.configurations[runs]
    if column:
        levels = levels_of(material.hyperparameters[column]).to_numpy(dtype=object)[runs]
        kinds = np.empty((len(runs), len(runs)), dtype=object)
        for place in np.ndindex(kinds.shape):
            one, other = sorted(levels[list(place)])
            kinds[place] = f"within {one}" if one == other else f"{one} and {other}"
    else:
        kinds = np.full((len(runs), len(runs)), "different configurations", dtype=object)
    kinds[codes[:, None] == codes] = SEEDS
    return kinds


def _by_group(material: Material, aligned: AlignedRuns, runs: NDArray[np.int64]) -> tuple[Array, NDArray[np.int64]]:
    """Return (group, run, run) distances at equal clock over each group of samples, and the (sample,) groups."""
    from engine.statistics.bootstrap import N_GROUPS, check_mean_over_samples, deal

    groups = deal(material.n_samples, N_GROUPS)
    n_groups = int(groups.max()) + 1

    def parts(chunk: Chunk) -> Iterator[Chunk]:
        check_mean_over_samples(chunk[:, -1], groups, material.divergence)
        yield from (np.ascontiguousarray(chunk[:, :, groups == group]) for group in range(n_groups))

    return aligned.distances_of_versions("grouped-trajectories", runs, n_groups, parts), groups


def _over_seeds(distances: Array, kinds: NDArray[np.object_], drawn: NDArray[np.int64]) -> dict[str, Replicates]:
    from engine.statistics.bootstrap import Replicates

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
        REPLICATES,
        Choice("over", "drawn again are", OVER, "samples"),
        Column("column", "pairs by"),
        *band_options(200),
        *alignment_options(50),
    ),
    run=run,
)
