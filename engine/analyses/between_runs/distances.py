"""Analysis "distances between trajectories": heat map, dendrogram, hyperparameters."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.analyses.analysis import Analysis, Options
from engine.analyses.between_runs.aligned import (
    AlignedRuns,
    RunDistances,
    alignment_options,
    configuration_names,
    pairs_of,
)
from engine.analyses.between_runs.repetitions import pair_numbers, repetition_notes, repetitions_of
from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.options import REPLICATES, Choice, Columns, Number, levels_of
from engine.distances.table import find_divergence
from engine.statistics.dendrograms import LINKAGES, Dendrogram, dendrogram
from engine.trajectories.mean_distance import between_groups, point_at, points_until

Array = NDArray[np.float64]
MOST_LISTED = 1000
"""Most trajectories whose pairs are tabulated: half a million rows."""


def run(material: Material, options: Options) -> Finding:
    """Return the distances of all pairs of runs or configurations, and their dendrogram."""
    notes: list[str] = []
    aligned = AlignedRuns(material, options)
    points = _points(aligned, options) if options["measure"] == "clock" else slice(None)
    if options["measure"] == "clock":
        found = aligned.distances(points)
        distances, to_geodesic = found.among_runs, found.to_geodesic
        tables = {"along_the_clock": _profile(aligned, points, found)}
        notes += aligned.notes()
        if found.n_capped:
            divergence = find_divergence(material.divergence)
            notes.append(f"{found.n_capped:,} {divergence.capped}. {divergence.caps}")
    else:
        distances, to_geodesic, tables = _without_clock(material, options), np.full(len(material.run_ids), np.nan), {}
    # From here on, names and distances are of things: runs, or configurations.
    by_run = options["of"] == "runs"
    names = list(material.run_ids) if by_run else configuration_names(material)
    things = distances if by_run else between_groups(distances, material.configurations)
    if not by_run and material.n_seeds > 1:
        notes.append("Between configurations the distance is the mean over all pairs of their seeds.")
    numbers: dict[str, float | int | str] = {**_numbers(material, distances)}
    tree = dendrogram(things, options["linkage"])
    if not tree.is_optimal:
        notes.append(f"The order of {len(things)} leaves is one that the tree allows, not the best of them.")
    if not by_run:
        to_geodesic = np.array([to_geodesic[material.configurations == code].mean() for code in range(len(names))])
    tables = {"leaves": _leaves(material, tree, names, to_geodesic, options), **tables}
    if not by_run:
        codes = material.configurations
        tables["members"] = pd.DataFrame({"run_id": list(material.run_ids)}).assign(
            configuration=[names[code] for code in codes], place=np.argsort(tree.order)[codes]
        )
    if len(things) > 1:
        tables["joins"] = pd.DataFrame(
            {
                **{f"place {arm + 1}": tree.places[:, arm] for arm in (0, 1)},
                **{f"height {arm + 1}": tree.heights[:, arm] for arm in (0, 1)},
                "distance": tree.heights[:, 2],
            }
        )
        repetitions = repetitions_of(distances, material)
        numbers |= pair_numbers(repetitions)
        notes += repetition_notes(repetitions)
        tables["by_hyperparameter"] = _by_hyperparameter(material, distances, options["strips"])
    if 1 < len(things) <= MOST_LISTED:
        tables["pairs"] = _pairs(material, things, names, by_run)
    elif len(things) > MOST_LISTED:
        notes.append(f"The pairs of {len(things)} trajectories are too many for a table; leaves and joins are there.")
    tables = {name: table for name, table in tables.items() if len(table)}
    return Finding(
        tables=tables,
        arrays={"distances": things[np.ix_(tree.order, tree.order)]},
        numbers=numbers,
        notes=tuple(notes),
    )


def _points(aligned: AlignedRuns, options: Options) -> slice:
    """Return the grid points compared: those up to the chosen share of the clock, or the one nearest to it."""
    shares = np.arange(1, aligned.n_points + 1) / aligned.n_points
    if options["part"] == "snapshot":
        return point_at(shares, options["at"])
    return points_until(shares, max(options["at"], shares[0]))


def _without_clock(material: Material, options: Options) -> Array:
    """Return a distance without a common clock, from the distances between all checkpoints; its diagonal is zero."""
    from engine.trajectories.frechet import closeness_distances, frechet_distances

    measure, scale = options["measure"], options["scale"] if options["measure"] == "kernel" else 0.0
    question = [measure, scale, options["symmetrisation"]]

    def make() -> Array:
        found = np.asarray(material.distances().values)
        if measure == "frechet":
            return frechet_distances(found, material.counts, progress=material.report)
        return closeness_distances(found, material.counts, scale, options["symmetrisation"], progress=material.report)

    return material.remember("trajectory-measures", question, make)


def _profile(aligned: AlignedRuns, points: slice, found: RunDistances) -> pd.DataFrame:
    """Return mean distances between configurations and between seeds at each point; no rows if there are neither."""
    table = pd.DataFrame({aligned.title: aligned.grid[points]})
    for name, values in (("between configurations", found.between), ("between seeds", found.within)):
        if np.isfinite(values).all():
            table[name] = values
    return table if table.shape[1] > 1 else table.iloc[:0]


def _leaves(
    material: Material, tree: Dendrogram, names: list[str], to_geodesic: Array, options: Options
) -> pd.DataFrame:
    """Return one row per leaf, from one end of the tree to the other: its name, and its hyperparameters as text."""
    by_run = options["of"] == "runs"
    first = tree.order if by_run else np.unique(material.configurations, return_index=True)[1][tree.order]
    table = pd.DataFrame({"place": np.arange(len(tree.order))})
    table["run_id" if by_run else "configuration"] = [names[thing] for thing in tree.order]
    if not by_run:
        table["n_runs"] = np.bincount(material.configurations)[tree.order]
    if np.isfinite(to_geodesic).all():
        table["distance to the geodesic"] = to_geodesic[tree.order]
    for column in options["strips"]:
        name = column if column not in table else f"{column} (hyperparameter)"
        table[name] = levels_of(material.hyperparameters[column]).to_numpy()[first]
    return table


def _by_hyperparameter(material: Material, distances: Array, columns: tuple[str, ...]) -> pd.DataFrame:
    """Return mean distances between different configurations, for equal and unequal values of a hyperparameter."""
    is_pair, _ = pairs_of(material.configurations)
    rows = []
    for column in columns:
        levels = levels_of(material.hyperparameters[column]).to_numpy(dtype=object)
        agree = levels[:, None] == levels
        same, other = distances[is_pair & agree], distances[is_pair & ~agree]
        if len(same) and len(other):
            rows.append((column, len(set(levels)), same.mean(), other.mean(), other.mean() / same.mean()))
    names = ["hyperparameter", "n_levels", "same level", "different level", "ratio"]
    return pd.DataFrame(rows, columns=names).astype({"ratio": np.float64}) if rows else pd.DataFrame(columns=names)


def _pairs(material: Material, things: Array, names: list[str], by_run: bool) -> pd.DataFrame:
    i, j = np.triu_indices(len(things), 1)
    texts = np.array(names, dtype=object)
    thing = "run_id" if by_run else "configuration"
    table = pd.DataFrame({thing: texts[i], f"other_{thing}": texts[j], "distance": things[i, j]})
    if by_run:
        table["same_configuration"] = material.configurations[i] == material.configurations[j]
    return table


def _numbers(material: Material, distances: Array) -> dict[str, float]:
    names = "mean distance between configurations", "mean distance between seeds"
    found = zip(names, pairs_of(material.configurations), strict=True)
    return {name: float(distances[pairs].mean()) for name, pairs in found if pairs.any()}


TRAJECTORY_HEAT_MAP = Analysis(
    key="trajectory-distances",
    title="Distances between trajectories",
    group="Trajectories",
    shows=(
        "How far apart every two trainings are as wholes, in an order that puts neighbours side by side, with the tree "
        "that joins them and their hyperparameters."
    ),
    not_shown=(
        "A tree joins any runs, those without groups as well, and has no p-value: What decides the path tests groups."
    ),
    computed=(
        "At equal clock: the mean over values of the clock of the distance between the two models there, those between "
        "checkpoints taken from the great circle. Without a clock: the discrete Fréchet distance, or the mean over one "
        "trajectory of the distance to the other, by steps. The tree joins the nearest groups first; its leaves are in "
        "the order that makes neighbours nearest."
    ),
    options=(
        REPLICATES,
        Choice(
            "measure",
            "distance",
            (
                ("clock", "mean at equal clock (the study's)"),
                ("frechet", "discrete Fréchet"),
                ("nearest", "to the nearest checkpoint"),
                ("kernel", "to near checkpoints, weighted"),
            ),
            "clock",
        ),
        Choice("of", "between", (("runs", "runs"), ("configurations", "configurations")), "runs"),
        Choice("linkage", "groups are as near as", tuple(LINKAGES.items()), "complete"),
        Columns("strips", "in colour"),
        *alignment_options(100),
        Choice("part", "part of the clock", (("prefix", "up to"), ("snapshot", "only at")), "prefix"),
        Number("at", "share of the clock", 0.0, 1.0, 1.0),
        Number("scale", "width of the kernel", 0.001, 10.0, 0.1),
        Choice(
            "symmetrisation",
            "of the two directions",
            (("mean", "the mean"), ("min", "the smaller"), ("shorter", "from the shorter")),
            "mean",
        ),
    ),
    run=run,
    version=2,
    needs={
        **dict.fromkeys(("clock", "points", "after", "part", "at"), ("measure", ("clock",))),
        "scale": ("measure", ("kernel",)),
        "symmetrisation": ("measure", ("nearest", "kernel")),
    },
)
