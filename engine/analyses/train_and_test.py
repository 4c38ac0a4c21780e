"""Train and test in one embedding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.analyses.analysis import Analysis, Options
from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.options import Choice, Number
from engine.analyses.places import at, capped_notes, with_components
from engine.distances import REFERENCE_POSITIONS
from engine.drawn_runs import drawn_runs
from engine.errors import SelectionError
from engine.geodesics import geodesic
from engine.inpca import embed, project
from engine.joint_splits import Matching, concatenated, gaps, match_samples, within_train
from engine.values import Distances, Embedding

N_COMPONENTS = 10
MOST_MODELS = 2000
"""Checkpoints: each is two points, and distances among all of these are computed anew."""
MOST_BYTES = 2**29
"""Of the predictions of one split in memory."""

Array = NDArray[np.float64]
Models = NDArray[np.float32]


def run(material: Material, options: Options) -> Finding:
    """A joint embedding, by matched samples or with both splits as one probe set."""
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
    study, store = material.study, material.distance_store
    sizes = [study.splits[split].n_samples for split in ("train", "test")]
    alone, measured, rectangles = [], [], []
    for split in ("train", "test"):
        distances = store.matrix(study, split, run_ids, divergence=material.divergence, cancelled=material.is_cancelled)
        alone.append(embed(distances, N_COMPONENTS))
        measured.append(distances)
        rectangles.append(store.references(study, split, run_ids, divergence=material.divergence)[0].values)
        material.report(0.4 * len(alone))
    both = embed(concatenated(measured[0].values.astype(np.float64), measured[1].values, *sizes), N_COMPONENTS)
    shares = np.array(sizes) / sum(sizes)
    points = project(both, shares[0] * rectangles[0] + shares[1] * rectangles[1])
    return Finding(
        tables={
            "coordinates": with_components(_table(material, run_ids).assign(split="both"), both.coordinates),
            "explained": _explained({"train": alone[0], "test": alone[1], "joint": both}, [both]),
            "geodesic": with_components(pd.DataFrame({"position": REFERENCE_POSITIONS}), points),
        },
        numbers={
            "explained stress of 3, joint": at(both.explained_stress, 3),
            "explained stress of 3, train alone": at(alone[0].explained_stress, 3),
            "explained stress of 3, test alone": at(alone[1].explained_stress, 3),
        },
        notes=(
            f"Train and test samples are one probe set here, {sizes[0]} and {sizes[1]} samples, each counting the "
            "same. A checkpoint is one point, so this shows what both splits have in common and assumes nothing; how "
            "far a network's train predictions are from its test predictions it cannot show.",
            *capped_notes(*measured),
        ),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Repeat:
    """What one matching of samples gave: distances and embedding of train models, then test models."""

    matching: Matching
    distances: Distances
    embedding: Embedding
    between: Array
    within: Array


def _matched(material: Material, run_ids: list[str], options: Options) -> Finding:
    study = material.study
    labels = study.splits["train"].labels, study.splits["test"].labels
    by_rank = options["join"] == "difficulty"
    # Refused before anything is read.
    counts = match_samples(*labels, study.n_classes, class_names=study.class_names).counts
    train, test = (_predictions(material, split, run_ids) for split in ("train", "test"))
    difficulty = (_difficulty(train, labels[0]), _difficulty(test, labels[1])) if by_rank else None
    # By difficulty nothing is drawn but what is left out.
    n_repeats = 1 if by_rank and np.array_equal(counts[:, 0], counts[:, 1]) else int(options["repeats"])
    first: _Repeat | None = None
    joint, between, within = [], [], []
    for repeat in _repeats(material, train, test, labels, difficulty, n_repeats):
        first = first or repeat
        joint.append(repeat.embedding)
        between.append(repeat.between)
        within.append(repeat.within)
    assert first is not None
    n_models, matching = len(train), first.matching
    alone = {
        "train": embed(first.distances.values[:n_models, :n_models], N_COMPONENTS),
        "test": embed(first.distances.values[n_models:, n_models:], N_COMPONENTS),
    }
    table = _table(material, run_ids)
    sides = pd.concat([table.assign(split="train"), table.assign(split="test")], ignore_index=True)
    gap = table.assign(
        **{"train to test": np.mean(between, axis=0), "train to other train samples": np.mean(within, axis=0)}
    )
    ends = table.groupby("run_id", sort=False)["checkpoint"].idxmax().to_numpy()
    return Finding(
        tables={
            "coordinates": with_components(sides, first.embedding.coordinates),
            "explained": _explained({**alone, "joint": first.embedding}, joint),
            "geodesic": with_components(
                pd.DataFrame({"position": REFERENCE_POSITIONS}), _geodesic(material, train, test, first)
            ),
            "gap": gap,
            "classes": pd.DataFrame(matching.counts, columns=["train", "test", "matched"]).assign(
                class_name=list(study.class_names)
            ),
        },
        numbers={
            "matched samples": len(matching.labels),
            "explained stress of 3, joint": at(first.embedding.explained_stress, 3),
            "explained stress of 3, train alone": at(alone["train"].explained_stress, 3),
            "explained stress of 3, test alone": at(alone["test"].explained_stress, 3),
            "median train to test at the end": float(np.median(gap["train to test"].to_numpy()[ends])),
            "median within train at the end": float(np.median(gap["train to other train samples"].to_numpy()[ends])),
        },
        notes=(*_matching_notes(matching, by_rank, n_repeats), *capped_notes(first.distances)),
    )


def _repeats(
    material: Material,
    train: Models,
    test: Models,
    labels: tuple[NDArray[np.int64], NDArray[np.int64]],
    difficulty: tuple[Array, Array] | None,
    n_repeats: int,
) -> Iterator[_Repeat]:
    from engine.divergences import pairwise_distances

    n_models = len(train)
    for seed in range(n_repeats):
        matching = match_samples(
            *labels, material.n_classes, seed=seed, difficulty=difficulty, class_names=material.class_names
        )
        distances = pairwise_distances(
            np.concatenate([train[:, matching.train], test[:, matching.test]]),
            divergence=material.divergence,
            cancelled=material.is_cancelled,
        )
        material.report(0.05 + 0.85 * (seed + 0.6) / n_repeats)
        null = within_train(matching, seed, by_rank=difficulty is not None)
        yield _Repeat(
            matching,
            distances,
            embed(distances, N_COMPONENTS),
            np.diagonal(distances.values[:n_models, n_models:]).astype(np.float64),
            gaps(train, train, null, material.divergence),
        )
        material.report(0.05 + 0.85 * (seed + 1) / n_repeats)


def _difficulty(models: Models, labels: NDArray[np.int64]) -> Array:
    """(sample,) mean loss over all models."""
    losses = -models[:, np.arange(len(labels)), labels].astype(np.float64)
    # A model that rules the true class out altogether would make all such samples equally hard.
    return np.asarray(np.minimum(losses, 1e3).mean(axis=0))


def _geodesic(material: Material, train: Models, test: Models, first: _Repeat) -> Array:
    """(point, component) the way from ignorance to truth, which both splits share."""
    from engine.divergences import pairwise_distances

    matching = first.matching
    points = geodesic(matching.labels, material.n_classes, REFERENCE_POSITIONS)
    rows = [
        pairwise_distances(points, side[:, samples], divergence=material.divergence).values
        for side, samples in ((train, matching.train), (test, matching.test))
    ]
    return project(first.embedding, np.hstack(rows))


def _explained(embeddings: dict[str, Embedding], joint: list[Embedding]) -> pd.DataFrame:
    """What each embedding explains by the number of components; of the joint one, over the matchings."""
    parts = []
    for name, embedding in embeddings.items():
        stress = [embedding.explained_stress] if name != "joint" else [other.explained_stress for other in joint]
        n_common = min(map(len, stress))
        values = np.array([row[:n_common] for row in stress])
        parts.append(
            pd.DataFrame(
                {
                    "embedding": name,
                    "components": np.arange(1, n_common + 1),
                    "signature": embedding.signature[:n_common].astype(int),
                    "explained stress": values.mean(axis=0),
                    "explained stress, low": values.min(axis=0),
                    "explained stress, high": values.max(axis=0),
                    "explained distance": embedding.explained_distance[:n_common],
                }
            )
        )
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
