"""Analysis "weights": weighted against unweighted embedding."""

from __future__ import annotations

import numpy as np
import pandas as pd

from engine.analyses.analysis import Analysis, Options
from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.notes import DRAWN, aligned, at, capped_notes, explained_table, with_components
from engine.analyses.options import REPLICATES, Choice, Column, Level, Number, levels_of
from engine.embedding.explained import explained_among
from engine.embedding.inpca import embed
from engine.embedding.weighted import embed_weighted
from engine.embedding.weights import WEIGHTINGS, model_weights

N_COMPONENTS = 10


def run(material: Material, options: Options) -> Finding:
    """Return the weighted and the unweighted embedding."""
    scheme, factor = options["weights"], float(options["factor"])
    in_group = np.zeros(len(material.run_ids), dtype=bool)
    if options["column"]:
        in_group = (levels_of(material.runs[options["column"]]) == options["level"]).to_numpy()
    weights = model_weights(scheme, material.counts, material.configurations)
    weights = weights * np.repeat(np.where(in_group, factor, 1.0), material.counts)
    distances = material.distances()
    material.report(0.3)
    plain = embed(distances, N_COMPONENTS)
    material.report(0.5)
    weighted = embed_weighted(distances, weights, N_COMPONENTS)
    material.report(0.7)
    of_all = explained_among(distances.values, weighted.coordinates, weighted.signature)
    models = material.models[["run_id", "checkpoint", "step", "epoch"]].assign(weight=weighted.weights)
    places = with_components(models, plain.coordinates, "unweighted")
    places = with_components(places, aligned(weighted.coordinates, plain.coordinates), "weighted")
    return Finding(
        tables={
            "coordinates": places,
            "explained": pd.concat(
                [
                    explained_table(
                        {"embedding": name},
                        embedding.signature,
                        {
                            "eigenvalue": eigenvalues,
                            "explained stress": embedding.explained_stress,
                            "explained distance": embedding.explained_distance,
                            "explained distance, all pairs alike": alike,
                        },
                    )
                    for name, embedding, eigenvalues, alike in (
                        ("unweighted", plain, plain.eigenvalues / plain.n_models, plain.explained_distance),
                        ("weighted", weighted, weighted.eigenvalues, of_all.frobenius),
                    )
                ],
                ignore_index=True,
            ),
        },
        numbers={
            f"explained stress of {DRAWN}, unweighted": at(plain.explained_stress, DRAWN),
            f"explained stress of {DRAWN}, weighted": at(weighted.explained_stress, DRAWN),
            "checkpoints that count": float(1.0 / (weighted.weights**2).sum()),
        },
        notes=(*_notes(material, weighted.weights, in_group, options), *capped_notes(distances)),
    )


def _notes(material: Material, weights: np.ndarray, in_group: np.ndarray, options: Options) -> list[str]:
    notes = [
        "Eigenvalues are of the weighted problem with weights that add up to one; those of the unweighted embedding "
        "are divided by the number of checkpoints, which makes them comparable. Axes are turned by sign alone: an axis "
        "may change places with the next one where their eigenvalues are close.",
        "Explained stress and distance are weighted sums in the weighted embedding. The last curve counts all pairs "
        "alike in both, which is how well the weighted axes do for everything else.",
    ]
    if np.ptp(weights) <= 1e-12 * weights.max():
        notes.append("All checkpoints have the same weight here, so the two embeddings are the same.")
    if not options["column"]:
        notes.append("No hyperparameter differs among the selected runs, so there is no group to weigh otherwise.")
    elif options["factor"] == 0:
        notes.append(f"The {in_group.sum()} runs with weight 0 have no part in the fit and are projected into it.")
    if options["weights"] == "configuration" and material.n_seeds == 1:
        notes.append("No configuration was repeated, so every run is a configuration of its own.")
    return notes


WEIGHTS = Analysis(
    key="weights",
    title="Weights",
    group="Other embeddings",
    shows=(
        "Whether the picture hinges on what the selection has many of: the embedding in which every checkpoint counts "
        "the same, beside one in which runs, configurations or a group count otherwise."
    ),
    not_shown="No weighting is the right one, and the difference between two is no interval for other runs.",
    computed=(
        "Row and column means, the eigenproblem and what is explained are taken with weights w: eigenpairs of "
        "√w B √w with B the divergences centred by their weighted means. A weight of k is the same as k equal runs; a "
        "weight of 0 takes a run out of the fit and projects it."
    ),
    options=(
        REPLICATES,
        Choice("weights", "weights", tuple((w.key, w.title) for w in WEIGHTINGS.values()), "run"),
        Column("column", "but for runs with"),
        Level("level", "equal to", "column"),
        Number("factor", "times this", 0, 1000, 10),
    ),
    run=run,
)
