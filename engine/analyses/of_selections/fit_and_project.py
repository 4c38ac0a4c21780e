"""Analysis "fit and project": embedding of one group, projection of the others."""

from __future__ import annotations

import numpy as np
import pandas as pd

from engine.analyses.analysis import Analysis, Options
from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.notes import at, capped_notes, explained_table, with_components
from engine.analyses.options import Choice, Column, Level, Number, levels_of
from engine.embedding.projection import FitAndProjection, fit_and_project
from engine.errors import SelectionError

N_COMPONENTS = 20


def run(material: Material, options: Options) -> Finding:
    """Return coordinates of both groups, their explained shares, and heights."""
    if not options["column"]:
        raise SelectionError(
            "No hyperparameter differs among the selected runs, so there is no group to fit: select runs that differ."
        )
    is_fitted = (levels_of(material.runs[options["column"]]) == options["level"]).to_numpy()
    if options["fit"] == "others":
        is_fitted = ~is_fitted
    of_models = np.repeat(is_fitted, material.counts)
    distances = material.distances()
    material.report(0.3)
    found = fit_and_project(distances.values, of_models, N_COMPONENTS)
    if not found.embedding.n_components:
        raise SelectionError("All fitted checkpoints are the same model, so they span no axis: fit other runs.")
    n_axes = min(int(options["axes"]), found.embedding.n_components)
    table = material.models[["run_id", "checkpoint", "step", "epoch"]].assign(
        group=np.where(of_models, "fitted", "projected"), height=found.heights[:, n_axes - 1]
    )
    return Finding(
        tables={"coordinates": with_components(table, found.coordinates), "explained": _explained(found)},
        arrays={"axes of heights": np.array(n_axes)},
        numbers={
            "fitted runs": int(is_fitted.sum()),
            "projected runs": int((~is_fitted).sum()),
            f"explained stress of {n_axes}, fitted": at(found.fitted.stress, n_axes),
            f"explained stress of {n_axes}, projected": at(found.projected.stress, n_axes),
            f"explained distance of {n_axes}, fitted": at(found.fitted.frobenius, n_axes),
            f"explained distance of {n_axes}, projected": at(found.projected.frobenius, n_axes),
            "mean height, fitted": float(found.heights[of_models, n_axes - 1].mean()),
            "median height, projected": float(np.median(found.heights[~of_models, n_axes - 1])),
        },
        notes=(*_notes(found, options, n_axes, distances.divergence), *capped_notes(distances)),
    )


def _explained(found: FitAndProjection) -> pd.DataFrame:
    parts = [
        explained_table(
            {"group": group},
            found.embedding.signature,
            {
                "explained stress": explained.stress,
                "explained distance (squares)": explained.frobenius,
                "explained distance (moduli)": explained.absolute,
            },
        )
        for group, explained in (("fitted", found.fitted), ("projected", found.projected), ("between", found.between))
    ]
    if found.own is not None:
        of_no_axes = np.zeros(len(found.own), dtype=np.int8)
        parts.append(explained_table({"group": "own embedding"}, of_no_axes, {"explained stress": found.own}))
    return pd.concat(parts, ignore_index=True)


def _notes(found: FitAndProjection, options: Options, n_axes: int, divergence: str) -> list[str]:
    notes = [
        f"The height of a checkpoint is what the first {n_axes} axes leave of its squared distance from the centre of "
        "the fit. Fitted checkpoints have one as well, so the two groups should be compared at the same number of "
        "axes. It is negative where what is left is time-like.",
        "The stress of projected checkpoints is taken about their own centre. It can be held against that of an "
        "embedding of their own, drawn beside it, which no other axes can exceed.",
    ]
    if n_axes < options["axes"]:
        notes.append(
            f"The fit has {n_axes} axes with an eigenvalue above rounding; heights are above these, not above "
            f"{options['axes']}."
        )
    if found.own is None:
        notes.append("There are too few projected checkpoints for an embedding of their own.")
    return notes


FIT_AND_PROJECT = Analysis(
    key="fit-and-project",
    title="Fit and project",
    group="Other embeddings",
    shows=(
        "Whether one group of runs already spans the space of all: the embedding is fitted to the group, the other "
        "runs are projected into it, and how faithful that is can be read off for both."
    ),
    not_shown=(
        "Another group of as many runs may span as much: this does not single the group out, and has no interval."
    ),
    computed=(
        "A projected checkpoint gets the coordinates x = s |λ|^(-1/2) Σ b U from its divergences to the fitted ones. "
        "Explained stress and distance compare divergences with distances in the picture, within each group; the "
        "height is r - μ/2 - Σ s x², with r the mean divergence to the fitted checkpoints and μ the fit's own mean."
    ),
    options=(
        Column("column", "group by"),
        Level("level", "group", "column"),
        Choice("fit", "fit", (("group", "the group"), ("others", "all others")), "group"),
        Number("axes", "axes that heights are above", 1, N_COMPONENTS, 3, is_whole=True),
    ),
    run=run,
)
