"""Analysis "means": six kinds of mean models against the clock."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.analyses.analysis import Analysis, Options
from engine.analyses.between_runs.aligned import AlignedRuns, alignment_options
from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.notes import component_table
from engine.analyses.options import Choice, Column, Level, levels_of
from engine.distances.pairwise import matched_distances, pairwise_distances
from engine.embedding.inpca import embed
from engine.statistics.thinning import evenly
from engine.trajectories.clocks import accuracy, cross_entropy
from engine.trajectories.geodesics import progress
from engine.trajectories.means import MEAN_MODELS, mean_model

Array = NDArray[np.float64]
MOST_EMBEDDED = 1500
"""Most models of runs and means embedded together."""
MOST_DRAWN_RUNS = 40
EMBEDDED_BYTES = 2**28
QUANTITIES = "progress", "true-class probability", "error", "distance to the truth", "distance to the arithmetic mean"
DEFINITIONS = (
    ("mean", "mean over samples (the study's here)"),
    ("angle", "sum of angles"),
    ("bhattacharyya", "Bhattacharyya distance"),
)


def run(material: Material, options: Options) -> Finding:
    """Return progress, true-class probability and distances of every kind of mean of the runs."""
    chosen = np.arange(len(material.run_ids))
    if column := options["column"]:
        chosen = np.flatnonzero((levels_of(material.hyperparameters[column]) == options["level"]).to_numpy())
    aligned = AlignedRuns(material, options)
    keys = list(MEAN_MODELS)
    of_means: list[list[Array]] = [[] for _ in keys]
    of_runs: list[list[Array]] = [[] for _ in chosen]
    drawn_runs, drawn_points = _drawn(material, aligned, len(chosen))
    drawn: list[NDArray[np.float32]] = []
    done = 0
    for chunk in aligned.chunks(runs=chosen.tolist()):
        arithmetic = mean_model(chunk, "arithmetic")
        points = drawn_points[(drawn_points >= done) & (drawn_points < done + chunk.shape[1])] - done
        picked = [chunk[np.ix_(drawn_runs, points)]]
        for k, key in enumerate(keys):
            mean = arithmetic if key == "arithmetic" else mean_model(chunk, key)
            of_means[k].append(_measured(material, mean, arithmetic, options["definition"]))
            picked.append(mean[points].astype(np.float32)[None])
            material.report(0.7 * (done + chunk.shape[1] * (k + 1) / len(keys)) / aligned.n_points)
        for place in range(len(chosen)):
            of_runs[place].append(_measured(material, chunk[place], arithmetic, options["definition"]))
            material.check()
        drawn.append(np.concatenate(picked))
        done += chunk.shape[1]
    titles = [MEAN_MODELS[key].title for key in keys]
    run_ids = [material.run_ids[index] for index in chosen]
    means = _table("mean", titles, aligned, of_means)
    tables = {"means": means, "runs": _table("run_id", run_ids, aligned, of_runs)}
    last = means[means[aligned.title] == aligned.grid[-1]]
    notes = list(aligned.notes())
    if len(chosen) == 1:
        notes.append("There is one run only: every mean of it is the run itself.")
    if len(chosen) == 2:
        notes.append("Of two runs, square-root mean and Bhattacharyya centroid are the same model: halfway between.")
    numbers: dict[str, float | int | str] = {"runs averaged": len(chosen)}
    for quantity in (name for name in ("true-class probability", "error") if np.ptp(last[name]) > 0):
        for words, place in (("least", last[quantity].argmin()), ("most", last[quantity].argmax())):
            numbers[f"{words} {quantity} at the end"] = (
                f"{last[quantity].iloc[place]:.4g}, {last['mean'].iloc[place].lower()}"
            )
    names, grid = [run_ids[place] for place in drawn_runs], aligned.grid[drawn_points]
    plane, components = _plane(material, np.concatenate(drawn, axis=1))
    tables["places_of_runs"] = _places("run_id", names, aligned.title, grid, plane[: len(names)])
    tables["places_of_means"] = _places("mean", titles, aligned.title, grid, plane[len(names) :])
    if len(components):
        tables["components"] = components
        numbers["explained stress of the plane"] = float(components["explained stress"].iloc[-1])
    if len(names) < len(chosen):
        notes.append(f"Of {len(chosen)} runs, {len(names)} are drawn in the plane; the means are those of all.")
    return Finding(tables=tables, numbers=numbers, notes=tuple(notes))


def _drawn(material: Material, aligned: AlignedRuns, n_runs: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return indices of the runs and of the clock's points to embed: evenly spread, as many as the limit allows."""
    room = min(MOST_EMBEDDED, EMBEDDED_BYTES // (4 * material.n_samples * material.n_classes))
    runs = evenly(n_runs, MOST_DRAWN_RUNS)
    return runs, evenly(aligned.n_points, max(1, room // (len(runs) + len(MEAN_MODELS))))


def _plane(material: Material, logs: NDArray[np.float32]) -> tuple[Array, pd.DataFrame]:
    """Return (trajectory, point, 2) coordinates of (trajectory, point, sample, class) models, and a component table.

    If all models are equal there is no component, and each of them is at the origin.
    """
    models = logs.reshape(-1, *logs.shape[2:])
    embedding = embed(pairwise_distances(models, divergence=material.divergence), n_components=2)
    coordinates = np.zeros((len(models), 2))
    coordinates[:, : embedding.n_components] = embedding.coordinates
    return coordinates.reshape(*logs.shape[:2], 2), component_table(embedding, "stress")


def _places(thing: str, names: list[str], clock: str, grid: Array, coordinates: Array) -> pd.DataFrame:
    table = pd.DataFrame({thing: np.repeat(np.array(names, dtype=object), len(grid)), clock: np.tile(grid, len(names))})
    return table.assign(**{f"PC{k + 1}": coordinates[:, :, k].ravel() for k in range(2)})


def _measured(material: Material, logs: NDArray[np.floating], arithmetic: Array, definition: str) -> Array:
    """Return the (quantity, point) values of ``QUANTITIES``."""
    labels = material.labels
    return np.stack(
        [
            progress(logs, labels, definition),
            np.exp(logs[:, np.arange(len(labels)), labels].astype(np.float64)).mean(axis=1),
            1.0 - accuracy(logs, labels),
            0.5 * cross_entropy(logs, labels),
            matched_distances(logs, arithmetic),
        ]
    )


def _table(thing: str, names: list[str], aligned: AlignedRuns, measured: list[list[Array]]) -> pd.DataFrame:
    tables = []
    for name, parts in zip(names, measured, strict=True):
        table = pd.DataFrame({thing: name, aligned.title: aligned.grid})
        for quantity, values in zip(QUANTITIES, np.concatenate(parts, axis=1), strict=True):
            # The clock may be progress itself, or another definition of progress.
            table[quantity if quantity not in table else f"{quantity} of the model"] = values
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


KINDS_OF_MEAN = Analysis(
    key="mean-models",
    title="Mean models",
    group="Trajectories",
    shows="How much it matters how runs are averaged: six means of the same runs, and the runs themselves.",
    not_shown=(
        "Which mean is right is not a matter of these curves, and they have no interval: other runs would give others."
    ),
    computed=(
        "At each value of the clock the models of the runs are averaged sample by sample; of each mean, progress, mean "
        "probability of the true class, error, Bhattacharyya distance to the truth (half its cross-entropy) and to the "
        "arithmetic mean. The plane holds the first two components of InPCA of the runs and the means together."
    ),
    options=(
        Column("column", "runs with equal"),
        Level("level", "namely", of="column"),
        Choice("definition", "progress by", DEFINITIONS, "mean"),
        *alignment_options(50),
    ),
    run=run,
)
