"""Analysis "null": trajectories against trajectories with shuffled samples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.analyses.analysis import Analysis, Options
from engine.analyses.between_runs.aligned import AlignedRuns, Chunk, alignment_options, compared_runs, pair_table
from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.options import REPLICATES, Column, Number, levels_of

MOST_RUNS = 200
"""Most runs compared: more than their twenty thousand pairs would add nothing."""


def run(material: Material, options: Options) -> Finding:
    """Return every pair's distance, and that between shuffled trajectories of equal loss, error and progress."""
    from engine.statistics.shuffling import shuffle_samples, within_class_orders

    runs, thinned = compared_runs(material, MOST_RUNS, "Distances against shuffled ones")
    aligned = AlignedRuns(material, options)
    n_shuffles: int = options["shuffles"]
    notes = [*aligned.notes(), *thinned]
    if lonely := int((np.bincount(material.labels) == 1).sum()):
        notes.append(f"{lonely} classes have a single sample, which has nowhere to go: it stays as it is.")
    orders = within_class_orders(material.labels, n_shuffles * len(runs)).reshape(n_shuffles, len(runs), -1)

    def versions(chunk: Chunk) -> Iterator[Chunk]:
        yield chunk
        for order in orders:
            yield shuffle_samples(chunk, order)

    i, j = np.triu_indices(len(runs), 1)
    found = aligned.distances_of_versions("trajectories-and-shuffled", runs, 1 + n_shuffles, versions)
    mean, distances = found[1:].mean(axis=0)[i, j], found[0, i, j]
    ratio = np.divide(distances, mean, out=np.full(len(mean), np.nan), where=mean > 0)
    columns = {
        "distance": distances,
        "shuffled distance": mean,
        "ratio": ratio,
        "shuffles that are farther": (found[1:, i, j] > distances).sum(axis=0),
    }
    pairs = pair_table(material, runs, _kinds(material, runs, options["column"]), columns)
    groups = _groups(pairs, n_shuffles)
    numbers: dict[str, float | int | str] = {
        "pairs nearer than all their shuffles": int((pairs["shuffles that are farther"] == n_shuffles).sum()),
        "pairs": len(pairs),
    }
    if np.isfinite(ratio).any():
        numbers["median ratio"] = float(np.nanmedian(ratio))
    else:
        notes.append("All trajectories are equal however they are shuffled: there is no ratio.")
    notes.append(
        f"Each trajectory is shuffled {n_shuffles} times by itself; of a single pair, chance puts the real distance "
        f"first with probability {1 / (1 + n_shuffles):.2g}. Pairs share runs, so their number is no sample size."
    )
    return Finding(tables={"pairs": pairs, "kinds": groups}, numbers=numbers, notes=tuple(notes))


def _kinds(material: Material, runs: NDArray[np.int64], column: str) -> NDArray[np.object_]:
    """Return (run, run) the kind of each pair of runs."""
    codes = material.configurations[runs]
    kinds = np.full((len(runs), len(runs)), "different configurations", dtype=object)
    if column:
        levels = levels_of(material.hyperparameters[column]).to_numpy(dtype=object)[runs]
        kinds = np.where(levels[:, None] == levels, f"same {column}", f"different {column}").astype(object)
    kinds[codes[:, None] == codes] = "same configuration"
    return kinds


def _groups(pairs: pd.DataFrame, n_shuffles: int) -> pd.DataFrame:
    """Return one row per kind of pair: counts, mean distances and quantiles of the ratio."""
    rows = []
    for kind, members in pairs.groupby("pair", sort=True):
        ratios = members["ratio"].dropna()
        low, middle, high = ratios.quantile([0.025, 0.5, 0.975]) if len(ratios) else (np.nan,) * 3
        rows.append(
            {
                "pair": kind,
                "pairs": len(members),
                "nearer than all shuffles": int((members["shuffles that are farther"] == n_shuffles).sum()),
                "mean distance": members["distance"].mean(),
                "mean shuffled distance": members["shuffled distance"].mean(),
                "median ratio": middle,
                "2.5 % of ratios": low,
                "97.5 % of ratios": high,
            }
        )
    return pd.DataFrame(rows)


AGAINST_NULL = Analysis(
    key="null",
    title="Against shuffled trajectories",
    group="What decides",
    shows=(
        "Whether two trainings are nearer to each other than the courses of their losses alone would have it: the "
        "ratio is below one where they also agree on which samples are learned when."
    ),
    not_shown=(
        "What two trainings share, and due to which hyperparameter, is not seen; pairs share runs, so their number "
        "is no sample size."
    ),
    computed=(
        "Within each class a run's predictions are dealt out anew among the samples, the same way at every checkpoint: "
        "loss, error, progress and the distances to P0 and P* stay exactly as they are. The distance between two "
        "trajectories at equal clock is divided by its mean over such shuffles of both."
    ),
    options=(
        REPLICATES,
        Column("column", "pairs by"),
        Number("shuffles", "shuffles", 1, 50, 5, is_whole=True),
        *alignment_options(50),
    ),
    run=run,
)
