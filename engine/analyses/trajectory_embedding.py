"""InPCA of trajectories: each run, or configuration, is one point."""

from __future__ import annotations

import numpy as np
import pandas as pd

from engine.analyses.aligned_runs import AlignedRuns, alignment_options, configuration_names
from engine.analyses.analysis import Analysis, Options
from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.options import Choice
from engine.inpca import embed
from engine.trajectory_distances import between_groups
from engine.weighted_inpca import embed_weighted

N_COORDINATES = 4
MOST_COMPONENTS = 50
GEODESIC = "geodesic"
HEAVY_SHARE = 0.1
"""Weight of the geodesic as a share of the number of trajectories, as in the published code."""


def run(material: Material, options: Options) -> Finding:
    """Coordinates of the trajectories, and what their components explain."""
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
    for k in range(min(N_COORDINATES, n_components)):
        table[f"PC{k + 1}"] = embedding.coordinates[: len(names), k]
    tables = {"coordinates": table}
    if not by_run:
        codes = material.configurations
        members = pd.DataFrame({"run_id": list(material.run_ids)})
        tables["members"] = pd.concat([members, table.iloc[codes].reset_index(drop=True)], axis=1)
    if with_geodesic:
        place = {f"PC{k + 1}": [embedding.coordinates[-1, k]] for k in range(min(N_COORDINATES, n_components))}
        tables[GEODESIC] = pd.DataFrame(
            {"trajectory": [GEODESIC], **place, "mean distance to the others": [distances[-1, :-1].mean()]}
        )
    if n_components:
        tables["components"] = pd.DataFrame(
            {
                "component": np.arange(1, n_components + 1),
                "eigenvalue": embedding.eigenvalues,
                "signature": embedding.signature.astype(np.int64),
                "explained stress": embedding.explained_stress,
                "explained variance": embedding.explained_variance,
                "explained distance": embedding.explained_distance,
            }
        )
    else:
        notes.append("All trajectories are equal: there is no component, and every point would be at the centre.")
    numbers = {
        f"explained stress of {k} components": float(embedding.explained_stress[k - 1])
        for k in (1, 2, 3)
        if k <= n_components
    }
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
    computed=(
        "InPCA of the distances between trajectories, which are means of the distances at equal clock. Axes in red are "
        "imaginary: along them a separation makes a distance smaller."
    ),
    options=(
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
