"""Analysis "train and test": both splits in one embedding."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.analyses.analysis import Analysis, Options
from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.notes import at, capped_notes, explained_table, with_components
from engine.analyses.options import Choice, Number
from engine.distances.selection import Selection
from engine.embedding.inpca import embed, project
from engine.errors import SelectionError
from engine.statistics.matching import Matching, concatenated, gaps, match_samples, within_train
from engine.statistics.thinning import drawn_runs
from engine.trajectories.geodesics import POSITIONS, geodesic, on_geodesic
from engine.values import Embedding

N_COMPONENTS = 10
MOST_MODELS = 2000
"""Most checkpoints: each is two points, and all distances are computed anew."""
MOST_BYTES = 2**29
"""Most bytes of the predictions of one split in memory."""

Array = NDArray[np.float64]
Models = NDArray[np.float32]


def run(material: Material, options: Options) -> Finding:
    """Return a joint embedding, by matched samples or with both splits as one probe set."""
    missing = {"train", "test"} - set(material.study.splits)
    if missing:
        raise SelectionError(
            f"The study {material.study.study_id} has no {missing.pop()} split, so there is nothing to join: record "
            "both splits."
        )
    bytes_of_one = 4 * material.n_classes * max(probe.n_samples for probe in material.study.splits.values())
    chosen = drawn_runs(material.counts, min(MOST_MODELS, MOST_BYTES // bytes_of_one))
    run_ids = [material.run_ids[place] for place in chosen]
    finding = _as_one(material, run_ids) if options["join"] == "one" else _matched(material, run_ids, options)
    if len(chosen) < len(material.run_ids):
        drawn = f"{len(chosen)} of {len(material.run_ids)} runs were drawn at random, since this takes all at once."
        finding = Finding(finding.tables, finding.arrays, finding.numbers, (*finding.notes, drawn))
    return finding


def _table(material: Material, run_ids: list[str]) -> pd.DataFrame:
    models = material.models
    return models.loc[models["run_id"].isin(run_ids), ["run_id", "checkpoint", "step", "epoch"]].reset_index(drop=True)


def _predictions(material: Material, split: str, run_ids: list[str]) -> Models:
    return np.concatenate(
        [np.asarray(material.study.log_probabilities(split, run_id), np.float32) for run_id in run_ids]
    )


def _as_one(material: Material, run_ids: list[str]) -> Finding:
    """Return the finding for all samples of both splits as one probe set: one point per checkpoint."""
    study, store = material.study, material.distance_store
    sizes = [study.splits[split].n_samples for split in ("train", "test")]
    alone, measured, rectangles = [], [], []
    for split in ("train", "test"):
        selection = Selection.of(study, split, run_ids)
        distances = store.matrix(selection, divergence=material.divergence, cancelled=material.is_cancelled)
        alone.append(embed(distances, N_COMPONENTS))
        measured.append(distances)
        rectangles.append(store.references(selection, on_geodesic(study, split), divergence=material.divergence).values)
        material.report(0.4 * len(alone))
    both = embed(concatenated(measured[0].values.astype(np.float64), measured[1].values, *sizes), N_COMPONENTS)
    shares = np.array(sizes) / sum(sizes)
    points = project(both, shares[0] * rectangles[0] + shares[1] * rectangles[1])
    return Finding(
        tables={
            "coordinates": with_components(_table(material, run_ids).assign(split="both"), both.coordinates),
            "explained": _explained([both], *alone),
            "geodesic": with_components(pd.DataFrame({"position": POSITIONS}), points),
        },
        numbers=_stress(both, *alone),
        notes=(
            f"Train and test samples are one probe set here, {sizes[0]} and {sizes[1]} samples, each counting the "
            "same. A checkpoint is one point, so this shows what both splits have in common and assumes nothing; how "
            "far a network's train predictions are from its test predictions it cannot show.",
            *capped_notes(*measured),
        ),
    )


def _matched(material: Material, run_ids: list[str], options: Options) -> Finding:
    from engine.distances.pairwise import pairwise_distances

    study = material.study
    labels = study.splits["train"].labels, study.splits["test"].labels
    by_rank = options["join"] == "difficulty"
    # Raises before anything is read.
    counts = match_samples(*labels, study.n_classes, class_names=study.class_names).counts
    train, test = (_predictions(material, split, run_ids) for split in ("train", "test"))
    difficulty = (_difficulty(train, labels[0]), _difficulty(test, labels[1])) if by_rank else None
    # Matching by difficulty draws only the omitted samples at random.
    n_repeats = 1 if by_rank and np.array_equal(counts[:, 0], counts[:, 1]) else int(options["repeats"])
    n_models = len(train)
    sides = slice(n_models), slice(n_models, None)
    joint, between, within = [], [], []
    for seed in range(n_repeats):
        matching = match_samples(*labels, study.n_classes, seed=seed, difficulty=difficulty)
        distances = pairwise_distances(
            np.concatenate([train[:, matching.train], test[:, matching.test]]),
            divergence=material.divergence,
            cancelled=material.is_cancelled,
        )
        material.report(0.05 + 0.85 * (seed + 0.6) / n_repeats)
        joint.append(embed(distances, N_COMPONENTS))
        between.append(np.diagonal(distances.values[sides]).astype(np.float64))
        within.append(gaps(train, train, within_train(matching, seed, by_rank=by_rank), material.divergence))
        if not seed:
            first, measured = matching, distances
        material.report(0.05 + 0.85 * (seed + 1) / n_repeats)
    alone = [embed(measured.values[side, side], N_COMPONENTS) for side in sides]
    table = _table(material, run_ids)
    models = pd.concat([table.assign(split="train"), table.assign(split="test")], ignore_index=True)
    gap = table.assign(
        **{"train to test": np.mean(between, axis=0), "train to other train samples": np.mean(within, axis=0)}
    )
    ends = table.groupby("run_id", sort=False)["checkpoint"].idxmax().to_numpy()
    return Finding(
        tables={
            "coordinates": with_components(models, joint[0].coordinates),
            "explained": _explained(joint, *alone),
            "geodesic": with_components(
                pd.DataFrame({"position": POSITIONS}), _geodesic(material, train, test, first, joint[0])
            ),
            "gap": gap,
            "classes": pd.DataFrame(first.counts, columns=["train", "test", "matched"]).assign(
                class_name=list(study.class_names)
            ),
        },
        numbers={
            "matched samples": len(first.labels),
            **_stress(joint[0], *alone),
            "median train to test at the end": float(np.median(gap["train to test"].to_numpy()[ends])),
            "median within train at the end": float(np.median(gap["train to other train samples"].to_numpy()[ends])),
        },
        notes=(*_matching_notes(first, by_rank, n_repeats), *capped_notes(measured)),
    )


def _difficulty(models: Models, labels: NDArray[np.int64]) -> Array:
    """Return (sample,) mean loss over all models."""
    losses = -models[:, np.arange(len(labels)), labels].astype(np.float64)
    # Capped: one model with zero probability for the true class would make all such samples equally hard.
    return np.asarray(np.minimum(losses, 1e3).mean(axis=0))


def _geodesic(material: Material, train: Models, test: Models, matching: Matching, joint: Embedding) -> Array:
    """Return (point, component) coordinates of the geodesic P0 to P*, which both splits share."""
    from engine.distances.pairwise import pairwise_distances

    points = geodesic(matching.labels, material.n_classes, POSITIONS)
    rows = [
        pairwise_distances(points, side[:, samples], divergence=material.divergence).values
        for side, samples in ((train, matching.train), (test, matching.test))
    ]
    return project(joint, np.hstack(rows))


def _stress(joint: Embedding, train: Embedding, test: Embedding) -> dict[str, float]:
    embeddings = {"joint": joint, "train alone": train, "test alone": test}
    return {f"explained stress of 3, {name}": at(found.explained_stress, 3) for name, found in embeddings.items()}


def _explained(joint: list[Embedding], train: Embedding, test: Embedding) -> pd.DataFrame:
    """Return explained shares of each embedding by number of components; for the joint one, over the matchings."""
    parts = []
    for name, embeddings in (("train", [train]), ("test", [test]), ("joint", joint)):
        n_common = min(embedding.n_components for embedding in embeddings)
        values = np.array([embedding.explained_stress[:n_common] for embedding in embeddings])
        columns = {
            "explained stress": values.mean(axis=0),
            "explained stress, low": values.min(axis=0),
            "explained stress, high": values.max(axis=0),
            "explained distance": embeddings[0].explained_distance[:n_common],
        }
        parts.append(explained_table({"embedding": name}, embeddings[0].signature[:n_common], columns))
    return pd.concat(parts, ignore_index=True)


def _matching_notes(matching: Matching, by_rank: bool, n_repeats: int) -> list[str]:
    pairing = (
        "the easiest with the easiest by their mean loss over all checkpoints (that ranks of difficulty correspond is "
        "an assumption)"
        if by_rank
        else "at random"
    )
    notes = [
        "Train and test predictions are about different samples, and no distance between them is defined. Here "
        f"samples are matched within their class, {pairing}, so a test sample stands for a train sample of its class. "
        "Distances within a split are the usual ones on the matched samples, and P0, P* and the geodesic are the same "
        "for both.",
        "Even a network that generalises perfectly is some way from itself, since samples of one class differ: the "
        "curve within train pairs each train sample with another one of its class. Only what exceeds it is a gap "
        "between the splits; in the picture the same scatter parts train from test.",
        f"Points are those of the first of {n_repeats} matchings; bands and gaps are over all of them."
        if n_repeats > 1
        else "There is one matching, so no band over matchings.",
    ]
    unused = matching.counts[:, :2].sum(axis=0) - len(matching.labels)
    if unused.any():
        notes.append(f"{unused[0]} train and {unused[1]} test samples found no partner and were left out, at random.")
    if not matching.is_balanced:
        notes.append("Classes have different numbers of matched samples and count accordingly: see their table.")
    if not matching.keeps_shares:
        notes.append("Matching changes the shares of classes, so the train or test part differs from that split alone.")
    return notes


TRAIN_AND_TEST = Analysis(
    key="train-and-test",
    title="Train and test together",
    group="Other embeddings",
    shows=(
        "Where the same networks are on train and on test samples, in one embedding: whether the test trajectories "
        "follow the train ones, and where they part."
    ),
    not_shown=(
        "How far a network's train predictions are from its test predictions is not seen: paired samples share a "
        "class and nothing else."
    ),
    computed=(
        "As many samples of each class from either split are paired within their class, and a network on either is a "
        "point in the space of the pairs. With both splits as one probe set, D is the mean over all train and test "
        "samples instead, and each checkpoint is one point."
    ),
    options=(
        Choice(
            "join",
            "join by",
            (
                ("random", "samples matched within classes, at random"),
                ("difficulty", "samples matched within classes, by difficulty"),
                ("one", "one probe set of all samples"),
            ),
            "random",
        ),
        Number("repeats", "matchings", 1, 20, 3, is_whole=True),
    ),
    run=run,
)
