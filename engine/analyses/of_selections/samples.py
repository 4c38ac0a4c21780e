"""Analysis "samples": embeddings from subsets of the probe set."""

from __future__ import annotations

import numpy as np
import pandas as pd

from engine.analyses.analysis import Analysis, Options
from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.notes import at
from engine.analyses.options import Number
from engine.statistics.sample_size import SMALLEST_SUBSET, SubsetQuality, subset_qualities, subset_sizes
from engine.statistics.thinning import drawn_runs
from engine.values import FloatArray

N_COMPONENTS = 10
MOST_MODELS = 2000
"""Most checkpoints compared with each other, in every subset anew."""
MOST_BYTES = 2**30
"""Most bytes of predictions in memory."""
LOW, HIGH = 5, 95
"""Percentiles of a band that contains nine of ten subsets."""
MEASURES = {
    "explained stress": "explained_stress",
    "explained distance": "explained_distance",
    "explained distance of all samples": "explained_of_all",
    "correlation of distances": "correlation",
    "error of distances": "error",
}
"""Column of the tables -> attribute of :class:`SubsetQuality`."""


def run(material: Material, options: Options) -> Finding:
    """Return explained stress and distance against the number of samples."""
    from engine.distances.pairwise import pairwise_distances

    # At least two halves, if the probe set allows it.
    smallest = min(int(options["smallest"]), max(SMALLEST_SUBSET, material.n_samples // 2))
    bytes_of_one = 4 * material.n_samples * material.n_classes
    chosen = drawn_runs(material.counts, min(MOST_MODELS, MOST_BYTES // bytes_of_one))
    run_ids = [material.run_ids[place] for place in chosen]
    models = np.concatenate([np.asarray(material.log_probabilities(run_id), np.float32) for run_id in run_ids])
    whole = material.distance_store.matrix(material.selection.among(run_ids), divergence=material.divergence)
    material.report(0.05)

    def distances_on(samples: np.ndarray) -> FloatArray:
        return pairwise_distances(models[:, samples], divergence=material.divergence).values

    found = subset_qualities(
        distances_on, whole, material.n_samples,
        smallest=smallest, n_shuffles=int(options["shuffles"]), n_components=N_COMPONENTS,
        report=lambda fraction: material.report(0.05 + 0.9 * fraction),
    )  # fmt: skip
    subsets = _subsets(found)
    sizes = subset_sizes(material.n_samples, smallest)
    notes = [
        f"Each of {options['shuffles']} shuffles cuts the samples into disjoint subsets of {sizes[0]}, which are "
        f"joined two by two up to {sizes[-2]}: a band holds nine of ten subsets of its size. All {material.n_samples} "
        "samples are one set: there is no band, which does not mean that other samples would show the same.",
        "Subsets are part of the whole they are compared with, and larger ones more so: correlation and error say how "
        "well a subset stands in for this probe set, which is more than how well it stands in for fresh samples.",
    ]
    if len(chosen) < len(material.run_ids):
        notes.append(
            f"{len(chosen)} of {len(material.run_ids)} runs were drawn at random, {len(models):,} checkpoints, since "
            "distances are computed anew for every subset."
        )
    if smallest < options["smallest"]:
        notes.append(f"There are {material.n_samples} samples, so the smallest subset has {sizes[0]}.")
    leftover = material.n_samples - sizes[0] * 2 ** (len(sizes) - 1)
    if leftover:
        notes.append(f"{leftover} samples are left over by halving; each shuffle leaves out others.")
    return Finding(
        tables={"subsets": subsets, "by_number": _bands(subsets)},
        numbers={
            f"explained stress of 3 from {sizes[0]}": _mean(found, sizes[0]),
            f"explained stress of 3 from {sizes[-2]}": _mean(found, sizes[-2]),
            f"explained stress of 3 from all {material.n_samples}": at(found[-1].explained_stress, 3),
            f"error of distances from {sizes[-2]}": float(
                np.mean([quality.error for quality in found if quality.n_samples == sizes[-2]])
            ),
        },
        notes=tuple(notes),
    )


def _mean(found: list[SubsetQuality], n_samples: int) -> float:
    return float(np.mean([at(quality.explained_stress, 3) for quality in found if quality.n_samples == n_samples]))


def _subsets(found: list[SubsetQuality]) -> pd.DataFrame:
    """Return one row per subset and number of components."""
    parts = [
        pd.DataFrame(
            {
                "subset": subset,
                "samples": quality.n_samples,
                "shuffle": quality.shuffle,
                "components": np.arange(1, len(quality.explained_stress) + 1),
                **{title: getattr(quality, name) for title, name in MEASURES.items()},
            }
        )
        for subset, quality in enumerate(found)
    ]
    return pd.concat(parts, ignore_index=True)


def _bands(subsets: pd.DataFrame) -> pd.DataFrame:
    """Return mean and band of every measure, by number of samples and components."""
    rows = []
    for (samples, components), group in subsets.groupby(["samples", "components"], sort=True):
        row: dict[str, float | int] = {"samples": samples, "components": components, "subsets": len(group)}
        for measure in MEASURES:
            values = group[measure].to_numpy()
            row[measure] = float(values.mean())
            row[f"{measure}, low"], row[f"{measure}, high"] = np.percentile(values, (LOW, HIGH)).tolist()
        rows.append(row)
    return pd.DataFrame(rows)


SAMPLE_COUNTS = Analysis(
    key="samples",
    title="How many samples",
    group="Other embeddings",
    shows=(
        "How many samples the probe set needs: what the embedding explains when distances are means over fewer "
        "samples, with bands over random subsets."
    ),
    not_shown=(
        "The bands are of subsets of these samples, no intervals for others: subsets are part of what they are "
        "compared with."
    ),
    computed=(
        "The samples are shuffled and cut into disjoint subsets; each has distances and an embedding of its own. "
        "Explained distance is 1 - ||D - D_k|| / ||D||, once with the subset's own distances D and once with those "
        "over all samples, which is what a subset should get right."
    ),
    options=(
        Number("smallest", "smallest subset, samples", 5, 10_000, 25, is_whole=True),
        Number("shuffles", "shuffles", 1, 20, 3, is_whole=True),
    ),
    run=run,
)
