"""Analysis "three bases": embedding of four models against the embedding of all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.analyses.analysis import Analysis, Options
from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.notes import at, capped_notes, explained_table, with_components
from engine.analyses.options import Choice, Number
from engine.analyses.training.geodesic import DEFINITION
from engine.embedding.explained import explained_among
from engine.embedding.inpca import embed
from engine.embedding.projection import chord_cosine, mean_models, three_bases
from engine.errors import SelectionError
from engine.trajectories.geodesics import geodesic
from engine.values import MINIMUM_MODELS, FloatArray

N_COMPONENTS = 8
OUTLIER_LOSS = 4.0
"""Loss threshold in nats; equals a Bhattacharyya distance of 2 from the truth."""

Array = NDArray[np.float64]


def run(material: Material, options: Options) -> Finding:
    """Return the explained distance of the native axes and of the three bases."""
    from engine.distances.pairwise import pairwise_distances

    loss = _losses(material)
    is_outlier = ~(loss < OUTLIER_LOSS)
    is_kept = ~is_outlier if options["outliers"] == "out" else np.ones(len(loss), dtype=bool)
    if is_kept.sum() < MINIMUM_MODELS:
        raise SelectionError(
            f"Only {int(is_kept.sum())} checkpoints have a loss below {OUTLIER_LOSS:g}, and {MINIMUM_MODELS} are "
            "needed: keep the outliers, or select other runs."
        )
    positions = material.progress(options["definition"])
    centres = (options["early"], options["late"])
    means = mean_models(_runs(material, positions, is_kept), centres, options["width"])
    material.report(0.5)
    ends = geodesic(material.labels, material.n_classes, [0.0, 1.0])
    four = np.concatenate([ends, np.stack([mean.log_probabilities for mean in means])])
    among = pairwise_distances(four, divergence=material.divergence)
    rows = np.concatenate(
        [
            pairwise_distances(logs, four, divergence=material.divergence).values
            for logs, _ in _runs(material, positions, is_kept)
        ]
    )
    material.report(0.7)
    found = three_bases(among.values, rows)
    distances = material.distances()
    kept = distances.values if is_kept.all() else distances.values[np.ix_(is_kept, is_kept)]
    native = embed(distances if is_kept.all() else kept, N_COMPONENTS)
    material.report(0.8)
    of_native = explained_among(kept, native.coordinates, native.signature)
    of_bases = explained_among(kept, found.coordinates, found.embedding.signature)
    models = material.models.loc[is_kept, ["run_id", "checkpoint", "step", "epoch"]]
    return Finding(
        tables={
            "explained": pd.concat(
                [
                    explained_table(
                        {"axes": axes},
                        embedding.signature,
                        {"explained distance (moduli)": by.absolute, "explained distance (squares)": by.frobenius},
                    )
                    for axes, embedding, by in (
                        ("native", native, of_native),
                        ("three bases", found.embedding, of_bases),
                    )
                ],
                ignore_index=True,
            ),
            "coordinates": with_components(models.assign(progress=positions[is_kept]), found.coordinates, "basis"),
            "bases": with_components(
                pd.DataFrame({"model": ["P0", "P*", "early mean", "late mean"]}), found.embedding.coordinates, "basis"
            ),
            "outliers": pd.DataFrame(
                {
                    "run_id": list(material.run_ids),
                    "checkpoints": material.counts,
                    "outliers": np.add.reduceat(is_outlier.astype(np.int64), material.starts),
                    "largest loss": np.maximum.reduceat(loss, material.starts),
                }
            ),
        },
        numbers={
            "explained distance of three bases": at(of_bases.absolute, 3),
            "explained distance of three native axes": at(of_native.absolute, 3),
            "cosine of start and end": chord_cosine(four),
            "the same in the embedding": found.cosine,
            "checkpoints in the early mean": means[0].effective_count,
            "checkpoints in the late mean": means[1].effective_count,
            f"checkpoints with a loss of {OUTLIER_LOSS:g} or more": int(is_outlier.sum()),
        },
        notes=(*_notes(options, found.embedding.n_components, int(is_outlier.sum())), *capped_notes(distances, among)),
    )


def _losses(material: Material) -> Array:
    """Return (model,) mean cross-entropy in nats, computed from the predictions."""
    true = np.arange(material.n_samples), material.labels
    losses = []
    for done, run_id in enumerate(material.run_ids):
        material.report(0.2 * done / len(material.run_ids))
        losses.append(-material.log_probabilities(run_id)[:, *true].astype(np.float64).mean(axis=1))
    return np.concatenate(losses)


def _runs(material: Material, positions: Array, is_kept: NDArray[np.bool_]) -> Iterator[tuple[FloatArray, Array]]:
    """Yield predictions and progress of the kept checkpoints, run by run."""
    of_runs = (np.split(values, material.starts[1:]) for values in (is_kept, positions))
    for run_id, kept, own in zip(material.run_ids, *of_runs, strict=True):
        material.check()
        if kept.any():
            yield material.log_probabilities(run_id)[kept], own[kept]


def _notes(options: Options, n_axes: int, n_outliers: int) -> list[str]:
    notes = [
        "The explained distance here is 1 - Σ|D - D_k| / ΣD over all pairs, by moduli as in the published figure; that "
        "by squares is in the table. Neither needs to rise with every axis where one is time-like (a star).",
        "The cosine is between the way from P0 to the early mean and that from the late mean to P*, on square roots of "
        "probabilities. In the embedding it is a Minkowski product over lengths and may exceed one.",
        "P0, P* and the two means are the only models that the three bases are fitted to. The native axes are the best "
        "for the very checkpoints that are scored, so they set what can be reached in terms of stress, though not by "
        "this measure.",
    ]
    if n_axes < 3:
        notes.append(f"The four models span {n_axes} axes only: the means are too near each other, or to P0 and P*.")
    if options["early"] >= options["late"]:
        notes.append("The early mean is not before the late one, so the two tangents have changed places.")
    if n_outliers:
        what = "left out" if options["outliers"] == "out" else "kept"
        notes.append(
            f"{n_outliers} checkpoints with a loss of {OUTLIER_LOSS:g} nats or more were {what}; see their table."
        )
    return notes


THREE_BASES = Analysis(
    key="three-bases",
    title="Three bases",
    group="Other embeddings",
    shows=(
        "Whether three directions found from four models do nearly as well as the best axes of all: the way from "
        "ignorance to truth, how networks set out, and how they arrive."
    ),
    not_shown="That three directions do nearly as well says little where almost any would, and has no interval.",
    computed=(
        "Two means of all checkpoints, weighted by a Gaussian of their progress around an early and a late position, "
        "are embedded with P0 and P*; every checkpoint is projected into these three axes. The explained distance is "
        "compared with that of an embedding of all checkpoints."
    ),
    options=(
        Number("early", "early mean at progress", 0, 1, 0.3),
        Number("late", "late mean at progress", 0, 1, 0.7),
        Number("width", "width in progress", 0.001, 1, 0.05),
        DEFINITION,
        Choice("outliers", "checkpoints with a loss of 4 or more", (("out", "left out"), ("in", "kept")), "out"),
    ),
    run=run,
)
