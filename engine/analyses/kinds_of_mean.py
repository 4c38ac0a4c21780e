"""Six ways to average runs, against the clock."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.analyses.aligned_runs import AlignedRuns, alignment_options
from engine.analyses.analysis import Analysis, Options
from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.options import Choice, Column, Level, levels_of
from engine.clocks import accuracy, cross_entropy
from engine.geodesics import progress
from engine.matched_distances import matched_distances
from engine.mean_models import MEAN_MODELS, mean_model

Array = NDArray[np.float64]
DEFINITIONS = (
    ("mean", "mean over samples (the study's here)"),
    ("angle", "sum of angles"),
    ("bhattacharyya", "Bhattacharyya distance"),
)


def run(material: Material, options: Options) -> Finding:
    """Progress, true-class probability and distances of every kind of mean of some runs."""
    column, level = options["column"], options["level"]
    if column:
        chosen = np.flatnonzero((levels_of(material.hyperparameters[column]) == level).to_numpy())
    else:
        chosen = np.arange(len(material.run_ids))
    aligned = AlignedRuns(material, options)
    rows: dict[str, list[Array]] = {name: [] for name in [*MEAN_MODELS, *(material.run_ids[k] for k in chosen)]}
    keys = list(MEAN_MODELS)
    done = 0
    for chunk in aligned.chunks(runs=chosen.tolist()):
        arithmetic = mean_model(chunk, "arithmetic")
        for key in keys:
            mean = arithmetic if key == "arithmetic" else mean_model(chunk, key)
            rows[key].append(_measured(material, mean, arithmetic, options["definition"]))
            done += chunk.shape[1]
            material.report(0.8 * done / (len(keys) * aligned.n_points))
        for place, index in enumerate(chosen):
            rows[material.run_ids[index]].append(_measured(material, chunk[place], arithmetic, options["definition"]))
            material.check()
    titles = {key: MEAN_MODELS[key].title for key in keys}
    means = pd.concat([_table("mean", titles[key], aligned, rows[key]) for key in keys], ignore_index=True)
    runs = pd.concat(
        [_table("run_id", material.run_ids[k], aligned, rows[material.run_ids[k]]) for k in chosen], ignore_index=True
    )
    last = means[means[aligned.title] == aligned.grid[-1]]
    notes = list(aligned.notes())
    if len(chosen) == 1:
        notes.append("There is one run only: every mean of it is the run itself.")
    if len(chosen) == 2:
        notes.append("Of two runs, square-root mean and Bhattacharyya centroid are the same model: halfway between.")
    numbers: dict[str, float | int | str] = {"runs averaged": len(chosen)}
    for quantity in ("true-class probability", "error"):
        for words, place in (("least", last[quantity].argmin()), ("most", last[quantity].argmax())):
            numbers[f"{words} {quantity} at the end"] = (
                f"{last[quantity].iloc[place]:.4g}, {last['mean'].iloc[place].lower()}"
            )
    return Finding(tables={"means": means, "runs": runs}, numbers=numbers, notes=tuple(notes))


def _measured(material: Material, logs: NDArray[np.floating], arithmetic: Array, definition: str) -> Array:
    """(quantity, point) of what :func:`_table` names."""
    labels = material.labels
    true = np.exp(logs[:, np.arange(len(labels)), labels].astype(np.float64)).mean(axis=1)
    return np.stack(
        [
            progress(logs, labels, definition),
            true,
            1.0 - accuracy(logs, labels),
            0.5 * cross_entropy(logs, labels),
            matched_distances(logs, arithmetic),
        ]
    )


def _table(thing: str, name: str, aligned: AlignedRuns, parts: list[Array]) -> pd.DataFrame:
    measured = np.concatenate(parts, axis=1)
    names = ["progress", "true-class probability", "error", "distance to the truth", "distance to the arithmetic mean"]
    table = pd.DataFrame({thing: name, aligned.title: aligned.grid})
    for name_of, values in zip(names, measured, strict=True):
        # The clock may be the progress itself, or another definition of it.
        table[name_of if name_of not in table else f"{name_of} of the model"] = values
    return table


KINDS_OF_MEAN = Analysis(
    key="mean-models",
    title="Mean models",
    group="Trajectories",
    shows="How much it matters how runs are averaged: six means of the same runs, and the runs themselves.",
    computed=(
        "At each value of the clock the models of the runs are averaged sample by sample; of each mean, progress, mean "
        "probability of the true class, error, distance to the truth (half its cross-entropy) and to the arithmetic "
        "mean."
    ),
    options=(
        Column("column", "runs with equal"),
        Level("level", "namely", of="column"),
        Choice("definition", "progress by", DEFINITIONS, "mean"),
        *alignment_options(50),
    ),
    run=run,
)
