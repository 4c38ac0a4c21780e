"""Trajectories against shuffled ones, which have the same loss, error and progress, but learn other samples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.analyses.aligned_runs import AlignedRuns, alignment_options
from engine.analyses.analysis import Analysis, Options
from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.options import Column, Number, levels_of
from engine.errors import SelectionError
from engine.thinning import evenly

Array = NDArray[np.float64]
MOST_RUNS = 200
"""Runs that are compared: twenty thousand pairs say what more would."""


def run(material: Material, options: Options) -> Finding:
    """Every pair's distance, and what it is between shuffled trajectories."""
    from engine.nulls import within_class_orders

    if len(material.run_ids) < 2:
        raise SelectionError("Distances against shuffled ones need at least two runs, received one: select more.")
    aligned = AlignedRuns(material, options)
    runs = evenly(len(material.run_ids), MOST_RUNS)
    n_shuffles: int = options["shuffles"]
    notes = list(aligned.notes())
    if len(runs) < len(material.run_ids):
        notes.append(f"{len(runs)} of {len(material.run_ids)} runs are compared, taken evenly from their list.")
    true = material.labels
    sizes = np.bincount(true)
    if lonely := int((sizes == 1).sum()):
        notes.append(f"{lonely} classes have a single sample, which has nowhere to go: it stays as it is.")
    orders = within_class_orders(true, n_shuffles * len(runs)).reshape(n_shuffles, len(runs), -1)
    real, shuffled = _distances(material, aligned, runs, orders)
    i, j = np.triu_indices(len(runs), 1)
    names = np.array(material.run_ids, dtype=object)[runs]
    mean = shuffled.mean(axis=0)[i, j]
    distances = real[i, j]
    ratio = np.divide(distances, mean, out=np.full(len(mean), np.nan), where=mean > 0)
    pairs = pd.DataFrame(
        {
            "run_id": names[i],
            "other_run_id": names[j],
            "distance": distances,
            "shuffled distance": mean,
            "ratio": ratio,
            "shuffles that are farther": (shuffled[:, i, j] > distances).sum(axis=0),
            "pair": _kinds(material, runs, options["column"])[i, j],
        }
    )
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


def _distances(
    material: Material, aligned: AlignedRuns, runs: NDArray[np.int64], orders: NDArray[np.int64]
) -> tuple[Array, Array]:
    """(run, run) real distances and (shuffle, run, run) those of shuffled trajectories."""
    from engine.nulls import shuffle_samples
    from engine.trajectory_distances import distances_along

    n_shuffles, n_runs = orders.shape[:2]

    def make() -> Array:
        total = np.zeros((1 + n_shuffles, n_runs, n_runs))
        done = 0
        for chunk in aligned.chunks(runs=runs.tolist()):

            def versions(chunk: NDArray[np.float32] = chunk) -> Iterator[NDArray[np.float32]]:
                yield chunk
                for order in orders:
                    yield shuffle_samples(chunk, order)

            n_points = chunk.shape[1]
            for place, (values, _) in enumerate(distances_along(versions(), divergence=material.divergence)):
                total[place // n_points] += values
                done += 1
                material.report(done / (aligned.n_points * (1 + n_shuffles)))
        return total / aligned.n_points

    question = [aligned.clock, aligned.n_points, aligned.after, n_shuffles, runs.tolist()]
    found = material.remember("shuffled-trajectories", question, make)
    return found[0], found[1:]


def _kinds(material: Material, runs: NDArray[np.int64], column: str) -> NDArray[np.object_]:
    """(run, run) what kind of pair two runs are."""
    codes = material.configurations[runs]
    kinds = np.full((len(runs), len(runs)), "different configurations", dtype=object)
    if column:
        levels = levels_of(material.hyperparameters[column]).to_numpy(dtype=object)[runs]
        kinds = np.where(levels[:, None] == levels, f"same {column}", f"different {column}").astype(object)
    kinds[codes[:, None] == codes] = "same configuration"
    return kinds


def _groups(pairs: pd.DataFrame, n_shuffles: int) -> pd.DataFrame:
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
    computed=(
        "Within each class a run's predictions are dealt out anew among the samples, the same way at every checkpoint: "
        "loss, error, progress and the distances to P0 and P* stay exactly as they are. The distance between two "
        "trajectories at equal clock is divided by its mean over such shuffles of both."
    ),
    options=(
        Column("column", "pairs by"),
        Number("shuffles", "shuffles", 1, 50, 5, is_whole=True),
        *alignment_options(50),
    ),
    run=run,
)
