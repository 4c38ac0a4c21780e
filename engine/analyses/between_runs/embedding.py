"""Analysis "InPCA of trajectories": one point per run or configuration."""

from __future__ import annotations

import numpy as np
import pandas as pd

from engine.analyses.analysis import Analysis, Options
from engine.analyses.between_runs.aligned import AlignedRuns, alignment_options, configuration_names
from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.notes import component_table
from engine.analyses.options import REPLICATES, Choice
from engine.embedding.inpca import embed
from engine.embedding.weighted import embed_weighted
from engine.trajectories.mean_distance import between_groups

N_COORDINATES = 4
MOST_COMPONENTS = 50
GEODESIC = "geodesic"
HEAVY_SHARE = 0.1
"""Weight of the geodesic relative to the number of trajectories, as in the published code."""


def run(material: Material, options: Options) -> Finding:
    """Return the coordinates of the trajectories, and the shares explained by their components."""
    aligned = AlignedRuns(material, options)
    notes = list(aligned.notes())
    with_geodesic = options["geodesic"] != "no" and aligned.is_progress
    if options["geodesic"] != "no" and not with_geodesic:
        notes.append(
            f"The geodesic is left out: only the clock progress says where it is at a value, not {aligned.title}."
        )
    found = aligned.distances()
    distances = found.with_geodesic if with_geodesic else found.among_runs
    by_run = options["of"] == "runs"
    names = list(material.run_ids) if by_run else configuration_names(material)
    codes = np.arange(len(names)) if by_run else material.configurations
    if with_geodesic:
        codes = np.append(codes, len(names))
    if not by_run:
        distances = between_groups(distances, codes)
    weights = np.ones(len(distances))
    if with_geodesic and options["geodesic"] == "heavy":
        weights[-1] = max(1.0, HEAVY_SHARE * len(names))
        notes.append(f"The geodesic counts as {weights[-1]:.3g} trajectories; all shares explained are weighted so.")
    n_components = min(MOST_COMPONENTS, len(distances))
    is_weighted = bool((weights != 1.0).any())
    embedding = embed_weighted(distances, weights, n_components) if is_weighted else embed(distances, n_components)
    n_components = embedding.n_components
    thing = "run_id" if by_run else "configuration"
    table = pd.DataFrame({thing: names})
    if not by_run:
        table["n_runs"] = np.bincount(material.configurations)
    axes = [f"PC{k + 1}" for k in range(min(N_COORDINATES, n_components))]
    table[axes] = embedding.coordinates[: len(names), : len(axes)]
    tables = {"coordinates": table}
    if not by_run:
        members = pd.DataFrame({"run_id": list(material.run_ids)})
        tables["members"] = pd.concat([members, table.iloc[material.configurations].reset_index(drop=True)], axis=1)
    if with_geodesic:
        place = {axis: [embedding.coordinates[-1, k]] for k, axis in enumerate(axes)}
        tables[GEODESIC] = pd.DataFrame(
            {"trajectory": [GEODESIC], **place, "mean distance to the others": [distances[-1, :-1].mean()]}
        )
    if n_components:
        tables["components"] = component_table(embedding, "stress", "variance", "distance")
    else:
        notes.append("All trajectories are equal: there is no component, and every point would be at the centre.")
    stress = embedding.explained_stress[:3]
    numbers = {f"explained stress of {k + 1} components": float(value) for k, value in enumerate(stress)}
    if negative := int((embedding.signature < 0).sum()):
        numbers[f"imaginary components among the first {n_components}"] = negative
    if len(distances) <= 5:
        notes.append(f"{len(distances)} points span {len(distances) - 1} dimensions at most: that few explain much.")
    return Finding(tables=tables, numbers=numbers, notes=tuple(notes))


TRAJECTORY_EMBEDDING = Analysis(
    key="trajectory-embedding",
    title="Embedding of trajectories",
    group="Trajectories",
    shows="Every training as a single point: runs that took the same path at the same pace of the clock lie together.",
    not_shown=(
        "Clusters are not tested, and axes that explain little may show some by chance: What decides the path tests "
        "groups."
    ),
    computed=(
        "InPCA of the distances between trajectories, which are means of the distances at equal clock. Axes in red are "
        "imaginary: along them a separation makes a distance smaller."
    ),
    options=(
        REPLICATES,
        Choice("of", "points are", (("runs", "runs"), ("configurations", "configurations")), "runs"),
        Choice(
            "geodesic",
            "geodesic",
            (("yes", "as one more trajectory"), ("heavy", "with a tenth of all weight"), ("no", "left out")),
            "yes",
        ),
        *alignment_options(100),
    ),
    run=run,
)
